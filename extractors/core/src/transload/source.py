"""What a source declares, and what it gives a load to work with.

A new source is a ``Source`` (its options and streams, imported at every start, so cheap) whose ``connect`` returns a
``Connection`` (its client, imported only when there is something to fetch).
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from transload.page import Page
from transload.redaction import Redactor
from transload.window import Mode, Window

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from transload.ledger import QuotaLedger
    from transload.records import CommitRecord


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a source, ``--name`` and ``SOURCE_NAME``.

    Args:
        name: with dashes.
        help: one sentence.
        secret: also ``SOURCE_NAME_FILE``; never echoed.
        required: refuse to run without it.
        default: what it is when not given.
        parse: turns the text into a value; raises ValueError with what is allowed.
        affects_records: whether an open load must not go on after it changed. It stands in commit records then.

    Raises:
        ValueError: a secret would stand in commit records.
    """

    name: str
    help: str
    secret: bool = False
    required: bool = False
    default: str | None = None
    parse: Callable[[str], Any] = str
    affects_records: bool = False

    def __post_init__(self) -> None:
        if self.secret and self.affects_records:
            raise ValueError(f"--{self.name}: what records depend on stands in commit records, so it can be no secret")

    @property
    def key(self) -> str:
        """The name as in Python."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Stream:
    """One stream of a source.

    Args:
        name: as the vendor spells it.
        description: one sentence.
        primary_key: the fields that identify a record.
        cursor: the field by which the newest of several states of a record is known; None where there is none.
        modes: ``incremental`` and ``full``, or only ``full``.
        schema: JSON Schema of a record, as ``SOURCE schema`` prints it.
        look_back: how far a window reaches behind the newest committed one.
        sensitive: fields that hold personal data.
        detail: whatever the source needs to know of it.
    """

    name: str
    description: str
    primary_key: tuple[str, ...]
    cursor: str | None
    modes: tuple[Mode, ...]
    schema: Mapping[str, Any]
    look_back: timedelta = timedelta(0)
    sensitive: frozenset[str] = frozenset()
    detail: Any = None

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the schema names."""
        return frozenset(self.schema["properties"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the schema, the first 16 hex digits."""
        return hashlib.sha256(msgspec.json.encode(self.schema, order="sorted")).hexdigest()[:16]


@dataclass(frozen=True)
class Family:
    """Streams whose names only the account knows, such as its custom objects: one for every name behind the prefix.

    Args:
        prefix: of the streams' names.
        placeholder: what stands behind it in help texts.
        description: one sentence.
        make: the stream of a name, without the prefix.
    """

    prefix: str
    placeholder: str
    description: str
    make: Callable[[str], Stream]

    def stream(self, name: str) -> Stream | None:
        """The stream of this name; None if it is none of the family."""
        rest = name.removeprefix(self.prefix)
        return self.make(rest) if rest != name and _NAME.fullmatch(rest) else None


# What can stand in a URL, in a key of the lake, and be a table's name.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


class LedgerOf(Protocol):
    """Gives the ledger of one account's quota; see ``QuotaLedger``."""

    def __call__(
        self, account: str, limits: Mapping[str, int], zone: ZoneInfo, *, reserve_percent: int
    ) -> QuotaLedger: ...


@dataclass(frozen=True, slots=True)
class Runtime:
    """What every connection is given.

    Args:
        redact: learn secrets here, and pass what is printed through it.
        stop: set when the run is to end; waits must end with it.
        clock: gives the aware present.
        concurrency: requests that may be under way at once.
        page_size: records a page at most, where the vendor leaves the choice.
        retry_seconds: how long a failing request is tried again.
        start: where a full load begins, at a vendor that must be asked for spans of time.
        ledger: of an account's quota, for all its pods.
        last_load: of a stream, the newest committed load that was no sample; None if there is none.
    """

    redact: Redactor
    stop: threading.Event
    clock: Callable[[], datetime]
    concurrency: int
    page_size: int
    retry_seconds: float
    start: datetime
    ledger: LedgerOf
    last_load: Callable[[Stream], CommitRecord | None]


@dataclass(frozen=True, slots=True)
class Checked:
    """What ``check`` found.

    Args:
        message: one line of good news.
        streams: of each stream an empty text if it can be read, else why not. Nothing where credentials open all or none.
    """

    message: str
    streams: Mapping[str, str] = field(default_factory=dict)


class Connection(Protocol):
    """A source with its credentials."""

    @property
    def requests(self) -> int:
        """Requests sent so far."""

    def quota(self) -> dict[str, int]:
        """What the source says is left, by name; empty when it has said nothing yet."""

    def check(self) -> Checked:
        """A few cheap authenticated calls; raises TransloadError when nothing can be read."""

    def pages(self, stream: Stream, window: Window, token: Any) -> Iterator[Page]:
        """The records of a window, from behind a token (None: from the beginning) to its end."""

    def close(self) -> None:
        """Let go of threads and sockets."""


class Connect(Protocol):
    """Makes a connection out of option values (by ``Option.key``)."""

    def __call__(self, options: Mapping[str, Any], runtime: Runtime) -> Connection: ...


@dataclass(frozen=True)
class Source:
    """A source as declared.

    Args:
        name: the CLI's name, and the first folder in the lake.
        title: the vendor's name, for people.
        version: the extractor's.
        options: beside the shared ones.
        streams: in the order in which ``--all`` takes them.
        connect: makes the connection; imports the client late.
        families: of streams whose names only the account knows.
    """

    name: str
    title: str
    version: str
    options: tuple[Option, ...]
    streams: tuple[Stream, ...]
    connect: Connect
    families: tuple[Family, ...] = ()
    by_name: Mapping[str, Stream] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {stream.name: stream for stream in self.streams})

    def stream(self, name: str) -> Stream | None:
        """The stream of a name, of the families too; None if there is none."""
        if name in self.by_name:
            return self.by_name[name]
        return next((found for family in self.families if (found := family.stream(name))), None)
