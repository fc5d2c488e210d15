"""Quotas and limits of calls (sources/marketo.md §2)."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime
from zoneinfo import ZoneInfo

from sandbox.clock import Clock
from sandbox.marketo.settings import CENTRAL, Settings

ZONE = ZoneInfo(CENTRAL)
WINDOW = 20


class Limits:
    """Calls of the day, of the last 20 seconds, and in flight; and what has been refused."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._lock = threading.Lock()
        self._calls: dict[str, dict[str, int]] = {}  # day -> user -> calls
        self._errors: dict[str, dict[str, int]] = {}  # day -> code -> answers
        self._recent: deque[float] = deque()
        self._in_flight = 0

    def today(self) -> str:
        """The day of the quotas: it begins at midnight in Chicago (sources/marketo.md §2, inferred)."""
        return self._clock.day(ZONE)

    def day_of(self, instant: float) -> str:
        """The day of an instant."""
        return datetime.fromtimestamp(instant, ZONE).date().isoformat()

    def enter(self, user: str) -> str | None:
        """A call begins: it is counted, or the code says what refuses it. `leave` must follow in any case."""
        with self._lock:
            self._in_flight += 1
            day = self._calls.setdefault(self.today(), {})
            if sum(day.values()) >= self._settings.day_limit:
                return "607"
            day[user] = day.get(user, 0) + 1
            if self._in_flight > self._settings.concurrency:
                return "615"
            now = self._clock.ticking
            while self._recent and self._recent[0] <= now - WINDOW:
                self._recent.popleft()
            if len(self._recent) >= self._settings.rate_limit:
                return "606"
            self._recent.append(now)
            return None

    def leave(self) -> None:
        """The call's answer has been sent."""
        with self._lock:
            self._in_flight -= 1

    def uncount(self, user: str) -> None:
        """The call turned out to be free."""
        with self._lock:
            day = self._calls.setdefault(self.today(), {})
            day[user] = max(0, day.get(user, 0) - 1)

    def failed(self, code: str) -> None:
        """Remember a refusal for the statistics."""
        with self._lock:
            day = self._errors.setdefault(self.today(), {})
            day[code] = day.get(code, 0) + 1

    def usage(self, days: int) -> list[dict[str, object]]:
        """stats/usage: `total` must be there (sources/marketo.md §4)."""
        with self._lock:
            calls: dict[str, dict[str, int]] = {self.today(): {}} | self._calls
            return [
                {
                    "date": day,
                    "total": sum(calls[day].values()),
                    "users": [{"userId": f"{user}@example.com", "count": n} for user, n in calls[day].items()],
                }
                for day in sorted(calls)[-days:]
            ]

    def errors(self, days: int) -> list[dict[str, object]]:
        """stats/errors."""
        with self._lock:
            errors: dict[str, dict[str, int]] = {self.today(): {}} | self._errors
            return [
                {
                    "date": day,
                    "total": sum(errors[day].values()),
                    "errors": [{"errorCode": code, "count": n} for code, n in errors[day].items()],
                }
                for day in sorted(errors)[-days:]
            ]

    def quota(self) -> dict[str, object]:
        """For the controls."""
        with self._lock:
            used = sum(self._calls.get(self.today(), {}).values())
            return {
                "day": self.today(),
                "calls": used,
                "call_limit": self._settings.day_limit,
                "in_flight": self._in_flight,
            }
