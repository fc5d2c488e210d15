"""What is peculiar to the vendor: odd answers, vanished rows, offices, the quota, and credentials that it echoes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pestroutes.pace import Pace, Usage
from transload.errors import Interrupted, QuotaExhausted

UNTIL = "2026-10-01T15:00:01Z"
Extract = Callable[..., Any]
Read = Callable[..., list[Any]]


@pytest.fixture
def sandbox(pestroutes: Any, connect_to: Any) -> Any:
    found = pestroutes(records=60)
    connect_to(found)
    return found


def as_set(rows: Any) -> set[str]:
    return {json.dumps(row, sort_keys=True) for row in rows}


def load_of(outcome: Any) -> Any:
    assert outcome.code == 0, outcome.err
    (load,) = outcome.summary["loads"]
    return load


# Odd answers


@pytest.mark.parametrize(
    "name",
    ["string_token_usage", "no_token_usage", "result_wrapper", "extra_whitespace", "escaped", "wrong_content_type"],
)
@pytest.mark.parametrize("stream", ["customer", "serviceType"])
def test_odd_answers_are_read_like_any_other(
    sandbox: Any, extract: Extract, extracted: Read, name: str, stream: str
) -> None:
    sandbox.faults({"fault": name, "times": -1})
    assert load_of(extract(stream, "--until", UNTIL))["quarantined"] == 0
    assert as_set(extracted(stream)) == as_set(sandbox.truth(stream))


def test_a_compressed_answer_is_read(pestroutes: Any, connect_to: Any, extract: Extract, extracted: Read) -> None:
    sandbox = pestroutes(records=60, gzipped=True)
    connect_to(sandbox)
    load_of(extract("customer", "--until", UNTIL))
    assert as_set(extracted("customer")) == as_set(sandbox.truth("customer"))


def test_rows_that_come_twice_are_the_same_row(sandbox: Any, extract: Extract, extracted: Read) -> None:
    # Of two offices, one with office -1: both are written, and the key makes one of them.
    sandbox.faults({"fault": "office_minus_one_twice", "times": -1, "match": {"action": "search"}})
    load = load_of(extract("customer", "--until", UNTIL))
    assert load["records"] == 60
    assert as_set(extracted("customer")) == as_set(sandbox.truth("customer"))


def test_ids_in_no_order_are_read_when_all_fit_one_answer(sandbox: Any, extract: Extract, extracted: Read) -> None:
    sandbox.faults({"fault": "unsorted_ids", "times": -1})
    load_of(extract("customer", "--until", UNTIL))
    assert as_set(extracted("customer")) == as_set(sandbox.truth("customer"))


def test_a_row_that_vanishes_between_search_and_get_is_counted_not_missed(
    sandbox: Any, extract: Extract, extracted: Read
) -> None:
    sandbox.faults({"fault": "vanish", "count": 3, "match": {"entity": "customer", "action": "get"}})
    load = load_of(extract("customer", "--until", UNTIL))
    assert (load["records"], load["notes"]) == (57, {"vanished": 3})
    assert as_set(extracted("customer")) == as_set(sandbox.truth("customer"))


@pytest.mark.parametrize("name", ["record_without_key", "record_not_object"])
def test_a_row_that_is_no_record_goes_to_quarantine_and_the_rest_goes_on(
    sandbox: Any, extract: Extract, extracted: Read, lake_bytes: Callable[[], bytes], name: str
) -> None:
    # Twice: what is missing is asked for again, and is as broken then.
    sandbox.faults({"fault": name, "times": 2, "match": {"entity": "customer", "action": "get"}})
    load = load_of(extract("customer", "--until", UNTIL))
    assert (load["records"], load["quarantined"], load["notes"]) == (59, 1, {})
    assert as_set(extracted("customer")) < as_set(sandbox.truth("customer"))
    assert b'"reason"' in lake_bytes()


def test_fields_that_nobody_listed_are_kept_and_noted(
    sandbox: Any, extract: Extract, extracted: Read, run: Any, tmp_path: Any
) -> None:
    load_of(extract("customer", "--until", UNTIL, "--batch-size", 1))
    unknown = json.loads(run("loads", "--json", "--destination", tmp_path / "lake").out)[0]["unknown_fields"]["names"]
    from pestroutes.cli import SOURCE

    sent = {name for row in extracted("customer") for name in row}
    assert unknown == sorted(sent - SOURCE.by_name["customer"].fields)


def test_big_numbers_and_every_alphabet_arrive_as_they_were_sent(
    pestroutes: Any, connect_to: Any, extract: Extract, lake_bytes: Callable[[], bytes]
) -> None:
    sandbox = pestroutes(records=2000)
    connect_to(sandbox)
    load_of(extract("customer", "--until", UNTIL))
    data = lake_bytes()
    sent = b"".join(sandbox.server.admin.truth("customer", {}))
    assert set(sent.splitlines()) <= set(data.splitlines())
    for piece in ("🐜", "明美", "محمد", '"externalID":92233720368547', '"preciseValue":0.'):
        assert piece.encode() in data


# Offices


def test_all_offices_are_read_by_default_and_chosen_ones_on_demand(
    sandbox: Any, extract: Extract, extracted: Read
) -> None:
    load_of(extract("customer", "--until", UNTIL))
    assert {row["officeID"] for row in extracted("customer")} == {"1", "2", "3"}
    load_of(extract("customer", "--full-refresh", "--until", UNTIL, "--office-ids", "1,3"))
    assert {row["officeID"] for row in extracted("customer", "full")} == {"1", "3"}
    asked = {str(one["office"]) for one in sandbox.requests()}
    assert asked == {"0", "1,3"}


@pytest.mark.parametrize("offices", ["99", "1,99"])
def test_an_office_that_is_not_there_is_refused_before_anything_is_committed(
    sandbox: Any, run: Any, extract: Extract, extracted: Read, offices: str
) -> None:
    assert run("check", "--office-ids", offices).code == 78
    outcome = extract("customer", "--full-refresh", "--until", UNTIL, "--office-ids", offices)
    assert (outcome.code, extracted("customer", "full")) == (78, [])
    assert "no office 99" in outcome.err


def test_an_open_load_of_other_offices_is_not_gone_on_with(sandbox: Any, extract: Extract, extracted: Read) -> None:
    command = ("customer", "--until", UNTIL, "--batch-size", 10, "--retry-deadline", 0)
    sandbox.faults({"fault": "http_500", "times": -1, "after": 3, "match": {"action": "get"}})
    assert extract(*command).code == 69
    sandbox.faults()
    load = load_of(extract(*command, "--office-ids", "2"))
    assert not load["resumed"]
    assert {row["officeID"] for row in extracted("customer")} == {"2"}


# The time zone


def test_a_window_is_asked_for_in_the_accounts_time(sandbox: Any, extract: Extract) -> None:
    for zone, first, last in (
        ("America/Los_Angeles", "2026-09-30 17:00:00", "2026-10-01 08:00:00"),
        ("America/New_York", "2026-09-30 20:00:00", "2026-10-01 11:00:00"),
    ):
        sandbox.clear_requests()
        load_of(extract("customer", "--since", "2026-10-01T00:00:00Z", "--until", UNTIL, "--time-zone", zone))
        filters = [one["filters"] for one in sandbox.requests() if one["action"] == "search"]
        assert sorted(set().union(*filters) - {"officeIDs"}) == ["dateAdded", "dateUpdated"]
        for found in filters:
            text = str(found)
            assert first in text
            assert last in text


@pytest.mark.parametrize("minutes", [5, 40, 120])
def test_no_change_is_lost_in_the_hour_that_the_clock_shows_twice(
    pestroutes: Any, connect_to: Any, extract: Extract, extracted: Read, minutes: int
) -> None:
    begin = datetime(2026, 11, 1, 6, tzinfo=UTC)  # three hours before the clock is set back
    sandbox = pestroutes(records=300, now=begin.isoformat())
    connect_to(sandbox)
    seen: set[str] = set()
    for n in range(360 // minutes):
        sandbox.advance(seconds=minutes * 60)
        since, until = (begin + timedelta(minutes=minutes * m) for m in (n, n + 1))
        load_of(extract("customer", "--since", since.isoformat(), "--until", until.isoformat()))
        # Whatever changed in the window is in it, unless it has changed again since.
        seen |= as_set(extracted("customer"))
    first, last = "2026-10-31 23:00:01", "2026-11-01 03:59:59"
    changed = [
        row for row in sandbox.truth("customer") if first <= max(row["dateUpdated"] or "", row["dateAdded"]) <= last
    ]
    assert changed
    assert as_set(changed) <= seen


# The quota


class Waits:
    """A stop event that never waits: it notes for how long it should, and ends the run at some point."""

    def __init__(self, until: int = 1) -> None:
        self.waited: list[float] = []
        self._until = until

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return len(self.waited) >= self._until


def pace(reserve: int = 20, *, now: str = "2026-10-01T15:00:00+00:00", stop: Any = None) -> Pace:
    return Pace(reserve, stop or threading.Event(), lambda: datetime.fromisoformat(now))


def usage(day: int = 0, minute: int = 0, *, day_limit: int = 3000, minute_limit: int = 60) -> Usage:
    return Usage(day, day_limit, minute, minute_limit)


@pytest.mark.parametrize(("reserve", "share"), [(20, 2400), (0, 3000), (99, 30)])
def test_the_reserve_of_the_day_is_left_to_others(reserve: int, share: int) -> None:
    paced = pace(reserve)
    paced.before()
    paced.after(usage(share - 1))
    paced.before()
    assert paced.left() == {"reads_left_today": 1}
    paced.after(usage(share))
    assert paced.left() == {"reads_left_today": 0}
    with pytest.raises(QuotaExhausted, match=f"{share} of 3000 reads.*--reserve.*again after"):
        paced.before()


@pytest.mark.parametrize(
    ("now", "retry_at"),
    [
        ("2026-10-01T15:00:00+00:00", "2026-10-02T07:05:00+00:00"),
        ("2026-10-02T06:59:59+00:00", "2026-10-02T07:05:00+00:00"),
        ("2026-10-02T07:00:00+00:00", "2026-10-03T07:05:00+00:00"),
        ("2026-11-01T08:30:00+00:00", "2026-11-02T08:05:00+00:00"),  # the day with 25 hours
        ("2026-03-08T09:00:00+00:00", "2026-03-09T07:05:00+00:00"),  # the day with 23
    ],
)
def test_a_used_up_day_comes_back_after_midnight_on_the_vendors_coast(now: str, retry_at: str) -> None:
    assert pace(now=now).back_tomorrow().retry_at == datetime.fromisoformat(retry_at)


def test_a_minute_that_others_used_up_is_waited_out() -> None:
    stop = Waits(until=3)
    paced = pace(stop=stop)
    paced.after(usage(minute=47))
    paced.before()
    assert stop.waited == []
    paced.after(usage(minute=48))
    with pytest.raises(Interrupted):  # the run is told to end while it waits
        paced.before()
    assert len(stop.waited) == 3


def test_our_own_reads_keep_to_our_share_of_a_minute() -> None:
    stop = Waits()
    paced = pace(stop=stop)
    paced.after(usage())
    for _ in range(48):
        paced.before()
    assert stop.waited == []
    with pytest.raises(Interrupted):
        paced.before()


def test_a_refusal_is_explained_by_a_counter_at_its_limit_only() -> None:
    paced = pace()
    assert not paced.exhausted(usage(2999, 59))
    assert paced.exhausted(usage(minute=60))
    assert paced.exhausted(usage(3000))
    assert not paced.exhausted(usage(day_limit=0, minute_limit=0))


def test_a_minute_limit_is_waited_out_and_the_run_goes_on(
    sandbox: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("transload.http_client.HttpClient.pause", lambda self, seconds: slept.append(seconds))
    monkeypatch.setattr("pestroutes.pace._MINUTE", 0.0)
    sandbox.faults({"fault": "minute_limit", "match": {"entity": "customer", "action": "get"}})
    load_of(extract("customer", "--until", UNTIL))
    assert len(slept) == 1
    assert slept[0] >= 60
    assert as_set(extracted("customer")) == as_set(sandbox.truth("customer"))


def test_a_used_up_day_ends_the_run_and_the_next_day_goes_on_where_it_stood(
    pestroutes: Any, connect_to: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = pestroutes(records=100, day_limit=10)
    connect_to(sandbox)
    command = ("customer", "note", "--until", UNTIL, "--full-refresh", "--batch-size", 10, "--concurrency", 1)
    monkeypatch.setattr("transload.running.now", lambda: datetime(2026, 10, 1, 20, tzinfo=UTC))
    outcome = extract(*command)
    assert outcome.code == 75
    summary = outcome.summary
    assert (summary["retry_at"], summary["error"]["type"]) == ("2026-10-02T07:05:00Z", "QuotaExhausted")
    assert summary["quota"] == {"reads_left_today": 0}
    # One search and seven gets are our 80 % of ten reads; the next stream would meet the same and is not begun.
    assert [(load["stream"], load["records"]) for load in summary["loads"]] == [("customer", 70), ("note", 0)]
    assert len(sandbox.requests()) == 8
    assert extracted("customer") == []

    sandbox.advance(days=1, changes=False)
    sandbox.clear_requests()
    monkeypatch.setattr("transload.running.now", lambda: datetime(2026, 10, 2, 20, tzinfo=UTC))
    load = load_of(extract("customer", *command[2:]))
    assert (load["resumed"], load["records"]) == (True, 100)
    assert len([one for one in sandbox.requests() if one["action"] == "get"]) == 3
    assert as_set(extracted("customer")) == as_set(sandbox.truth("customer"))


def test_a_day_that_the_vendor_calls_used_up_is_exit_75_whatever_its_text(sandbox: Any, extract: Extract) -> None:
    sandbox.faults({"fault": "day_limit", "times": -1, "match": {"entity": "customer"}})
    outcome = extract("customer", "--until", UNTIL)
    assert (outcome.code, outcome.summary["error"]["type"]) == (75, "QuotaExhausted")
    assert outcome.summary["retry_at"].endswith(":05:00Z")


# What the vendor echoes


def test_credentials_that_the_vendor_echoes_are_stored_nowhere(
    pestroutes: Any, connect_to: Any, extract: Extract, lake_bytes: Callable[[], bytes]
) -> None:
    key, token = "a-key-that-is-long-enough", "a-token-that-is-long-enough"
    sandbox = pestroutes(records=20, key=key, token=token)
    connect_to(sandbox, key, token)
    sandbox.faults({"fault": "record_not_object", "match": {"action": "get"}})
    outcome = extract("customer", "--until", UNTIL)
    load_of(outcome)
    for secret in (key, token):
        assert secret not in outcome.out + outcome.err
        assert secret.encode() not in lake_bytes()


def test_credentials_go_as_headers_only(sandbox: Any, extract: Extract) -> None:
    load_of(extract("customer", "--until", UNTIL))
    assert all("authentication" not in str(one["filters"]) for one in sandbox.requests())
    assert {one["method"] for one in sandbox.requests()} == {"POST"}
