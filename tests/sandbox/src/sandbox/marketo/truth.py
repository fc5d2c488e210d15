"""What is true of the tenant now: what a client should have after a complete extraction (`/_sandbox/truth/...`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice

import msgspec

from sandbox.marketo import members, objects
from sandbox.marketo.activities import COLUMNS, Wanted
from sandbox.marketo.activity_types import TYPES
from sandbox.marketo.api import Api
from sandbox.marketo.assets import KINDS
from sandbox.marketo.events import DEATH, MERGE
from sandbox.marketo.fields import BY_NAME, EXPORTABLE, LEAD_COLUMNS
from sandbox.marketo.forms import TRUTH
from sandbox.marketo.leads import Leads
from sandbox.marketo.rest_activities import shown
from sandbox.marketo.rest_leads import described
from sandbox.marketo.timeline import iso, read_instant

Query = Mapping[str, str]
BATCH = 1000
_NEVER = read_instant("2100-01-01T00:00:00Z")


class Truth:
    """The kinds of truth."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.world = api.world
        self._kinds: dict[str, Callable[[Query], Iterable[str]]] = {
            "leads": self._leads,
            "activities": self._activities,
            "activities_rest": self._rest,
            "lead_changes": self._changes,
            "deleted_leads": self._deleted,
            "vanished_leads": self._vanished,
            "program_members": self._members,
            objects.NAME: self._objects,
            "activity_types": lambda _: map(_line, (type_.described() for type_ in TYPES)),
            "lead_fields": lambda _: map(_line, map(described, LEAD_COLUMNS)),
        }

    def batches(self, name: str, query: Query) -> Iterator[bytes] | None:
        """JSON lines, or None if there is no such kind."""
        if name in KINDS:
            return self._batched(map(_line, self.world.assets.all(name)))
        make = self._kinds.get(name)
        return self._batched(make(query)) if make else None

    def _batched(self, lines: Iterable[str]) -> Iterator[bytes]:
        rows = iter(lines)
        while True:
            with self.world.lock:
                batch = list(islice(rows, BATCH))
            if not batch:
                return
            yield "".join(batch).encode()

    def _window(self, query: Query) -> tuple[int, int]:
        """`startAt` and `endAt`, both included."""
        start = read_instant(query["startAt"]) if "startAt" in query else self.world.timeline.instant(0) - (1 << 33)
        return start, read_instant(query["endAt"]) if "endAt" in query else _NEVER

    def _leads(self, query: Query) -> Iterator[str]:
        leads, by = self.world.leads, query.get("filter")
        start, end = self._window(query)
        if by == "updatedAt":
            which: Iterator[int] = leads.updated_within(start, end)
        elif by == "createdAt":
            which = leads.created_within(start, end)
        else:
            which = leads.living()
        names = query["fields"].split(",") if "fields" in query else EXPORTABLE
        return leads.rows(which, [BY_NAME[name] for name in names], TRUTH)

    def _activities(self, query: Query) -> Iterator[str]:
        """As bulk extract has them: without Delete Lead."""
        start, end = self._window(query)
        start, now = max(start, self.world.timeline.start), self.world.clock.now
        rows = self.world.activities.rows(start, end, self._wanted(query), now, COLUMNS, TRUTH)
        return chain.from_iterable(rows)

    def _wanted(self, query: Query) -> Wanted:
        types = query.get("activityTypeIds")
        return Wanted(frozenset(int(part) for part in types.split(",")) if types else None)

    def _rest(self, query: Query) -> Iterator[str]:
        """As REST has them, Delete Lead as well."""
        start, end = self._window(query)
        world, wanted = self.world, self._wanted(query)
        position, more = world.activities.position(max(start, world.timeline.start)), True
        while more:
            found, position, more = world.activities.page(position, wanted, world.clock.now, BATCH, BATCH)
            for activity in found:
                if activity.instant > end:
                    return
                yield _line(shown(activity))

    def _changes(self, query: Query) -> Iterator[str]:
        for m in self.world.events.within(*self._window(query)):
            if self.world.events.kind(m) not in (DEATH, MERGE) and (row := self.api.activities.change(m, None)):
                yield _line(row)

    def _deleted(self, query: Query) -> Iterator[str]:
        for m in self.world.events.within(*self._window(query)):
            if self.world.events.kind(m) == DEATH:
                activity = self.world.activities.of_event(m)
                row: dict[str, object] = {"id": activity.id, "marketoGUID": activity.guid, "activityTypeId": DEATH}
                row |= {"leadId": Leads.id_of(activity.lead), "activityDate": iso(activity.instant)}
                v = activity.variant
                row |= {"campaignId": v.campaign, "primaryAttributeValueId": v.primary_id}
                yield _line(row | {"primaryAttributeValue": v.primary, "attributes": v.attributes})

    def _vanished(self, _: Query) -> Iterator[str]:
        events = self.world.events
        for lead, m in events.gone.items():
            merged = events.kind(m) == MERGE
            row: dict[str, object] = {"leadId": Leads.id_of(lead), "how": "merged" if merged else "deleted"}
            row |= {"into": Leads.id_of(events.lead[m]) if merged else None, "at": iso(events.instant(m))}
            yield _line(row)

    def _members(self, query: Query) -> Iterator[str]:
        table = self.world.members
        start, end = self._window(query)
        usual = [str(members.FIRST_PROGRAM + n) for n in range(members.PROGRAMS)]
        for text in query["programIds"].split(",") if "programIds" in query else usual:
            for lead in table.of(int(text)):
                if start <= table.updated(int(text), lead) <= end:
                    cells = table.cells(int(text), lead)
                    yield TRUTH.row([(name, cells[name]) for name in members.FIELDS])

    def _objects(self, query: Query) -> Iterator[str]:
        start, end = self._window(query)
        for lead in self.world.objects.all():
            if start <= self.world.objects.updated(lead) <= end:
                cells = self.world.objects.cells(lead)
                yield TRUTH.row([(name, cells[name]) for name in objects.FIELDS])


def _line(row: Mapping[str, object]) -> str:
    return msgspec.json.encode(row).decode() + "\n"
