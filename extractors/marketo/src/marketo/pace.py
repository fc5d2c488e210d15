"""Keeping within the instance's limits, which all its integrations share (sources/marketo.md §2).

100 calls in 20 seconds and 10 at once are allowed; half of each is ours, as the vendor advises. When Marketo says that the rate is
reached all the same, by somebody else, every thread of ours waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pyrate_limiter import Limiter, Rate

from transload.errors import Interrupted

CALLS, WINDOW_SECONDS, IN_FLIGHT = 50, 20.0, 5
# "CST" and "Central Time" are both written where the day is said to begin (§2).
RESET_ZONE = ZoneInfo("America/Chicago")


def midnight(now: datetime, days: int = 0) -> datetime:
    """When the day's quotas were reset last, in UTC (§2); of one day later, when they are reset next."""
    day = now.astimezone(RESET_ZONE).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=RESET_ZONE).astimezone(UTC)


def next_midnight(now: datetime) -> datetime:
    """When the day's quotas are reset next, in UTC (§2)."""
    return midnight(now, days=1)


class Pace:
    """What every counted call goes through; safe to use from many threads.

    Args:
        stop: ends waits when it is set.
        spend: called before each counted call, such as the account's ledger's; what it raises keeps the call from being made.
        calls: at most so many in a window.
        seconds: how long a window is.
        in_flight: at most so many calls at once.
    """

    def __init__(
        self,
        stop: threading.Event,
        spend: Callable[[], None] = lambda: None,
        *,
        calls: int = CALLS,
        seconds: float = WINDOW_SECONDS,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self.window_seconds = seconds
        self._stop, self._spend = stop, spend
        self._slots = threading.BoundedSemaphore(in_flight)
        self._limiter = Limiter(Rate(calls, round(seconds * 1000)))
        self._lock = threading.Lock()
        self._resume_at = 0.0
        self._calls = 0

    def close(self) -> None:
        """End the limiter's own thread."""
        self._limiter.close()

    @property
    def calls(self) -> int:
        """Calls made so far that count against the day's quota."""
        return self._calls

    @contextmanager
    def slot(self) -> Iterator[None]:
        """One of the calls in flight, begun when the rate allows it.

        Raises:
            Interrupted: the run is to end.
        """
        while not self._slots.acquire(timeout=1.0):
            if self._stop.is_set():
                raise Interrupted(15)
        try:
            self._wait(lambda: self._resume_at - time.monotonic())
            self._wait(lambda: 0.0 if self._limiter.try_acquire(blocking=False) else 0.25)
            yield
        finally:
            self._slots.release()

    def spend(self) -> None:
        """Count one call, just before it is made."""
        self._spend()
        with self._lock:
            self._calls += 1

    def give_back(self) -> None:
        """The last call was refused with a code that does not count (§2). The ledger keeps it: it never says too little."""
        with self._lock:
            self._calls -= 1

    def pause(self, seconds: float) -> None:
        """Let no call begin for so long."""
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def _wait(self, seconds_left: Callable[[], float]) -> None:
        while (seconds := seconds_left()) > 0:
            if self._stop.wait(min(seconds, 1.0)):
                raise Interrupted(15)
