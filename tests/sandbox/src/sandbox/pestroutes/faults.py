"""Faults that a test or a rehearsal can switch on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from sandbox.faults import Fault
from sandbox.http import WIRE_FAULTS
from sandbox.pestroutes.model import Record

# name -> what it does. `hypothetical`: nobody has seen the vendor do this.
FAULTS: Mapping[str, str] = {
    **WIRE_FAULTS,
    "minute_limit": "success:false, the minute's counter at its limit",
    "day_limit": "success:false, the day's counter at its limit",
    "bad_key": "success:false, the request with its credentials echoed in params",
    "ignored_params": "`params` (list of names) are ignored and listed in ignoredParams",
    "vanish": "the first `count` (1) ids of a get are hard-deleted just before it",
    "success_false": "success:false with `message`",
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
