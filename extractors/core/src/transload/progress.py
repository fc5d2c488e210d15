"""Progress of long work: a bar per stream on a terminal, else a log line every 30 seconds."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0


@dataclass(slots=True)
class Meter:
    """What has been written of one stream so far. Written by one thread, read by others."""

    records: int = 0
    raw_bytes: int = 0

    def __call__(self, records: int, raw_bytes: int) -> None:
        """Add to it."""
        self.records += records
        self.raw_bytes += raw_bytes


@contextmanager
def shown(stream: str, quota: Callable[[], dict[str, int]]) -> Iterator[Meter]:
    """Show the progress of a stream while the context lasts.

    Args:
        stream: its name.
        quota: gives what is left of the source's quota, by name.
    """
    meter = Meter()
    ended = threading.Event()
    show = _bar if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=show, args=(stream, meter, quota, ended), name="progress", daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        ended.set()
        thread.join(timeout=2)


def _lines(stream: str, meter: Meter, quota: Callable[[], dict[str, int]], ended: threading.Event) -> None:
    began = time.monotonic()
    while not ended.wait(EVERY_SECONDS):
        rate = meter.records / (time.monotonic() - began)
        log.info("progress", extra={"stream": stream, "records": meter.records, "raw_bytes": meter.raw_bytes,
                 "records_per_second": round(rate), **quota()})  # fmt: skip


def _bar(stream: str, meter: Meter, quota: Callable[[], dict[str, int]], ended: threading.Event) -> None:
    # Late: only a terminal needs it.
    from rich.console import Console
    from rich.progress import (
        FileSizeColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TransferSpeedColumn,
    )

    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[records]:>12,} records"),
        FileSizeColumn(), TransferSpeedColumn(), TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(stream, total=None, records=0, left="")
        while not ended.wait(0.2):
            left = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in quota().items())
            progress.update(task, completed=meter.raw_bytes, records=meter.records, left=left)
