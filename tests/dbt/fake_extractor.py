"""An extractor that only says what it has, in the format of docs/design.md, section 4.

Given a JSON file before the command, it has the streams of that file. A stream that is "unlisted" is of a family: it has a
schema, and `streams` does not list it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STREAMS: dict[str, dict[str, Any]] = {
    "customer": {
        "primary_key": ["customerID"],
        "cursor": "dateUpdated",
        "sensitive": ["fname"],
        "fields": {
            "customerID": "integer",
            "fname": "string",
            "balance": "number",
            "dateAdded": "timestamp",
            "dateUpdated": "timestamp",
            "subscriptionIDs": "list",
            "commercialAccount": "boolean",
        },
    },
    "appointment": {
        "primary_key": ["appointmentID"],
        "cursor": "dateUpdated",
        "sensitive": [],
        "fields": {
            "appointmentID": "integer",
            "customerID": "integer",
            "status": "integer",
            "date": "date",
            "start": "time",
            "end": "time",
            "dateUpdated": "timestamp",
            "additionalTechs": "list",
            "targetPests": "json",
        },
    },
    "customerFlag": {
        "primary_key": ["customerID", "flag"],
        "cursor": None,
        "sensitive": [],
        "fields": {"customerID": "integer", "flag": "string", "flagValue": "string"},
    },
}


def main() -> None:
    streams, arguments = STREAMS, sys.argv[1:]
    if arguments and arguments[0].endswith(".json"):
        streams = json.loads(Path(arguments.pop(0)).read_text(encoding="utf-8"))
    match arguments:
        case ["streams", "--json"]:
            listed = {name: stream for name, stream in streams.items() if not stream.get("unlisted")}
            print(json.dumps([_declaration(name, stream) for name, stream in listed.items()]))
        case ["schema", name] if name in streams:
            print(json.dumps(_schema(name, streams[name])))
        case other:
            sys.exit(f"unknown: {other}")


def _modes(stream: Mapping[str, Any]) -> list[str]:
    return stream.get("modes") or (["incremental", "full"] if stream["cursor"] else ["full"])


def _declaration(name: str, stream: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "description": f'Every {name}: "one" a row.',
        "primary_key": stream["primary_key"],
        "cursor": stream["cursor"],
        "modes": _modes(stream),
        "sensitive": stream["sensitive"],
    }


def _schema(name: str, stream: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": f'Every {name}: "one" a row.',
        "type": "object",
        "properties": {
            field: {"type": ["string", "null"], "x-type": kind, "x-sensitive": field in stream["sensitive"]}
            for field, kind in stream["fields"].items()
        },
        "x-primary-key": stream["primary_key"],
        "x-cursor": stream["cursor"],
        "x-modes": _modes(stream),
        "x-timezone": "America/Los_Angeles",
    }


if __name__ == "__main__":
    main()
