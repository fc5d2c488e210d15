"""Activities over REST (sources/marketo.md §3)."""

from __future__ import annotations

from collections import Counter

import pytest

BASE = "/rest/v1/activities"
START = "2026-09-12T00:00:00Z"


def pages(client, path=BASE, since=START, token="", **params):
    """All pages of a scan."""
    token = token or client.get(f"{BASE}/pagingtoken", sinceDatetime=since)["nextPageToken"]
    while True:
        page = client.get(path, nextPageToken=token, **params)
        assert page["success"], page
        yield page
        token = page["nextPageToken"]
        if not page["moreResult"]:
            return


def rows(client, *arguments, **params):
    return [row for page in pages(client, *arguments, **params) for row in page.get("result", [])]


def all_rows(client, types):
    """Ten types at a time, as a client must."""
    ids = [type_["id"] for type_ in types]
    return [
        row
        for at in range(0, len(ids), 10)
        for row in rows(client, since="2026-01-01T00:00:00Z", activityTypeIds=",".join(map(str, ids[at : at + 10])))
    ]


def test_paging_ten_types_at_a_time_finds_all(marketo):
    sandbox, client = marketo(activities_per_day=60)
    types = client.get(f"{BASE}/types")["result"]
    found = {row["marketoGUID"]: row for row in all_rows(client, types)}
    truth = {row["marketoGUID"]: row for row in sandbox.truth("activities_rest")}
    assert found == truth
    assert len(truth) > 1000
    assert set(Counter(row["activityTypeId"] for row in truth.values())) <= {type_["id"] for type_ in types}


def test_types(marketo):
    _, client = marketo()
    types = {type_["id"]: type_ for type_ in client.get(f"{BASE}/types")["result"]}
    assert {1, 6, 12, 13, 32, 37} <= set(types)
    assert [type_["apiName"] for id_, type_ in types.items() if id_ > 100_000]
    names = [attribute["name"] for attribute in types[100001]["attributes"]]
    assert len({name.lower() for name in names}) < len(names)


def test_sparse_types_give_empty_pages_that_are_not_the_end(marketo):
    _, client = marketo(activities_per_day=500, scan=100)
    found = list(pages(client, activityTypeIds="100017"))
    empty = [page for page in found[:-1] if not page.get("result")]
    assert empty
    assert {"result" in page for page in empty} == {True, False}
    assert any(page.get("result") for page in found)


def test_the_last_token_goes_on_where_it_ended(marketo):
    sandbox, client = marketo(activities_per_day=200)
    *_, last = pages(client, activityTypeIds="1")
    sandbox.advance(days=1)
    client.log_in()
    fresh = rows(client, token=last["nextPageToken"], activityTypeIds="1")
    assert fresh
    assert all(row["activityDate"] > "2026-10-01T15:00:00Z" for row in fresh)


def test_send_email_comes_late_so_a_cursor_without_overlap_misses_it(marketo):
    sandbox, client = marketo(activities_per_day=20_000, history_days=2, scan=10_000)
    since = "2026-10-01T14:00:00Z"
    *_, last = pages(client, since=since, activityTypeIds="6")
    seen = {row["marketoGUID"] for row in rows(client, since=since, activityTypeIds="6")}
    sandbox.advance(seconds=3600)
    client.log_in()
    by_cursor = seen | {row["marketoGUID"] for row in rows(client, token=last["nextPageToken"], activityTypeIds="6")}
    truth = {row["marketoGUID"] for row in sandbox.truth("activities", startAt=since, activityTypeIds="6")}
    assert by_cursor < truth
    assert truth - by_cursor <= {row["marketoGUID"] for row in rows(client, since=since, activityTypeIds="6")}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "1002"),
        ({"activityTypeIds": ",".join(map(str, range(1, 12)))}, "1003"),
        ({"activityTypeIds": "x"}, "1001"),
        ({"activityTypeIds": "1", "leadIds": ",".join(map(str, range(31)))}, "1003"),
        ({"activityTypeIds": "1", "nextPageToken": "nonsense"}, "1003"),
        ({"activityTypeIds": "1", "listId": "9"}, "1013"),
    ],
)
def test_what_is_refused(marketo, params, code):
    _, client = marketo()
    token = client.get(f"{BASE}/pagingtoken", sinceDatetime=START)["nextPageToken"]
    assert client.get(BASE, **{"nextPageToken": token} | params)["errors"][0]["code"] == code


def test_paging_tokens_need_a_date(marketo):
    _, client = marketo()
    assert client.get(f"{BASE}/pagingtoken")["errors"][0]["code"] == "1002"
    assert client.get(f"{BASE}/pagingtoken", sinceDatetime="soon")["errors"][0]["code"] == "704"


def test_of_some_leads_and_of_a_list(marketo):
    _, client = marketo(activities_per_day=300)
    everyone = rows(client, activityTypeIds="1")
    lead = everyone[0]["leadId"]
    assert {row["leadId"] for row in rows(client, activityTypeIds="1", leadIds=lead)} == {lead}
    some = rows(client, activityTypeIds="1", listId=3001)
    assert 0 < len(some) < len(everyone)


def test_large_lists_are_refused_from_the_end_of_2026(marketo):
    sandbox, client = marketo(records=20_000, now="2026-12-29T12:00:00+00:00")
    token = client.get(f"{BASE}/pagingtoken", sinceDatetime="2026-12-29T00:00:00Z")["nextPageToken"]
    query = {"nextPageToken": token, "activityTypeIds": 1, "listId": 3001}
    assert client.get(BASE, **query)["success"]
    sandbox.advance(days=1, changes=False)
    client.log_in()
    assert client.get(BASE, **query)["errors"][0]["code"] == "1003"


def test_attributes_are_names_and_texts_and_ids_are_large(marketo):
    sandbox, _ = marketo(activities_per_day=200)
    found = sandbox.truth("activities_rest")
    values = [attribute["value"] for row in found for attribute in row["attributes"]]
    assert all(isinstance(value, str) for value in values)
    assert {"true", "false", ""} <= set(values)
    assert any("id" not in row for row in found)
    assert max(row.get("id", 0) for row in found) > 2**53
    assert any("primaryAttributeValue" not in row for row in found)


def test_deleted_leads_are_pruned_after_14_days(marketo):
    sandbox, client = marketo(changes_per_day=100)
    truth = sandbox.truth("deleted_leads")
    found = rows(client, f"{BASE}/deletedleads")
    assert [row["leadId"] for row in found] == [row["leadId"] for row in truth]
    assert all(row["activityTypeId"] == 37 and row["activityDate"].endswith("+0000") for row in found)
    sandbox.advance(days=14, changes=False)
    client.log_in()
    assert rows(client, f"{BASE}/deletedleads") == []
    assert len(rows(client, activityTypeIds="37")) == len(truth)


def test_lead_changes_of_some_fields(marketo):
    sandbox, client = marketo(changes_per_day=200)
    truth = [row for row in sandbox.truth("lead_changes") if any(f["name"] == "leadScore" for f in row["fields"])]
    found = rows(client, f"{BASE}/leadchanges", fields="leadScore")
    assert [row for row in found if row["fields"]] == truth
    assert {row["activityTypeId"] for row in found} == {12, 13}
    assert set(truth[0]["fields"][0]) == {"id", "name", "newValue", "oldValue"}
    token = client.get(f"{BASE}/pagingtoken", sinceDatetime=START)["nextPageToken"]
    assert client.get(f"{BASE}/leadchanges", nextPageToken=token)["errors"][0]["code"] == "1002"


def test_faults_of_pages(marketo):
    sandbox, client = marketo(activities_per_day=100)
    whole = rows(client, activityTypeIds="1")
    sandbox.faults({"fault": "empty_page", "absent": True, "times": 2})
    found = list(pages(client, activityTypeIds="1"))
    assert ["result" in page for page in found[:3]] == [False, False, True]
    assert [row for page in found for row in page.get("result", [])] == whole
    sandbox.faults({"fault": "duplicate_rows", "count": 3})
    assert rows(client, activityTypeIds="1") == whole[:3] + whole
    sandbox.faults({"fault": "late_activities", "minutes": 60 * 24, "times": -1})
    late = rows(client, activityTypeIds="1")
    assert 0 < len(late) < len(whole)
    sandbox.faults()
    sandbox.faults({"fault": "long_token", "match": {"action": "pagingtoken"}})
    token = client.get(f"{BASE}/pagingtoken", sinceDatetime=START)["nextPageToken"]
    assert len(token) > 7000
    assert rows(client, token=token, activityTypeIds="1") == whole
