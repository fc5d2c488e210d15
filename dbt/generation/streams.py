"""The streams of a source, out of what its extractor says of itself and what `columns.toml` adds."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from generation.names import column_names, snake_case

# What the macro `typed` knows: the x-types of docs/design.md, section 4, and two that only dbt tells apart.
TYPES = frozenset(
    ["string", "integer", "number", "boolean", "date", "time", "timestamp", "list", "json", "id_list", "attributes"]
)

Columns = Mapping[str, Mapping[str, Any]]


class ContractError(Exception):
    """The extractor, or a file that is kept by hand, said something that no model can be made of."""


@dataclass(frozen=True, slots=True)
class Column:
    field: str
    type: str
    name: str
    description: str
    sensitive: bool


@dataclass(frozen=True, slots=True)
class Stream:
    name: str
    table: str
    description: str
    primary_key: tuple[str, ...]
    cursor: str | None
    daily: bool
    zone: str
    columns: tuple[Column, ...]

    def column(self, field: str) -> Column:
        for column in self.columns:
            if column.field == field:
                return column
        raise ContractError(f"{self.name} has no field {field!r}")


def read_streams(command: Sequence[str], extra: Columns) -> list[Stream]:
    """Every stream of the source, by name.

    Args:
        command: the extractor's.
        extra: the contents of `columns.toml`: by stream and field a type, or a table of ``type``, ``description``
            and ``sensitive``. A stream that the extractor does not list is asked for by its name.
    """
    if not all(isinstance(fields, Mapping) for fields in extra.values()):
        raise ContractError("columns.toml: fields stand in a table with the name of their stream")
    declared = {stream["name"]: stream for stream in ask(command, "streams", "--json")}
    names = sorted({*declared, *extra})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        schemas = list(pool.map(partial(ask, command, "schema"), names))
    streams = [
        read_stream(declared.get(name) or _declaration(name, schema), schema, extra.get(name, {}))
        for name, schema in zip(names, schemas, strict=True)
    ]
    tables = [stream.table for stream in streams]
    if doubles := {table for table in tables if tables.count(table) > 1}:
        raise ContractError(f"several streams would be named {', '.join(sorted(doubles))}")
    return streams


def _declaration(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What `streams --json` would say of a stream that it does not list."""
    said = {key: schema[f"x-{key.replace('_', '-')}"] for key in ("primary_key", "cursor", "modes")}
    return {"name": name, "description": schema["description"], "sensitive": [], **said}


def read_stream(declared: Mapping[str, Any], schema: Mapping[str, Any], extra: Mapping[str, Any]) -> Stream:
    """One stream out of the two answers of the extractor, and the columns that are added to it."""
    stream, table = declared["name"], snake_case(declared["name"])
    properties = {**schema["properties"]}
    for field, said in extra.items():
        properties[field] = {**properties.get(field, {}), **_property(stream, field, said)}
    names = column_names(list(properties), table)
    columns = tuple(
        Column(
            field,
            _type(stream, field, property_),
            name,
            property_.get("description", ""),
            bool(property_.get("x-sensitive")) or field in declared["sensitive"],
        )
        for (field, property_), name in zip(properties.items(), names, strict=True)
    )
    result = Stream(
        stream,
        table,
        declared["description"],
        tuple(declared["primary_key"]),
        declared["cursor"],
        "incremental" in declared["modes"],
        schema.get("x-timezone", "UTC"),
        columns,
    )
    for field in (*result.primary_key, *filter(None, [result.cursor])):
        result.column(field)
    return result


# What `columns.toml` may say of a field, and what it is called in a schema.
_SAID = {"type": "x-type", "description": "description", "sensitive": "x-sensitive"}


def _property(stream: str, field: str, said: Any) -> dict[str, Any]:
    said = {"type": said} if isinstance(said, str) else said
    if not isinstance(said, dict) or not isinstance(said.get("type"), str) or not said.keys() <= _SAID.keys():
        raise ContractError(f"columns.toml: {stream}.{field} needs a type, or {{type, description, sensitive}}")
    return {_SAID[key]: value for key, value in said.items()}


def _type(stream: str, field: str, property_: Mapping[str, Any]) -> str:
    """What the macro `typed` is to make of a field. A list of ids is told from a list of texts by its name."""
    kind: str = property_.get("x-type", "string")
    if kind not in TYPES:
        raise ContractError(f"{stream}: field {field!r} has the unknown type {kind!r}")
    return "id_list" if kind == "list" and field.endswith("IDs") else kind


def ask(command: Sequence[str], *arguments: str) -> Any:
    """The JSON that a command of the extractor prints."""
    answer = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - the caller's own command
    if answer.returncode:
        raise ContractError(f"{shlex.join([*command, *arguments])} failed: {answer.stderr.strip()}")
    return json.loads(answer.stdout)
