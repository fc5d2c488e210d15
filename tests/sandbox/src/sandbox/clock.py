"""The sandboxes' clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def parse_instant(text: str) -> int:
    """Seconds since the epoch of an ISO instant; without an offset it is UTC."""
    parsed = datetime.fromisoformat(text)
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


class Clock:
    """Two readings: `now`, the data's moment, moves only on request; `ticking` also runs with real time.

    Data must not change by itself, or a run could not be repeated. Usage counters must recover while a client
    sleeps, or a client that waits out a minute limit would wait for ever.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self._real = time.monotonic()

    @property
    def ticking(self) -> float:
        """Seconds since the epoch, running."""
        return self.now + (time.monotonic() - self._real)

    def move(self, now: int) -> None:
        """Go forward; time never goes back."""
        if now < self.now:
            raise ValueError("the clock only goes forward")
        self.now = now

    def day(self, zone: ZoneInfo) -> str:
        """The day that it is in a zone, by the running reading."""
        return datetime.fromtimestamp(self.ticking, zone).date().isoformat()

    def iso(self) -> str:
        """`now` for people."""
        return datetime.fromtimestamp(self.now, UTC).isoformat()
