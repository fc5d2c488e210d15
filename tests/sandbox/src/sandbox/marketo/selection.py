"""What a bulk job is to export: the rules of its filter and fields, and its rows (sources/marketo.md §6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from sandbox.marketo import activities, members, objects
from sandbox.marketo.activities import Wanted
from sandbox.marketo.activity_types import BY_ID
from sandbox.marketo.assets import list_id_of, list_members
from sandbox.marketo.call import instant_of
from sandbox.marketo.envelope import Refused
from sandbox.marketo.fields import BY_NAME, EXPORTABLE
from sandbox.marketo.forms import SEPARATORS, Form, blocks
from sandbox.marketo.world import World
from sandbox.values import DAY

LONGEST = 31 * DAY
MOST_PROGRAMS, MOST_PRIMARY = 10, 50
WINDOWS = ("createdAt", "updatedAt")
LISTS = ("staticListId", "staticListName", "smartListId", "smartListName")
LEAD_FILTERS = (*WINDOWS, *LISTS)
OBJECT_FILTERS = ("updatedAt", *LISTS)  # the contract names none (inferred)
ACTIVITY_FILTERS = ("createdAt", "activityTypeIds", "primaryAttributeValueIds", "primaryAttributeValues")
MEMBER_FILTERS = ("programId", "programIds", "statusNames", "isExhausted", "nurtureCadence", "updatedAt")
_FRACTION = re.compile(r"\d\.\d")


# Columns, the world, the form, and the seconds for which activities are held back. Rows come in blocks.
Rows = Callable[[Sequence[str], World, Form, int], Iterator[list[str]]]


@dataclass(frozen=True)
class Selection:
    """A job's rows: which kind, which columns, and what makes them."""

    kind: str
    format: str
    columns: tuple[str, ...]
    headers: tuple[str, ...]
    filter: tuple[tuple[str, str], ...]  # for the cache: name and value
    rows: Rows
    end: int = 0  # of the window of activities


def select(world: World, kind: str, given: object) -> Selection:
    """Read the body of a create call. Raises what the vendor answers."""
    if not isinstance(given, dict):
        raise Refused("609")
    format_ = given.get("format") or "CSV"
    if format_ not in SEPARATORS:
        raise Refused("1003", f"Unsupported format '{format_}'")
    filter_ = given.get("filter")
    if not isinstance(filter_, dict):
        raise Refused("1003", "Missing filter")
    lacking = [name for name in filter_ if name in world.settings.no_filter]
    if lacking:
        raise Refused("1035")
    read = {"leads": _leads, "activities": _activities, "program/members": _members}.get(kind, _objects)
    if read is _objects and kind != f"customobjects/{objects.NAME}":
        raise Refused("1013", f"Object '{kind}' not found")
    known, usual, rows, end = read(world, filter_)
    columns = _columns(given.get("fields"), known, usual)
    if kind == "program/members" and "programIds" in filter_:
        columns = ("programId", *(name for name in columns if name != "programId"))
    names = given.get("columnHeaderNames") or {}
    if not isinstance(names, dict):
        raise Refused("1003", "columnHeaderNames is not an object")
    headers = tuple(str(names.get(name, name)) for name in columns)
    key = tuple(sorted((name, repr(value)) for name, value in filter_.items()))
    return Selection(kind, format_, columns, headers, key, rows, end)


Read = tuple[Sequence[str], Sequence[str] | None, Rows, int]  # known columns, the usual ones, rows, end of window


def _columns(fields: object, known: Sequence[str], usual: Sequence[str] | None) -> tuple[str, ...]:
    """Missing, null and [] are the usual columns, if the kind has any (sources/marketo.md §6)."""
    if not fields:
        if usual is None:
            raise Refused("1002", "Missing value for required parameter 'fields'")
        return tuple(usual)
    if not isinstance(fields, list):
        raise Refused("1003", "fields is not a list")
    if invalid := [str(name) for name in fields if name not in known]:
        raise Refused("1003", f"Invalid fields [{', '.join(invalid)}]")
    return tuple(dict.fromkeys(fields))


# --- filters


def _only(filter_: Mapping[str, object], known: Sequence[str]) -> None:
    if unknown := [name for name in filter_ if name not in known]:
        raise Refused("1035", f"Unsupported filter type for target subscription: {unknown[0]}")


def _one_of(filter_: Mapping[str, object], known: Sequence[str]) -> tuple[str, object]:
    _only(filter_, known)
    if len(filter_) != 1:
        raise Refused("1003", "Exactly one filter is allowed")
    return next(iter(filter_.items()))


def _window(value: object) -> tuple[int, int]:
    """No more than 31 days, both ends included, no fractions of a second."""
    if not isinstance(value, dict) or not value.get("startAt") or not value.get("endAt"):
        raise Refused("1003", "startAt and endAt are required")
    for text in (value["startAt"], value["endAt"]):
        if _FRACTION.search(str(text)):
            raise Refused("1003", f"Invalid date '{text}': no milliseconds")
    start, end = instant_of("startAt", value["startAt"]), instant_of("endAt", value["endAt"])
    if end < start:
        raise Refused("1003", "endAt is before startAt")
    if end - start > LONGEST:
        raise Refused("1003", "The date range is more than 31 days")
    return start, end


def _stride(name: str, value: object) -> int:
    """Every how-many-th lead is on the list."""
    if name.endswith("Name"):
        kind = "staticLists" if name.startswith("static") else "smartLists"
        value = list_id_of(kind, str(value))
    stride = list_members(int(str(value))) if str(value).isdigit() else None
    if stride is None:
        raise Refused("1003", f"Invalid {name}")
    return stride


# --- kinds


def _leads(_: World, filter_: Mapping[str, object]) -> Read:
    name, value = _one_of(filter_, LEAD_FILTERS)
    window = _window(value) if name in WINDOWS else (0, 0)
    stride = 0 if name in WINDOWS else _stride(name, value)

    def rows(columns: Sequence[str], world: World, form: Form, _: int) -> Iterator[list[str]]:
        leads = world.leads
        if stride:
            which: Iterator[int] = (lead for lead in leads.living() if lead % stride == 0)
        else:
            which = (leads.created_within if name == "createdAt" else leads.updated_within)(*window)
        return blocks(leads.rows(which, [BY_NAME[column] for column in columns], form))

    return EXPORTABLE, None, rows, 0


def _activities(_: World, filter_: Mapping[str, object]) -> Read:
    _only(filter_, ACTIVITY_FILTERS)
    if "createdAt" not in filter_:
        raise Refused("1003", "createdAt is required")
    start, end = _window(filter_["createdAt"])
    types = _numbers(filter_, "activityTypeIds")
    if types and (unknown := [id_ for id_ in types if id_ not in BY_ID]):
        raise Refused("1003", f"Invalid activity type ids {unknown}")
    ids, values = _numbers(filter_, "primaryAttributeValueIds"), _texts(filter_, "primaryAttributeValues")
    if (ids is not None and values is not None) or ((ids or values) and not types):
        raise Refused("1003", "Give one of primaryAttributeValueIds and primaryAttributeValues, and activityTypeIds")
    if max(len(ids or ()), len(values or ())) > MOST_PRIMARY:
        raise Refused("1003", f"More than {MOST_PRIMARY} primary attribute values")

    def rows(columns: Sequence[str], world: World, form: Form, held_back: int) -> Iterator[list[str]]:
        wanted = Wanted(types, ids, values, held_back=held_back)
        return world.activities.rows(start, end, wanted, world.clock.now, columns, form)

    return activities.COLUMNS, activities.DEFAULT_COLUMNS, rows, end


def _numbers(filter_: Mapping[str, object], name: str) -> frozenset[int] | None:
    texts = _texts(filter_, name)
    if texts is not None and not all(text.lstrip("-").isdigit() for text in texts):
        raise Refused("1001", f"Invalid value for {name}")
    return frozenset(int(text) for text in texts) if texts else None


def _texts(filter_: Mapping[str, object], name: str) -> frozenset[str] | None:
    value = filter_.get(name)
    if value is not None and not isinstance(value, list):
        raise Refused("1003", f"{name} is not a list")
    return frozenset(str(one) for one in value) if value else None


def _members(world: World, filter_: Mapping[str, object]) -> Read:
    _only(filter_, MEMBER_FILTERS)
    if ("programId" in filter_) == ("programIds" in filter_):
        raise Refused("1003", "Give one of programId and programIds")
    given = _texts({"programs": filter_.get("programIds", [filter_.get("programId")])}, "programs") or frozenset()
    programs = sorted(int(text) for text in given if text.isdigit())
    if not programs or len(programs) > MOST_PROGRAMS:
        raise Refused("1003", f"Give one to {MOST_PROGRAMS} programs")
    kept = {row["id"] for row in world.assets.all("programs")}
    if unknown := [program for program in programs if program not in kept]:
        raise Refused("1003", f"Invalid program ids {unknown}")
    window = _window(filter_["updatedAt"]) if "updatedAt" in filter_ else None

    def keep(table: members.Members, program: int, lead: int) -> bool:
        return (
            (window is None or window[0] <= table.updated(program, lead) <= window[1])
            and ("statusNames" not in filter_ or table.status(program, lead) in _plain(filter_["statusNames"]))
            and ("isExhausted" not in filter_ or table.exhausted(program, lead) == _flag(filter_["isExhausted"]))
            and ("nurtureCadence" not in filter_ or table.cadence(program, lead) == filter_["nurtureCadence"])
        )

    def rows(columns: Sequence[str], world: World, form: Form, _: int) -> Iterator[str]:
        table = world.members
        for program, lead in chain.from_iterable(((p, lead) for lead in table.of(p)) for p in programs):
            if keep(table, program, lead):
                cells = table.cells(program, lead)
                yield form.row([(name, cells[name]) for name in columns])

    return tuple(members.FIELDS), None, _in_blocks(rows), 0


def _plain(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _flag(value: object) -> bool:
    return str(value).lower() in ("true", "1")


def _objects(_: World, filter_: Mapping[str, object]) -> Read:
    name, value = _one_of(filter_, OBJECT_FILTERS)
    window = _window(value) if name in WINDOWS else None
    stride = 1 if window else _stride(name, value)

    def rows(columns: Sequence[str], world: World, form: Form, _: int) -> Iterator[str]:
        table = world.objects
        for lead in table.all():
            if lead % stride == 0 and (window is None or window[0] <= table.updated(lead) <= window[1]):
                cells = table.cells(lead)
                yield form.row([(column, cells[column]) for column in columns])

    return tuple(objects.FIELDS), None, _in_blocks(rows), 0


def _in_blocks(rows: Callable[[Sequence[str], World, Form, int], Iterator[str]]) -> Rows:
    return lambda *how: blocks(rows(*how))
