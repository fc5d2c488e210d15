"""Usage counters and limits (sources/pestroutes.md §4)."""

from __future__ import annotations

import threading
from collections import deque

from sandbox.pestroutes.clock import Clock


class Limits:
    """Reads of the day and of the last 60 seconds. A refused request is not counted (inferred)."""

    def __init__(self, clock: Clock, per_minute: int, per_day: int) -> None:
        self.per_minute = per_minute
        self.per_day = per_day
        self._clock = clock
        self._lock = threading.Lock()
        self._days: dict[str, int] = {}
        self._recent: deque[float] = deque()

    def count(self) -> str | None:
        """Count one read, or name the limit that refuses it."""
        with self._lock:
            minute = self._minute()
            day = self._clock.pacific_day()
            if self._days.get(day, 0) >= self.per_day:
                return "day"
            if minute >= self.per_minute:
                return "minute"
            self._days[day] = self._days.get(day, 0) + 1
            self._recent.append(self._clock.ticking)
            return None

    def usage(self, floor: str | None = None) -> dict[str, int]:
        """tokenUsage; with `floor` that counter is at its limit at least."""
        with self._lock:
            today, minute = self._days.get(self._clock.pacific_day(), 0), self._minute()
        return {
            "requestsReadToday": max(today, self.per_day) if floor == "day" else today,
            "requestsWriteToday": 0,
            "requestsReadInLastMinute": max(minute, self.per_minute) if floor == "minute" else minute,
            "requestsWriteInLastMinute": 0,
        }

    def limits(self) -> dict[str, int]:
        """tokenLimits."""
        return {
            "limitReadRequestsPerMinute": self.per_minute,
            "limitReadRequestsPerDay": self.per_day,
            "limitWriteRequestsPerMinute": self.per_minute,
            "limitWriteRequestsPerDay": self.per_day,
        }

    def history(self, today_only: bool) -> list[dict[str, object]]:
        """What documentation/usage reports: the past week, or today."""
        with self._lock:
            days = {self._clock.pacific_day(): 0} | self._days
        chosen = sorted(days)[-1:] if today_only else sorted(days)[-7:]
        return [{"date": day, "requestsRead": days[day], "requestsWrite": 0} for day in chosen]

    def _minute(self) -> int:
        horizon = self._clock.ticking - 60
        while self._recent and self._recent[0] <= horizon:
            self._recent.popleft()
        return len(self._recent)
