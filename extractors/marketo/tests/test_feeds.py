"""Feeds over REST: windows, pages that are empty, too slow or come twice, and going on where a run stood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from transload.errors import ContractBroken

pytestmark = pytest.mark.usefixtures("waits")
SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"
WINDOW = ("--since", SINCE, "--until", UNTIL)
Read = Callable[[str], list[Any]]


def by_key(rows: Any) -> dict[Any, Any]:
    return {row.get("marketoGUID", row.get("id")): row for row in rows}


def deleted(sandbox: Any, **query: str) -> list[Any]:
    """The truth as the feed writes it."""
    return [
        {**row, "attributes": [], "activityDate": row["activityDate"].replace("Z", "+0000")}
        for row in sandbox.truth("deleted_leads", **query)
    ]


FEEDS = {
    "deleted_leads": ("deletedleads", deleted),
    "lead_changes": ("leadchanges", lambda sandbox, **query: sandbox.truth("lead_changes", **query)),
    "activities": ("activities", lambda sandbox, **query: sandbox.truth("activities_rest", **query)),
}
feeds = pytest.mark.parametrize("stream", FEEDS)


def feed_truth(sandbox: Any, stream: str, since: str = SINCE, until: str = "2026-10-01T15:00:00Z") -> dict[Any, Any]:
    return by_key(FEEDS[stream][1](sandbox, startAt=since, endAt=until))


@feeds
@pytest.mark.parametrize("absent", [False, True])
def test_an_empty_page_is_not_the_end_of_a_feed(
    sandbox: Any, feed: Any, extracted: Read, stream: str, absent: bool
) -> None:
    sandbox.faults({"fault": "empty_page", "times": 3, "absent": absent})
    feed(stream).loaded()
    found = by_key(extracted(stream))
    assert found == feed_truth(sandbox, stream)
    assert found


def test_a_feed_that_does_not_move_on_is_not_asked_for_ever(
    sandbox: Any, feed: Any, committed: Any, waits: list[float]
) -> None:
    sandbox.faults({"fault": "empty_page", "times": -1})
    outcome = feed("deleted_leads")
    assert outcome.code == 69
    assert "deletedleads.json says that more comes" in outcome.summary["error"]["message"]
    assert committed("deleted_leads") == []
    assert waits == [float(n) for n in range(1, 20)]


@feeds
def test_tokens_that_are_too_long_for_a_url_go_in_a_form(
    sandbox: Any, asked: Any, feed: Any, extracted: Read, stream: str
) -> None:
    # The sandbox takes a URL of 8 KB, as the vendor does: 414 beyond.
    sandbox.faults({"fault": "long_token", "length": 9000, "times": -1})
    feed(stream).loaded()
    assert by_key(extracted(stream)) == feed_truth(sandbox, stream)
    tokens = [token for (token,) in asked(FEEDS[stream][0], "nextPageToken")]
    assert min(map(len, tokens)) > 9000


@feeds
def test_a_window_has_what_happened_in_it_and_nothing_else(
    sandbox: Any, feed: Any, extracted: Read, committed: Any, stream: str
) -> None:
    since, until = "2026-09-28T09:00:00Z", "2026-09-29T03:00:00Z"
    feed(stream, "--since", since, "--until", until).loaded()
    found, expected = by_key(extracted(stream)), feed_truth(sandbox, stream, since, "2026-09-29T02:59:59Z")
    assert found == expected
    (record,) = committed(stream)
    assert record.cursor.max == max(row["activityDate"] for row in found.values())
    # Well behind the window nothing is asked for any more: the feed would go on to now.
    assert all(row["activityDate"] < until for row in found.values())


def test_a_feed_is_not_read_to_its_end_for_an_old_window(
    sandbox: Any, asked: Any, feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketo.rest.RECORDS_A_PAGE", 20)
    feed("lead_changes", "--since", "2026-09-25T00:00:00Z", "--until", "2026-09-26T00:00:00Z").loaded()
    early = len(asked("leadchanges"))
    sandbox.clear_requests()
    feed("lead_changes", "--since", "2026-09-25T00:00:00Z", "--until", UNTIL).loaded()
    assert 2 <= early < len(asked("leadchanges")) / 2


def test_what_is_committed_late_comes_with_the_next_window(
    marketo: Any, connect_to: Any, feed: Any, extracted: Read
) -> None:
    sandbox = marketo(records=60, activities_per_day=500)
    connect_to(sandbox)
    sandbox.faults({"fault": "late_activities", "minutes": 50, "times": -1})
    feed("activities", "--until", UNTIL, "--start", "2026-09-30T00:00:00Z").loaded()
    since = "2026-09-30T00:00:00Z"
    assert feed_truth(sandbox, "activities", since).keys() - by_key(extracted("activities")).keys()
    sandbox.faults()
    sandbox.advance(seconds=3600)
    feed("activities", "--until", "2026-10-01T16:00:01Z").loaded()
    assert by_key(extracted("activities")) == feed_truth(sandbox, "activities", since, "2026-10-01T16:00:00Z")


def test_rows_that_come_twice_are_the_same_rows(sandbox: Any, feed: Any, extracted: Read) -> None:
    sandbox.faults({"fault": "duplicate_rows", "count": 5, "times": -1})
    load = feed("lead_changes").loaded()
    assert by_key(extracted("lead_changes")) == feed_truth(sandbox, "lead_changes")
    assert load["records"] == len(feed_truth(sandbox, "lead_changes")) + 5


# Pages that take too long


@pytest.mark.parametrize(
    ("stream", "action", "parameter"),
    [("deleted_leads", "deletedleads", "batchSize"), ("campaigns", "campaigns", "batchSize"), ("forms", "forms", "maxReturn"),
     ("activities", "activities", "batchSize")],
)  # fmt: skip
def test_pages_get_smaller_when_marketo_takes_too_long_over_them(
    sandbox: Any, asked: Any, feed: Any, extracted: Read, stream: str, action: str, parameter: str
) -> None:
    sandbox.faults({"fault": "code", "code": "604", "times": 6, "match": {"action": action}})
    feed(stream, *(WINDOW if stream in FEEDS else ("--until", UNTIL))).loaded()
    size = 200 if parameter == "maxReturn" else 300
    assert asked(action, parameter)[0] == (str(size // 4),)
    expected = feed_truth(sandbox, stream) if stream in FEEDS else by_key(sandbox.truth(stream))
    assert by_key(extracted(stream)) == expected


def test_fewer_leads_are_asked_for_when_marketo_takes_too_long_over_them(
    sandbox: Any, asked: Any, feed: Any, extracted: Read
) -> None:
    sandbox.faults({"fault": "code", "code": "604", "times": 3, "match": {"action": "leads", "kind": "rest"}})
    feed("leads", "--since", "2026-09-24T00:00:00Z", "--until", UNTIL).loaded()
    first, *others = [len(ids.split(",")) for (ids,) in asked("leads", "filterValues")]
    assert first >= sum(others)
    assert others
    assert {row["id"] for row in sandbox.truth("leads", filter="updatedAt", startAt=SINCE)} <= by_key(
        extracted("leads")
    ).keys()


# Going on where a run stood


@pytest.mark.parametrize(
    ("stream", "action", "names"),
    [
        ("smart_campaigns", "smartCampaigns", ("offset",)),
        ("campaigns", "campaigns", ("nextPageToken",)),
        ("lead_changes", "leadchanges", ("nextPageToken",)),
        ("activities", "activities", ("activityTypeIds", "nextPageToken")),
        ("leads", "activities", ("nextPageToken",)),
        ("leads", "leads", ("filterValues",)),
    ],
)
def test_a_run_that_fails_is_gone_on_with_where_it_stood(
    sandbox: Any,
    asked: Any,
    feed: Any,
    extracted: Read,
    monkeypatch: pytest.MonkeyPatch,
    stream: str,
    action: str,
    names: tuple[str, ...],
) -> None:
    for module in ("rest", "leads"):
        monkeypatch.setattr(f"marketo.{module}.RECORDS_A_PAGE", 20)
    monkeypatch.setattr("marketo.rest.ASSETS_A_PAGE", 60)
    span = ("--full-refresh",) if stream == "smart_campaigns" else ("--since", "2026-09-29T00:00:00Z")
    command = (stream, *span, "--until", UNTIL, "--retry-deadline", "0")
    runs = 0
    while True:
        sandbox.faults()
        sandbox.faults({"fault": "http_500", "times": -1, "after": 2, "match": {"action": action, "kind": "[ra]*"}})
        outcome = feed(*command)
        if outcome.code == 0:
            break
        assert outcome.code == 69
        assert extracted(stream) == []
        runs += 1
        assert runs < 20
    assert runs
    assert outcome.loaded()["resumed"]
    pages = asked(action, *names)
    assert len(pages) > 2
    assert len(pages) == len(set(pages))
    if stream == "leads":
        expected = sandbox.truth("leads", filter="updatedAt", startAt="2026-09-29T00:00:00Z")
        assert {row["id"] for row in expected} <= {row["id"] for row in extracted("leads")}
    elif stream in FEEDS:
        assert by_key(extracted(stream)) == feed_truth(sandbox, stream, "2026-09-29T00:00:00Z")
    else:
        assert by_key(extracted(stream)) == by_key(sandbox.truth(action))


@pytest.mark.parametrize("stream", ["forms", "campaigns", "lead_changes", "activities", "leads"])
def test_a_load_that_was_read_to_its_end_is_not_read_again(
    sandbox: Any, feed: Any, extracted: Read, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    from transload.load import Load

    commit = Load.commit

    def lost(self: Load) -> Any:
        monkeypatch.setattr(Load, "commit", commit)
        raise ContractBroken("the record is lost")

    monkeypatch.setattr(Load, "commit", lost)
    assert feed(stream).code == 65
    load = feed(stream).loaded()
    assert load["resumed"]
    rows = extracted(stream)
    assert len(rows) == len(by_key(rows)) == load["records"] > 0
