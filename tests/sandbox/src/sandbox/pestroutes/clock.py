"""The sandbox's clock, and the zone in which the vendor writes its moments."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sandbox.pestroutes.values import DAY, stamp

PACIFIC = "America/Los_Angeles"
TURNS = DAY  # stands for the offset of a day on which the offset changes


def parse_instant(text: str) -> int:
    """Seconds since the epoch of an ISO instant; without an offset it is UTC."""
    parsed = datetime.fromisoformat(text)
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


class Clock:
    """Two readings: `now`, the data's moment, moves only on request; `ticking` also runs with real time.

    Data must not change by itself, or a run could not be repeated. Usage counters must recover while a client
    sleeps, or a client that waits out a minute limit would wait for ever.
    """

    def __init__(self, now: int, zone: str = PACIFIC) -> None:
        self.now = now
        self.zone = ZoneInfo(zone)
        self._pacific = ZoneInfo(PACIFIC)
        self._real = time.monotonic()
        self._offsets: dict[int, int] = {}

    @property
    def ticking(self) -> float:
        """Seconds since the epoch, running."""
        return self.now + (time.monotonic() - self._real)

    def move(self, now: int) -> None:
        """Go forward; time never goes back."""
        if now < self.now:
            raise ValueError("the clock only goes forward")
        self.now = now

    def wall(self, instant: int) -> int:
        """The instant as a wall clock in the vendor's zone shows it: seconds as if that were UTC.

        Zone and daylight saving as in sources/pestroutes.md §5: disputed, Pacific by default.
        """
        day = instant // DAY
        offset = self._offsets.get(day)
        if offset is None:
            first, last = self._offset(day * DAY), self._offset(day * DAY + DAY - 1)
            offset = self._offsets[day] = first if first == last else TURNS
        return instant + (self._offset(instant) if offset == TURNS else offset)

    def stamp(self, instant: int) -> str:
        """The instant as `YYYY-MM-DD HH:MM:SS` in the vendor's zone."""
        return stamp(self.wall(instant))

    def _offset(self, instant: int) -> int:
        offset = datetime.fromtimestamp(instant, self.zone).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def pacific_day(self) -> str:
        """The day to which a read is counted: from Pacific midnight on (sources/pestroutes.md §4, inferred)."""
        return datetime.fromtimestamp(self.ticking, self._pacific).date().isoformat()

    def iso(self) -> str:
        """`now` for people."""
        return datetime.fromtimestamp(self.now, UTC).isoformat()
