"""What happens to leads: they change, are created, deleted and merged.

Events come evenly in live time and are worked off in their order, so the state at a moment does not depend on the
steps in which the clock came there. Each event knows the one before it of the same lead; that chain is its history.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from sandbox.marketo.timeline import Pulse, Timeline
from sandbox.values import DAY, mix, salt

CHANGE, BIRTH, DEATH, MERGE = 13, 12, 37, 32  # also the types of their activities (sources/marketo.md §3)
_KINDS = [CHANGE] * 32
_KINDS[3] = _KINDS[11] = _KINDS[19] = _KINDS[27] = BIRTH
_KINDS[9], _KINDS[21] = DEATH, MERGE


class Events:
    """All that has happened to `count` leads and those born since."""

    def __init__(self, seed: int, count: int, per_day: int, timeline: Timeline, since: int) -> None:
        self.base = count
        self.salt = salt(seed, "events")
        self.pulse = Pulse(salt(seed, "event times"), per_day, DAY, since)
        self.timeline = timeline
        self.lead = array("q")  # of each event, the lead ...
        self.before = array("q")  # ... and the event before it of the same lead, or -1
        self.last = array("q", [-1]) * count  # of each lead, its last event
        self.born = array("q")  # of each lead after the first `count`, the event of its birth
        self.gone: dict[int, int] = {}  # lead that was deleted or merged away -> the event
        self.victim: dict[int, int] = {}  # merge -> the lead that vanished in it

    def __len__(self) -> int:
        return len(self.lead)

    @property
    def leads(self) -> int:
        """How many there have ever been."""
        return len(self.last)

    def run(self) -> dict[str, int]:
        """Work off what is due; how many of each kind."""
        due = self.timeline.live
        counts = {CHANGE: 0, BIRTH: 0, DEATH: 0, MERGE: 0}
        m = len(self.lead)
        while self.pulse.live(m) <= due:
            counts[self._happen(m)] += 1
            m += 1
        return {"changed": counts[CHANGE], "born": counts[BIRTH], "deleted": counts[DEATH], "merged": counts[MERGE]}

    def kind(self, m: int) -> int:
        """What event m is. A tenant with hardly any leads keeps them."""
        if m in self.victim:
            return MERGE
        kind = _KINDS[m & 31]
        if kind == DEATH:
            return DEATH if self.gone.get(self.lead[m]) == m else CHANGE
        return CHANGE if kind == MERGE else kind

    def instant(self, m: int) -> int:
        """When it was."""
        return self.timeline.instant(self.pulse.live(m))

    def hash(self, m: int) -> int:
        """64 bits of its own."""
        return mix(self.salt, m)

    def chain(self, lead: int) -> Iterator[int]:
        """The events of a lead, the last one first."""
        m = self.last[lead]
        while m >= 0:
            yield m
            m = self.before[m]

    def within(self, start: int, end: int) -> range:
        """The events from one instant to another, both included."""
        first = self.pulse.first(self.timeline.first(start))
        stop = self.pulse.first(self.timeline.first(end + 1))
        return range(min(first, len(self)), min(stop, len(self)))

    def _happen(self, m: int) -> int:
        kind = _KINDS[m & 31]
        if kind == BIRTH:
            self.born.append(m)
            self.last.append(-1)
            self._note(m, len(self.last) - 1)
            return BIRTH
        h = self.hash(m)
        lead = self._living(h >> 20)
        scarce = len(self.last) - len(self.gone) < 3
        if kind == DEATH and not scarce:
            self.gone[lead] = m
        elif kind == MERGE and not scarce:
            victim = self._living(h >> 28, but=lead)
            self.gone[victim] = m
            self.victim[m] = victim
        else:
            kind = CHANGE
        self._note(m, lead)
        return kind

    def _note(self, m: int, lead: int) -> None:
        self.lead.append(lead)
        self.before.append(self.last[lead])
        self.last[lead] = m

    def _living(self, h: int, but: int = -1) -> int:
        lead = h % len(self.last)
        while lead in self.gone or lead == but:
            lead = (lead + 1) % len(self.last)
        return lead
