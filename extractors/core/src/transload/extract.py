"""extract: one load per stream, and the summary of what became of them."""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from transload.errors import ConfigError, LakeUnavailable, QuotaExhausted, TransloadError, interrupted
from transload.flow import Limits, flow
from transload.lake import Lake, honours_conditions, scratch
from transload.layout import StreamKeys, last_load
from transload.load import Load, LoadSettings
from transload.masking import Mask, mask_pages
from transload.page import Page
from transload.part import Compression
from transload.progress import shown
from transload.records import Checkpoint, CommitRecord, LoadSummary, Problem, Summary, total
from transload.redaction import Redactor
from transload.source import Connection, Source, Stream
from transload.state import Asked, Chosen, choose_window
from transload.window import Mode, Window

log = logging.getLogger(__name__)

# Windows end at this machine's time: a clock that is ahead commits a window whose changes are still to come.
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``extract`` was asked to do, the same for each of its streams."""

    since: datetime | None
    until: datetime | None
    start: datetime
    full_refresh: bool
    limits: Limits
    compression: Compression
    fencing: bool
    mask: Mask
    mask_key: bytes
    identity: Mapping[str, Any]
    look_back: timedelta | None
    clock: Callable[[], datetime]


def extract(
    source: Source,
    streams: Sequence[Stream],
    plan: Plan,
    lake: Lake,
    connection: Connection,
    redact: Redactor,
) -> Summary:
    """Load each stream, one after the other, and say what became of each.

    A stream that fails does not keep the others from being loaded, unless they would fail as well. Nothing is raised:
    the summary has the error that ended the run, else the first one, and its exit code.
    """
    began, clock_began = plan.clock(), time.monotonic()
    loads: list[LoadSummary] = []
    error: TransloadError | None = None
    try:
        if plan.fencing:
            demand_conditions(lake, source)
    except (Exception, KeyboardInterrupt) as raised:  # noqa: BLE001 - the summary has it
        error = _failed(raised, redact)
    for stream in () if error else streams:
        summary, failed = _extract_stream(source, stream, plan, lake, connection, redact)
        loads.append(summary)
        if failed is not None and failed.ends_run:
            error = failed
            break
        error = error or failed
    loads.extend(LoadSummary(stream=stream.name) for stream in streams[len(loads) :])  # not started
    return Summary(
        source=source.name, version=source.version, destination=lake.url,
        exit_code=error.exit_code if error else 0, error=problem(error, redact),
        retry_at=error.retry_at if isinstance(error, QuotaExhausted) else None,
        started_at=began.replace(microsecond=0), seconds=round(time.monotonic() - clock_began, 3),
        requests=connection.requests, quota=connection.quota(), loads=loads,
    )  # fmt: skip


def demand_conditions(lake: Lake, source: Source) -> None:
    """Write a scratch object, to see that the store honours conditional writes and that its clock is ours.

    Raises:
        ConfigError: it ignores them, or the clocks differ.
        TransloadError: it cannot be written to.
    """
    began = datetime.now(UTC)
    folder = f"{source.name}/_probe-{secrets.token_hex(8)}/"
    with scratch(lake, f"{folder}object") as key:
        if not honours_conditions(lake, key):
            raise ConfigError(
                f"{lake.url}: this store ignores conditional writes, so two runs at once could both commit. "
                "Use another store, or accept that with --no-fencing"
            )
        for found in lake.list(folder):
            differ = max(began - found.modified, found.modified - datetime.now(UTC))
            if differ > _CLOCKS_DIFFER:
                shown_as = timedelta(seconds=round(differ.total_seconds()))
                raise ConfigError(
                    f"{lake.url}: this machine's clock differs from the lake's by {shown_as} (h:m:s): set it right"
                )


def _failed(raised: BaseException, redact: Redactor, **about: str) -> TransloadError:
    """Log what ended a stream or the run, and give it as an error of the tree."""
    if isinstance(raised, TransloadError):
        error = raised
    elif isinstance(raised, KeyboardInterrupt):
        error = interrupted(raised)
    else:
        error = TransloadError(
            f"a bug of Transload: {type(raised).__name__}: {raised}; run it again with --debug and report what it prints"
        )
    trace = raised if type(error) is TransloadError and log.isEnabledFor(logging.DEBUG) else None
    log.error(redact(str(error)), exc_info=trace, extra={**about, "error": type(error).__name__})
    return error


def _extract_stream(
    source: Source, stream: Stream, plan: Plan, lake: Lake, connection: Connection, redact: Redactor
) -> tuple[LoadSummary, TransloadError | None]:
    began = time.monotonic()
    begun: list[Load] = []
    record: CommitRecord | None = None
    failed: TransloadError | None = None
    try:
        record = _load_stream(source, stream, plan, lake, connection, begun)
    except (Exception, KeyboardInterrupt) as raised:  # noqa: BLE001 - the summary has it, and the next stream goes on
        failed = _failed(raised, redact, stream=stream.name)
    seconds = round(time.monotonic() - began, 3)
    summary = _summary(stream, record, begun)
    return replace(summary, seconds=seconds, error=problem(failed, redact)), failed


def _load_stream(
    source: Source, stream: Stream, plan: Plan, lake: Lake, connection: Connection, begun: list[Load]
) -> CommitRecord:
    keys = StreamKeys(source.name, stream.name)
    look_back = stream.look_back if plan.look_back is None else plan.look_back
    asked = Asked(_mode(stream, plan), plan.since, plan.until, plan.start, plan.clock())
    while True:
        chosen = choose_window(lake, keys, asked, look_back)
        record = _load_window(source, stream, plan, lake, connection, keys, chosen, begun)
        if not chosen.earlier:
            return record
        # An earlier run's window came first: what it had begun is neither thrown away nor fetched twice.


def _load_window(
    source: Source,
    stream: Stream,
    plan: Plan,
    lake: Lake,
    connection: Connection,
    keys: StreamKeys,
    chosen: Chosen,
    begun: list[Load],
) -> CommitRecord:
    settings = LoadSettings(
        cursor=stream.cursor, schema=stream.fingerprint, identity=_identity(stream, plan), version=source.version,
        compression=plan.compression, fencing=plan.fencing, clock=plan.clock, options=plan.identity,
    )  # fmt: skip
    if chosen.window.mode == "incremental":
        _tell_of_changed_options(lake, keys, chosen.committed, plan.identity)
    load = Load(lake, keys, chosen, settings)
    record = load.begin()
    begun.append(load)
    if record is None:
        log.info(
            "begin", extra={"stream": stream.name, "window": chosen.window.name, "load_id": load.checkpoint.load_id}
        )
        with shown(stream.name, connection.quota) as meter:
            pages: Iterable[Page] = connection.pages(stream, chosen.window, load.checkpoint.token)
            if plan.mask != "none":
                pages = mask_pages(pages, stream.sensitive, plan.mask, plan.mask_key)
            flow(pages, load, plan.limits, stream.fields, meter)
        record = load.commit()
    log.info("committed", extra={"stream": stream.name, "window": record.window, "load_id": record.load_id,
             "records": record.records, "bytes": record.bytes, "parts": len(record.parts)})  # fmt: skip
    return record


def _tell_of_changed_options(
    lake: Lake, keys: StreamKeys, committed: Sequence[Window] | None, options: Mapping[str, str]
) -> None:
    """Warn when what is loaded now joins what was loaded otherwise: more offices, say, whose past nobody has asked for."""
    try:
        last = last_load(lake, keys, committed)
    except (LakeUnavailable, ConfigError):
        return  # a record that cannot be read is no reason to load nothing: `loads` and dbt tell of it
    before = last.options if last else {}
    changed = [name for name in before if before[name] != options.get(name)]
    if changed:
        log.warning(
            "the options have changed since the last load, and what that and earlier ones loaded stays as it was: "
            "load the stream anew with --full-refresh",
            extra={
                "stream": keys.stream,
                "changed": {name: f"{before[name]} -> {options.get(name)}" for name in changed},
            },
        )


def _mode(stream: Stream, plan: Plan) -> Mode:
    if plan.limits.records is not None:
        return "sample"
    return "full" if plan.full_refresh or "incremental" not in stream.modes else "incremental"


def _identity(stream: Stream, plan: Plan) -> str:
    """What an open load depends on: when it differs, its parts and its token are of no use to this attempt."""
    mask_key = hashlib.sha256(plan.mask_key).hexdigest() if plan.mask == "hash" else ""
    parts = [stream.fingerprint, plan.mask, mask_key, dict(plan.identity), plan.limits.records]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]


def _summary(stream: Stream, record: CommitRecord | None, begun: list[Load]) -> LoadSummary:
    """Of a committed load its record; of one that failed what its checkpoint keeps for the next attempt."""
    if record is not None:
        kept: CommitRecord | Checkpoint = record
    elif begun and begun[-1].has_checkpoint:
        kept = begun[-1].checkpoint
    else:
        return LoadSummary(stream=stream.name)
    records, size = total(kept.parts)
    return LoadSummary(
        stream=stream.name, window=kept.window, mode=kept.mode, since=kept.since, until=kept.until, load_id=kept.load_id,
        committed=record is not None, resumed=begun[-1].resumed, records=records, bytes=size, raw_bytes=kept.raw_bytes,
        parts=len(kept.parts), quarantined=kept.quarantined, dropped_fields=kept.dropped_fields, notes=kept.notes,
    )  # fmt: skip


def problem(error: TransloadError | None, redact: Redactor) -> Problem | None:
    """An error as the summary gives it: redacted, in one line."""
    return Problem(type(error).__name__, redact(" ".join(str(error).split()))) if error else None
