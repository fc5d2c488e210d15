"""search: which ids answer a set of filters (sources/pestroutes.md §2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.pestroutes import values
from sandbox.pestroutes.encodings import as_ids, as_list
from sandbox.pestroutes.tables import CHUNK, Table

_NEEDS_ONE = ("<", ">", "<=", ">=", "=", "!=")
_FAR = 1 << 63
Text = str | None


class BadFilter(ValueError):
    """A filter that the vendor would refuse; its real wording is unknown."""


@dataclass(frozen=True)
class Filter:
    """`column operator values`."""

    column: str
    operator: str
    values: tuple[str, ...]


def parse_filter(column: str, value: object) -> Filter:
    """A plain value means equality, a list IN; operators in upper or lower case."""
    if isinstance(value, dict):
        operator = str(value.get("operator", "=")).upper()
        given = value.get("value")
        items = as_list(given) if operator in ("IN", "BETWEEN") or isinstance(given, list) else [given]
    elif isinstance(value, list):
        operator, items = "IN", value
    else:
        operator, items = "=", [value]
    texts = tuple("" if item is None else str(item) for item in items)
    if operator not in _TESTS and operator not in (*_NEEDS_ONE, "IN", "BETWEEN"):
        raise BadFilter(f"unknown operator {operator} for {column}")
    if (operator == "BETWEEN" and len(texts) != 2) or (operator not in ("IN", "BETWEEN") and len(texts) != 1):
        raise BadFilter(f"wrong number of values for {operator} on {column}")
    return Filter(column, operator, texts)


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "LIKE": lambda text, part: _like(text, part),
    "CONTAINS": lambda text, part: part in text,
    "STARTSWITH": lambda text, part: text.startswith(part),
    "ENDSWITH": lambda text, part: text.endswith(part),
}


def _like(text: str, pattern: str) -> bool:
    head, *parts = pattern.split("%")
    if not text.startswith(head):
        return False
    if not parts:
        return text == head
    at = len(head)
    for part in parts[:-1]:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - at >= len(parts[-1]) and text.endswith(parts[-1])


# --- whole numbers: ids and moments


def bounds(operator: str, numbers: Sequence[int]) -> tuple[int, int] | None:
    """The closed range that an operator asks for; None if it is no range."""
    if operator == "BETWEEN":
        return numbers[0], numbers[1]
    n = numbers[0] if numbers else 0
    ranges = {"=": (n, n), ">": (n + 1, _FAR), ">=": (n, _FAR), "<": (-_FAR, n - 1), "<=": (-_FAR, n)}
    return ranges.get(operator)


def _moment_filter(table: Table, wanted: Filter, ks: Sequence[int], chunk: int) -> list[int]:
    """Moments compare as the wall clock writes them; null answers no filter, a zero date is small."""
    try:
        numbers = [values.parse_moment(text) for text in wanted.values]
    except ValueError as error:
        raise BadFilter(f"no date: {wanted.values}") from error
    lane = table.moments(wanted.column, chunk)
    base, null = chunk * CHUNK, values.NULL
    span = bounds(wanted.operator, numbers)
    if span:
        low, high = max(span[0], null + 1), span[1]
        if len(ks) == len(lane):
            return [k for k, value in enumerate(lane, base) if low <= value <= high]
        return [k for k in ks if low <= lane[k - base] <= high]
    unwanted = wanted.operator == "!="
    return [k for k in ks if lane[k - base] != null and (lane[k - base] in numbers) != unwanted]


def _text_filter(table: Table, wanted: Filter, ks: Sequence[int], chunk: int) -> list[int]:
    passes = _text_test(wanted)
    base = chunk * CHUNK
    if wanted.column in table.entity.codes:
        lane = table.codes(wanted.column, chunk)
        good = {code for code in set(lane) if passes(str(code))}
        return [k for k in ks if lane[k - base] in good]
    return [k for k in ks if passes(_column(table, k, wanted.column))]


def _column(table: Table, k: int, column: str) -> Text:
    if column == "officeID":
        return str(table.office_of(k))
    value = table.record(k).get(column)
    return None if value is None else str(value)


def _text_test(wanted: Filter) -> Callable[[Text], bool]:
    """Text compares as text, unless both sides are numbers. CONTAINS on a phone finds nothing (§7)."""
    operator, first = wanted.operator, wanted.values[0] if wanted.values else ""
    if operator in _TESTS:
        if wanted.column.startswith("phone"):
            return lambda text: False
        test = _TESTS[operator]
        return lambda text: text is not None and test(text.lower(), first.lower())
    if operator in ("=", "IN"):
        return lambda text: text is not None and text in wanted.values
    if operator == "!=":
        return lambda text: text is not None and text != first
    return lambda text: text is not None and _ordered(operator, text, wanted.values)


def _ordered(operator: str, text: str, limits: tuple[str, ...]) -> bool:
    try:
        value: float | str = float(text)
        sides: list[float] | list[str] = [float(limit) for limit in limits]
    except ValueError:
        value, sides = text, list(limits)
    if operator == "BETWEEN":
        return sides[0] <= value <= sides[1]  # type: ignore[operator]
    answers = {">": value > sides[0], ">=": value >= sides[0], "<": value < sides[0], "<=": value <= sides[0]}  # type: ignore[operator]
    return answers[operator]


def _id_filter(table: Table, wanted: Filter, ks: Sequence[int]) -> list[int]:
    numbers = as_ids(list(wanted.values))
    span = bounds(wanted.operator, numbers)
    if span:
        return [k for k in ks if span[0] <= table.id_of(k) <= span[1]]
    if wanted.operator not in ("IN", "!="):
        raise BadFilter(f"{wanted.operator} does not fit ids")
    chosen, unwanted = set(numbers), wanted.operator == "!="
    return [k for k in ks if (table.id_of(k) in chosen) != unwanted]


def _rows(table: Table, ids: Sequence[Filter]) -> tuple[int, int, list[Filter]]:
    """The first and last row that ranges of ids leave over, and the other filters on ids."""
    if table.entity.grouped:  # rows and ids are not in step
        return 0, len(table), list(ids)
    low, high, rest = 0, len(table), []
    for wanted in ids:
        span = bounds(wanted.operator, as_ids(list(wanted.values)))
        if span is None:
            rest.append(wanted)
        else:
            low = max(low, -(-(span[0] - table.first) // table.stride))
            high = min(high, (span[1] - table.first) // table.stride + 1)
    return low, high, rest


def search(
    table: Table, ids: Sequence[Filter], filters: Sequence[Filter], offices: frozenset[int] | None, cap: int
) -> list[int]:
    """At most `cap` ids in ascending order. `offices` None means all; shared rows belong to every office."""
    found: dict[int, None] = {}  # in order, each once
    start, stop, ids = _rows(table, ids)
    while start < stop and len(found) < cap:
        chunk = start // CHUNK
        end = min((chunk + 1) * CHUNK, stop)
        ks: Sequence[int] = range(start, end)
        for wanted in ids:
            ks = _id_filter(table, wanted, ks)
        for wanted in filters:
            moments = wanted.column in table.entity.dates and wanted.operator not in _TESTS
            ks = (_moment_filter if moments else _text_filter)(table, wanted, ks, chunk)
        if offices is not None and not table.entity.ignores_office:
            ks = [k for k in ks if (office := table.office_of(k)) in offices or office < 1]
        deleted = table.deleted
        found.update((table.id_of(k), None) for k in ks if not deleted or k not in deleted)
        start = end
    return list(found)[:cap]
