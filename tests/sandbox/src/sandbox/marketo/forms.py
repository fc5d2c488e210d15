"""The forms in which a record goes out: a row of a file, REST's JSON, the truth's JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

import msgspec

from sandbox.marketo.cells import Cell, quoted

SEPARATORS = {"CSV": ",", "TSV": "\t", "SSV": ";"}  # SSV: the docs say semicolon and space (sources/marketo.md §6)


@dataclass(frozen=True)
class Form:
    """How a record is written."""

    separator: str
    before: str
    after: str
    cell: Callable[[str, Cell], str]  # of a column's name and value
    plain: Callable[[str, bool], tuple[str, str]]  # what stands around a value that needs no quoting

    def row(self, cells: Iterable[tuple[str, Cell]]) -> str:
        """One record."""
        return self.before + self.separator.join([self.cell(name, cell) for name, cell in cells]) + self.after


@cache
def file_form(format_: str) -> Form:
    """A row of a bulk file: LF ends it (sources/marketo.md §7)."""
    separator = SEPARATORS[format_]
    return Form(separator, "", "\n", lambda _, cell: quoted(cell.bulk, separator), lambda *_: ("", ""))


def _json(name: str, value: object) -> str:
    return f'"{name}":{msgspec.json.encode(value).decode()}'


def _plain(name: str, is_text: bool) -> tuple[str, str]:
    return (f'"{name}":"', '"') if is_text else (f'"{name}":', "")


REST = Form(",", "{", "}", lambda name, cell: _json(name, cell.rest), _plain)
TRUTH = Form(",", "{", "}\n", lambda name, cell: _json(name, cell.truth), _plain)


def cell_of(value: object) -> Cell:
    """A value that is the same everywhere."""
    if value is None:
        return Cell(None, "null", None)
    if isinstance(value, bool):
        return Cell(value, "true" if value else "false", value)
    return Cell(value, str(value), value)


def blocks(rows: Iterable[str], size: int = 2000) -> Iterator[list[str]]:
    """Rows by the thousand: passing single ones from hand to hand would cost more than making them."""
    rows = iter(rows)
    while block := list(islice(rows, size)):
        yield block
