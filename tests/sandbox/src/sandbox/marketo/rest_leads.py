"""Leads, lists, campaigns, program members, custom objects and statistics over REST (sources/marketo.md §4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from sandbox.marketo import members, objects
from sandbox.marketo.assets import list_members
from sandbox.marketo.call import MAX_BATCH, Call, Route, longer, paged, pick_fields, read_token, token_of
from sandbox.marketo.envelope import Refused
from sandbox.marketo.fields import BY_NAME, DEFAULT_FIELDS, LEAD_COLUMNS, SEARCHABLE, Column
from sandbox.marketo.limits import Limits
from sandbox.marketo.world import World
from sandbox.values import DAY

Content = dict[str, object]
MOST_MATCHED = 1000  # leads by a filter (sources/marketo.md §2)
MOST_MEMBERS = 100_000
_EMAIL = re.compile(r"o'user(\d+)\+tag@example\.com")


class RestLeads:
    """The routes."""

    def __init__(self, world: World, limits: Limits) -> None:
        self.world = world
        self.limits = limits

    def routes(self) -> Sequence[Route]:
        """Method, path, what answers."""
        v1, limits = "/rest/v1", self.limits
        return (
            ("GET", f"{v1}/leads/describe.json", lambda _: {"result": [described(column) for column in LEAD_COLUMNS]}),
            ("GET", f"{v1}/leads/describe2.json", lambda _: {"result": [_describe2()]}),
            ("GET", f"{v1}/leads/schema/fields.json", lambda call: paged(call, _schema(), call.batch())),
            ("GET", f"{v1}/lead/{{id}}.json", self._lead),
            ("GET", f"{v1}/leads.json", self._leads),
            ("GET", f"{v1}/lists/{{id}}/leads.json", self._list_leads),
            ("GET", f"{v1}/leads/programs/{{id}}.json", self._program_leads),
            ("GET", f"{v1}/lists.json", lambda call: self._database(call, "lists")),
            ("GET", f"{v1}/campaigns.json", lambda call: self._database(call, "campaigns")),
            ("GET", f"{v1}/programs/members/describe.json", lambda _: {"result": [_describe_members()]}),
            ("GET", f"{v1}/program/members/describe.json", lambda _: {"result": [_describe_members()]}),
            ("GET", f"{v1}/programs/{{id}}/members.json", self._members),
            ("GET", f"{v1}/customobjects.json", lambda _: {"result": [_describe_object(whole=False)]}),
            ("GET", f"{v1}/customobjects/{{name}}/describe.json", _describe_named),
            ("GET", f"{v1}/stats/usage.json", lambda _: {"result": limits.usage(1)}),
            ("GET", f"{v1}/stats/usage/last7days.json", lambda _: {"result": limits.usage(7)}),
            ("GET", f"{v1}/stats/errors.json", lambda _: {"result": limits.errors(1)}),
            ("GET", f"{v1}/stats/errors/last7days.json", lambda _: {"result": limits.errors(7)}),
        )

    # --- leads

    def _row(self, lead: int, columns: Sequence[Column]) -> Content:
        return {name: cell.rest for name, cell in self.world.leads.cells(lead, columns)}

    def _lead(self, call: Call, id: str) -> Content:  # noqa: A002 - as in the path
        columns = pick_fields(call.many("fields") or DEFAULT_FIELDS, BY_NAME)
        lead = self.world.leads.find(int(id)) if id.isdigit() else None
        if lead is None:
            raise Refused("1004", f"Lead '{id}' not found")  # or an empty result (sources/marketo.md §4, inferred)
        return {"result": [self._row(lead, columns)]}

    def _leads(self, call: Call) -> Content:
        kind, values = call.needed("filterType"), call.many("filterValues")
        call.needed("filterValues")
        if kind not in SEARCHABLE:
            raise Refused("1011", f"Filter type '{kind}' not supported")
        if len(values) > MAX_BATCH:
            raise Refused("1003", f"Invalid data: more than {MAX_BATCH} filterValues")
        columns = pick_fields(call.many("fields") or DEFAULT_FIELDS, BY_NAME)
        found = list(islice(self._matching(kind, frozenset(values)), MOST_MATCHED + 1))
        if len(found) > MOST_MATCHED:
            raise Refused("1003", f"Too many leads match the filter: more than {MOST_MATCHED}")
        page = paged(call, found, call.batch())
        return page | {"result": [self._row(int(str(lead)), columns) for lead in _list(page["result"])]}

    def _matching(self, kind: str, values: frozenset[str]) -> Iterable[int]:
        leads = self.world.leads
        if kind == "id":
            ids = [int(value) for value in values if value.isdigit()]
            return sorted(lead for id_ in ids if (lead := leads.find(id_)) is not None)
        if kind == "email":
            matches = [match for value in values if (match := _EMAIL.fullmatch(value))]
            known = sorted({int(match[1]) for match in matches if int(match[1]) < self.world.events.leads})
            return [lead for lead in known if lead not in leads.events.gone and lead % 37 != 5]
        column = BY_NAME[kind]
        return (lead for lead in leads.living() if str(leads.cell(lead, column, leads.changed(lead)).rest) in values)

    def _list_leads(self, call: Call, id: str) -> Content:  # noqa: A002 - as in the path
        stride = list_members(int(id)) if id.isdigit() else None
        if stride is None:
            raise Refused("1013", f"List {id} not found")
        gone = self.world.events.gone
        columns = pick_fields(call.many("fields") or DEFAULT_FIELDS, BY_NAME)
        found = [lead for lead in range(0, self.world.events.leads, stride) if lead not in gone]
        return self._token_only(call, found, lambda lead: self._row(lead, columns))

    def _program_leads(self, call: Call, id: str) -> Content:  # noqa: A002 - as in the path
        program = int(id) if id.isdigit() else 0
        columns = pick_fields(call.many("fields") or DEFAULT_FIELDS, BY_NAME)
        table = self.world.members

        def row(lead: int) -> Content:
            cells = table.cells(program, lead)
            shown = ("acquiredBy", "isExhausted", "membershipDate", "nurtureCadence", "reachedSuccess", "statusName")
            membership = {"id": lead} | {name: cells[name].rest for name in shown}
            membership["progressionStatus"] = membership.pop("statusName")
            return self._row(lead, columns) | {"membership": membership}

        return self._token_only(call, list(table.of(program)), row)

    def _token_only(self, call: Call, found: Sequence[int], row: Callable[[int], Content]) -> Content:
        """A page whose end shows only in the absence of the token (sources/marketo.md §4)."""
        page = paged(call, found, call.batch())
        return page | {"result": [row(int(str(lead))) for lead in _list(page["result"])]}

    def _database(self, call: Call, name: str) -> Content:
        rows = self.world.assets.all(name)
        for key in ("id", "name", "programName", "workspaceName"):
            if wanted := call.many(key):
                rows = [row for row in rows if str(row[key]) in wanted]
        return paged(call, rows, call.batch())

    # --- members

    def _members(self, call: Call, id: str) -> Content:  # noqa: A002 - as in the path
        program, kind = int(id) if id.isdigit() else 0, call.needed("filterType")
        names = call.many("fields") or list(members.DEFAULT_FIELDS)
        if unknown := [name for name in names if name not in members.FIELDS]:
            raise Refused("1006", f"Field '{unknown[0]}' not found")
        keep = self._member_filter(call, kind, program)
        found = list(islice((lead for lead in self.world.members.of(program) if keep(lead)), MOST_MEMBERS + 1))
        if len(found) > MOST_MEMBERS:
            raise Refused("1003", f"More than {MOST_MEMBERS} members match the filter")
        token = call.one("nextPageToken")
        offset, size = read_token(token, 1)[0] if token else 0, call.batch()
        rows = []
        for seq, lead in enumerate(found[offset : offset + size]):
            cells = self.world.members.cells(program, lead)
            rows.append({"seq": seq, **{name: cells[name].rest for name in names}})
        more = offset + size < len(found)
        content: Content = {"result": rows, "moreResult": more}
        if more:
            content["nextPageToken"] = token_of(offset + size, longer=longer(call))
        return content

    def _member_filter(self, call: Call, kind: str, program: int) -> Callable[[int], bool]:
        if kind not in members.SEARCHABLE:
            raise Refused("1011", f"Filter type '{kind}' not supported")
        table = self.world.members
        if kind == "updatedAt":
            start, end = call.instant("startAt"), call.instant("endAt")
            if start is None or end is None:
                raise Refused("1002", "startAt and endAt are required")
            if end - start > 7 * DAY:
                raise Refused("1003", "The date range is more than 7 days")
            return lambda lead: start <= table.updated(program, lead) <= end
        wanted = frozenset(call.many("filterValues"))
        if not wanted:
            raise Refused("1002", "Missing value for required parameter 'filterValues'")
        return lambda lead: _spelt(table.cells(program, lead)[kind].rest) in wanted


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _spelt(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def described(column: Column) -> Content:
    """A field as describe.json has it; without `rest` it cannot be read (sources/marketo.md §4)."""
    shown: Content = {"id": column.id, "displayName": column.label, "dataType": column.type}
    if column.length:
        shown["length"] = column.length
    read_only = not column.maker
    if column.readable:
        shown["rest"] = {"name": column.name, "readOnly": read_only}
    if column.id % 2:
        shown["soap"] = {"name": column.name[0].upper() + column.name[1:], "readOnly": read_only}
    return shown


def _field(name: str, label: str, type_: str, updateable: bool) -> Content:
    return {"name": name, "displayName": label, "dataType": type_, "updateable": updateable, "crmManaged": False}


def _describe2() -> Content:
    fields = [
        _field(column.name, column.label, column.type, bool(column.maker))
        | ({"length": column.length} if column.length else {})
        for column in LEAD_COLUMNS
        if column.readable
    ]
    return {"name": "API Lead", "searchableFields": [[name] for name in SEARCHABLE], "fields": fields}


def _schema() -> list[Content]:
    return [
        _field(column.name, column.label, column.type, bool(column.maker))
        | {
            "isHidden": column.type == "lead_function",
            "isCustom": column.custom,
            "isSensitive": column.name == "dateOfBirth",
        }
        | {"isHtmlEncodingInEmail": True, "isApiCreated": False, "length": column.length}
        for column in LEAD_COLUMNS
        if column.readable
    ]


def _member_fields(fields: Mapping[str, str]) -> list[Content]:
    return [_field(name, name[0].upper() + name[1:], type_, not name.endswith("At")) for name, type_ in fields.items()]


def _describe_members() -> Content:
    return {
        "name": "API Program Membership",
        "description": "API Program Membership Map",
        "createdAt": "2021-03-20T01:28:16Z",
        "updatedAt": "2021-03-20T01:28:16Z",
        "dedupeFields": ["leadId", "programId"],
        "searchableFields": [[name] for name in members.SEARCHABLE],
        "fields": _member_fields(members.FIELDS),
    }


def _describe_object(whole: bool = True) -> Content:
    shown: Content = {
        "name": objects.NAME,
        "displayName": "Subscription",
        "description": "What a lead has subscribed to",
        "createdAt": "2024-02-01T10:00:00Z",
        "updatedAt": "2024-02-01T10:00:00Z",
        "idField": "marketoGUID",
        "dedupeFields": ["subscriptionNumber"],
        "searchableFields": [["subscriptionNumber"], ["marketoGUID"], ["leadId"]],
        "relationships": [{"field": "leadId", "type": "child", "relatedTo": {"name": "Lead", "field": "Id"}}],
    }
    return shown | {"fields": _member_fields(objects.FIELDS)} if whole else shown


def _describe_named(_: Call, name: str) -> Content:
    if name != objects.NAME:
        raise Refused("1013", f"Object '{name}' not found")
    return {"result": [_describe_object()]}
