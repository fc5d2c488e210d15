"""What a load by Bulk Extract keeps in its checkpoint: all that the next attempt needs, so that no export is paid for twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from marketo.rows import START, Place
from transload.ledger import QuotaLedger, Reservation


class Held(msgspec.Struct, frozen=True):
    """A reservation of the day's megabytes, as the ledger knows it."""

    name: str
    day: date
    bytes: int

    def reservation(self, ledger: QuotaLedger) -> Reservation:
        """The same in this process."""
        return Reservation(ledger, self.name, self.day, {"export_bytes": self.bytes})


class Job(msgspec.Struct, frozen=True):
    """One export of the load.

    Args:
        export: its id.
        filter: what it asks for.
        weight: seconds or programs that it spans.
        columns: which of the state's lists of columns it has.
        held: what is reserved for it; None once it was settled.
        size: bytes of its file, once they are known.
        creations: how often an export was made for this piece, in this run.
        spoilt: whether its file turned out to be of no use.
    """

    export: str
    filter: Mapping[str, Any]
    weight: float
    columns: int
    held: Held | None = None
    size: int | None = None
    creations: int = 1
    spoilt: bool = False


class State(msgspec.Struct, frozen=True):
    """The token of a load.

    Args:
        transport: tells it from a token of REST.
        mark: of the plan, behind the last piece that has an export.
        fallback: whether the account lacks the usual filter, and the other plan is followed.
        jobs: exports whose files are not read to their end, in order; the first may be read in part.
        done: those that are.
        offset: bytes of the first job's file that are in the load's parts.
        line: the file's line that comes next.
        header: the file's header, once it was read.
        sha256: of those bytes, to be gone on with; None where this machine cannot put it down.
        rows: of that file, so far.
        rejected: those of them that could not be read.
        restarts: how often a file was damaged, in this run.
        rate: bytes a weight, of the newest export.
        weight: of the newest export whose size is known.
        dropped: fields that Marketo describes and does not export.
        columns: the lists of columns that exports have, in any order: hundreds of names, which hundreds of exports share.
        catch_up: the token of what is read over REST behind all exports.
    """

    transport: Literal["bulk"] = "bulk"
    mark: Any = None
    fallback: bool = False
    jobs: tuple[Job, ...] = ()
    done: tuple[Job, ...] = ()
    offset: int = 0
    line: int = 1
    header: tuple[str, ...] | None = None
    sha256: str | None = None
    rows: int = 0
    rejected: int = 0
    restarts: int = 0
    rate: float | None = None
    weight: float | None = None
    dropped: tuple[str, ...] = ()
    columns: tuple[tuple[str, ...], ...] = ()
    catch_up: Any = None

    @property
    def place(self) -> Place:
        """Where the first job's file is to be read on."""
        return Place(self.offset, self.line, self.header)

    def behind(self, place: Place, sha256: str | None, rows: int, rejected: int) -> State:
        """The state behind some more rows of the first job's file."""
        return replace(
            self, offset=place.offset, line=place.line, header=place.header, sha256=sha256,
            rows=self.rows + rows + rejected, rejected=self.rejected + rejected,
        )  # fmt: skip

    def at_start(self) -> State:
        """The state before the first job's file."""
        return replace(self, offset=START.offset, line=START.line, header=START.header, sha256=None, rows=0, rejected=0)

    def with_columns(self, fields: tuple[str, ...]) -> tuple[State, int]:
        """The state that knows a list of columns, and its number."""
        if fields in self.columns:
            return self, self.columns.index(fields)
        return replace(self, columns=(*self.columns, fields)), len(self.columns)

    def with_first(self, job: Job) -> State:
        """The state with another first job."""
        return replace(self, jobs=(job, *self.jobs[1:]))


def read_state(token: Any) -> State:
    """The state that a checkpoint holds, for a new run to go on from; that of the beginning for none."""
    if token is None:
        return State()
    state = msgspec.convert(token, State)
    # What one run tried in vain may do in the next.
    return replace(state, restarts=0, jobs=tuple(replace(job, creations=1) for job in state.jobs))
