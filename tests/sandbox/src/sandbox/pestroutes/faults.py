"""Faults that a test or a rehearsal can switch on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from sandbox.pestroutes.model import Record

# name -> what it does. `hypothetical`: nobody has seen the vendor do this.
FAULTS: Mapping[str, str] = {
    "minute_limit": "success:false, the minute's counter at its limit",
    "day_limit": "success:false, the day's counter at its limit",
    "bad_key": "success:false, the request with its credentials echoed in params",
    "html_502": "HTTP 502 with an HTML body",
    "http_500": "HTTP 500, empty JSON",
    "http_503": "HTTP 503, text",
    "http_429": "HTTP 429 with Retry-After `retry_after` (seconds or a date; default 1) (hypothetical)",
    "ignored_params": "`params` (list of names) are ignored and listed in ignoredParams",
    "vanish": "the first `count` (1) ids of a get are hard-deleted just before it",
    "success_false": "success:false with `message`",
    "truncated_gzip": "a gzip body that ends too early",
    "not_json": "HTTP 200 with text that is no JSON",
    "truncated_body": "Content-Length is longer than the body, then the connection closes",
    "reset": "the connection is reset",
    "hang": "no answer for `seconds` (60), then the connection closes",
    "slow_drip": "the body comes in `pieces` (10), `seconds` (0.1) apart",
    "wrong_content_type": "Content-Type `value` (application/pdf)",
    "html_200": "HTTP 200 with an HTML page",
    "unknown_entity_for_account": "success:false: the account has no such entity",
    "huge_record": "the first record has a string of `megabytes` (5)",
    "record_without_key": "the first record has no key field",
    "record_not_object": "the first record is a number",
    "duplicate_rows": "the first `count` (1) rows or ids come twice",
    "office_minus_one_twice": "the first row has office -1 and comes twice, as from two offices",
    "unsorted_ids": "ids of a search in no order",
    "string_token_usage": "the numbers of tokenUsage and tokenLimits are strings, as in older answers",
    "no_token_usage": "neither tokenUsage nor tokenLimits",
    "extra_whitespace": "a pretty-printed body",
    "escaped": "non-ASCII characters as \\uXXXX and slashes as \\/, as PHP writes them unless told otherwise",
    "result_wrapper": "the payload stands in `result`",
}


@dataclass
class Fault:
    """One switched-on fault."""

    name: str
    entity: str | None
    action: str | None
    times: int  # -1: for ever
    after: int  # matching requests to let through first
    options: dict[str, object] = field(default_factory=dict)

    def number(self, name: str, usual: float) -> float:
        """A numeric parameter."""
        value = self.options.get(name, usual)
        return float(value) if isinstance(value, int | float | str) else usual


def parse_fault(given: Mapping[str, object]) -> Fault:
    """Read `{"fault": ..., "match": {...}, "times": ..., "after": ..., parameters}`."""
    name = str(given.get("fault"))
    if name not in FAULTS:
        raise ValueError(f"unknown fault {name!r}; known: {', '.join(FAULTS)}")
    match = given.get("match") or {}
    if not isinstance(match, dict) or not set(match) <= {"entity", "action"}:
        raise ValueError("match takes entity and action")
    times, after = given.get("times", 1), given.get("after", 0)
    if not isinstance(times, int) or not isinstance(after, int):
        raise TypeError("times and after are whole numbers")
    options = {key: value for key, value in given.items() if key not in ("fault", "match", "times", "after")}
    return Fault(name, match.get("entity"), match.get("action"), times, after, options)


class Faults:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, given: Sequence[Mapping[str, object]]) -> None:
        """Switch on."""
        parsed = [parse_fault(one) for one in given]
        with self._lock:
            self._faults += parsed

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._faults = []

    def listed(self) -> list[dict[str, object]]:
        """What is on, with the times that are left."""
        with self._lock:
            return [
                {"fault": f.name, "match": {"entity": f.entity, "action": f.action}, "times": f.times, "after": f.after}
                | f.options
                for f in self._faults
            ]

    def draw(self, entity: str, action: str) -> dict[str, Fault]:
        """The faults that strike this request, counted down."""
        struck: dict[str, Fault] = {}
        with self._lock:
            for fault in self._faults:
                if fault.entity not in (None, entity) or fault.action not in (None, action) or fault.times == 0:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                elif fault.name not in struck:
                    fault.times -= fault.times > 0
                    struck[fault.name] = fault
        return struck


# --- faults on rows

Changed = Callable[[list[object], Fault, str | None], list[object]]


def _huge(rows: list[object], fault: Fault, key: str | None) -> list[object]:
    return [_object(rows[0]) | {"blob": "x" * int(fault.number("megabytes", 5) * 1_000_000)}, *rows[1:]]


def _without_key(rows: list[object], fault: Fault, key: str | None) -> list[object]:
    return [{name: value for name, value in _object(rows[0]).items() if name != key}, *rows[1:]]


def _not_object(rows: list[object], fault: Fault, key: str | None) -> list[object]:
    return [42, *rows[1:]]


def _twice(rows: list[object], fault: Fault, key: str | None) -> list[object]:
    return rows[: int(fault.number("count", 1))] + rows


def _minus_one(rows: list[object], fault: Fault, key: str | None) -> list[object]:
    first = _object(rows[0]) | {"officeID": "-1"}
    return [first, first, *rows[1:]]


def _unsorted(rows: list[object], fault: Fault, key: str | None) -> list[object]:
    return rows[1::2] + rows[0::2][::-1]


_ON_ROWS: Mapping[str, Changed] = {
    "huge_record": _huge,
    "record_without_key": _without_key,
    "record_not_object": _not_object,
    "duplicate_rows": _twice,
    "office_minus_one_twice": _minus_one,
}
_ON_IDS: Mapping[str, Changed] = {"duplicate_rows": _twice, "office_minus_one_twice": _twice, "unsorted_ids": _unsorted}


def _object(row: object) -> Record:
    return dict(row) if isinstance(row, dict) else {}


def spoil_rows(rows: Sequence[bytes], struck: Mapping[str, Fault], key: str | None) -> list[bytes]:
    """Apply the faults that change records."""
    wanted = [name for name in _ON_ROWS if name in struck]
    if not wanted or not rows:
        return list(rows)
    spoilt: list[object] = [msgspec.json.decode(rows[0]), *map(msgspec.Raw, rows[1:])]
    for name in wanted:
        spoilt = _ON_ROWS[name](spoilt, struck[name], key)
    return [msgspec.json.encode(row) for row in spoilt]


def spoil_ids(ids: Sequence[int], struck: Mapping[str, Fault]) -> list[object]:
    """Apply the faults that change the ids of a search."""
    spoilt: list[object] = list(ids)
    for name, spoil in _ON_IDS.items():
        if name in struck:
            spoilt = spoil(spoilt, struck[name], None)
    return spoilt
