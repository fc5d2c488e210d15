"""Assets (sources/marketo.md §5)."""

from __future__ import annotations

import re

import pytest

from sandbox.marketo.assets import ASSETS

BASE = "/rest/asset/v1"
END = "No assets found for the given search criteria."


def all_pages(client, name, size, **params):
    rows = []
    while True:
        page = client.get(f"{BASE}/{name}", offset=len(rows), maxReturn=size, **params)
        assert page["success"]
        if "result" not in page:
            assert page["warnings"] == [END]
            return rows
        rows += page["result"]


@pytest.mark.parametrize("name", ASSETS)
def test_paging_finds_all(marketo, name):
    sandbox, client = marketo()
    truth = sandbox.truth(name)
    assert all_pages(client, name, 7 if len(truth) < 50 else 200) == truth
    assert len({row["id"] for row in truth}) == len(truth)


def test_sizes_of_pages(marketo):
    _, client = marketo()
    assert len(client.get(f"{BASE}/emails")["result"]) == 20
    assert len(client.get(f"{BASE}/emails", maxReturn=999)["result"]) == 200
    assert client.get(f"{BASE}/emails", offset=1000).keys() == {"requestId", "success", "errors", "warnings"}
    assert client.get(f"{BASE}/emails")["errors"] == []


def test_programs(marketo):
    _, client = marketo()
    rows = client.get(f"{BASE}/programs", maxReturn=200)["result"]
    wanted = (
        "id name description createdAt updatedAt url type channel folder status workspace costs headStart startDate"
    )
    assert all(set(wanted.split()) <= set(row) and "tags" not in row for row in rows)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\+0000", rows[0]["updatedAt"])
    assert {row["type"] for row in rows} == {"Default", "Event", "Event with Webinar", "Engagement", "Email"}


@pytest.mark.parametrize("name", ["programs", "smartCampaigns", "staticLists", "smartLists", "emails"])
def test_by_update(marketo, name):
    sandbox, client = marketo()
    low, high = "2026-09-20T00:00:00Z", "2026-09-27T00:00:00Z"
    rows = all_pages(client, name, 20, earliestUpdatedAt=low, latestUpdatedAt=high)
    assert rows == [row for row in sandbox.truth(name) if low <= row["updatedAt"].removesuffix("+0000") <= high] != []


def test_time_changes_assets_and_adds_some(marketo):
    sandbox, client = marketo()
    before = sandbox.truth("programs")
    sandbox.advance(days=30)
    after = sandbox.truth("programs")
    client.log_in()
    fresh = all_pages(client, "programs", 20, earliestUpdatedAt="2026-10-01T15:00:01Z")
    assert [row for row in after if row not in before] == fresh
    assert len(after) == len(before) + 3


def test_tokens_of_a_folder(marketo):
    _, client = marketo()
    answer = client.get(f"{BASE}/folder/1001/tokens", folderType="Program")["result"][0]
    assert answer["folder"] == {"type": "Program", "value": 1001}
    assert {"name", "type", "value"} == set(answer["tokens"][0])


def test_rows_repeat_or_slip_between_pages(marketo):
    sandbox, client = marketo()
    whole = [row["id"] for row in sandbox.truth("programs")]
    for count in (1, -1):
        sandbox.faults({"fault": "offset_slip", "count": count, "after": 1})
        pages = [client.get(f"{BASE}/programs", offset=offset)["result"] for offset in (0, 20)]
        assert [row["id"] for row in pages[0]] == whole[:20]
        assert pages[1][0]["id"] == whole[20 - count]
