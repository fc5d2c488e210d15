"""Where things stand in the lake: the keys of design page section 3, and the commit records under them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from transload.lake import Lake, ObjectInfo
from transload.part import SUFFIX, Compression
from transload.records import Checkpoint, CommitRecord, read
from transload.window import Window


@dataclass(frozen=True, slots=True)
class StreamKeys:
    """The keys of one stream's objects, all relative to the destination."""

    source: str
    stream: str

    @property
    def root(self) -> str:
        return f"{self.source}/{self.stream}/"

    @property
    def loads(self) -> str:
        return f"{self.root}_loads/"

    @property
    def checkpoints(self) -> str:
        return f"{self.root}_checkpoints/"

    @property
    def quarantine(self) -> str:
        return f"{self.root}_quarantine/"

    def commit(self, window: Window) -> str:
        return f"{self.loads}{window.name}.json"

    def checkpoint(self, window: Window) -> str:
        return f"{self.checkpoints}{window.name}.json"

    def part(self, load_id: str, number: int, attempt: int, compression: Compression) -> str:
        """A part's key. Each attempt has names of its own: a lost one that still writes overwrites nothing."""
        name = _part_name(number, attempt, compression)
        return f"{self.root}load_date={load_date(load_id)}/{load_id}/{name}"

    def quarantine_part(self, load_id: str, number: int, attempt: int) -> str:
        return f"{self.quarantine}{load_id}/{_part_name(number, attempt, 'gzip')}"


def _part_name(number: int, attempt: int, compression: Compression) -> str:
    return f"part-{number:05d}{f'-{attempt}' if attempt > 1 else ''}{SUFFIX[compression]}"


def new_load_id(now: datetime) -> str:
    """A load id: the moment in UTC to the millisecond, and six random hex digits."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S") + f"{now.microsecond // 1000:03d}Z"
    return f"{stamp}-{secrets.token_hex(3)}"


def load_date(load_id: str) -> str:
    """The UTC date on which a load started, as in ``load_date=2026-01-31``."""
    return f"{load_id[:4]}-{load_id[4:6]}-{load_id[6:8]}"


_LOAD_ID = re.compile(r"/(?:load_date=[^/]+|_quarantine)/([^/]+)/[^/]+$")


def load_id_of(key: str) -> str | None:
    """The load that a part, or a part of the quarantine, belongs to by its key; None for other objects."""
    match = _LOAD_ID.search(key)
    return match[1] if match else None


def _window_of(key: str) -> Window | None:
    return Window.parse(key.rpartition("/")[2].removesuffix(".json"))


def _files(lake: Lake, folder: str) -> Iterator[ObjectInfo]:
    """What is in a folder, without the empty objects that consoles of object stores make for folders themselves."""
    return (found for found in lake.list(folder) if not found.key.endswith("/"))


def committed_windows(lake: Lake, keys: StreamKeys) -> Iterator[Window]:
    """The windows that have a commit record: read off the names, so that ten thousand loads cost ten requests.

    Only compacted files, whose names are no window's, are opened.
    """
    for found in _files(lake, keys.loads):
        window = _window_of(found.key)
        if window is not None:
            yield window
            continue
        for record in _records(lake, found.key):
            inner = Window.parse(record.window)
            if inner is not None:
                yield inner


def commit_records(
    lake: Lake, keys: StreamKeys, wanted: Callable[[Window], bool] = lambda _: True
) -> Iterator[CommitRecord]:
    """The commit records of a stream. A window that stands in a file of its own and in a compacted one counts once:
    the file of its own is newer.

    Args:
        lake: where.
        keys: of the stream.
        wanted: tells by its window whether a record is wanted: a file of one that is not is not opened, so that one
            of ten thousand costs ten requests. Of compacted files every record is given.
    """
    compacted: dict[str, CommitRecord] = {}
    seen: set[str] = set()
    for found in _files(lake, keys.loads):
        window = _window_of(found.key)
        if window is not None and not wanted(window):
            continue
        for record in _records(lake, found.key):
            if window is None:
                compacted[record.window] = record
            else:
                seen.add(record.window)
                yield record
    yield from (record for window, record in compacted.items() if window not in seen)


def last_load(lake: Lake, keys: StreamKeys, committed: Iterable[Window] | None = None) -> CommitRecord | None:
    """The commit record of the newest window that was no sample, of two with one end the later load; None if there is none.

    Args:
        lake: where.
        keys: of the stream.
        committed: its committed windows; None to look.
    """
    committed = committed_windows(lake, keys) if committed is None else committed
    windows = [window for window in committed if window.mode != "sample"]
    until = max((window.until for window in windows), default=None)
    last = {window for window in windows if window.until == until}
    found = [record for window in last for record in _records(lake, keys.commit(window))[-1:]]
    if not found:  # it stands in a compacted file
        found = [one for one in commit_records(lake, keys, last.__contains__) if Window.parse(one.window) in last]
    return max(found, key=lambda record: record.started_at, default=None)


def _records(lake: Lake, key: str) -> list[CommitRecord]:
    stored = lake.get(key)
    return read(stored.data, CommitRecord, key) if stored is not None else []


def open_checkpoints(lake: Lake, keys: StreamKeys) -> Iterator[tuple[str, Checkpoint]]:
    """The keys and contents of the checkpoints of loads that are open."""
    for found in _files(lake, keys.checkpoints):
        stored = lake.get(found.key)
        if stored is not None:
            for checkpoint in read(stored.data, Checkpoint, found.key):
                yield found.key, checkpoint
