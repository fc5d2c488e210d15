"""Rows of a Bulk Extract file as newline-delimited JSON (sources/marketo.md §6 to §8), while the file is still being downloaded.

What comes out follows from the file's bytes alone, not from the pieces in which they come nor from where a reader began. A row that
cannot be read goes to quarantine, and reading goes on at the next line where a row begins.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain, islice

from marketo.cells import Kind, Refused, Table
from transload.errors import ContractBroken
from transload.page import Rejected

BLOCK = 1 << 17  # bytes taken at once, at most: what comes of more would leave the processor's caches
LINES = 340  # the same in lines: with 700 objects, two a row, the garbage collector would look at them all
LONGEST = 64 << 20  # bytes of a row; a quoted field that goes on for longer has lost its end
ASTRAY = 1 << 20  # bytes in which the next row is looked for, after one that cannot be read

_BOM = b"\xef\xbb\xbf"
_QUOTED = rb'"(?:[^"]++|"")*+"'
_CELL = rb'(?:%b|(?!")[^,\n]*+)' % _QUOTED
_ROW = re.compile(rb"%b(?:,%b)*+\r?\n" % (_CELL, _CELL))
# By the standard an unquoted cell has no quotes. Inside a row they do no harm, but a line that has them may end a damaged row.
_NEAT_CELL = rb'(?:%b|[^",\n]*+)' % _QUOTED
_NEAT_ROW = re.compile(rb"%b(?:,%b)*+\r?\n" % (_NEAT_CELL, _NEAT_CELL))
_UNFINISHED = re.compile(rb'(?:%b,)*+(?:"(?:[^"]++|"")*+(?:"\r?)?|(?!")[^,\n]*+)\Z' % _CELL)
_SPLIT = re.compile(rb"(?:\A|,)(%b)" % _CELL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader stands, always between two rows: what another process needs to go on.

    Args:
        offset: bytes of the file before it.
        line: the number of the physical line that comes next.
        header: the file's header; None before it was read.
    """

    offset: int
    line: int
    header: tuple[str, ...] | None


START = Place(0, 1, None)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows in their order.

    Args:
        lines: newline-delimited JSON; empty for none.
        records: how many lines.
        place: behind these rows.
        cursor_max: the greatest text of the cursor's column.
        rejected: what goes to quarantine; each reason begins with the number of the line.
    """

    lines: bytes
    records: int
    place: Place
    cursor_max: str | None
    rejected: tuple[Rejected, ...]


class Rows:
    """Reads one file, piece by piece. It holds no more than two batches, and one row.

    Args:
        kinds: what the columns hold; those that are not here are text.
        expected: the columns that were asked for; the header has exactly these, in any order.
        primary_key: the columns that must have a value in each row.
        cursor: the column whose greatest text is wanted; None for none.
        place: where to go on; the first piece begins there.
        batch_bytes: how much of the file makes a batch, about.

    Raises:
        ContractBroken: the header of ``place`` is not as expected.
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        *,
        expected: Sequence[str],
        primary_key: Sequence[str],
        cursor: str | None,
        place: Place = START,
        batch_bytes: int = 1 << 20,
    ) -> None:
        self._kinds, self._expected, self._primary_key, self._cursor = kinds, expected, primary_key, cursor
        self._batch_bytes = batch_bytes
        self._place = place
        self._table = None if place.header is None else self._table_of(place.header)
        self._pieces: list[bytes] = []
        self._held, self._wanted = 0, BLOCK
        self._gathered = _Gathered()

    def feed(self, piece: bytes) -> Iterator[Batch]:
        """Take what comes next in the file. The iterator must be run to its end.

        Raises:
            ContractBroken: the header is not as expected, or cannot be read.
        """
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held >= self._wanted:
            yield from self._take(b"".join(self._pieces), whole=False)

    def finish(self) -> Iterator[Batch]:
        """Take the end of the file. The iterator must be run to its end.

        Raises:
            ContractBroken: the header is not as expected, or cannot be read.
        """
        yield from self._take(b"".join(self._pieces), whole=True)
        if self._gathered.size:
            yield self._batch()

    def _take(self, data: bytes, *, whole: bool) -> Iterator[Batch]:
        end = len(data)
        if whole and not data.endswith(b"\n"):
            data += b"\n"
        at = 0
        while at < end and (whole or end - at >= BLOCK):
            stopped, lines = self._step(data, at, whole)
            if stopped == at:
                break
            size = min(stopped, end) - at
            self._place = Place(self._place.offset + size, self._place.line + lines, self._place.header)
            self._gathered.size += size
            at = stopped
            if self._gathered.size >= self._batch_bytes:
                yield self._batch()
        self._pieces = [data[at:end]]
        self._held = max(end - at, 0)
        # A row that is not all there yet is looked at again when there is twice as much of it.
        self._wanted = max(BLOCK, 2 * self._held)

    def _step(self, data: bytes, at: int, whole: bool) -> tuple[int, int]:
        """Take the header, or some rows; returns where they end, which is ``at`` if that is not there yet, and their lines."""
        if self._place.offset == 0 and data.startswith(_BOM):
            return len(_BOM), 0
        if self._table is None:
            end = self._read_header(data, at, whole)
            return end, data.count(b"\n", at, end)
        end, lines = self._gathered.block(self._table, data, at)
        return (end, lines) if lines else self._gathered.one_by_one(self._table, data, at, self._place.line, whole)

    def _read_header(self, data: bytes, at: int, whole: bool) -> int:
        found = _ROW.match(data, at)
        if not found:
            if whole or not _UNFINISHED.match(data, at):
                raise ContractBroken("the file's header cannot be read: a quote is out of place")
            return at
        try:
            header = tuple(cell.decode() for cell in _split(found[0]))
        except UnicodeDecodeError as error:
            raise ContractBroken("the file's header is not UTF-8") from error
        self._table = self._table_of(header)
        self._place = Place(self._place.offset, self._place.line, header)
        return found.end()

    def _table_of(self, header: tuple[str, ...]) -> Table:
        unlike = {
            "more than once": [name for name in dict.fromkeys(header) if header.count(name) > 1],
            "missing": [name for name in self._expected if name not in header],
            "not asked for": [name for name in header if name not in self._expected],
        }
        wrong = [f"{what}: {_some(names)}" for what, names in unlike.items() if names]
        if wrong:
            raise ContractBroken(
                f"the file's header is not as expected; {'; '.join(wrong)}. Run the same command again: it has another export made"
            )
        return Table(header, self._kinds, self._primary_key, self._cursor)

    def _batch(self) -> Batch:
        done, self._gathered = self._gathered, _Gathered()
        return Batch(b"".join(done.lines), done.records, self._place, done.cursor_max, tuple(done.rejected))


@dataclass(slots=True)
class _Gathered:
    """What the next batch is made of; ``size`` is in bytes of the file."""

    size: int = 0
    records: int = 0
    cursor_max: str | None = None
    lines: list[bytes] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def block(self, table: Table, data: bytes, at: int) -> tuple[int, int]:
        """Add the rows at the beginning of a block that are as they should be; returns where they end, and their lines."""
        block = data[at : data.rfind(b"\n", at, at + BLOCK) + 1]
        lines = list(islice(BytesIO(block), LINES))
        if b"\r" in block and b"\r\r\n" in {line[-3:] for line in lines}:
            return at, 0  # the csv module would drop both; of any other carriage return it says that it is out of place
        try:
            rows, used = _parse(lines)
            self._add(table, rows)
        except (csv.Error, ValueError):
            return at, 0
        return at + sum(map(len, lines[:used])), used

    def one_by_one(self, table: Table, data: bytes, at: int, line: int, whole: bool) -> tuple[int, int]:
        """Add the rows that begin in a block, and reject those that cannot be read; returns where they end, and their lines."""
        good: list[list[str]] = []
        stop, first = at + BLOCK, line
        while at < stop and at < len(data) and (found := _find(data, at, table.width, whole)):
            fault = found.fault
            if not fault:
                try:
                    row = [cell.decode() for cell in found.cells]
                    table.check(row)
                    good.append(row)
                except UnicodeDecodeError:
                    fault = "not UTF-8"
                except Refused as refusal:
                    fault = str(refusal)
            if fault:
                text = data[at : found.end].decode("utf-8", "backslashreplace").removesuffix("\n")
                self.rejected.append(Rejected(text, f"line {line}: {fault}"))
            line += data.count(b"\n", at, found.end)
            at = found.end
        if good:
            self._add(table, good)
        return at, line - first

    def _add(self, table: Table, rows: list[list[str]]) -> None:
        lines, newest = table.encode(rows)
        self.lines.append(lines)
        self.records += len(rows)
        if newest is not None:
            self.cursor_max = newest if self.cursor_max is None else max(newest, self.cursor_max)


def _parse(lines: list[bytes]) -> tuple[list[list[str]], int]:
    """The rows of some lines, but for the last if it is not all there, and of how many lines they are.

    Raises:
        csv.Error: a quote or a carriage return is out of place.
        UnicodeDecodeError: not UTF-8.
    """
    rows: list[list[str]] = []
    # One line more ends the cell that is not all there, or else begins one that never ends, which is an error.
    reader = csv.reader(chain(map(bytes.decode, lines), ['"\n']), strict=True)
    try:
        rows.extend(reader)
    except csv.Error:
        if reader.line_num <= len(lines):
            raise
        return rows, len(lines)
    return rows, len(lines) - "".join(rows.pop()).count("\n")


def _is_row(data: bytes, at: int, width: int) -> bool:
    """Whether a row of the right width begins at ``at`` beyond doubt."""
    row = _NEAT_ROW.match(data, at, at + LONGEST)
    return row is not None and len(_SPLIT.findall(row[0])) == width


@dataclass(frozen=True, slots=True)
class _Found:
    """What begins between two rows: up to ``end`` a row with these cells, or something with a fault."""

    end: int
    cells: list[bytes]
    fault: str | None = None


def _find(data: bytes, at: int, width: int, whole: bool) -> _Found | None:
    """The row that begins at ``at``, or what is there instead; None if that is not there to its end.

    With a quote out of place nobody can say where a row ends: it is rejected up to where another begins.
    """
    row = _ROW.match(data, at, at + LONGEST)
    cells = _split(row[0]) if row else []
    if row and len(cells) == width:
        return _Found(row.end(), cells)
    if not row and not whole and _is_unfinished(data, at):
        return None
    fault = f"{len(cells)} fields, the header has {width}" if row else "a quote is out of place"
    if row and _NEAT_ROW.match(data, at, at + LONGEST):
        return _Found(row.end(), cells, fault)
    end = _find_next(data, at, width, whole)
    return _Found(end, [], fault) if end else None


def _find_next(data: bytes, at: int, width: int, whole: bool) -> int:
    """The next line at which a row begins beyond doubt, or the next one after ``ASTRAY`` bytes; 0 if that is not there yet."""
    line = data.find(b"\n", at) + 1
    while line and line - at < ASTRAY:
        if line == len(data):
            return line if whole else 0
        if _is_row(data, line, width):
            break
        if not whole and _is_unfinished(data, line):
            return 0
        line = data.find(b"\n", line) + 1
    return line


def _is_unfinished(data: bytes, at: int) -> bool:
    return len(data) - at < LONGEST and _UNFINISHED.match(data, at) is not None


def _split(row: bytes) -> list[bytes]:
    """The cells of a row, which ends in a newline."""
    return [
        cell[1:-1].replace(b'""', b'"') if cell.startswith(b'"') else cell
        for cell in _SPLIT.findall(row[:-1].removesuffix(b"\r"))
    ]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name[:100]) for name in names[:5]) + more
