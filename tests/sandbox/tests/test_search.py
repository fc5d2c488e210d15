"""Filters, offices, hidden defaults and the cap (sources/pestroutes.md §2)."""

from __future__ import annotations

import pytest


def test_without_offices_only_the_default_office_answers(start):
    sandbox, client = start(offices=3)
    mine = [int(row["customerID"]) for row in sandbox.truth("customer") if row["officeID"] == "1"]
    assert client.call("customer/search")["customerIDs"] == mine
    assert len(client.ids("customer")) == 60
    assert len(client.ids("customer", officeIDs="1,2")) == 40
    assert len(client.ids("customer", officeIDs=[3])) == 20


def test_rows_of_no_office_belong_to_all_and_some_entities_ignore_offices(start):
    sandbox, client = start(offices=3)
    shared = {int(row["typeID"]) for row in sandbox.truth("serviceType") if row["officeID"] in ("-1", "0")}
    assert shared
    for office in (1, 2):
        assert shared <= set(client.ids("serviceType", officeIDs=office))
    assert client.ids("cancellationReason", officeIDs=2) == client.ids("cancellationReason")


@pytest.mark.parametrize(
    ("operator", "value", "wanted"),
    [
        (">", "10350", 9),
        (">=", 10350, 10),
        ("<", 10014, 2),
        ("<=", 10014, 3),
        ("=", 10014, 1),
        ("!=", 10014, 59),
        ("IN", [10000, 10001, 10007], 2),
        ("in", "10000,10007", 2),
        ("BETWEEN", [10000, 10021], 4),
    ],
)
def test_operators_on_ids(start, operator, value, wanted):
    _, client = start()
    assert len(client.ids("customer", customerIDs={"operator": operator, "value": value})) == wanted


@pytest.mark.parametrize(
    ("operator", "value", "test"),
    [
        ("=", "Test", lambda text: text == "Test"),
        ("!=", "Test", lambda text: text != "Test"),
        ("LIKE", "%e%t%", lambda text: "t" in text.lower().partition("e")[2]),
        ("CONTAINS", "e", lambda text: "e" in text.lower()),
        ("STARTSWITH", "b", lambda text: text.lower().startswith("b")),
        ("ENDSWITH", "n", lambda text: text.lower().endswith("n")),
        (">", "M", lambda text: text > "M"),
    ],
)
def test_operators_on_text(start, operator, value, test):
    sandbox, client = start()
    wanted = [int(row["customerID"]) for row in sandbox.truth("customer") if test(row["lname"])]
    assert wanted
    assert client.ids("customer", lname={"operator": operator, "value": value}) == wanted


def test_contains_on_a_phone_finds_nothing(start):
    sandbox, client = start()
    phone = sandbox.truth("customer")[0]["phone1"].strip()
    assert client.ids("customer", phone1={"operator": "CONTAINS", "value": phone[:4]}) == []
    assert 10000 in client.ids("customer", phone1=phone)


def test_plain_values_mean_equality_and_lists_mean_in(start):
    sandbox, client = start()
    rows = sandbox.truth("appointment")
    done = [int(row["appointmentID"]) for row in rows if row["status"] == "1"]
    assert client.ids("appointment", status=1) == client.ids("appointment", status=["1"]) == done
    gone = [int(row["appointmentID"]) for row in rows if row["status"] in ("-1", "-2")]
    assert client.ids("appointment", status=["-1", "-2"]) == gone


def test_null_dates_answer_no_filter_and_zero_dates_are_small(start):
    sandbox, client = start(records=2000)
    rows = sandbox.truth("customer")
    null = {int(row["customerID"]) for row in rows if row["dateUpdated"] is None}
    zero = {int(row["customerID"]) for row in rows if row["dateUpdated"] == "0000-00-00 00:00:00"}
    assert null
    assert zero
    early = set(client.ids("customer", dateUpdated={"operator": "<", "value": "2000-01-01"}))
    late = set(client.ids("customer", dateUpdated={"operator": ">=", "value": "2000-01-01"}))
    assert early == zero
    assert len(late) == 2000 - len(zero) - len(null)


def test_a_bare_end_date_is_its_midnight(start):
    sandbox, client = start(records=300)
    day = max(row["dateAdded"] for row in sandbox.truth("customer"))[:10]
    assert client.ids("customer", dateAdded={"operator": "BETWEEN", "value": [day, day]}) == []
    assert client.ids("customer", dateAdded={"operator": "BETWEEN", "value": [day, f"{day} 23:59:59"]})


@pytest.mark.parametrize(
    ("entity", "parameter", "column", "hidden"),
    [
        ("appointment", "status", "status", {"2", "-1", "-2"}),
        ("subscription", "active", "active", {"-3"}),
        ("ticket", "status", "active", {"-1"}),
        ("employee", "active", "active", {"0"}),
        ("team", "type", "type", {"0", "1", "3", "4"}),
    ],
)
def test_hidden_defaults(start, entity, parameter, column, hidden):
    sandbox, client = start(records=400)
    rows = sandbox.truth(entity)
    key = "employeeID" if entity == "employee" else f"{entity}ID"
    codes = {row[column] for row in rows}
    assert codes & hidden
    seen = [int(row[key]) for row in rows if row[column] not in hidden]
    assert client.ids(entity) == seen
    everything = client.ids(entity, **{parameter: {"operator": "IN", "value": sorted(codes)}})
    assert len(everything) == len(rows)


def test_the_cap_and_how_to_go_on(start):
    _, client = start(cap=25)
    found, above = [], 0
    for wanted in (25, 25, 10, 0):
        ids = client.ids("customer", customerIDs={"operator": ">", "value": above})
        assert len(ids) == wanted
        found += ids
        above = max(ids, default=above)
    assert found == sorted(set(found))
    assert len(found) == 60


def test_unknown_parameters_are_ignored_and_named(start):
    _, client = start()
    answer = client.call("customer/search", officeIDs=0, dateUpdatd="2026-10-01", nonsense=1)
    assert answer["success"]
    assert answer["ignoredParams"] == ["dateUpdatd", "nonsense"]
    assert answer["count"] == 60
    assert client.call("customer/search", officeIDs=0)["ignoredParams"] == []


@pytest.mark.parametrize("value", [{"operator": "NEAR", "value": "1"}, {"operator": "BETWEEN", "value": ["1"]}])
def test_a_filter_without_sense_is_refused(start, value):
    _, client = start()
    answer = client.call("customer/search", dateUpdated=value)
    assert answer["success"] is False
    assert answer["errorMessage"]


def test_spots_by_route(start):
    sandbox, client = start()
    route = sandbox.truth("spot")[0]["routeID"]
    wanted = [int(row["spotID"]) for row in sandbox.truth("spot") if row["routeID"] == route]
    assert client.ids("spot", routeIDs=[route]) == wanted


def test_text_operators_on_a_date(start):
    sandbox, client = start()
    wanted = [int(row["customerID"]) for row in sandbox.truth("customer") if row["dateAdded"].startswith("2025-")]
    assert client.ids("customer", dateAdded={"operator": "LIKE", "value": "2025-%"}) == wanted


def test_a_small_tenant(start):
    """One customer, one office: every entity can still be searched and read, and the clock moved."""
    sandbox, client = start(records=1, offices=1)
    for _ in range(2):
        for entity in sandbox.world.tables.values():
            ids = client.ids(entity.entity.name)
            assert client.call(f"{entity.entity.name}/get", **{entity.entity.get: ids})["count"] >= len(ids)
        sandbox.advance(days=30)


def test_moments_are_those_of_the_zone(start):
    pacific, _ = start()
    eastern, client = start(timezone="America/New_York")
    first, second = (sandbox.truth("customer")[0]["dateAdded"] for sandbox in (pacific, eastern))
    assert (int(second[11:13]) - int(first[11:13])) % 24 == 3
    assert client.ids("customer", dateAdded=second) == [10000]
