"""The flow of one load: pages in, parts out, in two threads with a bounded queue between them.

The calling thread fetches and joins, the other compresses, hashes and writes (all of which release the GIL), and uploads go
up in a third. Memory is bounded by the queue, whatever the size of a load or a part.

A part closes before the page that would pass its limits, so that the token of the last page in it stands exactly for what is
written. Only a page that is larger than a part by itself is cut; its parts are noted together, with its token.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import msgspec

from transload.errors import ContractBroken, Interrupted, TransloadError
from transload.load import Load
from transload.page import Page, Rejected, lines, unknown_fields
from transload.part import PartWriter
from transload.records import Part, total
from transload.steps import Step, reached

log = logging.getLogger(__name__)

# Pages that wait between fetching and writing. Each holds its records twice at most: as sent and as joined.
QUEUE_PAGES = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """When a part closes, and when rejected records end the run.

    Args:
        batch_size: records a part at most.
        part_bytes: bytes a part at most, before compression.
        max_quarantined: rejected records a load at most.
        records: records a load at most, for a sample; None for all.
    """

    batch_size: int
    part_bytes: int
    max_quarantined: int
    records: int | None = None


@dataclass(slots=True)
class _Tally:
    """What the checkpoint carries on from attempt to attempt beside the parts."""

    raw_bytes: int
    quarantined: int
    cursor_max: str | None
    unknown: set[str]
    dropped: set[str]
    notes: dict[str, int]
    quarantine_parts: int
    token: Any = None
    rejected: list[Rejected] = field(default_factory=list)

    def progress(self) -> dict[str, Any]:
        """The fields of the checkpoint that this is kept in."""
        return {
            "raw_bytes": self.raw_bytes, "quarantined": self.quarantined, "cursor_max": self.cursor_max,
            "unknown_fields": sorted(self.unknown), "dropped_fields": sorted(self.dropped), "notes": self.notes,
            "quarantine_parts": self.quarantine_parts,
        }  # fmt: skip


class _Writer:
    """The writing side: turns chunks of lines into parts, and notes them in the load."""

    def __init__(self, load: Load, limits: Limits, progress: Callable[[int, int], None]) -> None:
        self._load, self._limits, self._progress = load, limits, progress
        self._part: PartWriter | None = None
        self._closed: list[Part] = []
        self._go_on()

    def _go_on(self) -> None:
        """Stand where the checkpoint stands."""
        opened = self._load.checkpoint
        self._number = len(opened.parts)
        self._tally = _Tally(
            opened.raw_bytes, opened.quarantined, opened.cursor_max, set(opened.unknown_fields),
            set(opened.dropped_fields), dict(opened.notes), opened.quarantine_parts, opened.token,
        )  # fmt: skip

    def take(self, chunks: list[tuple[bytes, int]], page: Page, unknown: set[str]) -> None:
        """Write one page: its lines, cut to what a part may hold."""
        if page.restart:
            self.abort()
            self._load.restart(page.token)
            self._go_on()
        if self._full_with(chunks[0]):
            self._note()
        for data, records in chunks:
            if self._full_with((data, records)):
                self._close_part()
            if records:
                self._write(data, records)
                reached(Step.MID_PAGE)
        tally = self._tally
        tally.token = page.token
        tally.unknown |= unknown
        tally.dropped.update(page.dropped_fields)
        if page.cursor_max is not None:
            tally.cursor_max = max(tally.cursor_max or page.cursor_max, page.cursor_max)
        for name, count in page.notes.items():
            tally.notes[name] = tally.notes.get(name, 0) + count
        self._reject(page.rejected)
        if self._closed or page.barrier:
            # A page that was cut: its parts and its token are noted together, at once.
            self._note()

    def finish(self) -> None:
        """Close what is open, and note it."""
        self._note()

    def abort(self) -> None:
        """Give the open part up. What the checkpoint has stays."""
        if self._part is not None:
            self._part.abort()
            self._part = None

    def _full_with(self, chunk: tuple[bytes, int]) -> bool:
        part = self._part
        if part is None:
            return False
        return (
            part.records + chunk[1] > self._limits.batch_size
            or part.raw_bytes + len(chunk[0]) > self._limits.part_bytes
        )

    def _write(self, data: bytes, records: int) -> None:
        if self._part is None:
            key = self._load.part_key(self._number)
            self._part = PartWriter(key, self._load.lake.create(key), self._load.settings.compression)
            self._number += 1
            reached(Step.PART_OPENED)
        self._part.write(data, records)
        self._tally.raw_bytes += len(data)
        self._progress(records, len(data))

    def _close_part(self) -> None:
        if self._part is not None:
            part = self._part.close()
            self._part = None
            reached(Step.UPLOAD_COMPLETED)
            self._closed.append(part)
            log.info("part", extra={"key": part.key, "records": part.records, "bytes": part.bytes})

    def _note(self) -> None:
        self._close_part()
        self._write_rejected()
        self._load.add(self._closed, self._tally.token, **self._tally.progress())
        self._closed = []

    def _reject(self, rejected: Iterable[Rejected]) -> None:
        tally = self._tally
        before = tally.quarantined
        for one in rejected:
            tally.rejected.append(one)
            tally.quarantined += 1
        if tally.quarantined > before:
            log.warning(
                "records go to quarantine",
                extra={"count": tally.quarantined - before, "reason": tally.rejected[-1].reason},
            )
        if tally.quarantined > self._limits.max_quarantined:
            reason = tally.rejected[-1].reason
            self._write_rejected()
            raise ContractBroken(
                f"{tally.quarantined} records could not be read, more than --max-quarantined {self._limits.max_quarantined}; "
                f"the last: {reason}. They are under {self._load.keys.quarantine}{self._load.checkpoint.load_id}/"
            )

    def _write_rejected(self) -> None:
        if not self._tally.rejected:
            return
        key = self._load.quarantine_key()
        writer = PartWriter(key, self._load.lake.create(key), "gzip")
        for one in self._tally.rejected:
            writer.write(msgspec.json.encode({"reason": one.reason, "record": one.text}) + b"\n", 1)
        writer.close()
        self._tally.rejected = []
        self._tally.quarantine_parts += 1


_END = object()


def flow(
    pages: Iterable[Page],
    load: Load,
    limits: Limits,
    known: frozenset[str],
    progress: Callable[[int, int], None],
) -> None:
    """Move a stream's pages into a load's parts, to the last of them.

    Args:
        pages: in order, beginning behind the load's token.
        load: begun, not yet committed.
        limits: of parts.
        known: the fields that the stream's schema names; others are noted.
        progress: told of records and bytes as they are written.

    Raises:
        TransloadError: whatever ended it; the load keeps what its checkpoint has.
    """
    writer = _Writer(load, limits, progress)
    waiting: queue.Queue[Any] = queue.Queue(QUEUE_PAGES)
    failed: list[BaseException] = []
    thread = threading.Thread(target=_write, args=(writer, waiting, failed), name="write", daemon=True)
    thread.start()
    try:
        for page in _limited(pages, _left(load, limits)):
            unknown = unknown_fields(page.records[0], known) if page.records else set()
            # Without its records: what waits holds the lines only.
            taken = threading.Event()
            item = (_chunks(page, limits), replace(page, records=(), joined=None), unknown)
            _offer(waiting, (item, taken), failed)
            while page.barrier and not taken.wait(0.1):
                if failed:
                    raise failed[0]
        _offer(waiting, _END, failed)
        thread.join()
    except TransloadError as error:
        if failed or isinstance(error, Interrupted):
            _stop(waiting, thread, failed)
        else:
            # The source gave up (a quota, say): what it has given is written and noted, not fetched again.
            _offer(waiting, _END, failed)
            thread.join()
        raise
    except BaseException:
        _stop(waiting, thread, failed)
        raise
    if failed:
        raise failed[0]


def _write(writer: _Writer, waiting: queue.Queue[Any], failed: list[BaseException]) -> None:
    try:
        while (item := waiting.get()) is not _END:
            if item is None:
                writer.abort()
                return
            work, taken = item
            writer.take(*work)
            taken.set()
        writer.finish()
    except BaseException as error:  # noqa: BLE001 - handed to the calling thread, which raises it
        failed.append(error)
        writer.abort()


def _offer(waiting: queue.Queue[Any], item: Any, failed: list[BaseException]) -> None:
    while True:
        if failed:
            raise failed[0]
        try:
            waiting.put(item, timeout=0.1)
            return
        except queue.Full:
            continue


def _stop(waiting: queue.Queue[Any], thread: threading.Thread, failed: list[BaseException]) -> None:
    """End the writing thread: it drops what waits and aborts the open part."""
    while thread.is_alive() and not failed:
        try:
            while True:
                waiting.get_nowait()
        except queue.Empty:
            pass
        try:
            waiting.put_nowait(None)
            break
        except queue.Full:
            continue
    thread.join(timeout=15)


def _left(load: Load, limits: Limits) -> int | None:
    """How many records a sample still takes: those of earlier attempts count."""
    return None if limits.records is None else limits.records - total(load.checkpoint.parts)[0]


def _limited(pages: Iterable[Page], limit: int | None) -> Iterator[Page]:
    if limit is None:
        yield from pages
        return
    left = limit
    if left <= 0:
        return
    for page in pages:
        if len(page.records) >= left:
            yield replace(page, records=page.records[:left], joined=None)
            return
        left -= len(page.records)
        yield page


def _chunks(page: Page, limits: Limits) -> list[tuple[bytes, int]]:
    """The page's records as lines, cut where one chunk would be more than a part may hold."""
    joined = lines(page.records) if page.joined is None else page.joined
    if len(page.records) <= limits.batch_size and len(joined) <= limits.part_bytes:
        return [(joined, len(page.records))]
    chunks: list[tuple[bytes, int]] = []
    records = iter(page.records)
    # Small pieces: parts fill up to their limits from them, and one large record stands alone.
    step = min(limits.batch_size, max(1, len(page.records) * limits.part_bytes // (4 * max(1, len(joined)))))
    while piece := list(islice(records, step)):
        chunks.append((lines(piece), len(piece)))
    return chunks
