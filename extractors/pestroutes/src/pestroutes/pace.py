"""Keeping within the account's quota, which other integrations draw on as well (sources/pestroutes.md §4).

PestRoutes says in every answer how many reads were used today and in the last minute, and what the limits are. We use our
share of them (all but the reserve): a rate limiter spreads our own reads over the minute, and what the answers say of everybody's
reads makes us wait, or stop for the day.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pyrate_limiter import Duration, Limiter, Rate

from transload.errors import Interrupted, QuotaExhausted
from transload.window import iso

# When the day's quota is reset is not documented (§4): midnight on the vendor's coast is assumed.
RESET_ZONE = ZoneInfo("America/Los_Angeles")

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer says: reads used, and allowed, by everybody who shares the quota."""

    day_used: int
    day_limit: int
    minute_used: int
    minute_limit: int


class Pace:
    """Called before each read and after each answer; safe to use from many threads.

    Args:
        reserve: percent of each limit that is left to others.
        stop: ends waits when it is set.
        clock: gives the aware present.
        minute: how many seconds the vendor's minute has; for tests.
    """

    def __init__(
        self, reserve: int, stop: threading.Event, clock: Callable[[], datetime], minute: float | None = None
    ) -> None:
        self._minute = _MINUTE if minute is None else minute
        self._reserve, self._stop, self._clock = reserve, stop, clock
        self._lock = threading.Lock()
        self._limiter: Limiter | None = None
        self._minute_limit = 0
        self._resume_at = 0.0
        self._usage: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        """What the last answer that told said of the quota."""
        return self._usage

    def left(self) -> dict[str, int]:
        """What is left of our share of the day."""
        usage = self._usage
        if usage is None:
            return {}
        return {"reads_left_today": max(0, self._ours(usage.day_limit) - usage.day_used)}

    def before(self) -> None:
        """Wait until one more read keeps within the minute.

        Raises:
            QuotaExhausted: our share of the day is used up.
            Interrupted: the run is to end.
        """
        self._check_day()
        self._wait(lambda: self._resume_at - time.monotonic())
        limiter = self._limiter
        if limiter is not None:
            self._wait(lambda: 0.0 if limiter.try_acquire(blocking=False) else 0.25)

    def after(self, usage: Usage) -> None:
        """Learn from an answer."""
        with self._lock:
            self._usage = usage
            if usage.minute_limit > 0 and usage.minute_limit != self._minute_limit:
                self._minute_limit = usage.minute_limit
                self.close()
                self._limiter = Limiter(Rate(self._ours(usage.minute_limit), Duration.MINUTE))
            if usage.minute_limit > 0 and usage.minute_used >= self._ours(usage.minute_limit):
                # The whole minute: went we on before, several processes that share the quota would use up the reserve.
                self._resume_at = max(self._resume_at, time.monotonic() + self._minute)

    def close(self) -> None:
        """End the limiter's own thread."""
        if self._limiter is not None:
            self._limiter.close()

    def exhausted(self, usage: Usage) -> bool:
        """Whether a refusal is explained by a limit: used up, whatever the text says (sources/pestroutes.md §4)."""
        return self.day_exhausted(usage) or 0 < usage.minute_limit <= usage.minute_used

    def day_exhausted(self, usage: Usage) -> bool:
        """Whether the whole day's limit is used up."""
        return 0 < usage.day_limit <= usage.day_used

    def back_tomorrow(self) -> QuotaExhausted:
        """The error that says when the day's quota is reset."""
        usage = self._usage
        local = self._clock().astimezone(RESET_ZONE)
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        # A little later: nobody's clock is exact.
        retry_at = (midnight + timedelta(minutes=5)).astimezone(UTC)
        used = f"{usage.day_used} of {usage.day_limit} reads are used today" if usage else "today's reads are used up"
        return QuotaExhausted(
            f"PestRoutes' quota: {used}, and {self._reserve} % are left to other integrations (--reserve). "
            f"Run the same command again after {iso(retry_at)}; it goes on from its checkpoint",
            retry_at,
        )

    def _check_day(self) -> None:
        usage = self._usage
        if usage is not None and usage.day_limit > 0 and usage.day_used >= self._ours(usage.day_limit):
            raise self.back_tomorrow()

    def _ours(self, limit: int) -> int:
        """Our share of a limit: at least one read, unless the limit is not known."""
        return max(1, limit * (100 - self._reserve) // 100) if limit > 0 else 0

    def _wait(self, seconds_left: Callable[[], float]) -> None:
        while (seconds := seconds_left()) > 0:
            if self._stop.wait(min(seconds, 1.0)):
                raise Interrupted(15)
