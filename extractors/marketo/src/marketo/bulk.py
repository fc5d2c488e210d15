"""A load by Bulk Extract: exports made, started, awaited and read (sources/marketo.md §6), none of them paid for twice.

An export's id is in the checkpoint before the export is started. So whatever is killed, the next attempt finds it there, asks for
its status, and goes on with it; another is made only for one that is really gone. While a file is read, the next is under way.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from marketo.describe import Described
from marketo.exports import Exports, FilterUnsupported, Gone, InvalidFields, QueueFull, Status
from marketo.megabytes import Megabytes
from marketo.plan import Plan
from marketo.rows import Batch, Rows
from marketo.state import Job, State
from marketo.waiting import Waiting
from transload.digest import ResumableSha256, resumable
from transload.errors import ContractBroken, QuotaExhausted, SourceUnavailable, StreamDenied
from transload.page import Lines, Page, Rejected
from transload.source import Stream

log = logging.getLogger("transload.marketo")

AHEAD = 2  # exports under way: Marketo works on two at once (§6)
CREATIONS = 3  # of an export for one piece, when those before were lost
RESTARTS = 2  # of a load whose files were damaged
LOST, MOST_LOST = "one of the rows that Marketo counted, lost among those that could not be read", 10_000


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What is done at an account that lacks the usual filter (1035).

    Args:
        plan: instead of the usual one.
        warning: what is then not seen.
    """

    plan: Plan
    warning: str


class BulkLoad:
    """The pages of one load.

    Args:
        stream: which.
        exports: of its kind.
        described: its fields.
        plan: what to ask for.
        otherwise: for an account that lacks the filter; None if there is no other way.
        megabytes: of the day.
        waiting: how long, and how often to look.
        state: where the load stands.
    """

    def __init__(
        self,
        stream: Stream,
        exports: Exports,
        described: Described,
        plan: Plan,
        otherwise: Otherwise | None,
        megabytes: Megabytes,
        waiting: Waiting,
        state: State,
    ) -> None:
        self._stream, self._exports, self._described = stream, exports, described
        self._plan, self._otherwise = plan, otherwise
        self._megabytes, self._waiting = megabytes, waiting
        self.state = state
        self._started: set[str] = set()
        self._has_dropped = False

    def pages(self) -> Iterator[Page]:
        """What is left of the load; raises TransloadError, and keeps what it has in the tokens of its pages."""
        while True:
            yield from self._fill()
            if not self.state.jobs:
                return
            yield from self._first()

    # Starting

    def _fill(self) -> Iterator[Page]:
        """Keep exports under way. Only the first may be waited for: behind it there is something to read meanwhile."""
        # Before the first file's size is known, one is enough to find it out.
        while len(self.state.jobs) < (1 if self.state.rate is None else AHEAD):
            try:
                job = self._create()
            except (QueueFull, QuotaExhausted) as error:
                if self.state.jobs:
                    log.info("the next export must wait", extra={"reason": str(error)})
                    return
                if isinstance(error, QuotaExhausted):
                    raise
                self._waiting.for_room(str(error))
                continue
            if job is None:
                return
            self.state = replace(self.state, jobs=(*self.state.jobs, job))
            yield self._page(barrier=True)
            self._start(job, patient=len(self.state.jobs) == 1)

    def _create(self) -> Job | None:
        """An export for the next piece, not started yet; None when every piece has one."""
        held = self._megabytes.reserve(self._current_plan, self.state.mark, self.state.rate, self.state.weight)
        if held is None:
            return None
        piece, reservation = held
        try:
            export, columns = self._create_export(piece.filter)
        except FilterUnsupported as error:
            reservation.release()
            self._fall_back(error)
            return self._create()
        except BaseException:
            reservation.release()
            raise
        self.state = replace(self.state, mark=piece.mark)
        kept = self._megabytes.kept(reservation)
        log.info("export created", extra={"export": export, "filter": str(dict(piece.filter)), "reserved": kept.bytes})
        return Job(export, piece.filter, piece.weight, columns, kept)

    def _create_export(self, piece: Mapping[str, Any]) -> tuple[str, int]:
        """An export's id, and the number of its list of columns."""
        fields = self._fields()
        try:
            return self._exports.create(piece, fields), self._columns(fields)
        except InvalidFields as invalid:
            # Described, and not exported all the same: the others are wanted nevertheless. Once, lest nothing be left in the end.
            if self._has_dropped or not set(invalid.fields) <= set(fields) - set(self._stream.primary_key):
                raise self._unlike_described(invalid) from invalid
            log.warning("fields that Marketo does not export are left out", extra={"fields": ", ".join(invalid.fields)})
            self.state = replace(self.state, dropped=(*self.state.dropped, *invalid.fields))
        self._has_dropped = True
        fields = self._fields()
        try:
            return self._exports.create(piece, fields), self._columns(fields)
        except InvalidFields as again:
            raise self._unlike_described(again) from again

    def _unlike_described(self, invalid: InvalidFields) -> ContractBroken:
        return ContractBroken(
            f"{self._stream.name}: {invalid}, though it describes them, and they cannot be left out as well; run it again, "
            "and report it if it stays so"
        )

    def _fields(self) -> tuple[str, ...]:
        return tuple(name for name in self._described.fields if name not in self.state.dropped)

    def _columns(self, fields: tuple[str, ...]) -> int:
        self.state, number = self.state.with_columns(fields)
        return number

    @property
    def _current_plan(self) -> Plan:
        return self._otherwise.plan if self.state.fallback and self._otherwise else self._plan

    def _fall_back(self, error: FilterUnsupported) -> None:
        if self._otherwise is None or self.state.fallback:
            raise StreamDenied(
                f"{self._stream.name}: this account lacks the filter that finds what has changed (1035: {error})"
            ) from error
        log.warning(self._otherwise.warning, extra={"stream": self._stream.name})
        self.state = replace(self.state, fallback=True, mark=None)

    def _start(self, job: Job, *, patient: bool) -> None:
        """Put an export into the queue. What is not patient leaves it for later when there is no room."""
        while True:
            try:
                if self.state.jobs[0].export == job.export:
                    self._hold_today()
                self._exports.enqueue(job.export)
                self._started.add(job.export)
                log.info("export started", extra={"export": job.export})
                return
            except QueueFull as error:
                if not patient:
                    return
                self._waiting.for_room(str(error))
            except QuotaExhausted:
                if patient:
                    raise
                return
            except Gone:
                return  # its status will say so

    # Reading

    def _first(self) -> Iterator[Page]:
        """Read the first export's file to its end, or have another one made."""
        if self.state.jobs[0].spoilt:
            yield from self._instead(self.state.jobs[0], "its file is of no use")
            return
        status = self._ended(self.state.jobs[0])
        job = self.state.jobs[0]
        if status.state != "Completed":
            yield from self._instead(job, f"it is {status.status}{f': {status.error_msg}' if status.error_msg else ''}")
            return
        if job.size is None and status.file_size is not None:
            job = self._settled(job, status.file_size)
            # Noted at once: a run that is killed while it reads must not have the next one count it again.
            yield self._page(barrier=True)
        try:
            yield from self._read(job, status)
        except Gone:
            yield from self._instead(job, "its file is not there")

    def _settled(self, job: Job, size: int) -> Job:
        """Say what the first export took of the day, and learn from it for the next."""
        self._megabytes.settle(job.held, size)
        job = replace(job, held=None, size=size)
        self.state = replace(self.state.with_first(job), rate=size / job.weight, weight=job.weight)
        return job

    def _ended(self, job: Job) -> Status:
        """Wait until an export has ended, and start one that has not been started."""
        for _ in self._waiting.looks(job.export, at_once=job.export not in self._started):
            status = self._exports.status(job.export)
            self._waiting.seen(job.export, status.status)
            if status.state in ("Completed", "Failed", "Cancelled", "Gone"):
                return status
            if status.state == "Created":
                # Killed before it could be started; refused, for want of megabytes, on another day; or what status says is old.
                self._start(job, patient=True)
        raise AssertionError("looks ends by an error")

    def _hold_today(self) -> None:
        """See that the first export has a reservation of today: what was reserved on another day is not."""
        job = self.state.jobs[0]
        if job.size is None and not self._megabytes.is_of_today(job.held):
            self.state = self.state.with_first(replace(job, held=self._megabytes.again(job.held)))

    def _read(self, job: Job, status: Status) -> Iterator[Page]:
        digest = _Digest(self.state)
        columns = self.state.columns[job.columns]
        rows = Rows(
            self._described.kinds, expected=columns, primary_key=self._stream.primary_key,
            cursor=self._stream.cursor if self._stream.cursor in columns else None, place=self.state.place,
        )  # fmt: skip
        if status.file_size is None or self.state.offset < status.file_size:
            for piece in self._exports.file(job.export, self.state.offset):
                digest.take(piece)
                yield from self._batches(rows.feed(piece), digest)
        yield from self._batches(rows.finish(), digest)
        damage = digest.damage(status)
        if damage:
            yield from self._again(job, damage)
            return
        if job.size is None:  # Marketo did not say
            job = self._settled(job, digest.received)
        notes = {"exports": 1, "export_bytes": digest.received}
        uncounted = (status.number_of_records or self.state.rows) - self.state.rows
        if uncounted:
            log.warning("Marketo counted other rows in the file than came", extra={"counted": status.number_of_records,
                        "rows": self.state.rows, "export": job.export})  # fmt: skip
            notes["rows_counted_otherwise"] = 1
        # Where one row cannot be read, others may have gone with it: --max-quarantined is to know of them.
        lost = [Rejected("", LOST)] * (min(uncounted, MOST_LOST) if self.state.rejected else 0)
        self.state = replace(self.state.at_start(), jobs=self.state.jobs[1:], done=(*self.state.done, job))
        yield self._page(notes=notes, rejected=lost)

    def _batches(self, batches: Iterator[Batch], digest: _Digest) -> Iterator[Page]:
        try:
            for batch in batches:
                sha256 = digest.up_to(batch.place.offset)
                self.state = self.state.behind(batch.place, sha256, batch.records, len(batch.rejected))
                lines = Lines(batch.lines, batch.records)
                yield self._page(
                    records=lines, joined=batch.lines, cursor_max=batch.cursor_max, rejected=batch.rejected
                )
        except ContractBroken:
            # The file will not be another the next time: the next run has another one made.
            yield self._spoilt()
            raise

    def _page(self, **what: Any) -> Page:
        return Page(**{"records": (), "token": self.state, "dropped_fields": self.state.dropped, **what})

    # When something is lost

    def _instead(self, job: Job, why: str) -> Iterator[Page]:
        """Make another export for the piece of one that will give no file."""
        if job.creations >= CREATIONS:
            raise SourceUnavailable(
                f"export {job.export}, number {CREATIONS} for {dict(job.filter)}, gives no file: {why}"
            )
        log.warning("another export must be made", extra={"export": job.export, "reason": why})
        if job.size is None:
            self._megabytes.settle(job.held, 0)
        held = self._megabytes.again(job.held, job.size)
        try:
            export, columns = self._create_again(job)
        except BaseException:
            self._megabytes.settle(held, 0)
            raise
        fresh = Job(export, job.filter, job.weight, columns, held, creations=job.creations + 1)
        # Rows of the lost file that the load has taken may be in the new one as well.
        restart = self.state.offset > 0
        self.state = self.state.with_first(fresh)
        if restart:
            self.state = replace(self.state.at_start(), jobs=(*self.state.done, *self.state.jobs), done=())
        yield self._page(barrier=True, restart=restart)
        self._start(fresh, patient=self.state.jobs[0].export == fresh.export)

    def _create_again(self, job: Job) -> tuple[str, int]:
        while True:
            try:
                return self._create_export(job.filter)
            except QueueFull as error:
                self._waiting.for_room(str(error))
            except FilterUnsupported as error:
                raise StreamDenied(
                    f"{self._stream.name}: this account has lost the filter that finds what has changed (1035: {error}); "
                    "load it with --full-refresh"
                ) from error

    def _spoilt(self) -> Page:
        """Note that the first export's file is of no use, and give up what the load has taken, if that is of it."""
        restart = self.state.offset > 0
        self.state = self.state.with_first(replace(self.state.jobs[0], spoilt=True))
        if restart:
            self.state = replace(self.state.at_start(), jobs=(*self.state.done, *self.state.jobs), done=())
        return self._page(restart=restart)

    def _again(self, job: Job, damage: str) -> Iterator[Page]:
        """Give up what the load has taken, to read all of its files anew: the exports are there, and cost nothing more."""
        if self.state.restarts >= RESTARTS:
            yield self._spoilt()
            raise ContractBroken(f"export {job.export}: {damage}, {RESTARTS + 1} times; nothing of it is committed")
        log.warning(
            "a file is damaged: all of the load's files are read again", extra={"export": job.export, "reason": damage}
        )
        jobs = (*self.state.done, *self.state.jobs)
        self.state = replace(self.state.at_start(), jobs=jobs, done=(), restarts=self.state.restarts + 1)
        yield self._page(restart=True)


class _Digest:
    """The SHA-256 of a file up to where its rows were taken, and to its end.

    Args:
        state: where the file is read on.
    """

    def __init__(self, state: State) -> None:
        self._whole = state.offset == 0 or (state.sha256 is not None and resumable())
        self._sha256 = ResumableSha256(state.sha256 if state.offset and self._whole else None)
        self._ahead: list[bytes] = []
        self._hashed = state.offset
        self.received = state.offset

    def take(self, piece: bytes) -> None:
        """Bytes that came, of which the rows may be taken later."""
        self._ahead.append(piece)
        self.received += len(piece)

    def up_to(self, offset: int) -> str | None:
        """The hash of the file's first bytes, to be gone on with."""
        while self._hashed < offset:
            piece = self._ahead.pop(0)
            rest = offset - self._hashed
            if len(piece) > rest:
                self._ahead.insert(0, piece[rest:])
                piece = piece[:rest]
            self._sha256.update(piece)
            self._hashed += len(piece)
        return self._sha256.state() if self._whole else None

    def damage(self, status: Status) -> str | None:
        """What is wrong with the whole file, by what status says of it."""
        self.up_to(self.received)
        if status.sha256 is not None and self._whole:
            return None if self._sha256.hexdigest() == status.sha256 else "its SHA-256 is another than Marketo says"
        log.warning("only the size of the file could be checked", extra={"export": status.export_id})
        if status.file_size not in (None, self.received):
            return f"{self.received} bytes came, and Marketo says {status.file_size}"
        return None
