"""Lakes to stage: customers as the PestRoutes sandbox makes them, in loads as the extractor commits them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from sandbox.pestroutes.clock import Clock
from sandbox.pestroutes.world import World
from transload.layout import StreamKeys
from transload.part import PartWriter
from transload.records import CommitRecord, Cursor, Part, UnknownFields
from transload.window import Window

_KEYS = StreamKeys("pestroutes", "customer")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class _File:
    """An object of a lake in a directory, without the flush to the disk that an extractor waits for."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        self._file.write(data)

    def close(self) -> None:
        """All of them are there."""
        self._file.close()

    abort = close


def write(root: Path, loads: int, records: int) -> list[Path]:
    """Hourly loads of ``records`` customers each, every one another customer; returns their commit records' files, oldest first."""
    origin = int((_BEGIN + timedelta(hours=loads)).timestamp())
    customers = World(loads * records, 1, 3, Clock(origin), cache=0).customers
    committed = []
    for n in range(loads):
        lines = b"".join(customers.encoded(k) + b"\n" for k in range(n * records, (n + 1) * records))
        committed.append(_commit(root, n, lines, records))
    return committed


def _commit(root: Path, number: int, lines: bytes, records: int) -> Path:
    since = _BEGIN + timedelta(hours=number)
    until = since + timedelta(hours=1)
    load_id = f"{until:%Y%m%dT%H%M%S}000Z-{number:06x}"
    part = _part(root, _KEYS.part(load_id, 0, 1, "gzip"), lines, records)
    window = Window("incremental", since, until)
    record = CommitRecord(
        source=_KEYS.source, stream=_KEYS.stream, mode=window.mode, window=window.name, since=since, until=until,
        load_id=load_id, attempt=1, started_at=until, committed_at=until + timedelta(minutes=1), records=records,
        bytes=part.bytes, raw_bytes=len(lines), quarantined=0, parts=[part], cursor=Cursor("dateUpdated", None),
        schema="0" * 16, version="0.1.0", unknown_fields=UnknownFields("nothing", []),
    )  # fmt: skip
    path = root / _KEYS.commit(window)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(record) + b"\n")
    return path


def _part(root: Path, key: str, lines: bytes, records: int) -> Part:
    writer = PartWriter(key, _File(root / key), "gzip")
    writer.write(lines, records)
    return writer.close()
