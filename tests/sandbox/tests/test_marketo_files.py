"""What is in a bulk file is what is true, however untidy (sources/marketo.md §7 and §8)."""

from __future__ import annotations

import re

import pytest

ALL = {"createdAt": {"startAt": "2026-09-11T00:00:00Z", "endAt": "2026-10-01T23:59:59Z"}}
UPDATED = {"updatedAt": ALL["createdAt"]}


@pytest.fixture
def lead_types(marketo):
    """Data types of the fields that can be exported."""
    _, client = marketo()
    fields = client.get("/rest/v1/leads/describe")["result"]
    return {f["rest"]["name"]: f["dataType"] for f in fields if "rest" in f and f["dataType"] != "formula"}


def test_leads(marketo, records, lead_types):
    sandbox, client = marketo(records=300, changes_per_day=80)
    for name in ("createdAt", "updatedAt"):
        found = records(client.export("leads", fields=list(lead_types), filter={name: ALL["createdAt"]}), lead_types)
        assert found == sandbox.truth("leads", filter=name, **ALL["createdAt"]) != []
    assert len(lead_types) >= 60


def test_leads_in_any_order_of_columns(marketo, records, lead_types):
    sandbox, client = marketo(records=300, changes_per_day=80)
    names = sorted(lead_types)
    found = records(client.export("leads", fields=names, filter=UPDATED), lead_types)
    assert found == [
        {name: row[name] for name in names} for row in sandbox.truth("leads", filter="updatedAt", **ALL["createdAt"])
    ]


def test_leads_of_a_list(marketo, records, lead_types):
    sandbox, client = marketo()
    by_id = client.export("leads", fields=["id"], filter={"staticListId": 3002})
    by_name = client.export("leads", fields=["id"], filter={"staticListName": "staticLists 0001"})
    ids = {row["id"] for row in records(by_id, lead_types)}
    assert by_name == by_id
    assert ids < {row["id"] for row in sandbox.truth("leads")}
    assert client.export("leads", fields=["id"], filter={"smartListId": 4003}) != by_id


def test_activities(marketo, records):
    """But for Delete Lead, and for those that are committed late."""
    sandbox, client = marketo(activities_per_day=150, changes_per_day=100)
    fields = ["marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId", "primaryAttributeValueId"]
    fields += ["primaryAttributeValue", "attributes", "actionResult"]
    found = records(client.export("activities", fields=fields, filter=ALL))
    truth = sandbox.truth("activities", **ALL["createdAt"])
    assert found == truth
    assert {12, 13, 32} <= {row["activityTypeId"] for row in truth}
    assert 37 not in {row["activityTypeId"] for row in truth}
    assert {row["actionResult"] for row in truth} == {"succeeded", "skipped", "failed"}
    for some in (fields[::-1], fields[:4], ["activityDate"]):
        rows = records(client.export("activities", fields=some, filter=ALL))
        assert rows == [{name: row[name] for name in some} for row in truth]


def test_rest_and_bulk_tell_of_the_same_activities(marketo):
    sandbox, _ = marketo(activities_per_day=100, changes_per_day=100)
    rest = {row["marketoGUID"]: row for row in sandbox.truth("activities_rest") if row["activityTypeId"] != 37}
    bulk = {row["marketoGUID"]: row for row in sandbox.truth("activities")}
    assert rest.keys() == bulk.keys()
    for guid, row in bulk.items():
        native = {name: value for name, value in row["attributes"].items() if value is not None}
        shown = {attribute["name"]: attribute["value"] for attribute in rest[guid]["attributes"]}
        assert shown == {name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in native.items()}
        assert rest[guid]["leadId"] == row["leadId"]
        assert rest[guid].get("campaignId") == row["campaignId"]


def test_activities_of_some_types_and_values(marketo, records):
    sandbox, client = marketo(activities_per_day=400)
    some = records(client.export("activities", filter=ALL | {"activityTypeIds": [1, 13]}))
    truth = sandbox.truth("activities", activityTypeIds="1,13", **ALL["createdAt"])
    assert [row["marketoGUID"] for row in some] == [row["marketoGUID"] for row in truth]
    page = next(row for row in some if row["activityTypeId"] == 1)
    by_id = {"primaryAttributeValueIds": [page["primaryAttributeValueId"]]}
    by_value = {"primaryAttributeValues": [page["primaryAttributeValue"]]}
    for more, name in ((by_id, "primaryAttributeValueId"), (by_value, "primaryAttributeValue")):
        rows = records(client.export("activities", filter=ALL | {"activityTypeIds": [1]} | more))
        assert rows
        assert {row[name] for row in rows} == {page[name]}


def test_members_of_one_and_of_several_programs(marketo, records, table):
    sandbox, client = marketo()
    fields = client.get("/rest/v1/programs/members/describe")["result"][0]["fields"]
    types = {field["name"]: field["dataType"] for field in fields}
    data = client.export("program/members", fields=list(types), filter={"programId": 1001})
    truth = sandbox.truth("program_members", programIds="1001")
    assert records(data, types) == truth
    assert set(column(table(data), "reachedSuccess")) == {"1", "0"}
    body = {"fields": ["leadId", "reachedSuccess"], "filter": {"programIds": [1002, 1003]}}
    data = client.export("program/members", **body)
    assert table(data)[0] == ["programId", "leadId", "reachedSuccess"]
    truth = sandbox.truth("program_members", programIds="1002,1003")
    assert [(row["programId"], row["leadId"]) for row in records(data, types)] == [
        (row["programId"], row["leadId"]) for row in truth
    ]
    assert set(column(table(data), "reachedSuccess")) == {"1", "0", "true", "false"}


def column(rows, name):
    at = rows[0].index(name)
    return [row[at] for row in rows[1:]]


def test_filters_of_members_are_anded(marketo, records):
    sandbox, client = marketo(records=600)
    filter_ = {"programId": 1004, "statusNames": ["Attended", "Invited"], "isExhausted": True, "nurtureCadence": "norm"}
    data = client.export("program/members", fields=["leadId"], filter=filter_ | UPDATED)
    truth = sandbox.truth("program_members", programIds="1004", **UPDATED["updatedAt"])
    wanted = [row for row in truth if row["statusName"] in ("Attended", "Invited")]
    wanted = [row["leadId"] for row in wanted if row["isExhausted"] and row["nurtureCadence"] == "norm"]
    assert [row["leadId"] for row in records(data, {"leadId": "integer"})] == wanted != []


def test_custom_objects(marketo, records):
    sandbox, client = marketo()
    fields = client.get("/rest/v1/customobjects/subscription_c/describe")["result"][0]["fields"]
    types = {field["name"]: field["dataType"] for field in fields}
    data = client.export("customobjects/subscription_c", fields=list(types), filter=UPDATED)
    assert records(data, types) == sandbox.truth("subscription_c", **UPDATED["updatedAt"]) != []


def test_both_ends_of_a_window_are_in_it(marketo, records):
    _, client = marketo()
    windows = [("2026-09-20T00:00:00Z", "2026-09-20T12:00:00Z"), ("2026-09-20T12:00:00Z", "2026-09-21T00:00:00Z")]
    first, second = (
        {
            row["marketoGUID"]
            for row in records(client.export("activities", filter={"createdAt": {"startAt": a, "endAt": b}}))
        }
        for a, b in windows
    )
    assert len(first & second) >= 1


def test_a_window_without_rows_has_a_header(marketo):
    _, client = marketo()
    past = {"createdAt": {"startAt": "2020-01-01T00:00:00Z", "endAt": "2020-01-02T00:00:00Z"}}
    assert client.export("leads", fields=["id", "email"], filter=past) == b"id,email\n"


def test_files_are_untidy(marketo, lead_types, table):
    _, client = marketo(records=3000)
    data = client.export("leads", fields=list(lead_types), filter={"createdAt": ALL["createdAt"]})
    text = data.decode()
    for odd in ("\r\n", "\u2028", "\u2029", "\u0085", '""', "日本語", "🏡"):
        assert odd in text
    assert re.search("[^\r]\n[^\r]", text)
    assert re.search(r"\r(?!\n)", text)
    rows = table(data)
    assert not data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\n")
    assert {"null", ""} < set(column(rows, "title"))
    assert {"true", "false", "null"} == set(column(rows, "isVip_c"))
    assert any(value.endswith(".0") for value in column(rows, "leadScore"))
    assert any(value.isdigit() for value in column(rows, "leadScore"))
    ids = [int(value) for value in column(rows, "id")]
    assert any(2**31 < id_ < 2**53 for id_ in ids)
    assert max(ids) > 2**53
    assert any(int(float(id_)) != id_ for id_ in map(int, filter(str.isdigit, column(rows, "erpId_c"))))


def test_formula_fields_are_described_but_cannot_be_exported(marketo):
    _, client = marketo()
    fields = client.get("/rest/v1/leads/describe")["result"]
    formula = next(field["rest"]["name"] for field in fields if field["dataType"] == "formula")
    body = {"fields": ["id", formula], "filter": UPDATED}
    assert client.post("/bulk/v1/leads/export/create", body)["errors"][0]["message"] == f"Invalid fields [{formula}]"
