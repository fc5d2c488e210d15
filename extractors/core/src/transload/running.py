"""What commands that talk to the source have in common: set-up of logs, secrets, connection and lake, and the summary."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from transload import cli
from transload.errors import TransloadError, UsageError
from transload.extract import Plan, demand_conditions, extract
from transload.flow import Limits
from transload.heap import share_heap
from transload.lake import Lake, open_lake
from transload.layout import StreamKeys, last_load
from transload.logs import set_up_logs
from transload.records import LoadSummary, Summary, termination_message
from transload.settings import resolve, secret_from_file
from transload.source import Connection, Runtime, Source, Stream
from transload.tables import size, table
from transload.window import moment

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from transload.ledger import QuotaLedger

TERMINATION_LOG = Path("/dev/termination-log")


def now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


@contextmanager
def connected(
    source: Source,
    given: Mapping[str, Any],
    lake: Lake,
    *,
    retry_seconds: float,
    concurrency: int,
    page_size: int,
    start: datetime,
    fencing: bool = True,
) -> Iterator[tuple[Connection, dict[str, Any]]]:
    """A connection to the source, closed at the end, and the option values that it was made with."""
    redact = cli.redactor()
    values = resolve(source, given, redact)
    stop = threading.Event()

    def pause(seconds: float) -> None:
        stop.wait(seconds)

    def ledger(account: str, limits: Mapping[str, int], zone: ZoneInfo, *, reserve_percent: int) -> QuotaLedger:
        from transload.ledger import QuotaLedger, ledger_key

        return QuotaLedger(
            lake, ledger_key(source.name, account), limits, zone, now, reserve_percent=reserve_percent, fencing=fencing,
            sleep=pause,
        )  # fmt: skip

    runtime = Runtime(
        redact, stop, now, concurrency, page_size, retry_seconds, start, ledger,
        lambda stream: last_load(lake, StreamKeys(source.name, stream.name)),
    )  # fmt: skip
    connection = source.connect(values, runtime)
    try:
        yield connection, values
    finally:
        stop.set()
        connection.close()


def lake_checked(source: Source, lake: Lake) -> str:
    """Whether the destination can be written to, honours conditional writes, and shows the time that we have.

    Raises:
        ConfigError: it ignores them, or the clocks differ.
        TransloadError: it cannot be written to.
    """
    demand_conditions(lake, source)
    return "writable, and conditional writes hold"


def run_extract(source: Source, streams: Sequence[Stream], given: dict[str, Any], *, as_json: bool, debug: bool) -> int:
    """The command ``extract``: returns its exit code, and leaves the summary where it belongs."""
    began = now()
    share_heap()
    redact = cli.redactor()
    try:
        own = {option.key: given.pop(option.key) for option in source.options}
        mask_key = (given["mask_key"] or secret_from_file("TRANSLOAD_MASK_KEY") or "").rstrip("\r\n")
        redact.add(mask_key)
        # The source's secrets are known before the first line of the log is written.
        resolve(source, own, redact)
        set_up_logs(redact, debug=debug)
        limits = Limits(given["batch_size"], given["part_bytes"], given["max_quarantined"], given["limit"])
        lake = open_lake(given["destination"], given["endpoint_url"])
        with connected(
            source, own, lake, retry_seconds=given["retry_deadline"], concurrency=given["concurrency"],
            page_size=given["batch_size"], start=moment(given["start"], "--start"), fencing=not given["no_fencing"],
        ) as (connection, values):  # fmt: skip
            plan = _plan(source, given, values, mask_key, limits)
            summary = extract(source, streams, plan, lake, connection, redact)
    except TransloadError as error:
        early = _early(source, given["destination"], began, error)
        _leave(early)
        if as_json:
            click.echo(msgspec.json.encode(early).decode())
        raise
    _leave(summary)
    if as_json:
        click.echo(msgspec.json.encode(summary).decode())
    else:
        click.echo(_readable(summary))
    if summary.error and sys.stderr.isatty():
        click.echo(f"{source.name}: {summary.error.message}", err=True)
    return summary.exit_code


def _plan(source: Source, given: Mapping[str, Any], values: Mapping[str, Any], mask_key: str, limits: Limits) -> Plan:
    since, until = given["since"], given["until"]
    if given["full_refresh"] and since:
        raise UsageError("--full-refresh loads everything: it takes no --since")
    if limits.records is not None and since:
        raise UsageError("--limit takes a sample of everything: it takes no --since")
    look_back = given["look_back"]
    return Plan(
        since=moment(since, "--since") if since else None,
        until=moment(until, "--until") if until else None,
        start=moment(given["start"], "--start"),
        full_refresh=given["full_refresh"],
        limits=limits,
        compression=given["compression"],
        fencing=not given["no_fencing"],
        mask=given["mask"],
        mask_key=mask_key.encode(),
        identity={option.key: str(values[option.key]) for option in source.options if option.affects_records},
        look_back=None if look_back is None else timedelta(seconds=look_back),
        clock=now,
    )


def _early(source: Source, destination: str, began: datetime, error: TransloadError) -> Summary:
    from transload.extract import problem

    return Summary(
        source=source.name, version=source.version, destination=destination, exit_code=error.exit_code,
        error=problem(error, cli.redactor()), retry_at=getattr(error, "retry_at", None),
        started_at=began.replace(microsecond=0), seconds=0.0, requests=0, quota={}, loads=[],
    )  # fmt: skip


def _leave(summary: Summary) -> None:
    """Where Kubernetes looks for it: the file is there only in a pod."""
    if TERMINATION_LOG.exists():
        TERMINATION_LOG.write_bytes(termination_message(summary))


def _readable(summary: Summary) -> str:
    head = ["stream", "window", "records", "bytes", "parts", "seconds", "result"]
    return table(
        head, [_row(load) for load in summary.loads], right=frozenset({"records", "bytes", "parts", "seconds"})
    )


def _row(load: LoadSummary) -> list[object]:
    result = "committed" if load.committed else "not committed" if load.window else "not started"
    if load.error:
        result = f"{load.error.type}: not committed"
    elif load.resumed:
        result = "committed (resumed)"
    if load.dropped_fields:
        result += f", without {', '.join(load.dropped_fields)}"
    return [
        load.stream,
        load.window or "-",
        f"{load.records:,}",
        size(load.bytes),
        load.parts,
        f"{load.seconds:.1f}",
        result,
    ]
