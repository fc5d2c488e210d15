"""JSON Schema of each stream, from the fields that are known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketo.fields import FIELDS, SENSITIVE

# What is sent for each meaning (sources/marketo.md §7). What is no number where one is meant comes as the text that was sent.
_SENT: Mapping[str, list[str]] = {
    "integer": ["integer", "string", "null"],
    "number": ["number", "string", "null"],
    "boolean": ["boolean", "string", "null"],
    "json": ["object", "array", "string", "null"],
}


def schema(
    fields: str, name: str, about: str, primary_key: tuple[str, ...], cursor: str | None, modes: tuple[str, ...]
) -> dict[str, Any]:
    """The schema of a stream.

    Args:
        fields: the key of its fields in ``FIELDS``.
        name: of the stream.
        about: one sentence.
        primary_key: of a record.
        cursor: of a record.
        modes: of its loads.
    """
    properties: dict[str, Any] = {}
    for word in FIELDS[fields].split():
        field, _, kind = word.partition(":")
        properties[field] = {"type": _SENT.get(kind, ["string", "null"]), "x-type": kind or "string"}
        if field in SENSITIVE.get(fields, ()):
            properties[field]["x-sensitive"] = True
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"marketo/{name}",
        "title": name,
        "description": about,
        "type": "object",
        "properties": properties,
        "required": list(primary_key),
        "additionalProperties": True,
        "x-primary-key": list(primary_key),
        "x-cursor": cursor,
        "x-modes": list(modes),
        "x-timezone": "UTC",
    }
