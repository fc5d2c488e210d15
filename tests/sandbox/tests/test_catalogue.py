"""All 56 entities can be searched and read, with their own names (sources/pestroutes.md §6)."""

from __future__ import annotations

import pytest

from sandbox.pestroutes.catalogue import BY_NAME, ENTITIES

ODD = {
    "ticketItem": ("itemIDs", "itemID"),
    "serviceType": ("typeIDs", "typeID"),
    "task": ("taskIDs", "taskIDs"),
    "document": ("uploadIDs", "uploadID"),
    "form": ("contractIDs", "formID"),
    "region": ("regionIDs", "regionIDs"),
    "changelog": ("changeIDs", "changeID"),
    "customerFlag": ("customerIDs", None),
    "customerSource": ("sourceIDs", "sourceID"),
    "cancellationReason": ("reasonIDs", "reasonID"),
    "appointmentCancellationReason": ("cancellationReasonIDs", "cancellationReasonID"),
    "appointmentRescheduleReason": ("rescheduleReasonIDs", "rescheduleReasonID"),
    "appointmentReminder": ("reminderIDs", "reminderID"),
    "disbursement": ("gatewayDisbursementIDs", "gatewayDisbursementID"),
    "disbursementItem": ("gatewayDisbursementEntryIDs", "gatewayDisbursementEntryID"),
    "chargeback": ("gatewayChargebackIDs", "gatewayChargebackID"),
    "timeClock": ("entryIDs", "entryID"),
    "timeClockCategory": ("clockCategoryIDs", "clockCategoryID"),
    "servicePlan": ("subscriptionIDs", "servicePlanID"),
    "servicePlanRound": ("subscriptionIDs", "servicePlanRoundID"),
    "review": ("feedbackIDs", "feedbackID"),
    "routeTemplate": ("templateIDs", "templateID"),
    "employeeLocation": ("locationIDs", "locationID"),
    "accessControl": ("employeeIDs", "employeeID"),
    "compassCustomer": ("customerIDs", "customerID"),
    "applicationMethod": ("applciationMethodIDs", "applicationMethodID"),
}


def test_there_are_56_and_no_lead():
    assert len(ENTITIES) == len(BY_NAME) == 56
    assert "lead" not in BY_NAME


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_names(entity):
    assert (entity.get, entity.key) == ODD.get(entity.name, (f"{entity.name}IDs", f"{entity.name}ID"))


def test_every_entity_can_be_read_whole(start):
    sandbox, client = start(records=40)
    for entity in ENTITIES:
        every = {}
        if entity.default:
            every = {entity.default[0]: [str(code) for code in range(-3, 10)]}
        ids = client.ids(entity.name, **every)
        answer = client.call(f"{entity.name}/get", **{entity.get: ids})
        rows = answer[answer["propertyName"]]
        assert answer["ignoredParams"] == [], entity.name
        assert rows == sandbox.truth(entity.name), entity.name
        if entity.key and not entity.grouped:
            assert [int(row[entity.key]) for row in rows] == ids, entity.name


def test_one_id_may_stand_for_several_rows(start):
    _, client = start()
    ids = client.ids("servicePlanRound")
    rows = client.call("servicePlanRound/get", subscriptionIDs=ids[:3])["servicePlanRounds"]
    assert len(rows) > 3
    assert {int(row["subscriptionID"]) for row in rows} == set(ids[:3])


def test_both_spellings_of_application_method(start):
    _, client = start()
    for name in ("applciationMethodIDs", "applicationMethodIDs"):
        assert client.call("applicationMethod/get", **{name: [1, 2]})["count"] == 2
