"""The day's calls and megabytes: reserved before they are spent, in one ledger for all pods of the account."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import transload.running

UNTIL = "2026-10-01T15:00:01Z"
DAY = ("--since", "2026-09-30T15:00:01Z", "--until", UNTIL)
CHICAGO = ZoneInfo("America/Chicago")
Extract = Callable[..., Any]


@pytest.fixture
def ledger(tmp_path: Path) -> Callable[[], Any]:
    """Returns a function that reads the account's ledger."""

    def read() -> Any:
        (path,) = (tmp_path / "lake" / "marketo" / "_quota").glob("[!.]*.json")
        return json.loads(path.read_bytes())

    return read


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns a function that lets this machine's clock be ahead."""

    def ahead(**delta: float) -> None:
        monkeypatch.setattr("transload.running.now", lambda: datetime.now(UTC) + timedelta(**delta))

    return ahead


@pytest.fixture
def noon(clock: Callable[..., None]) -> None:
    """This machine's clock shows some hour of the vendor's day that is not its first."""
    clock(hours=(12 - datetime.now(CHICAGO).hour) % 24)


def midnight() -> datetime:
    """The next one in Chicago, by the clock that the command has."""
    tomorrow = transload.running.now().astimezone(CHICAGO).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=CHICAGO).astimezone(UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def error(outcome: Any) -> str:
    return str(outcome.summary["error"]["message"])


def test_the_ledger_says_what_marketo_counted(sandbox: Any, extract: Extract, ledger: Callable[[], Any]) -> None:
    for stream in ("activities", "leads", "programs"):
        assert extract(stream, *DAY).code == 0
    counted = sandbox.quota()
    assert ledger()["used"] == {"calls": counted["calls"], "export_bytes": counted["export_bytes"]}
    assert ledger()["open"] == {}


def test_the_summary_says_what_is_left_of_our_share(sandbox: Any, extract: Extract, ledger: Callable[[], Any]) -> None:
    outcome = extract("programs", *DAY, "--daily-calls", "1000", "--reserve", "50", "--daily-megabytes", "10")
    # The pod still holds the chunk of calls that it drew.
    assert outcome.summary["quota"] == {"calls_left_today": 450, "megabytes_left_today": 5}
    assert ledger()["used"]["calls"] == sandbox.quota()["calls"] < 20


def test_calls_end_at_our_share_and_before_marketos_limit(
    sandbox: Any, extract: Extract, committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETO_DAILY_CALLS", "5")
    outcome = extract("emails", "forms", "leads", *DAY)
    assert (outcome.code, outcome.summary["error"]["type"]) == (75, "QuotaExhausted")
    assert at(outcome.summary["retry_at"]) == midnight()
    assert sandbox.quota()["calls"] == 4
    assert "20 % are left to other integrations" in error(outcome)


def test_calls_that_marketo_says_are_used_up_are_so_for_every_pod(
    sandbox: Any, extract: Extract, ledger: Callable[[], Any], noon: None
) -> None:
    sandbox.faults({"fault": "daily_quota"})
    outcome = extract("programs", *DAY)
    assert outcome.code == 75
    assert "607" in error(outcome)
    assert ledger()["used"]["calls"] >= 50_000
    sandbox.clear_requests()
    assert extract("programs", *DAY).code == 75
    assert [one for one in sandbox.requests() if one["kind"] != "identity"] == []


def test_megabytes_that_are_used_up_do_not_keep_rest_from_going_on(
    sandbox: Any, extract: Extract, committed: Any, noon: None
) -> None:
    sandbox.faults({"fault": "export_quota", "times": -1})
    outcome = extract("leads", "activities", "programs", *DAY)
    assert (outcome.code, outcome.summary["error"]["type"]) == (75, "QuotaExhausted")
    assert at(outcome.summary["retry_at"]) == midnight()
    assert [load["committed"] for load in outcome.summary["loads"]] == [False, False, True]
    assert committed("leads") == []


@pytest.mark.parametrize("action", ["create", "enqueue"])
def test_an_export_that_the_quota_refused_is_started_the_next_day(
    sandbox: Any, extract: Extract, extracted: Any, clock: Any, action: str
) -> None:
    sandbox.faults({"fault": "export_quota", "match": {"action": action}, "times": 1 if action == "create" else 2})
    outcome = extract("activities", *DAY)
    assert outcome.code == 75
    assert "1029" in error(outcome)
    # In the same day it is not made, or not started, either: the ledger knows, or Marketo says so again.
    assert extract("activities", *DAY).code == 75
    clock(days=1)
    outcome = extract("activities", *DAY)
    assert outcome.code == 0, outcome.err
    assert len(sandbox.jobs()) == 1
    expected = sandbox.truth("activities", startAt="2026-09-30T15:00:01Z", endAt="2026-10-01T15:00:00Z")
    assert sorted(row["marketoGUID"] for row in extracted("activities")) == sorted(
        row["marketoGUID"] for row in expected
    )


def test_an_export_is_made_smaller_until_it_fits_what_is_left_of_the_day(
    sandbox: Any, extract: Extract, extracted: Any, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    # A day of activities is about 15 kB here: 200 kB have room for less than half of the forty days.
    sandbox.advance(days=40)
    monkeypatch.setenv("MARKETO_DAILY_MEGABYTES", "1")
    monkeypatch.setenv("MARKETO_RESERVE", "80")
    since, until = "2026-10-01T15:00:01Z", "2026-11-10T15:00:01Z"
    outcome, days = extract("activities", "--since", since, "--until", until), 0
    while outcome.code == 75 and days < 9:
        assert sandbox.quota()["export_bytes"] <= (days + 1) * 220_000
        days += 1
        clock(days=days)
        outcome = extract("activities", "--since", since, "--until", until)
    assert outcome.code == 0, outcome.err
    assert days >= 2
    spans = [json.loads(job["filter"]["createdAt"].replace("'", '"')) for job in sandbox.jobs()]
    begins, ends = [at(span["startAt"]) for span in spans], [at(span["endAt"]) for span in spans]
    assert begins[1:] == [end + timedelta(seconds=1) for end in ends[:-1]]
    expected = sandbox.truth("activities", startAt=since, endAt="2026-11-10T15:00:00Z")
    assert sorted(row["marketoGUID"] for row in extracted("activities")) == sorted(
        row["marketoGUID"] for row in expected
    )


def test_the_last_load_tells_how_much_to_reserve(
    sandbox: Any, extract: Extract, ledger: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved: list[int] = []
    from marketo.megabytes import Megabytes

    kept = Megabytes.kept
    monkeypatch.setattr(
        Megabytes, "kept", lambda self, one: reserved.append(one.amounts["export_bytes"]) or kept(self, one)
    )
    assert extract("activities", *DAY).code == 0
    sandbox.advance(days=1)
    assert extract("activities", "--until", "2026-10-02T15:00:01Z").code == 0
    first, second = (job["fileSize"] for job in sandbox.jobs())
    # Nothing was known of the first; of the second, by the day before, a little more than it takes.
    assert reserved[0] == 20_000_000
    assert second < reserved[1] < 3 * first


def test_what_no_export_was_made_for_is_given_back(sandbox: Any, extract: Extract, ledger: Callable[[], Any]) -> None:
    sandbox.faults({"fault": "denied", "times": -1, "match": {"path": "/bulk/*"}})
    assert extract("program_members", *DAY).code == 77
    assert ledger()["open"] == {}
    assert ledger()["used"].get("export_bytes", 0) == 0
