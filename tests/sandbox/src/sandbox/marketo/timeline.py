"""When things happen: live time, and things that happen in it evenly."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.values import DAY, day_text, mix, time_text

HOUR = 3600


class Timeline:
    """Live seconds, counted from the tenant's first, and the instants at which they are.

    The clock can be moved without anything happening: such a stretch has no live seconds.
    """

    def __init__(self, start: int, now: int) -> None:
        self.start = start
        self.live = now - start  # seconds lived until now
        self._firsts = [0]  # of each stretch, its first live second ...
        self._shifts = [start]  # ... and what makes an instant of it

    def move(self, seconds: int, changes: bool) -> None:
        """Time passes."""
        if changes:
            self.live += seconds
        else:
            self._firsts.append(self.live + 1)
            self._shifts.append(self._shifts[-1] + seconds)

    def instant(self, live: int) -> int:
        """When a live second is."""
        return live + self._shifts[max(0, bisect_right(self._firsts, live) - 1)]

    def first(self, instant: int) -> int:
        """The first live second at or after an instant."""
        for n, (first, shift) in enumerate(zip(self._firsts, self._shifts, strict=True)):
            live = max(first, instant - shift) if n else instant - shift
            if n + 1 == len(self._firsts) or live < self._firsts[n + 1]:
                return live
        return instant - self._shifts[-1]


@dataclass(frozen=True)
class Pulse:
    """Things that happen `count` times in `span` live seconds, from `start` on, at odd moments.

    Thing n has its own stretch, so the things of a window are found by arithmetic. If they are not many, one whose
    stretch holds a full hour happens just then: windows that share an end share it (sources/marketo.md §6).
    """

    salt: int
    count: int
    span: int = DAY
    start: int = 0

    def live(self, n: int) -> int:
        """When thing n happens."""
        if self.count < self.span:
            low, high = n * self.span // self.count, ((n + 1) * self.span - 1) // self.count
            edge = high // HOUR * HOUR
            if edge >= low:
                return self.start + edge
        return self.start + ((n << 16) + (mix(self.salt, n) & 0xFFFF)) * self.span // (self.count << 16)

    def first(self, live: int) -> int:
        """The first thing at or after a live second."""
        n = max(0, (live - self.start) * self.count // self.span - 1)
        while self.live(n) < live:
            n += 1
        return n


def iso(instant: int) -> str:
    """`2026-10-02T09:15:00Z` (sources/marketo.md §7)."""
    return f"{day_text(instant)}T{time_text(instant)}Z"


def odd_iso(instant: int) -> str:
    """`2026-11-18T15:25:35Z+0000`, as assets write it (sources/marketo.md §5)."""
    return iso(instant) + "+0000"


def read_instant(text: str) -> int:
    """Seconds since the epoch of a moment as a client may write it; without an offset it is UTC.

    Raises ValueError if it is none.
    """
    if text.endswith("Z+0000"):
        text = text[:-6] + "+00:00"
    parsed = datetime.fromisoformat(text)
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
