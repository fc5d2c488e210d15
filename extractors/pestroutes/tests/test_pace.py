"""The pace where a limit is small or shared: the last read of a day, the minute of others, what is known of both."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from pestroutes.pace import Pace, Usage
from transload.errors import Interrupted, QuotaExhausted


class Stop:
    """A stop event that never waits: it notes for how long it should, lets the time pass, and is set in the end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, set_after: float = 1e9) -> None:
        self.now, self.waited, self._set_after = 1000.0, 0.0, set_after
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def wait(self, seconds: float) -> bool:
        assert seconds <= 1.0
        self.now += seconds
        self.waited += seconds
        return self.waited >= self._set_after


def pace(reserve: int = 20, stop: Any = None, **settings: float) -> Pace:
    return Pace(reserve, stop or threading.Event(), lambda: datetime(2026, 10, 1, 15, tzinfo=UTC), **settings)


def test_a_reserve_of_nearly_all_leaves_one_read_a_day() -> None:
    paced = pace(99)
    paced.after(Usage(0, 50, 0, 60))
    assert paced.left() == {"reads_left_today": 1}
    paced.before()
    paced.after(Usage(1, 50, 1, 60))
    assert paced.left() == {"reads_left_today": 0}
    with pytest.raises(QuotaExhausted):
        paced.before()


def test_a_limit_that_the_vendor_does_not_say_is_none() -> None:
    paced = pace()
    paced.after(Usage(5, 0, 5, 0))
    paced.before()
    assert paced.left() == {"reads_left_today": 0}


def test_a_share_is_counted_in_whole_reads() -> None:
    paced = pace(71)
    paced.after(Usage(0, 100, 0, 0))
    assert paced.left() == {"reads_left_today": 29}  # int(100 * 0.29) is 28


def test_our_share_of_a_minute_used_up_by_anyone_is_waited_out_for_the_whole_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = Stop(monkeypatch)
    paced = pace(stop=stop)
    paced.after(Usage(0, 3000, 47, 60))
    paced.before()
    assert stop.waited == 0
    paced.after(Usage(0, 3000, 48, 60))
    paced.before()
    assert stop.waited == pytest.approx(60)


def test_the_wait_for_a_minute_ends_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop(monkeypatch, set_after=3)
    paced = pace(stop=stop)
    paced.after(Usage(0, 3000, 60, 60))
    with pytest.raises(Interrupted):
        paced.before()
    assert stop.waited == 3


def test_the_length_of_a_minute_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop(monkeypatch)
    paced = pace(stop=stop, minute=2.5)
    paced.after(Usage(0, 3000, 60, 60))
    paced.before()
    assert stop.waited == pytest.approx(2.5)


def test_the_last_known_usage_is_kept() -> None:
    paced = pace()
    assert paced.usage is None
    paced.after(Usage(5, 3000, 2, 60))
    assert paced.usage == Usage(5, 3000, 2, 60)
