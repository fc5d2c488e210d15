"""The activities: those that come by themselves, and those that tell of what happened to leads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from sandbox.marketo.activity_types import DELETE_LEAD, LATE, TYPES, VARIANTS, Variant, rest_attributes, variants
from sandbox.marketo.cells import NULL, Cell
from sandbox.marketo.events import BIRTH, CHANGE, DEATH, MERGE, Events
from sandbox.marketo.fields import Column
from sandbox.marketo.forms import Form, cell_of
from sandbox.marketo.leads import FIRST_ID, Leads
from sandbox.marketo.timeline import Pulse, Timeline, iso
from sandbox.values import MASK, mix, salt

FIRST_GUID = 4_294_967_301
DEFAULT_COLUMNS = (
    "marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId", "primaryAttributeValueId",
    "primaryAttributeValue", "attributes",
)  # fmt: skip
COLUMNS = (*DEFAULT_COLUMNS, "actionResult")
_CHUNK = 4096
_OFFSETS = [1 << 53 if n == 9 else 0 for n in range(64)]
_LEAD_OFFSETS = [Leads.id_of(n) - n - FIRST_ID for n in range(50)]


class Activity(NamedTuple):
    """One activity."""

    guid: str
    id: int
    lead: int  # its position
    instant: int
    type: int
    variant: Variant

    def cells(self) -> dict[str, Cell]:
        """All its columns."""
        v = self.variant
        attributes = Cell(v.attributes, msgspec.json.encode(v.attributes).decode(), rest_attributes(v.attributes))
        values = (self.guid, Leads.id_of(self.lead), iso(self.instant), self.type, v.campaign, v.primary_id, v.primary)
        found = dict(zip(DEFAULT_COLUMNS, map(cell_of, values), strict=False))
        return found | {"attributes": attributes, "actionResult": cell_of(v.result), "id": cell_of(self.id)}


@dataclass(frozen=True)
class Wanted:
    """Which activities are asked for."""

    types: frozenset[int] | None = None
    primary_ids: frozenset[int] | None = None
    primaries: frozenset[str] | None = None
    leads: frozenset[int] | None = None  # positions
    held_back: int = 0  # seconds by which half of the activities are committed late

    def has(self, type_: int, variant: Variant) -> bool:
        """Whether such an activity is among them."""
        return (
            (self.types is None or type_ in self.types)
            and (self.primary_ids is None or variant.primary_id in self.primary_ids)
            and (self.primaries is None or variant.primary in self.primaries)
        )


Position = tuple[int, int]  # the next activity of its own, the next event


class Activities:
    """Activities that come by themselves are numbered; each follows from its number."""

    def __init__(self, seed: int, leads: Leads, timeline: Timeline, per_day: int, late_minutes: int) -> None:
        self.leads = leads
        self.events: Events = leads.events
        self.timeline = timeline
        self.salt = salt(seed, "activities")
        self.pulse = Pulse(self.salt, per_day)
        self.late = late_minutes * 60
        self.doers = max(1, self.events.base // 2)  # leads that were there before the first activity
        self.variants = [variants(seed, type_) for type_ in TYPES]
        self._kinds = [k for k, type_ in enumerate(TYPES) for _ in range(type_.weight)]
        assert len(self._kinds) == 1000, "weights are shares of 1000"

    # --- one

    def own(self, n: int) -> Activity:
        """Activity n of those that come by themselves."""
        h = mix(self.salt, n)
        kind = self._kinds[h % 1000]
        id_ = FIRST_GUID + n + _OFFSETS[n & 63]
        instant = self.timeline.instant(self.pulse.live(n))
        variant = self.variants[kind][h >> 40 & VARIANTS - 1]
        return Activity(str(id_), id_, (h >> 16) % self.doers, instant, TYPES[kind].id, variant)

    def guid_of(self, m: int) -> str:
        """The key of the activity that tells of event m."""
        return f"{m:08x}-e7e7-4000-8000-{self.events.hash(m) >> 16:012x}"

    def of_event(self, m: int) -> Activity:
        """The activity that tells of event m."""
        kind, lead = self.events.kind(m), self.events.lead[m]
        return Activity(
            self.guid_of(m), 6_000_000_000 + m, lead, self.events.instant(m), kind, self._telling(m, kind, lead)
        )

    def _telling(self, m: int, kind: int, lead: int) -> Variant:
        if kind == BIRTH:
            source: dict[str, object] = {"Source Type": "Web form fillout", "Form Name": "Quote", "Lead Source": None}
            return Variant(None, None, None, source, "succeeded")
        if kind == DEATH:
            text = f"Lead {Leads.id_of(lead)}"
            return Variant(7, Leads.id_of(lead), text, {"Campaign": "Clean up", "Remove From CRM": False}, "succeeded")
        if kind == MERGE:
            victim = Leads.id_of(self.events.victim[m])
            merged: dict[str, object] = {"Master Updated": True, "Merge IDs": f"[{victim}]", "Merged in Sales": False}
            return Variant(None, Leads.id_of(lead), f"Lead {Leads.id_of(lead)}", merged, "succeeded")
        column, old, new = self.leads.change_of(m)
        return change_variant(column, _told(new), _told(old))

    def lateness(self, activity_hash: int, type_: int, wanted: Wanted) -> int:
        """Seconds between an activity's moment and the one from which clients see it."""
        late = 60 + (activity_hash >> 44) % self.late if type_ == LATE and self.late else 0
        return late + (wanted.held_back if activity_hash & 0x80000 else 0)

    # --- a page of REST

    def position(self, instant: int) -> Position:
        """Where to begin to see what is at or after an instant."""
        live = self.timeline.first(instant)
        return max(0, self.pulse.first(live)), max(0, self.events.pulse.first(live))

    def page(
        self, position: Position, wanted: Wanted, now: int, batch: int, scan: int
    ) -> tuple[list[Activity], Position, bool]:
        """Look at no more than `scan` activities for no more than `batch`; where that ended, and whether more come.

        So a page may be short or empty before the end (sources/marketo.md §3).
        """
        n, m = position
        found: list[Activity] = []
        due = self.timeline.live
        for _ in range(scan):
            own = self.pulse.live(n)
            event = self.events.pulse.live(m) if m < len(self.events) else due + 1
            if len(found) == batch or min(own, event) > due:
                break
            if own <= event:
                activity, h, n = self.own(n), mix(self.salt, n), n + 1
            else:
                activity, h, m = self.of_event(m), 0, m + 1
            if not wanted.has(activity.type, activity.variant) or not _of(wanted, activity.lead):
                continue
            if activity.instant + self.lateness(h, activity.type, wanted) <= now:
                found.append(activity)
        more = self.pulse.live(n) <= due or m < len(self.events)
        return found, (n, m), more

    # --- a file of bulk extract

    def rows(
        self, start: int, end: int, wanted: Wanted, now: int, columns: Sequence[str], form: Form
    ) -> Iterator[list[str]]:
        """Those from one instant to another, both included, but for Delete Lead (sources/marketo.md §6). In blocks."""
        first = self.pulse.first(self.timeline.first(start))
        stop = self.pulse.first(min(self.timeline.first(end + 1), self.timeline.live + 1))
        events = self.events.within(start, end)
        done = events.start
        for low in range(first, stop, _CHUNK):
            high = min(low + _CHUNK, stop)
            yield self._own_rows(low, high, wanted, now, columns, form)
            upto = min(max(self.events.pulse.first(self.pulse.live(high)), done), events.stop)
            yield self._event_rows(range(done, upto), wanted, columns, form)
            done = upto
        yield self._event_rows(range(done, events.stop), wanted, columns, form)

    def _event_rows(self, events: range, wanted: Wanted, columns: Sequence[str], form: Form) -> list[str]:
        rows = []
        usual = tuple(columns[:3]) == DEFAULT_COLUMNS[:3] and "attributes" in columns
        anything = wanted.primaries is None and wanted.primary_ids is None
        changes = self._change_rows(tuple(columns[3:]), form) if usual and anything else None
        for m in events:
            kind = self.events.kind(m)
            if kind == DELETE_LEAD or (wanted.types is not None and kind not in wanted.types):
                continue
            if changes and kind == CHANGE:
                rows.append(changes.row(m))
                continue
            activity = self.of_event(m)
            if wanted.has(activity.type, activity.variant):
                cells = activity.cells()
                rows.append(form.row([(name, cells[name]) for name in columns]))
        return rows

    def _change_rows(self, columns: tuple[str, ...], form: Form) -> ChangeRows:
        if self._changes is None or self._changes.key != (columns, form):
            self._changes = ChangeRows(self, columns, form)
        return self._changes

    def _own_rows(self, low: int, high: int, wanted: Wanted, now: int, columns: Sequence[str], form: Form) -> list[str]:
        if tuple(columns[:3]) == DEFAULT_COLUMNS[:3]:
            return self._quick_rows(low, high, wanted, now, tuple(columns[3:]), form)
        rows = []
        for n in range(low, high):
            activity = self.own(n)
            late = self.lateness(mix(self.salt, n), activity.type, wanted)
            if wanted.has(activity.type, activity.variant) and activity.instant + late <= now:
                cells = activity.cells()
                rows.append(form.row([(name, cells[name]) for name in columns]))
        return rows

    def _quick_rows(
        self, low: int, high: int, wanted: Wanted, now: int, columns: tuple[str, ...], form: Form
    ) -> list[str]:
        """The same as above for the usual columns, without a function call for each row."""
        a, b, d, f = heads(form)
        tails = self._tails(wanted, columns, form)
        start, kinds, doers, instant, live = self.salt, self._kinds, self.doers, self.timeline.instant, self.pulse.live
        many, span, below = self.pulse.count >= self.pulse.span, self.pulse.span, self.pulse.count << 16
        shift, date, last = instant(live(low)) - live(low), "", -1
        steady = instant(live(high)) - live(high) == shift
        fresh = instant(live(high)) + self.late + 60 + wanted.held_back > now  # some may not be committed yet
        rows: list[str] = []
        for n in range(low, high):
            x = (n * 0x9E3779B97F4A7C15 + start) & MASK  # values.mix
            x = ((x ^ (x >> 31)) * 0xBF58476D1CE4E5B9) & MASK
            x ^= x >> 29
            kind = kinds[x % 1000]
            tail = tails[kind][x >> 40 & 63]
            if tail is None:
                continue
            second = ((n << 16) + (x & 0xFFFF)) * span // below if many else live(n)
            if second != last:
                last, date = second, iso(second + shift if steady else instant(second))
            if fresh and instant(second) + self.lateness(x, TYPES[kind].id, wanted) > now:
                continue
            lead = (x >> 16) % doers
            id_ = FIRST_GUID + n + _OFFSETS[n & 63]
            rows.append(f"{a}{id_}{b}{_LEAD_OFFSETS[lead % 50] + FIRST_ID + lead}{d}{date}{f}{tail}")
        return rows

    def _tails(self, wanted: Wanted, columns: tuple[str, ...], form: Form) -> list[list[str | None]]:
        """What follows the first three columns, for each type and variant; None if it is not wanted."""
        key = (wanted, columns, form)
        if self._made_tails is None or self._made_tails[0] != key:
            tails = [
                [self.tail(type_.id, v, columns, form) if wanted.has(type_.id, v) else None for v in self.variants[k]]
                for k, type_ in enumerate(TYPES)
            ]
            self._made_tails = key, tails
        return self._made_tails[1]

    @staticmethod
    def tail(type_: int, variant: Variant, columns: tuple[str, ...], form: Form) -> str:
        """What follows the first three columns."""
        cells = Activity("", 0, 0, 0, type_, variant).cells()
        texts = [form.cell(name, cells[name]) for name in columns]
        return "".join(form.separator + text for text in texts) + form.after

    _made_tails: tuple[object, list[list[str | None]]] | None = None
    _changes: ChangeRows | None = None


def heads(form: Form) -> tuple[str, str, str, str]:
    """What stands before the GUID, the lead's id and the date of a row, and after the date."""
    (a, b), (c, d), (e, f) = (form.plain(name, name != "leadId") for name in DEFAULT_COLUMNS[:3])
    return form.before + a, b + form.separator + c, d + form.separator + e, f


class ChangeRows:
    """Rows of Change Data Value, put together from texts made once: leads change often."""

    def __init__(self, activities: Activities, columns: tuple[str, ...], form: Form) -> None:
        self.key = (columns, form)
        self._activities = activities
        self._heads = heads(form)
        self._made: dict[str, tuple[str, str, str, dict[Cell, str]]] = {}

    def row(self, m: int) -> str:
        """The row of a change."""
        activities = self._activities
        a, b, d, f = self._heads
        column, old, new = activities.leads.change_of(m)
        if column.name not in self._made:
            self._made[column.name] = self._texts(column)
        first, second, third, values = self._made[column.name]
        id_ = Leads.id_of(activities.events.lead[m])
        date = iso(activities.events.instant(m))
        return f"{a}{activities.guid_of(m)}{b}{id_}{d}{date}{f}{first}{values[new]}{second}{values[old]}{third}"

    def _texts(self, column: Column) -> tuple[str, str, str, dict[Cell, str]]:
        """What stands before, between and after the new and the old value; and how each value is written there."""
        columns, form = self.key
        told: dict[str, object] = {"New Value": 1111111111, "Old Value": 2222222222}
        first, second, third = re.split("1111111111|2222222222", self._tail(column, told, columns, form))
        values = {}
        for cell in set(self._activities.leads.values_of(column)):
            tail = self._tail(column, told | {"New Value": _told(cell)}, columns, form)
            values[cell] = tail[len(first) : tail.rindex(second + "2222222222")]
        return first, second, third, values

    def _tail(self, column: Column, told: Mapping[str, object], columns: tuple[str, ...], form: Form) -> str:
        return self._activities.tail(
            CHANGE, change_variant(column, told["New Value"], told["Old Value"]), columns, form
        )


def change_variant(column: Column, new: object, old: object) -> Variant:
    """Change Data Value of a column."""
    attributes = {"New Value": new, "Old Value": old, "Source": "Web service API"}
    return Variant(None, column.id, column.label, attributes, "succeeded")


def _of(wanted: Wanted, lead: int) -> bool:
    return wanted.leads is None or lead in wanted.leads


def _told(cell: Cell) -> str | None:
    """Old and new values are text."""
    return None if cell is NULL or cell.truth is None else cell.bulk
