"""Leads, lists, members and custom objects over REST (sources/marketo.md §4)."""

from __future__ import annotations

import pytest

V1 = "/rest/v1"


def all_pages(client, path, **params):
    """Rows until there is no token or no row."""
    rows, token = [], {}
    while True:
        page = client.get(path, **params, **token)
        assert page["success"], page
        rows += page["result"]
        if "nextPageToken" not in page or not page["result"]:
            return rows
        token = {"nextPageToken": page["nextPageToken"]}


def test_describe(marketo):
    sandbox, client = marketo()
    fields = client.get(f"{V1}/leads/describe")["result"]
    assert fields == sandbox.truth("lead_fields")
    readable = [field for field in fields if "rest" in field]
    assert 0 < len(fields) - len(readable) < 5
    names = [field["rest"]["name"] for field in readable]
    assert len(names) >= 60
    assert len({name.lower() for name in names}) < len(names)
    types = {field["dataType"] for field in readable}
    assert types >= {"string", "email", "score", "percent", "boolean", "formula", "currency", "array", "reference"}
    assert {"id": 6, "displayName": "First Name", "dataType": "string", "length": 255}.items() <= readable[5].items()


def test_describe2_and_schema(marketo):
    _, client = marketo()
    described = client.get(f"{V1}/leads/describe2")["result"][0]
    assert described["name"] == "API Lead"
    assert ["email"] in described["searchableFields"]
    schema = client.get(f"{V1}/leads/schema/fields")["result"]
    assert {field["name"] for field in described["fields"]} == {field["name"] for field in schema}
    assert {field["isCustom"] for field in schema} == {True, False}


def test_one_lead(marketo):
    _, client = marketo()
    row = client.get(f"{V1}/lead/1001")["result"][0]
    assert list(row) == ["id", "email", "firstName", "lastName", "createdAt", "updatedAt"]
    assert client.get(f"{V1}/lead/1001", fields="id,leadScore")["result"][0].keys() == {"id", "leadScore"}
    assert client.get(f"{V1}/lead/5")["errors"][0]["code"] == "1004"
    assert client.get(f"{V1}/lead/1001", fields="id,nonsense")["errors"][0]["code"] == "1006"


def test_leads_by_filter(marketo):
    sandbox, client = marketo()
    truth = sandbox.truth("leads")
    wanted = [row for row in truth if row["email"]][:3]
    by_id = client.get(f"{V1}/leads", filterType="id", filterValues=",".join(str(row["id"]) for row in wanted))
    assert [row["id"] for row in by_id["result"]] == [row["id"] for row in wanted]
    by_email = client.get(f"{V1}/leads", filterType="email", filterValues=wanted[1]["email"], fields="id,firstName")
    assert by_email["result"] == [{"id": wanted[1]["id"], "firstName": wanted[1]["firstName"] or None}]
    big = next(row for row in truth if row["erpId_c"])
    by_erp = client.get(f"{V1}/leads", filterType="erpId_c", filterValues=str(big["erpId_c"]))
    assert [row["id"] for row in by_erp["result"]] == [big["id"]]


def test_more_than_1000_matches_are_refused(marketo):
    sandbox, client = marketo(records=9000)
    values = sorted({row["cookies"] for row in sandbox.truth("leads", fields="cookies") if row["cookies"]})
    answer = client.get(f"{V1}/leads", filterType="cookies", filterValues=",".join(values))
    assert answer["errors"][0]["code"] == "1003"
    rows = all_pages(client, f"{V1}/leads", filterType="cookies", filterValues=values[0], fields="id,cookies")
    assert len(rows) > 300
    assert {row["cookies"] for row in rows} == {values[0]}


def test_formula_fields_can_be_read_one_by_one(marketo):
    _, client = marketo()
    assert client.get(f"{V1}/lead/1001", fields="leadScoreBand_c")["result"][0]["leadScoreBand_c"]


@pytest.mark.parametrize("kind", ["createdAt", "updatedAt", "firstName"])
def test_other_filters_are_refused(marketo, kind):
    _, client = marketo()
    assert client.get(f"{V1}/leads", filterType=kind, filterValues="x")["errors"][0]["code"] == "1011"


def test_filters_have_limits(marketo):
    _, client = marketo()
    values = ",".join(map(str, range(301)))
    assert client.get(f"{V1}/leads", filterType="id", filterValues=values)["errors"][0]["code"] == "1003"
    assert client.get(f"{V1}/leads", filterType="id")["errors"][0]["code"] == "1002"


def test_rest_and_bulk_say_the_same_of_a_lead(marketo):
    """But for an empty field of a file, which is null here."""
    sandbox, client = marketo(changes_per_day=100)
    truth = {row["id"]: row for row in sandbox.truth("leads")}
    fields = ",".join(truth[next(iter(truth))])
    for id_, row in list(truth.items())[:40]:
        shown = client.get(f"{V1}/lead/{id_}", fields=fields)["result"][0]
        assert shown == {name: None if value == "" else value for name, value in row.items()}


def test_deleted_and_merged_leads_are_gone(marketo):
    sandbox, client = marketo(changes_per_day=100)
    vanished = sandbox.truth("vanished_leads")
    assert {row["how"] for row in vanished} == {"deleted", "merged"}
    for row in vanished:
        assert client.get(f"{V1}/lead/{row['leadId']}")["errors"][0]["code"] == "1004"
    assert not {row["leadId"] for row in vanished} & {row["id"] for row in sandbox.truth("leads")}


def test_no_filter_finds_a_vanished_lead(marketo):
    sandbox, _ = marketo(records=60, changes_per_day=60)
    living = {lead["id"] for lead in sandbox.truth("leads")}
    assert any(one["how"] == "merged" for one in sandbox.truth("vanished_leads"))
    for name in ("createdAt", "updatedAt"):
        found = sandbox.truth("leads", filter=name, startAt="2026-01-01T00:00:00Z", endAt="2100-01-01T00:00:00Z")
        assert {lead["id"] for lead in found} == living


def test_lists_and_campaigns_are_paged(marketo):
    sandbox, client = marketo()
    assert all_pages(client, f"{V1}/campaigns", batchSize=100) == sandbox.truth("campaigns")
    lists = all_pages(client, f"{V1}/lists")
    assert lists == sandbox.truth("lists")
    assert lists[0].keys() >= {"id", "name", "description", "programName", "workspaceName", "createdAt", "updatedAt"}
    assert lists[0]["createdAt"].endswith("00Z")
    assert len(client.get(f"{V1}/lists", id="3002,3004")["result"]) == 2


def test_leads_of_a_list_and_of_a_program(marketo):
    sandbox, client = marketo(records=900)
    living = {row["id"] for row in sandbox.truth("leads")}
    page = client.get(f"{V1}/lists/3001/leads")
    assert "nextPageToken" in page
    assert "moreResult" not in page
    on_list = [row["id"] for row in all_pages(client, f"{V1}/lists/3001/leads")]
    assert len(on_list) == len(set(on_list))
    assert set(on_list) < living
    in_program = all_pages(client, f"{V1}/leads/programs/1001")
    members = sandbox.truth("program_members", programIds="1001")
    assert [row["id"] for row in in_program] == [row["leadId"] for row in members]
    assert "progressionStatus" in in_program[0]["membership"]
    assert client.get(f"{V1}/lists/9/leads")["errors"][0]["code"] == "1013"


def test_program_members(marketo):
    sandbox, client = marketo(records=900)
    truth = sandbox.truth("program_members", programIds="1003")
    for path in ("programs", "program"):
        fields = client.get(f"{V1}/{path}/members/describe")["result"][0]
        assert fields["dedupeFields"] == ["leadId", "programId"]
    names = [field["name"] for field in fields["fields"]]
    assert names == list(truth[0])
    statuses = ",".join(sorted({row["statusName"] for row in truth}))
    rows = all_pages(
        client, f"{V1}/programs/1003/members", filterType="statusName", filterValues=statuses, batchSize=50
    )
    assert [row["leadId"] for row in rows] == [row["leadId"] for row in truth]
    assert rows[0].keys() == {"seq", "acquiredBy", "leadId", "membershipDate", "programId", "reachedSuccess"}


def test_program_members_by_update(marketo):
    sandbox, client = marketo(records=900)
    window = {"startAt": "2026-09-25T00:00:00Z", "endAt": "2026-10-01T23:59:59Z"}
    query = {"filterType": "updatedAt"} | window
    rows = all_pages(client, f"{V1}/programs/1002/members", **query)
    truth = sandbox.truth("program_members", programIds="1002", **window)
    assert [row["leadId"] for row in rows] == [row["leadId"] for row in truth] != []
    query["startAt"] = "2026-09-20T00:00:00Z"
    assert client.get(f"{V1}/programs/1002/members", **query)["errors"][0]["code"] == "1003"


def test_custom_objects(marketo):
    _, client = marketo()
    listed = client.get(f"{V1}/customobjects")["result"]
    assert [one["name"] for one in listed] == ["subscription_c"]
    described = client.get(f"{V1}/customobjects/subscription_c/describe")["result"][0]
    assert {"marketoGUID", "leadId", "updatedAt"} <= {field["name"] for field in described["fields"]}
    assert client.get(f"{V1}/customobjects/nothing_c/describe")["errors"][0]["code"] == "1013"
