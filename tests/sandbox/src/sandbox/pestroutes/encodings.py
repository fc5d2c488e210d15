"""The ways in which a request can carry its parameters (sources/pestroutes.md §1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec

CREDENTIALS = ("authenticationKey", "authenticationToken")
MAX_INPUT_VARS = 1000  # PHP's default: pairs after it are dropped without a word (sources/pestroutes.md §7)


@dataclass(frozen=True)
class Parameters:
    """What was asked: decoded values, and the texts as the answer echoes them."""

    values: dict[str, object]
    echo: dict[str, object]
    key: str | None
    token: str | None


def decode(query: str, body: bytes, content_type: str, headers: Mapping[str, str]) -> Parameters:
    """Read query, body and credential headers (names in lower case); body wins over query, a header over both."""
    given = _nest(_pairs(query))
    if body.lstrip()[:1] == b"{" or (body.strip() and "json" in content_type):
        given |= _json_object(body)
    elif body:
        given |= _nest(_pairs(body.decode("utf-8", "replace")))
    credentials = [headers.get(name.lower()) or given.pop(name, None) for name in CREDENTIALS]
    for name in CREDENTIALS:
        given.pop(name, None)
    key, token = (None if value is None else str(value) for value in credentials)
    echo = {name: _echo(value) for name, value in given.items()}
    echo |= {name: value for name, value in zip(CREDENTIALS, (key, token), strict=True) if value is not None}
    return Parameters({name: interpret(value) for name, value in given.items()}, echo, key, token)


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)[:MAX_INPUT_VARS]


def _json_object(body: bytes) -> dict[str, object]:
    try:
        decoded = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _nest(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """`a[b][]=1` becomes {"a": {"b": ["1"]}}, as PHP reads it."""
    result: dict[str, object] = {}
    for name, value in pairs:
        head, bracket, rest = name.partition("[")
        if not bracket or not rest.endswith("]"):
            result[name] = value
            continue
        _put(result, [head, *rest[:-1].split("][")], value)
    return {name: _lists(value) for name, value in result.items()}


def _put(target: dict[str, object], path: list[str], value: str) -> None:
    for part in path[:-1]:
        below = target.get(part)
        if not isinstance(below, dict):
            below = target[part] = {}
        target = below
    last = path[-1] or str(len(target))
    target[last] = value


def _lists(value: object) -> object:
    """A PHP array whose keys are 0, 1, 2... is a list."""
    if not isinstance(value, dict):
        return value
    if list(value) == [str(n) for n in range(len(value))]:
        return [_lists(item) for item in value.values()]
    return {name: _lists(item) for name, item in value.items()}


def interpret(value: object) -> object:
    """Text that is a JSON list or object stands for it; all else stays as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _echo(value: object) -> object:
    """Parameters come back as text; a structure as JSON text (sources/pestroutes.md §3)."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def as_list(value: object) -> list[object]:
    """A list of ids in any of its forms: list, JSON text, comma text, one value."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value]


def as_ids(value: object) -> list[int]:
    """The ids in a list; what is no number is left out."""
    return [number for item in as_list(value) if (number := _whole(item)) is not None]


def _whole(item: object) -> int | None:
    if isinstance(item, int):
        return item
    try:
        return int(str(item))
    except ValueError:
        return None


def is_true(value: object) -> bool:
    """1, "1", true, "true"."""
    return str(value).lower() in ("1", "true", "yes")
