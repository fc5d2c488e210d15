"""The commands, each a function that makes it for a source. What a command needs is imported when it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from transload import cli, options
from transload.errors import UsageError
from transload.source import Source, Stream

if TYPE_CHECKING:
    from transload.lake import Lake


def now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


def streams(source: Source) -> click.Command:
    """``streams``."""

    @click.command(help="List the streams, with their primary keys, cursors and modes.")
    @options.as_json
    @options.debug
    def streams(as_json: bool) -> None:
        rows: list[dict[str, Any]] = [
            {"name": stream.name, "description": stream.description, "primary_key": list(stream.primary_key),
             "cursor": stream.cursor, "modes": list(stream.modes), "sensitive": sorted(stream.sensitive)}
            for stream in source.streams
        ]  # fmt: skip
        if as_json:
            click.echo(json.dumps(rows, indent=1))
            return
        from transload.tables import table

        shown = [[row["name"], ", ".join(row["primary_key"]), row["cursor"] or "-", ", ".join(row["modes"]),
                  row["description"]] for row in rows]  # fmt: skip
        for family in source.families:
            any_of = family.make(family.placeholder)
            shown.append([any_of.name, ", ".join(any_of.primary_key), any_of.cursor or "-", ", ".join(any_of.modes),
                          family.description])  # fmt: skip
        click.echo(table(["stream", "primary key", "cursor", "modes", "description"], shown))

    return streams


def schema(source: Source) -> click.Command:
    """``schema``."""

    @click.command(help="Print a stream's JSON Schema.")
    @click.argument("stream")
    @options.debug
    def schema(stream: str) -> None:
        click.echo(json.dumps(cli.find_stream(source, stream).schema, indent=1, ensure_ascii=False))

    return schema


def check(source: Source) -> click.Command:
    """``check``."""

    @click.command(
        help="Try the credentials and the destination.\n\nA few cheap authenticated calls; what is wrong is said in one line."
    )
    @options.of_source(source)
    @options.destination
    @options.retrying
    @options.as_json
    @options.debug
    def check(
        destination: str, endpoint_url: str | None, retry_deadline: float, as_json: bool, **given: str | None
    ) -> None:
        from transload.logs import set_up_logs
        from transload.running import connected, lake_checked

        set_up_logs(cli.redactor(), debug=click.get_current_context().obj)
        lake = _lake(destination, endpoint_url)
        # A person waits for this: a service that is down is said to be down soon.
        with connected(
            source, given, lake, retry_seconds=min(retry_deadline, 20), concurrency=1, page_size=1000, start=now()
        ) as (connection, _):
            found = connection.check()
            if not as_json:
                click.echo(f"{source.title}: {found.message}")
                _show_readable(found.streams)
        lake_message = lake_checked(source, lake)
        if as_json:
            click.echo(json.dumps({
                "source": found.message,
                "streams": [{"name": name, "readable": not why, "reason": why or None} for name, why in found.streams.items()],
                "destination": lake_message,
            }))  # fmt: skip
        else:
            click.echo(f"{destination}: {lake_message}")

    return check


def extract(source: Source) -> click.Command:
    """``extract``."""

    @click.command(help="Load streams.\n\nOne load each, visible as a whole when it is committed.")
    @click.argument("stream", nargs=-1)
    @options.extract
    @options.of_source(source)
    @options.as_json
    @options.debug
    def extract(stream: tuple[str, ...], as_json: bool, **given: Any) -> int:
        from transload.running import run_extract

        every = given.pop("every")
        if stream and every:
            raise UsageError("--all takes every stream: give it, or name some, not both")
        if not stream and not every:
            raise UsageError(f"name the streams, or give --all; `{source.name} streams` lists them")
        wanted = [cli.find_stream(source, name) for name in dict.fromkeys(stream)] or list(source.streams)
        return run_extract(source, wanted, given, as_json=as_json, debug=click.get_current_context().obj)

    return extract


def loads(source: Source) -> click.Command:
    """``loads``."""

    @click.command(help="List the committed loads.")
    @click.argument("stream", required=False)
    @options.destination
    @options.as_json
    @options.debug
    def loads(stream: str | None, destination: str, endpoint_url: str | None, as_json: bool) -> None:
        from transload.layout import commit_records

        lake = _lake(destination, endpoint_url)
        wanted = [cli.find_stream(source, stream)] if stream else _in_lake(source, lake)
        records = [record for one in wanted for record in commit_records(lake, _keys(source, one))]
        records.sort(key=lambda record: (record.stream, record.committed_at))
        if as_json:
            import msgspec

            click.echo(msgspec.json.encode(records).decode())
            return
        from transload.tables import size, table

        click.echo(table(
            ["stream", "window", "records", "bytes", "parts", "committed", "version", "unknown fields"],
            [[record.stream, record.window, f"{record.records:,}", size(record.bytes), len(record.parts),
              f"{record.committed_at:%Y-%m-%d %H:%M:%S}Z", record.version, ", ".join(record.unknown_fields.names) or "-"]
             for record in records],
            right=frozenset({"records", "bytes", "parts"}),
        ))  # fmt: skip
        if not records:
            click.echo(f"no committed loads in {destination}", err=True)

    return loads


def verify(source: Source) -> click.Command:
    """``verify``."""

    @click.command(
        help="Say whether a window is whole.\n\nExit code 0 only if it is committed and every part of it is there as recorded."
    )
    @click.argument("stream")
    @click.option(
        "--since", metavar="TIME", help="Where the window begins.  [default: the newest window with this end]"
    )
    @click.option("--until", metavar="TIME", required=True, help="Where the window ends.")
    @click.option("--full-refresh", is_flag=True, help="The full load as of --until.")
    @options.destination
    @options.debug
    def verify(
        stream: str,
        since: str | None,
        until: str,
        full_refresh: bool,
        destination: str,
        endpoint_url: str | None,
    ) -> None:
        from transload.tables import counted
        from transload.verify import verify_window
        from transload.window import moment

        wanted = cli.find_stream(source, stream)
        full = full_refresh or "incremental" not in wanted.modes
        begin = moment(since, "--since") if since and not full else None
        record = verify_window(
            _lake(destination, endpoint_url), _keys(source, wanted), "full" if full else "incremental", begin,
            moment(until, "--until"),
        )  # fmt: skip
        click.echo(
            f"{stream} {record.window}: {counted(record.records, 'record')} in {counted(len(record.parts), 'part')}, "
            "all as recorded"
        )

    return verify


def prune(source: Source) -> click.Command:
    """``prune``."""

    @click.command(
        help="Remove what is not needed any more.\n\nThat is what runs left and never committed, and the parts of windows "
        "that were loaded again since, when they are old enough."
    )
    @click.argument("stream", nargs=-1)
    @options.option(
        "older-than",
        "Leave alone what is younger, and in any case what a run was at work on in the last quarter of an hour.",
        metavar="DAYS",
        type=options.Number(min=0),
        default=7,
    )
    @click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
    @options.destination
    @options.debug
    def prune(
        stream: tuple[str, ...],
        older_than: float,
        dry_run: bool,
        destination: str,
        endpoint_url: str | None,
    ) -> None:
        from transload.prune import AT_WORK, prune_stream
        from transload.tables import size, table

        lake = _lake(destination, endpoint_url)
        wanted: Sequence[Stream] = [cli.find_stream(source, name) for name in stream] or _in_lake(source, lake)
        before, idle = now() - timedelta(days=older_than), now() - AT_WORK
        done = [prune_stream(lake, _keys(source, one), before, idle=idle, dry_run=dry_run) for one in wanted]
        rows = [one for one in done if one.objects or one.checkpoints or one.uploads]
        if not rows:
            click.echo("nothing to remove", err=True)
            return
        click.echo(table(
            ["stream", "objects", "bytes", "checkpoints", "unfinished"],
            [[row.stream, row.objects, size(row.bytes), row.checkpoints, row.uploads] for row in rows],
            right=frozenset({"objects", "bytes", "checkpoints", "unfinished"}),
        ))  # fmt: skip
        click.echo("nothing was removed: --dry-run" if dry_run else "removed", err=True)

    return prune


def _show_readable(streams: Mapping[str, str]) -> None:
    from transload.tables import table

    if streams:
        click.echo(
            table(["stream", "can be read"], [[name, f"no: {why}" if why else "yes"] for name, why in streams.items()])
        )


ALL: tuple[Callable[[Source], click.Command], ...] = (streams, schema, check, extract, loads, verify, prune)


def _lake(destination: str, endpoint_url: str | None) -> Lake:
    from transload.lake import open_lake

    return open_lake(destination, endpoint_url)


def _in_lake(source: Source, lake: Lake) -> Sequence[Stream]:
    """The streams that a source declares, and those of its families that stand in the lake."""
    if not source.families:
        return source.streams
    names = [name for name in lake.folders(f"{source.name}/") if name not in source.by_name]
    return [*source.streams, *filter(None, map(source.stream, sorted(names)))]


def _keys(source: Source, stream: Stream) -> Any:
    from transload.layout import StreamKeys

    return StreamKeys(source.name, stream.name)
