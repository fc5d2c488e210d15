"""Activities over REST (sources/marketo.md §3)."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.marketo.activities import Activity, Wanted
from sandbox.marketo.activity_types import BY_ID, TYPES, rest_attributes
from sandbox.marketo.assets import list_members
from sandbox.marketo.call import Call, Route, instant_of, longer, read_token, token_of
from sandbox.marketo.envelope import Refused
from sandbox.marketo.events import BIRTH, DEATH
from sandbox.marketo.fields import BY_NAME
from sandbox.marketo.leads import Leads
from sandbox.marketo.timeline import iso, read_instant
from sandbox.marketo.world import World
from sandbox.values import DAY

Content = dict[str, object]
MAX_TYPES, MAX_LEADS, LARGE_LIST = 10, 30, 10_000
NO_LARGE_LISTS = read_instant("2026-12-30T00:00:00Z")
KEPT = 14 * DAY  # deletions may be pruned after that


class RestActivities:
    """The routes."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> Sequence[Route]:
        """Method, path, what answers."""
        base = "/rest/v1/activities"
        return (
            ("GET", f"{base}/types.json", lambda _: {"result": [type_.described() for type_ in TYPES]}),
            ("GET", f"{base}/pagingtoken.json", self._token),
            ("GET", f"{base}.json", self._page),
            ("GET", f"{base}/leadchanges.json", self._changes),
            ("GET", f"{base}/deletedleads.json", self._deleted),
        )

    def _token(self, call: Call) -> Content:
        since = instant_of("sinceDatetime", call.needed("sinceDatetime"))
        return {"nextPageToken": token_of(*self.world.activities.position(since), longer=longer(call))}

    def _page(self, call: Call) -> Content:
        position = read_token(call.needed("nextPageToken"), 2)
        call.needed("activityTypeIds")
        types = call.ids("activityTypeIds")
        if len(types) > MAX_TYPES:
            raise Refused("1003", f"Invalid data: more than {MAX_TYPES} activityTypeIds")
        if unknown := [id_ for id_ in types if id_ not in BY_ID]:
            raise Refused("1003", f"Invalid activity type ids {unknown}")
        assets = call.ids("assetIds")
        held_back = call.struck["late_activities"].number("minutes", 60) * 60 if "late_activities" in call.struck else 0
        wanted = Wanted(
            frozenset(types), frozenset(assets) if assets else None, leads=self._leads(call), held_back=int(held_back)
        )
        batch = call.batch()
        world = self.world
        found, after, more = world.activities.page(
            (position[0], position[1]), wanted, world.clock.now, batch, self._scan
        )
        return self._answer(call, [shown(one) for one in found], (position[0], position[1]), after, more)

    @property
    def _scan(self) -> int:
        return self.world.settings.scan

    def _leads(self, call: Call) -> frozenset[int] | None:
        """The leads that a page is limited to."""
        ids, list_id = call.ids("leadIds"), call.one("listId")
        if len(ids) > MAX_LEADS:
            raise Refused("1003", f"Invalid data: more than {MAX_LEADS} leadIds")
        if ids:
            return frozenset(lead for id_ in ids if (lead := self.world.leads.find(id_)) is not None)
        if list_id is None:
            return None
        stride = list_members(call.ids("listId")[0])
        if stride is None:
            raise Refused("1013", f"List {list_id} not found")
        every = range(0, self.world.events.leads, stride)
        if len(every) >= LARGE_LIST and self.world.clock.now >= NO_LARGE_LISTS:
            raise Refused("1003", "Lists of 10000 leads and more are not supported")
        return frozenset(every)

    def _answer(
        self, call: Call, rows: list[Content], before: tuple[int, int], after: tuple[int, int], more: bool
    ) -> Content:
        """There is always a token (sources/marketo.md §3); `result` of a page without rows may be absent."""
        if "empty_page" in call.struck:
            rows, after, more = [], before, True
        if "duplicate_rows" in call.struck:
            rows = rows[: int(call.struck["duplicate_rows"].number("count", 1))] + rows
        call.noted["rows"] = len(rows)
        content: Content = {"nextPageToken": token_of(*after, longer=longer(call)), "moreResult": more}
        absent = "empty_page" in call.struck and bool(call.struck["empty_page"].options.get("absent"))
        if rows or not (absent or sum(after) // self._scan & 1):
            content["result"] = rows
        return content

    # --- changes and deletions: only events

    def _events(self, call: Call, kinds: frozenset[int], since: int) -> tuple[list[int], tuple[int, int], bool]:
        """The events of a page, where it ended, and whether more come."""
        n, m = read_token(call.needed("nextPageToken"), 2)
        events, batch = self.world.events, call.batch()
        m = max(m, events.pulse.first(self.world.timeline.first(since))) if since else m
        found: list[int] = []
        for _ in range(self._scan):
            if m >= len(events) or len(found) == batch:
                break
            if events.kind(m) in kinds:
                found.append(m)
            m += 1
        return found, (n, m), m < len(events)

    def _deleted(self, call: Call) -> Content:
        before = read_token(call.needed("nextPageToken"), 2)
        found, after, more = self._events(call, frozenset({DEATH}), self.world.clock.now - KEPT)
        rows = [_deleted(self.world.activities.of_event(m)) for m in found]
        return self._answer(call, rows, (before[0], before[1]), after, more)

    def _changes(self, call: Call) -> Content:
        before = read_token(call.needed("nextPageToken"), 2)
        call.needed("fields")
        names = frozenset(call.many("fields"))
        if unknown := [name for name in names if name not in BY_NAME]:
            raise Refused("1006", f"Field '{unknown[0]}' not found")
        kinds = frozenset(kind for kind in (BIRTH, 13))
        found, after, more = self._events(call, kinds, 0)
        rows = [row for m in found if (row := self.change(m, names))]
        return self._answer(call, rows, (before[0], before[1]), after, more)

    def change(self, m: int, names: frozenset[str] | None) -> Content | None:
        """A row of leadchanges, or nothing if it is not about those fields. A new lead has no fields."""
        activity = self.world.activities.of_event(m)
        fields: list[Content] = []
        if activity.type != BIRTH:
            column, old, new = self.world.leads.change_of(m)
            if names is not None and column.name not in names:
                return None
            values = {"newValue": _text(new.rest), "oldValue": _text(old.rest)}
            fields = [{"id": column.id, "name": column.name, **values}]
        row: Content = {"id": activity.id, "marketoGUID": activity.guid, "leadId": Leads.id_of(activity.lead)}
        row |= {"activityDate": _offset_date(activity.instant), "activityTypeId": activity.type, "fields": fields}
        return row | {"attributes": [{"name": "Source", "value": "Web service API"}]}


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _offset_date(instant: int) -> str:
    """As in older samples (sources/marketo.md §3)."""
    return iso(instant).removesuffix("Z") + "+0000"


def shown(activity: Activity) -> Content:
    """As activities.json has it; `id` may be absent (sources/marketo.md §3)."""
    v = activity.variant
    row: Content = {"id": activity.id} if activity.id % 5 else {}
    row |= {"marketoGUID": activity.guid, "leadId": Leads.id_of(activity.lead), "activityDate": iso(activity.instant)}
    row |= {"activityTypeId": activity.type}
    if v.campaign is not None:
        row["campaignId"] = v.campaign
    if v.primary is not None or v.primary_id is not None:
        row |= {"primaryAttributeValueId": v.primary_id, "primaryAttributeValue": v.primary}
    return row | {"attributes": rest_attributes(v.attributes)}


def _deleted(activity: Activity) -> Content:
    return {
        "id": activity.id,
        "marketoGUID": activity.guid,
        "leadId": Leads.id_of(activity.lead),
        "activityDate": _offset_date(activity.instant),
        "activityTypeId": DEATH,
        "campaignId": activity.variant.campaign,
        "primaryAttributeValueId": activity.variant.primary_id,
        "primaryAttributeValue": activity.variant.primary,
        "attributes": [],
    }
