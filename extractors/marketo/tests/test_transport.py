"""Which way leads and activities are read: by the window and what is left of each quota, as the user says, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from marketo.transport import Load, decide
from transload.http_client import HttpClient

UNTIL = "2026-10-01T15:00:01Z"
QUARTER, DAY = (
    ("--since", "2026-10-01T14:45:01Z", "--until", UNTIL),
    ("--since", "2026-09-30T15:00:01Z", "--until", UNTIL),
)
MB = 1_000_000
PLENTY = {"calls": 40_000, "export_bytes": 400 * MB}
Extract = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpClient, "pause", lambda self, seconds: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def left(calls: int = 40_000, megabytes: float = 400) -> dict[str, int]:
    return {"calls": calls, "export_bytes": int(megabytes * MB)}


def window(minutes: float | None, megabytes: float | None = None, records: int | None = None, fixed: int = 20) -> Load:
    length = None if minutes is None else timedelta(minutes=minutes)
    return Load(length, None if megabytes is None else int(megabytes * MB), records, fixed)


CASES = {
    "everything": (window(None), left(), "bulk", "everything is asked for"),
    "everything, with nothing left": (window(None), left(0, 0), "bulk", "everything is asked for"),
    "a short window": (window(15), left(), "rest", "the window is short, and over REST it takes about 20 calls, of 40,000"),
    "a window that is just not short": (window(15.1), left(), "bulk", "400.0 MB of exports are left today"),
    "a short window with many records": (window(15, 10, 1_500_000), left(), "bulk", "400.0 MB"),
    "a short window with records that can be afforded": (window(15, 10, 1_000_000), left(), "rest", "about 3,353 calls"),
    "a short window when a tenth of the calls is just enough": (window(15), left(200), "rest", "of 200 that are left"),
    "a short window when it is just not": (window(15), left(199), "bulk", "400.0 MB"),
    "a short window with neither": (window(15), left(199, 0), "bulk", "0.0 MB of exports are left today, too few"),
    "a long window": (window(1440), left(), "bulk", "400.0 MB of exports are left today"),
    "a long window for which there is just room": (window(1440, 400, 10), left(), "bulk", "400.0 MB"),
    "a long window for which there is no room": (window(1440, 400.1, 10), left(), "rest", "400.1 MB would be needed"),
    "no room, and too many records": (window(1440, 500, 1_500_000), left(), "bulk", "too many calls"),
    "no room, and nobody knows how many records": (window(1440), left(40_000, 0), "bulk", "too many calls"),
    "no room, and nothing is known to be needed": (window(1440, 0, 10), left(40_000, 0), "rest", "over REST"),
}  # fmt: skip


@pytest.mark.parametrize(("load", "share", "expected", "why"), CASES.values(), ids=CASES)
def test_the_way_follows_from_the_window_and_what_is_left(
    load: Load, share: dict[str, int], expected: str, why: str
) -> None:
    chosen, because = decide(load, share)
    assert (chosen, why in because) == (expected, True), because


def chosen(outcome: Any) -> list[tuple[str, str]]:
    """What the log says of it."""
    assert outcome.code == 0, outcome.err
    entries = [json.loads(line) for line in outcome.err.splitlines()]
    return [(one["transport"], one["why"]) for one in entries if one["message"] == "transport"]


def kinds(sandbox: Any) -> set[str]:
    """Which of the two ways was gone."""
    asked = {(one["kind"], one["action"]) for one in sandbox.requests()}
    ways = {"rest": ("rest", "activities"), "bulk": ("activities", "create")}
    return {way for way, call in ways.items() if call in asked}


@pytest.mark.parametrize("stream", ["leads", "activities"])
def test_a_short_window_goes_over_rest_and_the_log_says_why(
    sandbox: Any, extract: Extract, committed: Any, stream: str
) -> None:
    ((transport, why),) = chosen(extract(stream, *QUARTER))
    assert transport == "rest"
    assert "the window is short" in why
    assert sandbox.jobs() == []
    assert len(committed(stream)) == 1


@pytest.mark.parametrize(
    ("arguments", "way"),
    [
        (DAY, "bulk"), ((*DAY, "--transport", "rest"), "rest"), ((*QUARTER, "--transport", "bulk"), "bulk"), (QUARTER, "rest"),
        ((*QUARTER, "--daily-calls", "100"), "bulk"), (("--full-refresh", "--until", UNTIL), "bulk"),
        (("--limit", "5", "--until", UNTIL), "bulk"),
    ],
)  # fmt: skip
def test_each_way_is_gone_alone(sandbox: Any, extract: Extract, arguments: tuple[str, ...], way: str) -> None:
    outcome = extract("activities", *arguments)
    assert kinds(sandbox) == {way}
    # What the user says needs no reason.
    assert bool(chosen(outcome)) == ("--transport" not in arguments)


def test_what_the_last_load_took_tells_what_this_one_will(
    sandbox: Any, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen(extract("activities", *DAY, "--transport", "bulk")) == []
    (took,) = sandbox.jobs()
    sandbox.advance(days=2)
    monkeypatch.setenv("TRANSLOAD_LOOK_BACK", "0")
    later = ("activities", "--until", "2026-10-03T15:00:01Z")
    # Twice as long: twice as much, which is more than there is.
    share = int(1.5 * took["fileSize"])
    monkeypatch.setattr("transload.ledger.QuotaLedger.left", lambda self: {"calls": 40_000, "export_bytes": share})
    ((transport, why),) = chosen(extract(*later))
    assert transport == "rest"
    assert (
        f"{share / 1e6:,.1f} MB of exports are left today, {2 * took['fileSize'] / 1e6:,.1f} MB would be needed" in why
    )


@pytest.mark.parametrize("stream", ["leads", "activities"])
@pytest.mark.parametrize("fault", [{"fault": "no_bulk_extract"}, {"fault": "denied", "match": {"path": "/bulk/*"}}])
def test_an_account_without_bulk_extract_is_read_over_rest(
    sandbox: Any, extract: Extract, extracted: Callable[[str], list[Any]], stream: str, fault: Any
) -> None:
    sandbox.faults({**fault, "times": -1})
    outcome = extract(stream, *DAY)
    assert outcome.code == 0, outcome.err
    assert "bulk is refused: it is read by rest" in outcome.err
    query = {"startAt": DAY[1]}
    key = "marketoGUID" if stream == "activities" else "id"
    expected = (
        sandbox.truth("activities_rest", **query)
        if stream == "activities"
        else sandbox.truth("leads", filter="updatedAt", **query)
    )
    assert {row[key] for row in expected} <= {row[key] for row in extracted(stream)}


def test_without_bulk_extract_the_other_streams_are_refused_one_by_one(
    sandbox: Any, extract: Extract, committed: Any
) -> None:
    sandbox.faults({"fault": "no_bulk_extract", "times": -1})
    outcome = extract("program_members", "custom_object_subscription_c", "forms", *DAY)
    assert (outcome.code, outcome.summary["error"]["type"]) == (77, "Denied")
    assert [load["committed"] for load in outcome.summary["loads"]] == [False, False, True]


def test_who_asked_for_exports_gets_no_other_way(sandbox: Any, extract: Extract, committed: Any) -> None:
    sandbox.faults({"fault": "no_bulk_extract", "times": -1})
    assert extract("activities", *DAY, "--transport", "bulk").code == 77
    assert committed("activities") == []


@pytest.mark.parametrize(("first", "then"), [("bulk", "rest"), ("rest", "bulk")])
def test_a_load_is_gone_on_with_by_the_way_on_which_it_began(
    sandbox: Any, extract: Extract, extracted: Callable[[str], list[Any]], first: str, then: str
) -> None:
    # Behind the first page, or when the export has been made.
    action = {"match": {"action": "status"}} if first == "bulk" else {"match": {"action": "activities"}, "after": 2}
    sandbox.faults({"fault": "http_500", "times": -1, **action})
    assert extract("activities", *DAY, "--transport", first, "--retry-deadline", "0").code == 69
    sandbox.faults()
    sandbox.clear_requests()
    outcome = extract("activities", *DAY, "--transport", then)
    assert outcome.code == 0, outcome.err
    assert outcome.summary["loads"][0]["resumed"]
    assert "create" not in {one["action"] for one in sandbox.requests()}
    kind = "activities" if first == "bulk" else "activities_rest"
    assert {row["marketoGUID"] for row in extracted("activities")} == {
        row["marketoGUID"] for row in sandbox.truth(kind, startAt=DAY[1], endAt="2026-10-01T15:00:00Z")
    }


@pytest.mark.parametrize("after", [0, 1, 2])
def test_what_is_refused_on_the_way_leaves_nothing_twice(
    sandbox: Any, extract: Extract, extracted: Callable[[str], list[Any]], after: int
) -> None:
    sandbox.faults({"fault": "denied", "times": -1, "after": after, "match": {"action": "create"}})
    outcome = extract("activities", "--since", "2026-07-03T00:00:00Z", "--until", UNTIL)
    assert outcome.code == 0, outcome.err
    guids = [row["marketoGUID"] for row in extracted("activities")]
    assert sorted(guids) == sorted(row["marketoGUID"] for row in sandbox.truth("activities_rest"))
