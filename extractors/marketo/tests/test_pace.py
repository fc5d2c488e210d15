"""Keeping within the account's limits: half of the calls in twenty seconds, and of those at once (sources/marketo.md §2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from marketo.pace import CALLS, IN_FLIGHT, WINDOW_SECONDS, Pace, next_midnight
from transload.errors import Interrupted, QuotaExhausted


class Stop:
    """A stop event that never waits: it notes for how long it should, lets the time pass, and is set in the end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, set_after: float = 1e9) -> None:
        self.now, self.waited, self._set_after = 1000.0, 0.0, set_after
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def is_set(self) -> bool:
        return self.waited >= self._set_after

    def wait(self, seconds: float) -> bool:
        assert 0 < seconds <= 1.0
        self.now += seconds
        self.waited += seconds
        return self.is_set()


def test_half_of_what_the_account_has_is_ours() -> None:
    assert (CALLS, WINDOW_SECONDS, IN_FLIGHT) == (50, 20.0, 5)


def test_no_more_calls_begin_in_a_window_than_are_ours() -> None:
    paced = Pace(threading.Event(), calls=3, seconds=0.3)
    began: list[float] = []
    for _ in range(5):
        with paced.slot():
            began.append(time.monotonic())
    # Whichever three calls follow one another, the fourth is a window behind the first.
    assert all(later - earlier >= 0.29 for earlier, later in zip(began, began[3:], strict=False))


def test_no_more_calls_are_under_way_than_are_ours() -> None:
    paced = Pace(threading.Event(), calls=1000)
    free = threading.Event()

    def one_more() -> None:
        with paced.slot():
            free.set()

    with ExitStack() as stack:
        for _ in range(IN_FLIGHT):
            stack.enter_context(paced.slot())
        thread = threading.Thread(target=one_more)
        thread.start()
        assert not free.wait(0.1)
    assert free.wait(5)
    thread.join()


def test_a_slot_is_given_back_whatever_happens() -> None:
    paced = Pace(threading.Event(), calls=1000, in_flight=1)
    for _ in range(3):
        with pytest.raises(RuntimeError), paced.slot():
            raise RuntimeError
    with paced.slot():
        pass


def test_a_pause_is_everybodys_and_a_shorter_one_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop(monkeypatch)
    paced = Pace(stop, calls=1000)  # type: ignore[arg-type]
    paced.pause(25)
    paced.pause(5)
    with paced.slot():
        assert stop.waited == pytest.approx(25)
    with paced.slot():
        assert stop.waited == pytest.approx(25)


@pytest.mark.parametrize("why", ["a pause", "the rate", "others under way"])
def test_every_wait_ends_with_the_run(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    stop = Stop(monkeypatch, set_after=2)
    paced = Pace(stop, calls=1, in_flight=1)  # type: ignore[arg-type]
    with ExitStack() as stack:
        if why == "a pause":
            paced.pause(1000)
        else:
            stack.enter_context(paced.slot())
        if why == "the rate":
            stack.close()
        stop.waited = 2 if why == "others under way" else 0
        with pytest.raises(Interrupted), paced.slot():
            pass
    assert stop.waited <= 2.25


def test_every_call_is_counted_before_it_is_made_and_one_that_is_free_is_not() -> None:
    spent: list[int] = []
    paced = Pace(threading.Event(), lambda: spent.append(1))
    for _ in range(3):
        paced.spend()
    paced.give_back()
    assert (paced.calls, len(spent)) == (2, 3)


def test_a_call_that_cannot_be_afforded_is_not_counted() -> None:
    def refuse() -> None:
        raise QuotaExhausted("used up", datetime(2026, 10, 2, tzinfo=UTC))

    paced = Pace(threading.Event(), refuse)
    with pytest.raises(QuotaExhausted):
        paced.spend()
    assert paced.calls == 0


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        ("2026-10-01T15:00:00+00:00", "2026-10-02T05:00:00+00:00"),
        ("2026-10-02T04:59:59+00:00", "2026-10-02T05:00:00+00:00"),
        ("2026-10-02T05:00:00+00:00", "2026-10-03T05:00:00+00:00"),
        ("2026-12-31T23:00:00+00:00", "2027-01-01T06:00:00+00:00"),
        ("2026-11-01T05:30:00+00:00", "2026-11-02T06:00:00+00:00"),  # the day with 25 hours
        ("2026-03-08T06:30:00+00:00", "2026-03-09T05:00:00+00:00"),  # the day with 23
        ("2026-10-01T23:30:00-05:00", "2026-10-02T05:00:00+00:00"),
    ],
)
def test_the_quotas_come_back_at_midnight_in_chicago(now: str, midnight: str) -> None:
    assert next_midnight(datetime.fromisoformat(now)) == datetime.fromisoformat(midnight)


# In the extractor


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Returns a function that sets this machine's clock."""
    return lambda text: monkeypatch.setattr("transload.running.now", lambda: datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("now", "retry_at"),
    [
        ("2026-11-20T15:00:00+00:00", "2026-11-21T06:00:00Z"),
        # Just behind midnight Marketo's clock may still be in the day before.
        ("2026-11-20T06:05:00+00:00", "2026-11-20T06:15:00Z"),
        ("2026-11-20T06:09:59+00:00", "2026-11-20T06:19:59Z"),
        ("2026-11-20T06:10:00+00:00", "2026-11-21T06:00:00Z"),
        ("2027-03-14T06:05:00+00:00", "2027-03-14T06:15:00Z"),  # the day with 23 hours
        ("2027-11-07T05:05:00+00:00", "2027-11-07T05:15:00Z"),  # the day with 25
        ("2027-11-07T05:30:00+00:00", "2027-11-08T06:00:00Z"),
    ],
)
def test_a_day_that_marketo_calls_used_up_is_over_for_all_pods(
    sandbox: Any, extract: Any, at: Any, now: str, retry_at: str
) -> None:
    at(now)
    sandbox.faults({"fault": "daily_quota"})
    outcome = extract("forms", "channels", "--until", "2026-10-01T15:00:00Z")
    assert (outcome.code, outcome.summary["retry_at"]) == (75, retry_at)
    assert retry_at in outcome.summary["error"]["message"]
    assert [load["window"] is None for load in outcome.summary["loads"]] == [False, True]
    if retry_at.endswith("06:00:00Z"):
        assert outcome.summary["quota"]["calls_left_today"] == 0
        sandbox.clear_requests()
        assert extract("forms", "--until", "2026-10-01T15:00:00Z").code == 75
        assert [one for one in sandbox.requests() if one["kind"] != "identity"] == []
    at(retry_at.replace("Z", "+00:00"))
    assert extract("forms", "--until", "2026-10-01T15:00:00Z").code == 0


def test_the_rate_is_what_the_user_says(sandbox: Any, extract: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr("marketo.api.Pace", lambda *args, **options: made.append(options) or Pace(*args, **options))
    assert extract("forms", "--until", "2026-10-01T15:00:00Z", "--rate", "7").code == 0
    assert made == [{"calls": 7}]


def test_calls_are_under_way_until_their_answer_is_read(
    sandbox: Any, extract: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The vendor counts a call until its last byte is sent: a file that is downloaded holds its slot.
    most: list[int] = []
    slots = threading.BoundedSemaphore
    monkeypatch.setattr("marketo.pace.threading.BoundedSemaphore", lambda n: most.append(n) or slots(n))
    sandbox.faults({"fault": "slow_drip", "pieces": 3, "seconds": 0.1, "match": {"action": "file"}})
    seen: list[int] = []
    from marketo.rows import Rows

    feed = Rows.feed
    monkeypatch.setattr(
        Rows,
        "feed",
        lambda self, piece: seen.append(sandbox.server.api.limits.quota()["in_flight"]) or feed(self, piece),
    )
    assert extract("activities", "--since", "2026-09-30T15:00:01Z", "--until", "2026-10-01T15:00:01Z").code == 0
    assert most == [IN_FLIGHT]
    assert seen[0] == 1
