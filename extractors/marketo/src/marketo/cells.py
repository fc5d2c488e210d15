"""What the cells of a Bulk Extract file are as JSON (sources/marketo.md §7), by whole columns: a file has millions of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, product
from typing import Any, Literal

import msgspec

from transload.errors import ContractBroken
from transload.page import mark_unpaired

Kind = Literal["text", "moment", "number", "boolean", "json"]

NULL = "null"  # what stands for no value; the text "null" cannot be told from it (§7)

DEEPEST = 800  # levels of embedded JSON; the parser's own limit varies with what has called it

_KINDS: dict[str, Kind] = {
    "moment": "moment", "number": "number", "json": "json",
    "integer": "number", "reference": "number", "float": "number", "currency": "number", "percent": "number", "score": "number",
    "boolean": "boolean", "date": "moment", "datetime": "moment", "array": "json",
}  # fmt: skip


def kind_of(data_type: str) -> Kind:
    """How the values of a described data type are written: as text, unless the type says more.

    Args:
        data_type: ``dataType`` of describe, or the name of a kind, such as ``json`` for what describe does not list.
    """
    return _KINDS.get(data_type, "text")


class Refused(ValueError):
    """A row that must not come into the lake as it is; the message says why."""


class Table:
    """Writes rows of cells as lines of JSON.

    Args:
        header: the names of the columns, in the file's order: the keys of the objects.
        kinds: what the columns hold; those that are not here are text.
        primary_key: the columns that must have a value in each row.
        cursor: the column of dates whose greatest is wanted; None for none.

    Raises:
        ContractBroken: a name holds a quote, a backslash or a control character: it is no API name.
    """

    def __init__(
        self, header: Sequence[str], kinds: Mapping[str, Kind], primary_key: Sequence[str], cursor: str | None
    ) -> None:
        self.width = len(header)
        self._converters = [_CONVERTERS[kinds.get(name, "text")] for name in header]
        self._jsons = [n for n, name in enumerate(header) if kinds.get(name) == "json"]
        self._keys = {name: header.index(name) for name in primary_key}
        self._cursor = None if cursor is None else header.index(cursor)
        fields = {f"field{n}": name for n, name in enumerate(header)}
        try:
            self._row = msgspec.defstruct("Row", list(fields), rename=fields, gc=False)
        except ValueError as error:
            raise ContractBroken(f"the file's header has a name that is none: {error}") from error

    def encode(self, rows: Sequence[Sequence[str]]) -> tuple[bytes, str | None]:
        """Rows as newline-delimited JSON, and the greatest cursor.

        Raises:
            Refused: one of the rows; ``check`` finds out which.
            ValueError: one of the rows has not as many cells as the header; or there are no rows.
        """
        columns = list(zip(*rows, strict=True))
        if len(columns) != self.width:
            raise ValueError("not the header's number of cells")
        for place in self._keys.values():
            if NULL in columns[place] or "" in columns[place]:
                raise Refused("no primary key")
        newest = None if self._cursor is None else _newest(columns[self._cursor])
        values = [convert(column) for convert, column in zip(self._converters, columns, strict=True)]
        return _ENCODER.encode_lines(list(map(self._row, *values))), newest

    def check(self, row: Sequence[str]) -> None:
        """Look at one row by itself.

        Raises:
            Refused: if it must not come into the lake.
        """
        missing = [name for name, place in self._keys.items() if row[place] in _NOTHING]
        if missing:
            raise Refused(f"no primary key: {', '.join(missing)} is null or empty")
        for place in self._jsons:
            _json(row[place])


_ENCODER = msgspec.json.Encoder()
_RAW = msgspec.json.Decoder(msgspec.Raw)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_NOTHING: dict[str, None] = {NULL: None, "": None}
_BOOLEANS: dict[str, bool | None] = _NOTHING | {
    # Marketo writes small letters, and 1 and 0 in files of members (§7).
    "".join(letters): value
    for word, value in (("true", True), ("false", False), ("1", True), ("0", False))
    for letters in product(*zip(word, word.upper(), strict=True))
}
_OF_NUMBERS = b"-.,0123456789nul"
_OPENINGS = {"{", "[", NULL[0]}  # what begins with the last is the null, or no JSON
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"')


def _newest(column: Sequence[str]) -> str | None:
    newest = max(column)
    if _is_date(newest):
        return newest
    # The null is greater than any date, and so may be what is none.
    return max(filter(_is_date, column), default=None)


def _is_date(cell: str) -> bool:
    return "0" <= cell[:1] <= "9"


def _texts(column: Sequence[str]) -> Sequence[Any]:
    return [None if cell == NULL else cell for cell in column] if NULL in column else column


def _moments(column: Sequence[str]) -> Sequence[Any]:
    return [cell if cell and cell != NULL else None for cell in column] if NULL in column or "" in column else column


def _booleans(column: Sequence[str]) -> Sequence[Any]:
    return list(map(_BOOLEANS.get, column, column))


def _numbers(column: Sequence[str]) -> Sequence[Any]:
    return _raws(column) or _raws([cell or NULL for cell in column]) or list(map(_number, column))


def _raws(column: Sequence[str]) -> Sequence[msgspec.Raw]:
    """All numbers of a column at once; none of them if one is not as usual."""
    joined = ",".join(column).encode()
    if joined.translate(None, _OF_NUMBERS):
        return []
    try:
        raws = _RAWS.decode(b"[" + joined + b"]")
    except msgspec.DecodeError:
        return []
    # Nothing but commas can part or join cells here, and a cell with a comma makes one more.
    return raws if len(raws) == len(column) else []


def _number(cell: str) -> Any:
    """The digits as they are, less NUL bytes (§8); what is no JSON number stays text, so that nothing is lost."""
    bare = cell.replace("\0", "")
    if bare in _NOTHING:
        return None
    if bare[0] in "-0123456789" and bare[-1].isdecimal():
        try:
            return _RAW.decode(bare)
        except msgspec.DecodeError:
            pass
    return cell


def _jsons(column: Sequence[str]) -> Sequence[Any]:
    everything = "".join(column)
    if (
        {cell[:1] for cell in column} <= _OPENINGS
        and max(map(len, column)) <= 2 * DEEPEST
        and "\n" not in everything
        and "\r" not in everything
    ):
        try:
            return list(map(_RAW.decode, column))
        except msgspec.DecodeError:
            pass  # one of them is none: find out which
    return list(map(_json, column))


def _json(cell: str) -> Any:
    """An object or array as it is, on one line; what is none stays text, be it a number: an array's only item has no brackets."""
    if cell in _NOTHING:
        return None
    if not cell.lstrip().startswith(("{", "[")) or (len(cell) > 2 * DEEPEST and _depth(cell) > DEEPEST):
        return cell
    try:
        raw = _RAW.decode(cell)
    except msgspec.DecodeError:
        _refuse_unpaired(cell)
        return cell
    return msgspec.Raw(msgspec.json.format(bytes(raw), indent=-1)) if "\n" in cell or "\r" in cell else raw


def _depth(json: str) -> int:
    brackets = (char for char in _STRINGS.sub("", json) if char in "[]{}")
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets))


def _refuse_unpaired(cell: str) -> None:
    """JSON but for half of a surrogate pair is not shown as text: whoever looks for its keys would find none."""
    marked = mark_unpaired(cell.encode())
    try:
        _RAW.decode(marked)
    except msgspec.DecodeError:
        return
    raise Refused("an escape of half a surrogate pair")


_CONVERTERS: dict[Kind, Callable[[Sequence[str]], Sequence[Any]]] = {
    "text": _texts, "moment": _moments, "number": _numbers, "boolean": _booleans, "json": _jsons,
}  # fmt: skip
