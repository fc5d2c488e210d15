"""What crosses a boundary as JSON: commit records, checkpoints, the summary. One reader and one writer each.

The formats are those of the design page (sections 2 and 3). Readers accept every format up to ``FORMAT`` and refuse a
newer one by name; fields that a reader does not know are passed over, so a newer release can add some.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from transload.errors import ConfigError, LakeUnavailable

FORMAT = 1


class Part(msgspec.Struct, frozen=True):
    """One object of records: its key below the destination, its records, and size and SHA-256 of it as stored."""

    key: str
    records: int
    bytes: int
    sha256: str


class Cursor(msgspec.Struct, frozen=True):
    """The greatest value of the cursor field that was seen, as the vendor wrote it."""

    field: str
    max: str | None


class UnknownFields(msgspec.Struct, frozen=True):
    """Top-level fields seen in records that the stream's schema does not name, and how they were looked for."""

    sampled: str
    names: list[str]


class CommitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one load. Its presence is what makes the load's parts visible.

    ``replaces`` is the load that stood for this window before; ``dropped_fields`` are those that the source has, but
    would not give; ``options`` are those of the source that its records depend on.
    """

    format: int = FORMAT
    source: str
    stream: str
    mode: str
    window: str
    since: datetime | None
    until: datetime
    load_id: str
    attempt: int
    started_at: datetime
    committed_at: datetime
    records: int
    bytes: int
    raw_bytes: int
    quarantined: int
    parts: list[Part]
    cursor: Cursor | None
    schema: str
    version: str
    unknown_fields: UnknownFields
    dropped_fields: list[str] = []
    notes: dict[str, int] = {}
    options: dict[str, str] = {}
    replaces: str | None = None


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An open load: what is in the lake of it, and the stream's token to go on from there.

    ``owner`` is random per attempt, so that no two attempts ever write the same bytes. ``identity`` stands for all that must
    be unchanged for the parts to be of use to the next attempt (schema, masking, the source's own options).
    """

    format: int = FORMAT
    source: str
    stream: str
    mode: str
    window: str
    since: datetime | None
    until: datetime
    load_id: str
    attempt: int
    owner: str
    identity: str
    implicit: bool
    started_at: datetime
    updated_at: datetime
    parts: list[Part]
    quarantine_parts: int
    token: Any
    raw_bytes: int
    quarantined: int
    cursor_max: str | None
    unknown_fields: list[str]
    dropped_fields: list[str] = []
    notes: dict[str, int] = {}


Record = TypeVar("Record", CommitRecord, Checkpoint)


class _Format(msgspec.Struct):
    format: int


# A moment with more or fewer digits of a second than three would make two readers disagree on equality.
_FRACTION = re.compile(rb'(_at":"[^"]+?\.\d{3})\d*(Z")')


def write(record: CommitRecord | Checkpoint) -> bytes:
    """One line of JSON with its newline."""
    # Only ahead of the parts: a token behind them belongs to the source and stays as it is.
    head, parts, rest = msgspec.json.encode(record).partition(b'"parts":')
    return _FRACTION.sub(rb"\1\2", head) + parts + rest + b"\n"


def read(data: bytes, kind: type[Record], key: str) -> list[Record]:
    """Read a file of records, one a line.

    Args:
        data: the file's bytes.
        kind: ``CommitRecord`` or ``Checkpoint``.
        key: where it was read, for the message.

    Raises:
        ConfigError: it was written by a newer release.
        LakeUnavailable: it is not what Transload writes (empty, damaged, or another program's).
    """
    records = [_read_line(line, kind, key) for line in data.splitlines() if line.strip()]
    if not records:
        raise LakeUnavailable(f"{key} is empty: restore it, or move it away")
    return records


def _read_line(line: bytes, kind: type[Record], key: str) -> Record:
    try:
        found = msgspec.json.decode(line, type=_Format).format
        if found > FORMAT:
            raise ConfigError(
                f"{key} has format {found}, this release reads up to {FORMAT}: use the release that wrote it, or a newer"
            )
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LakeUnavailable(
            f"{key} cannot be read as a {kind.__name__}: {error}; restore it, or move it away"
        ) from error


class Problem(msgspec.Struct, frozen=True):
    """An error as the summary gives it: the name of its class, and its one line."""

    type: str
    message: str


class LoadSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one stream's load."""

    stream: str
    window: str | None = None
    mode: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    load_id: str | None = None
    committed: bool = False
    resumed: bool = False
    records: int = 0
    bytes: int = 0
    raw_bytes: int = 0
    parts: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    dropped_fields: list[str] = []
    notes: dict[str, int] = {}
    error: Problem | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one ``extract``."""

    format: int = FORMAT
    source: str
    version: str
    destination: str
    exit_code: int
    error: Problem | None
    retry_at: datetime | None
    started_at: datetime
    seconds: float
    requests: int
    quota: dict[str, int]
    loads: list[LoadSummary]


TERMINATION_BYTES = 4096


def termination_message(summary: Summary) -> bytes:
    """The summary in at most 4,096 bytes, what Kubernetes keeps of a termination message.

    Loads are left out from the end, the failed ones last, and ``truncated`` is then the number left out. Long texts are cut
    when that is not enough.
    """
    whole = msgspec.json.encode(summary)
    if len(whole) <= TERMINATION_BYTES:
        return whole
    loads = sorted(summary.loads, key=lambda load: load.error is None)
    cuts = [(kept, None) for kept in range(len(loads) - 1, -1, -1)] + [(0, 1000), (0, 300), (0, 100)]
    for kept, length in cuts:
        short = msgspec.to_builtins(msgspec.structs.replace(summary, loads=loads[:kept]))
        short["truncated"] = len(loads) - kept
        if length is not None:
            short["destination"] = short["destination"][:length]
            if short["error"]:
                short["error"]["message"] = short["error"]["message"][:length]
        data = msgspec.json.encode(short)
        if len(data) <= TERMINATION_BYTES:
            return data
    raise AssertionError("a summary without loads, and cut, is always short enough")


def total(parts: Iterable[Part]) -> tuple[int, int]:
    """The records and the stored bytes of some parts."""
    records = size = 0
    for part in parts:
        records += part.records
        size += part.bytes
    return records, size
