"""Leads over REST: those that changed by their activities, all of them by their ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("waits")
UNTIL = "2026-10-01T15:00:01Z"
Extract = Callable[..., Any]
Read = Callable[[str], list[Any]]


def by_key(rows: Any) -> dict[Any, Any]:
    return {row.get("marketoGUID", row.get("id")): row for row in rows}


def without_empty(row: Any) -> Any:
    """A file has an empty text where REST has null."""
    return {name: None if value == "" else value for name, value in row.items()}


@pytest.fixture
def ids_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's ids without its gaps of billions: over REST all leads can only be asked for by their ids."""
    monkeypatch.setattr("sandbox.marketo.leads._OFFSETS", [0] * 50)


def test_leads_that_changed_in_a_window_are_read_by_their_activities(
    sandbox: Any, feed: Any, extracted: Read, committed: Any
) -> None:
    sandbox.advance(days=1)
    feed("leads", "--since", UNTIL, "--until", "2026-10-02T15:00:01Z").loaded()
    everybody = {row["id"]: without_empty(row) for row in sandbox.truth("leads")}
    found = by_key(extracted("leads"))
    assert found == {key: everybody[key] for key in found}
    changed = sandbox.truth("leads", filter="updatedAt", startAt=UNTIL, endAt="2026-10-02T15:00:00Z")
    assert {row["id"] for row in changed} <= found.keys()
    assert max(found) > 2**31
    gone = {row["leadId"] for row in sandbox.truth("vanished_leads") if row["at"] >= UNTIL}
    assert 0 < committed("leads")[0].notes["vanished"] <= len(gone)


@pytest.mark.usefixtures("ids_in_order")
def test_all_leads_are_asked_for_by_their_ids(sandbox: Any, asked: Any, feed: Any, extracted: Read) -> None:
    feed("leads", "--full-refresh", "--until", UNTIL).loaded()
    assert by_key(extracted("leads")) == {row["id"]: without_empty(row) for row in sandbox.truth("leads")}
    ids = [one for (ids,) in asked("leads", "filterValues") for one in ids.split(",")]
    assert ids == [str(n) for n in range(1, len(ids) + 1)]


@pytest.mark.usefixtures("ids_in_order")
def test_reading_all_leads_goes_on_where_it_stood(
    sandbox: Any, asked: Any, feed: Any, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketo.leads.RECORDS_A_PAGE", 100)
    monkeypatch.setattr("marketo.leads.NOBODY", 1000)
    command = ("leads", "--full-refresh", "--until", UNTIL, "--retry-deadline", "0")
    for after in (0, 4, 6):
        sandbox.faults({"fault": "reset", "after": after, "match": {"action": "leads", "kind": "rest"}})
        assert feed(*command).code == 69
        sandbox.faults()
    feed(*command).loaded()
    assert by_key(extracted("leads")) == {row["id"]: without_empty(row) for row in sandbox.truth("leads")}
    pages = asked("leads", "filterValues")
    assert len(pages) == len(set(pages))


@pytest.mark.usefixtures("ids_in_order")
def test_the_first_load_has_the_leads_of_which_no_activity_tells(
    marketo: Any, connect_to: Any, feed: Any, extracted: Read
) -> None:
    sandbox = marketo(records=60, changes_per_day=5)
    connect_to(sandbox)
    feed("leads", "--until", UNTIL).loaded()
    assert by_key(extracted("leads")).keys() == by_key(sandbox.truth("leads")).keys()


def test_leads_whose_ids_are_far_apart_are_not_asked_for_one_by_one(
    sandbox: Any, asked: Any, feed: Any, committed: Any
) -> None:
    outcome = feed("leads", "--full-refresh", "--until", UNTIL)
    assert outcome.code == 64
    assert "use Bulk Extract" in outcome.summary["error"]["message"]
    assert asked("leads") == []
    assert committed("leads") == []


def test_an_account_where_no_lead_can_be_found_is_not_taken_for_an_empty_one(
    vendor: Any, feed: Any, committed: Any
) -> None:
    vendor.answers["/rest/v1/leads/describe.json"] = lambda query: [b'{"dataType":"integer","rest":{"name":"id"}}']
    vendor.answers["/rest/v1/activities/pagingtoken.json"] = lambda query: ([], "a")
    vendor.answers["/rest/v1/activities.json"] = lambda query: ([], "b")
    vendor.answers["/rest/v1/leads.json"] = lambda query: []
    outcome = feed("leads", "--full-refresh", "--until", UNTIL)
    assert outcome.code == 65
    assert "use Bulk Extract" in outcome.summary["error"]["message"]
    assert committed("leads") == []


def test_ids_are_gone_on_with_behind_the_newest_that_is_known_and_over_gaps(
    vendor: Any, feed: Any, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketo.leads.RECORDS_A_PAGE", 100)
    monkeypatch.setattr("marketo.leads.NOBODY", 300)
    # An activity tells of lead 650, and none of those behind it.
    there = {5, 650, *range(700, 1500), 1790}

    def activities(query: dict[str, str]) -> Any:
        return ([b'{"leadId":650}'] if "13" in query["activityTypeIds"].split(",") else [], "b")

    def leads(query: dict[str, str]) -> list[bytes]:
        return [b'{"id":%d}' % one for one in map(int, query["filterValues"].split(",")) if one in there]

    vendor.answers["/rest/v1/leads/describe.json"] = lambda query: [b'{"dataType":"integer","rest":{"name":"id"}}']
    vendor.answers["/rest/v1/activities/pagingtoken.json"] = lambda query: ([], "a")
    vendor.answers["/rest/v1/activities.json"] = activities
    vendor.answers["/rest/v1/leads.json"] = leads
    feed("leads", "--full-refresh", "--until", UNTIL).loaded()
    assert {row["id"] for row in extracted("leads")} == there
