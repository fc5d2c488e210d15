"""The leads: which there are, and their values after all that happened to them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from sandbox.marketo.cells import Cell, pool
from sandbox.marketo.events import BIRTH, DEATH, Events
from sandbox.marketo.fields import BY_NAME, CHANGEABLE, Column
from sandbox.marketo.forms import Form, cell_of
from sandbox.marketo.timeline import Pulse, Timeline, iso
from sandbox.values import mix, salt

# Ids beyond 32 bits, and beyond what a double holds (sources/marketo.md §8).
_OFFSETS = [0] * 50
_OFFSETS[7], _OFFSETS[23] = 1 << 31, 1 << 53
FIRST_ID = 1001

Piece = tuple[int, Sequence[str] | Callable[[int], str]]  # family and its texts, or -1 and what makes the text
Singles = list[tuple[str, list[str]]]  # columns and their texts


class Leads:
    """Leads are known by their position: the first ones, in the order of their creation, and then those born since."""

    def __init__(self, seed: int, events: Events, timeline: Timeline, made: Pulse, settled: int) -> None:
        self.seed = seed
        self.events = events
        self.timeline = timeline
        self.made = made  # when the first ones were created
        self.settled = settled  # the instant before which each of them was last updated, if never in an event
        self.salt = salt(seed, "leads")
        self._last_created = -1, 0
        self._by_update: tuple[array[int], list[int]] | None = None

    # --- identity and moments

    @staticmethod
    def id_of(lead: int) -> int:
        """The id."""
        return _OFFSETS[lead % 50] + FIRST_ID + lead

    def find(self, id_: int) -> int | None:
        """The living lead of an id."""
        for offset in (1 << 53, 1 << 31, 0):
            if id_ >= offset + FIRST_ID:
                lead = id_ - offset - FIRST_ID
                known = lead < self.events.leads and lead not in self.events.gone
                return lead if known and _OFFSETS[lead % 50] == offset else None
        return None

    def created(self, lead: int) -> int:
        """When it came to be."""
        known, instant = self._last_created
        if known == lead:
            return instant
        if lead < self.events.base:
            instant = self.timeline.instant(self.made.live(lead))
            self._last_created = lead, instant  # asked for twice in a row of a file
            return instant
        return self.events.instant(self.events.born[lead - self.events.base])

    def updated(self, lead: int, visible: bool = False) -> int:
        """When it last changed; `visible` leaves out what the updatedAt field does not follow (sources/marketo.md §6)."""
        if self.events.last[lead] < 0:
            return self._first_update(lead)
        for m in self.events.chain(lead):
            if not visible or self.events.kind(m) == BIRTH or not self.spot(m)[0].silent:
                return self.events.instant(m)
        return self._first_update(lead)

    def _first_update(self, lead: int) -> int:
        created = self.created(lead)
        return created + mix(self.salt ^ 1, lead) % max(1, self.settled - created)

    # --- values

    def spot(self, m: int) -> tuple[Column, int]:
        """What an event changes: the column, and which of its values it takes."""
        h = self.events.hash(m)
        return CHANGEABLE[h % len(CHANGEABLE)], h >> 12 & 0xFF

    def changed(self, lead: int) -> dict[str, int]:
        """The columns that no longer have their first value."""
        found: dict[str, int] = {}
        for m in self.events.chain(lead):
            if self.events.kind(m) not in (BIRTH, DEATH):
                column, at = self.spot(m)
                found.setdefault(column.name, at)
        return found

    def cell(self, lead: int, column: Column, changed: dict[str, int]) -> Cell:
        """One value."""
        if not column.maker:
            return self._special(lead, column.name)
        at = changed.get(column.name)
        if at is None:
            at = mix(self.salt, lead).to_bytes(8, "big")[column.family]
        return self.values_of(column)[at]

    def cells(self, lead: int, columns: Iterable[Column]) -> list[tuple[str, Cell]]:
        """Names and values."""
        changed = self.changed(lead)
        return [(column.name, self.cell(lead, column, changed)) for column in columns]

    def change_of(self, m: int) -> tuple[Column, Cell, Cell]:
        """The column that an event changed, the value before and after."""
        column, at = self.spot(m)
        lead, earlier = self.events.lead[m], self.events.before[m]
        old = mix(self.salt, lead).to_bytes(8, "big")[column.family]
        while earlier >= 0:
            other, index = self.spot(earlier)
            if other is column and self.events.kind(earlier) not in (BIRTH, DEATH):
                old = index
                break
            earlier = self.events.before[earlier]
        values = self.values_of(column)
        return column, values[old], values[at]

    def values_of(self, column: Column) -> tuple[Cell, ...]:
        """The values that a column takes."""
        return pool(self.seed, column.name, column.maker)

    def _special(self, lead: int, name: str) -> Cell:
        if name not in _SPECIAL:  # a formula: REST says what it comes to
            return cell_of(f"{name} {lead % 7}") if BY_NAME[name].readable else cell_of(None)
        text, type_ = _SPECIAL[name][0](self, lead), _SPECIAL[name][1]
        return cell_of(int(text) if text is not None and type_ is int else text)

    # --- which

    def living(self) -> Iterator[int]:
        """All there are now."""
        return (lead for lead in range(self.events.leads) if lead not in self.events.gone)

    def created_within(self, start: int, end: int) -> Iterator[int]:
        """Those created from one instant to another, both included."""
        first = self.made.first(self.timeline.first(start))
        stop = self.made.first(self.timeline.first(end + 1))
        for lead in range(min(first, self.events.base), min(stop, self.events.base)):
            if lead not in self.events.gone:
                yield lead
        for m in self.events.within(start, end):
            if self.events.kind(m) == BIRTH and self.events.lead[m] not in self.events.gone:
                yield self.events.lead[m]

    def updated_within(self, start: int, end: int) -> Iterator[int]:
        """Those whose last change, of any field, is in a window; both ends included."""
        if start <= self.settled:
            moments, order = self._updates()
            for at in range(bisect_left(moments, start), bisect_right(moments, end)):
                lead = order[at]
                # One that was merged away may have had no event of its own.
                if self.events.last[lead] < 0 and lead not in self.events.gone:
                    yield lead
        for m in self.events.within(start, end):
            lead = self.events.lead[m]
            if self.events.last[lead] == m and lead not in self.events.gone:
                yield lead

    def _updates(self) -> tuple[array[int], list[int]]:
        """The first leads by their first update."""
        if self._by_update is None:
            moments = array("q", (self._first_update(lead) for lead in range(self.events.base)))
            order = sorted(range(len(moments)), key=moments.__getitem__)
            self._by_update = array("q", (moments[lead] for lead in order)), order
        return self._by_update

    # --- many at once

    def rows(self, leads: Iterable[int], columns: Sequence[Column], form: Form) -> Iterator[str]:
        """Each lead in a form. Texts of neighbouring columns of one family are made once, all together."""
        pieces, singles, places = self._pieces(columns, form)
        start, last = self.salt, self.events.last
        before, join, after = form.before, form.separator.join, form.after
        for lead in leads:
            h = mix(start, lead).to_bytes(8, "big")
            parts = [p[h[f]] if f >= 0 else p(lead) for f, p in pieces]  # type: ignore[operator,index]
            if last[lead] >= 0:
                changed = self.changed(lead)
                for place in {places[name] for name in changed if name in places}:
                    usual = h[pieces[place][0]]
                    parts[place] = join([texts[changed.get(name, usual)] for name, texts in singles[place]])
            yield before + join(parts) + after

    def _pieces(self, columns: Sequence[Column], form: Form) -> tuple[list[Piece], dict[int, Singles], dict[str, int]]:
        """The parts of a row; for those of several columns each one's texts; and in which part a column is."""
        pieces: list[Piece] = []
        singles: dict[int, Singles] = {}
        for column in columns:
            if not column.maker:
                pieces.append((-1, self._maker(column, form)))
                continue
            texts = [form.cell(column.name, cell) for cell in self.values_of(column)]
            if not pieces or pieces[-1][0] != column.family:
                pieces.append((column.family, texts))
            else:
                joined = pieces.pop()[1]
                assert not callable(joined)
                both = [form.separator.join(pair) for pair in zip(joined, texts, strict=True)]
                pieces.append((column.family, both))
            singles.setdefault(len(pieces) - 1, []).append((column.name, texts))
        return pieces, singles, {name: place for place, some in singles.items() for name, _ in some}

    def _maker(self, column: Column, form: Form) -> Callable[[int], str]:
        if column.name not in _SPECIAL:
            nothing = form.cell(column.name, cell_of(None))
            return lambda _: nothing
        text, type_ = _SPECIAL[column.name]
        before, after = form.plain(column.name, type_ is str)
        missing = form.cell(column.name, cell_of(None))

        def make(lead: int) -> str:
            value = text(self, lead)
            return missing if value is None else before + value + after

        return make


def _email(_: Leads, lead: int) -> str | None:
    return None if lead % 37 == 5 else f"o'user{lead}+tag@example.com"


def _erp_id(_: Leads, lead: int) -> str | None:
    return None if lead % 5 == 0 else str(9_007_199_254_740_993 + 2 * lead)


# Values that need no quoting in any form.
_SPECIAL: dict[str, tuple[Callable[[Leads, int], str | None], type]] = {
    "id": (lambda _, lead: str(_OFFSETS[lead % 50] + FIRST_ID + lead), int),
    "email": (_email, str),
    "createdAt": (lambda leads, lead: iso(leads.created(lead)), str),
    "updatedAt": (lambda leads, lead: iso(leads.updated(lead, visible=True)), str),
    "erpId_c": (_erp_id, int),
}
assert set(_SPECIAL) == {name for name, column in BY_NAME.items() if not column.maker and column.exportable}
