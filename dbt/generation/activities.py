"""A model per type of Marketo's activities, out of `activity_types.json`.

That file holds the types as the vendor describes them, which is different for every account (sources/marketo.md, section 3).
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generation.names import column_names, snake_case
from generation.rendering import HEADER, LOAD_ENTRIES, column_entry, column_list, quoted
from generation.streams import Column, ContractError, Stream

FILE = "activity_types.json"
STREAM = "activity_types"
DELETE_LEAD = 37  # Bulk Extract leaves it out; its activities are in deleted_leads

# Data types that are no text; sources/marketo.md, section 7, has them all.
_TYPES = {
    **dict.fromkeys(["float", "currency", "percent", "score"], "number"),
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
}
# What every activity has, in the order of the macro `staged_activity`.
_KEYS = ("marketoGUID", "leadId", "activityDate", "campaignId")
_PRIMARY = ("primaryAttributeValueId", "primaryAttributeValue")
_LAST = ("attributes",)


@dataclass(frozen=True, slots=True)
class ActivityType:
    id: int
    name: str
    table: str
    description: str
    primary: str | None
    columns: tuple[Column, ...]


def render_activities(source: str, described: Any, streams: Sequence[Stream]) -> dict[str, str]:
    """The files of all types by their names.

    Args:
        source: its name.
        described: the types as the vendor has them.
        streams: of the source; `activities` and `deleted_leads` are among them.
    """
    by_name = {stream.name: stream for stream in streams}
    origin = by_name["activities"]
    types = list(_read(described, [stream.table for stream in streams], origin))
    models = "".join(_entry(source, type_, origin) for type_ in types)
    return {
        "activities/_activities.yml": f"# {HEADER}\nmodels:\n{models}",
        **{f"activities/stg_{source}__{type_.table}.sql": _model(source, type_, by_name) for type_ in types},
    }


def _read(described: Any, tables: Collection[str], origin: Stream) -> Iterator[ActivityType]:
    """The types by their ids. Of two with one name, the later has its id behind it: models keep theirs when types are added."""
    used = set(tables)
    taken = [origin.column(field).name for field in (*_KEYS, *_PRIMARY, *_LAST)]
    sensitive = origin.column("attributes").sensitive
    for one in described:
        name, attributes = snake_case(one["name"]), one["attributes"]
        table = f"activity_{name or one['id']}"
        if table in used:
            table = f"{table}_{one['id']}"
        used.add(table)
        fields = list(dict.fromkeys(attribute["name"] for attribute in attributes))
        kinds = {attribute["name"]: _TYPES.get(attribute.get("dataType"), "string") for attribute in attributes}
        columns = tuple(
            Column(field, kinds[field], column, "", sensitive and kinds[field] == "string")
            for field, column in zip(fields, column_names(fields, name or table, taken), strict=True)
        )
        primary = (one.get("primaryAttribute") or {}).get("name")
        yield ActivityType(one["id"], one["name"], table, one.get("description") or "", primary, columns)


def _model(source: str, type_: ActivityType, streams: Mapping[str, Stream]) -> str:
    origin = streams["deleted_leads" if type_.id == DELETE_LEAD else "activities"]
    return f"""\
-- {HEADER}
{{{{ staged_activity(
    'stg_{source}__{origin.table}',
    activity_type_id={type_.id},
    columns=[
{column_list(type_.columns)}
    ]
) }}}}
"""


def _entry(source: str, type_: ActivityType, origin: Stream) -> str:
    description = f"Activities of type {type_.id}, {type_.name}. {type_.description}".strip()
    described = {
        **dict.fromkeys(_PRIMARY, f"Of: {type_.primary}." if type_.primary else ""),
        "attributes": "As an object, with those that have no column.",
    }

    def shared(fields: Sequence[str]) -> list[Column]:
        return [replace(origin.column(field), description=described.get(field, "")) for field in fields]

    columns = "".join(map(column_entry, [*shared(_KEYS + _PRIMARY), *type_.columns, *shared(_LAST)]))
    return f"""\
  - name: stg_{source}__{type_.table}
    description: {quoted(description)}
    columns:
{columns}{LOAD_ENTRIES}"""


def render_types(described: Sequence[Mapping[str, Any]]) -> str:
    """The contents of `activity_types.json`: a line a type."""
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in described)
    return f"[\n{lines}\n]\n"


def read_types(text: str, origin: str) -> list[dict[str, Any]]:
    """The types by their ids: out of a list, the vendor's whole answer, or a line each.

    Raises:
        ContractError: it is none of these.
    """
    try:
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            found = [json.loads(line) for line in text.split("\n") if line.strip()]  # splitlines would cut texts
        if isinstance(found, dict):
            found = found.get("result", [found])
        return sorted(map(_checked, found), key=lambda one: int(one["id"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ContractError(f"{origin} holds no activity types: {error}") from None


def _checked(one: Mapping[str, Any]) -> dict[str, Any]:
    attributes = [{**attribute, "name": str(attribute["name"])} for attribute in one.get("attributes") or []]
    return {**one, "id": int(one["id"]), "name": str(one["name"]), "attributes": attributes}


def fetch_types(place: str, source: str) -> list[dict[str, Any]]:
    """The types out of a lake's directory, a file, or ``-`` for stdin."""
    if place == "-":
        return read_types(sys.stdin.read(), "stdin")
    path = Path(place)
    files = [path] if path.is_file() else _parts(path, source)
    return read_types("".join(map(_text, files)), place)


def _parts(lake: Path, source: str) -> list[Path]:
    """The parts of the newest full load."""
    records = (lake / source / STREAM / "_loads").glob("*.json")
    loads = [json.loads(line) for path in records for line in path.read_text(encoding="utf-8").split("\n") if line]
    full = [load for load in loads if load["mode"] == "full"]
    if not full:
        raise ContractError(f"{lake} has no full load of {source}'s {STREAM}")
    return [lake / part["key"] for part in max(full, key=lambda load: str(load["started_at"]))["parts"]]


def _text(path: Path) -> str:
    match path.suffix:
        case ".gz":
            return gzip.decompress(path.read_bytes()).decode()
        case ".zst":
            raise ContractError(f"{path.name} must be unpacked first: zstd -dc {path} | ... --activity-types -")
    return path.read_text(encoding="utf-8")
