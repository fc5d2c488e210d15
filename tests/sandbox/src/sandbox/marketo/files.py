"""The files of bulk extract: made once, kept on disk, hashed while they are written."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from sandbox.faults import Fault
from sandbox.marketo.cells import quoted
from sandbox.marketo.faults import FILE_FAULTS
from sandbox.marketo.forms import SEPARATORS, blocks, file_form
from sandbox.marketo.selection import Selection
from sandbox.marketo.world import World

SPOILERS = (*FILE_FAULTS, "duplicate_rows", "late_activities")  # what a create call can do to its file


@dataclass(frozen=True)
class Made:
    """A file that is ready."""

    path: Path
    records: int
    size: int
    checksum: str


class Files:
    """The files of all jobs. Jobs that ask for the same, of data that has not changed, share one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._folder = Path(tempfile.mkdtemp(prefix="marketo-sandbox-"))
        self._numbers = count(1)
        self._made: dict[object, Made] = {}
        self._users: Counter[Path] = Counter()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Remove them all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def make(self, selection: Selection, spoilt: Mapping[str, Fault]) -> Made:
        """The file of a selection, now. It stays until everybody who has it gives it back."""
        with self.world.lock:
            key = self._key(selection, spoilt)
            made = self._take(key)
            if made is None:
                path = self._folder / f"{next(self._numbers)}.csv"
                written = write(path, self.world, selection, spoilt)
                with self._lock:
                    self._made[key] = written
                made = self._take(key)
        assert made, "nobody else could have given it back"
        return made

    def give_back(self, made: Made) -> None:
        """One user less; the last one's file is removed."""
        with self._lock:
            self._users[made.path] -= 1
            if not self._users[made.path]:
                self._made = {key: other for key, other in self._made.items() if other.path != made.path}
                made.path.unlink(missing_ok=True)

    def _take(self, key: object) -> Made | None:
        with self._lock:
            made = self._made.get(key)
            if made:
                self._users[made.path] += 1
            return made

    def _key(self, selection: Selection, spoilt: Mapping[str, Fault]) -> object:
        """What the bytes follow from. Old activities no longer change; all else does with every event."""
        world = self.world
        settled = selection.end and selection.end + world.activities.late + 60 < world.clock.now
        state = "settled" if settled and not spoilt else (len(world.events), world.clock.now)
        faults = tuple(sorted((name, repr(fault.options)) for name, fault in spoilt.items()))
        return (selection.kind, selection.format, selection.columns, selection.headers, selection.filter, state, faults)


def write(path: Path, world: World, selection: Selection, spoilt: Mapping[str, Fault]) -> Made:
    """Write a file in constant memory. Its checksum is that of what is in it, however spoilt."""
    separator = SEPARATORS[selection.format]
    held_back = int(spoilt["late_activities"].number("minutes", 60) * 60) if "late_activities" in spoilt else 0
    columns = selection.columns[:-1] if "missing_column" in spoilt else selection.columns
    headers = selection.headers[: len(columns)]
    rows = selection.rows(columns, world, file_form(selection.format), held_back)
    for name, spoil in _SPOIL.items():
        if name in spoilt:
            singly = chain.from_iterable(rows)
            rows = blocks(spoil(singly, int(spoilt[name].number("count", 1)), separator))
    ending = "\r\n" if "crlf" in spoilt else "\n"
    head = separator.join(quoted(name, separator) for name in headers) + ending
    head = "\ufeff" + head if "bom" in spoilt else head
    digest, records, size = hashlib.sha256(), 0, 0
    with path.open("wb", buffering=0) as file:
        for block in rows if "zero_bytes" in spoilt else chain([[]], rows):
            records += len(block)
            # surrogateescape: a fault may put a byte there that is no UTF-8
            data = (head + "".join(block)).encode("utf-8", "surrogateescape")
            head = ""
            size += len(data)
            digest.update(data)
            file.write(data)
    return Made(path, records, size, f"sha256:{digest.hexdigest()}")


# --- faults in a file

Spoil = Callable[[Iterator[str], int, str], Iterator[str]]


def _twice(rows: Iterator[str], times: int, _: str) -> Iterator[str]:
    for n, row in enumerate(rows):
        yield row
        if n < times:
            yield row


def _ragged(rows: Iterator[str], times: int, _: str) -> Iterator[str]:
    """`"first"Name1"`: the doubled quote is single (sources/marketo.md §8)."""
    for row in rows:
        if times and '""' in row:
            times -= 1
            yield row.replace('""', '"', 1)
        else:
            yield row


def _nul(rows: Iterator[str], times: int, separator: str) -> Iterator[str]:
    for n, row in enumerate(rows):
        yield row.replace(separator, separator + "\0", 1) if n < times else row


def _no_utf8(rows: Iterator[str], times: int, separator: str) -> Iterator[str]:
    for n, row in enumerate(rows):
        yield row.replace(separator, separator + "\udcff", 1) if n < times else row


def _crlf(rows: Iterator[str], _: int, __: str) -> Iterator[str]:
    return (row[:-1] + "\r\n" for row in rows)


_SPOIL: Mapping[str, Spoil] = {
    "duplicate_rows": _twice,
    "ragged_quote": _ragged,
    "nul_bytes": _nul,
    "invalid_utf8": _no_utf8,
    "crlf": _crlf,
}
