"""The clock, and the zone in which the vendor writes its moments."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sandbox.clock import Clock as SharedClock
from sandbox.values import DAY, stamp

PACIFIC = "America/Los_Angeles"
TURNS = DAY  # stands for the offset of a day on which the offset changes


class Clock(SharedClock):
    """The shared clock, which also reads as a wall clock at the vendor's."""

    def __init__(self, now: int, zone: str = PACIFIC) -> None:
        super().__init__(now)
        self.zone = ZoneInfo(zone)
        self._pacific = ZoneInfo(PACIFIC)
        self._offsets: dict[int, int] = {}

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
        return self.day(self._pacific)
