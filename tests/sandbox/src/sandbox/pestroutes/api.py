"""What the vendor's routes answer (sources/pestroutes.md §2 and §3)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from sandbox.faults import Fault, Faults
from sandbox.pestroutes.encodings import Parameters, as_ids, is_true
from sandbox.pestroutes.faults import spoil_ids, spoil_rows
from sandbox.pestroutes.limits import Limits
from sandbox.pestroutes.model import Entity
from sandbox.pestroutes.query import BadFilter, Filter, parse_filter, search
from sandbox.pestroutes.tables import ENCODER, Table
from sandbox.pestroutes.world import World

ALWAYS_KNOWN = frozenset({"officeIDs", "includeData"})


@dataclass(frozen=True)
class Settings:
    """How this tenant is set up."""

    key: str = "key"
    token: str = "token"
    cap: int = 50_000  # ids in a search answer
    page_limit: int = 1000  # records in a get answer
    default_office: int = 1


@dataclass
class Answer:
    """What goes back, and what the request log says of it."""

    body: bytes
    ids: int = 0
    filters: dict[str, object] = field(default_factory=dict)
    office: object = None
    struck: Mapping[str, Fault] = field(default_factory=dict)


class Refused(Exception):
    """success:false."""

    def __init__(self, message: str, floor: str | None = None, plain: bool = False) -> None:
        super().__init__(message)
        self.floor = floor  # the counter that is at its limit
        self.plain = plain  # no usage: the caller is not known


class Api:
    """Routes, parameters, envelopes."""

    def __init__(self, world: World, limits: Limits, faults: Faults, settings: Settings) -> None:
        self.world = world
        self.limits = limits
        self.faults = faults
        self.settings = settings
        self._known: dict[str, frozenset[str]] = {}

    def handle(self, entity: str, action: str, parameters: Parameters) -> Answer:
        """Answer `/api/{entity}/{action}` or `/api/{entity}/{id}`."""
        began = time.perf_counter()
        struck = self.faults.draw({"entity": entity, "action": "get" if action.isdigit() else action})
        filters = {name: text for name, text in parameters.echo.items() if name in parameters.values}
        answer = Answer(b"", struck=struck, office=filters.get("officeIDs"), filters=filters)
        head: dict[str, object] = {"params": {"endpoint": entity, "action": action, **parameters.echo}}
        try:
            self._admit(parameters, struck)
            payload = self._payload(entity, action, parameters, struck, answer)
        except (Refused, BadFilter) as refusal:
            floor = refusal.floor if isinstance(refusal, Refused) else None
            plain = isinstance(refusal, Refused) and refusal.plain
            head |= {"tokenUsage": {}, "tokenLimits": {}} if plain else self._tokens(struck, floor)
            head |= {"success": False, "errorMessage": str(refusal)}
            answer.body = encode(head, struck)
            return answer
        head |= self._tokens(struck, None)
        head |= {"requestAPIKeyType": "standard", "requestAction": action, "endpoint": entity, "success": True}
        head["ignoredParams"] = payload.pop("ignoredParams", [])
        spent = f"{round((time.perf_counter() - began) * 1000)} milliseconds"
        if "result_wrapper" in struck:
            payload = {"result": payload}
        if "idName" in payload:
            head["idName"] = payload.pop("idName")
        answer.body = encode(head | {"processingTime": spent} | payload, struck)
        return answer

    # --- before the data

    def _admit(self, parameters: Parameters, struck: Mapping[str, Fault]) -> None:
        if "bad_key" in struck or (parameters.key, parameters.token) != (self.settings.key, self.settings.token):
            raise Refused("Invalid authentication key or token", plain=True)
        for limit in ("minute", "day"):
            if f"{limit}_limit" in struck:
                raise Refused(f"Request limit per {limit} reached", floor=limit)
        limit_hit = self.limits.count()
        if limit_hit:
            raise Refused(f"Request limit per {limit_hit} reached", floor=limit_hit)
        if "success_false" in struck:
            raise Refused(str(struck["success_false"].options.get("message", "Something went wrong")))
        if "unknown_entity_for_account" in struck:
            raise Refused("This account has no access to the endpoint")

    def _tokens(self, struck: Mapping[str, Fault], floor: str | None) -> dict[str, object]:
        if "no_token_usage" in struck:
            return {}
        usage: Mapping[str, object] = self.limits.usage(floor)
        limits: Mapping[str, object] = self.limits.limits()
        if "string_token_usage" in struck:
            usage, limits = ({name: str(n) for name, n in part.items()} for part in (usage, limits))
        return {"tokenUsage": usage, "tokenLimits": limits}

    def _payload(
        self, name: str, action: str, parameters: Parameters, struck: Mapping[str, Fault], answer: Answer
    ) -> dict[str, object]:
        if name == "documentation" and action == "usage":
            return {"usage": self.limits.history(is_true(parameters.values.get("today")))}
        table = self.world.tables.get(name)
        if table is None:
            raise Refused(f"Unknown endpoint {name}")
        with self.world.lock:
            if action == "search":
                return self._search(table, parameters, struck, answer)
            if action == "get":
                return self._get(table, parameters, struck, answer)
            if action.isdigit():
                return self._one(table, int(action), struck, answer)
        raise Refused(f"Unknown action {action}")

    # --- search

    def _search(
        self, table: Table, parameters: Parameters, struck: Mapping[str, Fault], answer: Answer
    ) -> dict[str, object]:
        entity, given = table.entity, dict(parameters.values)
        ignored = [name for name in given if name not in self.known(table)]
        if "ignored_params" in struck:
            forced = struck["ignored_params"].options.get("params", [])
            ignored += [name for name in given if isinstance(forced, list) and name in forced and name not in ignored]
        given = {name: value for name, value in given.items() if name not in ignored}
        ids, filters = read_filters(table, given)
        found = search(table, ids, filters, self._offices(entity, given), self.settings.cap)
        answer.ids = len(found)
        shown = spoil_ids(found, struck)
        answer_ids = {"ignoredParams": ignored, "count": len(shown)}
        if entity.name == "serviceType":  # the odd one: sources/pestroutes.md §3
            return answer_ids | {entity.plural: shown, "propertyName": entity.plural}
        payload: dict[str, object] = {"idName": entity.id_name, **answer_ids, entity.id_name: shown}
        if is_true(given.get("includeData")):
            limit = self.settings.page_limit
            payload |= {
                f"{entity.id_name}NoDataExported": shown[limit:],
                entity.plural: array(records(table, found[:limit])),
            }
            payload["propertyNameData"] = entity.plural
        return payload | {"propertyName": entity.id_name}

    def _offices(self, entity: Entity, given: Mapping[str, object]) -> frozenset[int] | None:
        """Absent: the default office, silently. 0: all (sources/pestroutes.md §1)."""
        value = given.get("officeIDs")
        if value is None or isinstance(value, dict):
            return None if entity.name == "office" else frozenset({self.settings.default_office})
        chosen = frozenset(as_ids(value))
        return None if 0 in chosen else chosen

    def known(self, table: Table) -> frozenset[str]:
        """The parameters that a search of the entity understands; all others are ignored."""
        entity = table.entity
        if entity.name not in self._known:
            columns = set(entity.build(table.row(0)))
            names = columns | {f"{column}s" for column in columns if column.endswith("ID")}
            names |= {entity.id_name, entity.get, *entity.aliases, *entity.includes}
            names |= {f"{column}{end}" for column in entity.helpers for end in ("Start", "End")}
            if entity.default:
                names.add(entity.default[0])
            self._known[entity.name] = frozenset(names | ALWAYS_KNOWN)
        return self._known[entity.name]

    # --- get

    def _get(
        self, table: Table, parameters: Parameters, struck: Mapping[str, Fault], answer: Answer
    ) -> dict[str, object]:
        entity, given = table.entity, parameters.values
        names = {entity.get, "applicationMethodIDs"} if entity.name == "applicationMethod" else {entity.get}
        known = names | ALWAYS_KNOWN | set(entity.includes)
        ids = [id_ for name in names for id_ in as_ids(given.get(name))]
        answer.ids = len(ids)
        for name in names:
            answer.filters.pop(name, None)
        ids = list(dict.fromkeys(ids))[: self.settings.page_limit]  # the rest is cut off silently
        if "vanish" in struck:
            self._vanish(table, ids[: int(struck["vanish"].number("count", 1))])
        shown = spoil_rows(records(table, ids), struck, entity.key)
        return {
            "ignoredParams": [name for name in given if name not in known],
            "count": len(shown),
            entity.plural: array(shown),
            "propertyName": entity.plural,
        }

    def _vanish(self, table: Table, ids: Sequence[int]) -> None:
        for id_ in ids:
            for k in table.rows_of(id_):
                self.world.delete(table.entity.name, k, self.world.clock.now)

    def _one(self, table: Table, id_: int, struck: Mapping[str, Fault], answer: Answer) -> dict[str, object]:
        """`/{entity}/{id}`: the record stands under the singular name (sources/pestroutes.md §3)."""
        answer.ids = 1
        found = spoil_rows(records(table, [id_]), struck, table.entity.key)
        if not found:
            raise Refused(f"No {table.entity.name} with this id")
        return {"count": 1, table.entity.name: msgspec.Raw(found[0]), "propertyName": table.entity.name}


def records(table: Table, ids: Sequence[int]) -> list[bytes]:
    """The records that ids stand for, as JSON; ids without a row are left out."""
    return [table.encoded(k) for id_ in ids for k in table.rows_of(id_)]


def array(rows: Sequence[bytes]) -> msgspec.Raw:
    """A JSON list."""
    return msgspec.Raw(b"[" + b",".join(rows) + b"]")


def read_filters(table: Table, given: Mapping[str, object]) -> tuple[list[Filter], list[Filter]]:
    """Filters on ids, and on columns; with the hidden default unless the parameter is given."""
    entity = table.entity
    ids: list[Filter] = []
    filters: list[Filter] = []
    columns = set(entity.build(table.row(0)))
    for name, value in given.items():
        if name in ("includeData", *entity.includes) or (name == "officeIDs" and not isinstance(value, dict)):
            continue
        if name in (entity.id_name, entity.get):
            ids.append(parse_filter(name, _id_list(value)))
            continue
        column, operator = _column(name, columns, entity)
        filters.append(parse_filter(column, {"operator": operator, "value": value} if operator else value))
    if entity.default and entity.default[0] not in given:
        _, column, allowed = entity.default
        filters.append(Filter(column, "IN", allowed))
    return ids, filters


def _id_list(value: object) -> object:
    """Ids may come as comma text."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) and "," in value else value


def _column(name: str, columns: set[str], entity: Entity) -> tuple[str, str | None]:
    """The column that a parameter filters, and the operator that its name implies."""
    name = entity.aliases.get(name, name)
    if name in columns:
        return name, None
    for end, operator in (("Start", ">="), ("End", "<=")):
        if name.endswith(end):
            return name.removesuffix(end), operator
    return name[:-1], None


def encode(body: Mapping[str, object], struck: Mapping[str, Fault]) -> bytes:
    """The body as JSON."""
    data = ENCODER.encode(body)
    if "escaped" in struck:
        text = data.decode().replace("/", "\\/")
        data = "".join(_escape(char) for char in text).encode("ascii")
    if "extra_whitespace" in struck:
        data = msgspec.json.format(data, indent=4)
    return data


def _escape(char: str) -> str:
    if char < "\x80":
        return char
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))
