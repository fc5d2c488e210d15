"""JSON Schemas of the streams, made from the columns that are known (``fields``)."""

from __future__ import annotations

from typing import Any

from pestroutes.entities import Entity
from pestroutes.fields import FIELDS, INTEGERS, LISTS, NUMBERS, PUBLIC, SENSITIVE, SENSITIVE_IN, TIMESTAMPS

# Timestamps carry no zone. This one is what the only ETL over many offices found (sources/pestroutes.md §5, disputed).
TIMEZONE = "America/Los_Angeles"

_SENT: dict[str, list[str]] = {
    "list": ["string", "array", "null"],
    "json": ["string", "object", "array", "null"],
}


def sensitive_fields(entity: Entity) -> frozenset[str]:
    """The fields of an entity that hold personal data."""
    if entity.name in PUBLIC:
        return frozenset()
    names = {word.partition(":")[0] for word in FIELDS[entity.name].split()}
    return frozenset(names & (SENSITIVE | SENSITIVE_IN.get(entity.name, frozenset())))


def schema(entity: Entity) -> dict[str, Any]:
    """The JSON Schema of an entity's records, in the format of the design page, section 4."""
    sensitive = sensitive_fields(entity)
    properties: dict[str, Any] = {}
    for word in FIELDS[entity.name].split():
        name, _, kind = word.partition(":")
        meant = kind or _meant(name)
        properties[name] = {"type": _SENT.get(meant, ["string", "null"]), "x-type": meant}
        if name in sensitive:
            properties[name]["x-sensitive"] = True
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"pestroutes/{entity.name}",
        "title": entity.name,
        "description": entity.about,
        "type": "object",
        "properties": properties,
        "required": list(entity.key),
        "additionalProperties": True,
        "x-primary-key": list(entity.key),
        "x-cursor": entity.cursor,
        "x-modes": ["incremental", "full"] if entity.changes else ["full"],
        "x-timezone": TIMEZONE,
    }


def _meant(name: str) -> str:
    if name in TIMESTAMPS:
        return "timestamp"
    if name in NUMBERS:
        return "number"
    if name in LISTS or name.endswith("IDs"):
        return "list"
    if name in INTEGERS or name.endswith("ID"):
        return "integer"
    return "string"
