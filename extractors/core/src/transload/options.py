"""The options that commands share, so that each is written once and reads the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from transload.settings import variable
from transload.source import Source

F = TypeVar("F", bound=Callable[..., Any])
SHARED = "transload"


class Whole(click.IntRange):
    """A whole number within bounds; an error that Click words for an "integer range" is worded for a person."""

    name = "whole number"


class Number(click.FloatRange):
    """A number within bounds."""

    name = "number"


DEFAULT_START = "2000-01-01T00:00:00Z"


def option(name: str, help: str, **settings: Any) -> Callable[[F], F]:  # noqa: A002 - Click's own word
    """A shared option ``--name``, also ``TRANSLOAD_NAME``; its default is shown."""
    settings.setdefault("show_default", settings.get("default") is not None and not settings.get("is_flag"))
    return click.option(f"--{name}", help=help, envvar=variable(SHARED, name), show_envvar=True, **settings)


def as_json(command: F) -> F:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def debug(command: F) -> F:
    """``--debug``. ``cli.run`` looks for it itself: it matters most when a command never gets to run."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Log more, and print tracebacks (secrets redacted)."
    )(command)


def destination(command: F) -> F:
    """``--destination`` and ``--endpoint-url``."""
    command = option("endpoint-url", "An S3-compatible store other than AWS.", metavar="URL")(command)
    return option(
        "destination", "Where the lake is: s3://bucket/prefix, or a directory.", metavar="URL", default="./lake"
    )(command)


def retrying(command: F) -> F:
    """``--retry-deadline``."""
    return option(
        "retry-deadline",
        "How long a failing request is tried again before the run gives up.",
        metavar="SECONDS", type=Number(min=0), default=600,
    )(command)  # fmt: skip


def of_source(source: Source) -> Callable[[F], F]:
    """The options that a source declares. They come to the command as texts, by ``Option.key``."""

    def add(command: F) -> F:
        for declared in reversed(source.options):
            name = variable(source.name, declared.name)
            shown = f"{name}, {name}_FILE" if declared.secret else name
            text = f"{declared.help}  [env var: {shown}]"
            if declared.required:
                text += "  [required]"
            elif declared.default is not None and not declared.secret:
                text += f"  [default: {declared.default}]"
            command = click.option(f"--{declared.name}", help=text, envvar=name, metavar="TEXT")(command)
        return command

    return add


_EXTRACT: tuple[Callable[[Any], Any], ...] = (
    click.option("--all", "every", is_flag=True, help="Every stream."),
    option("since", "Where the window begins (ISO 8601 with zone).  [default: where the last load ended]", metavar="TIME"),
    option("until", "Where the window ends, exclusively.  [default: now]", metavar="TIME"),
    option("start", "Where the very first window of a stream begins.", metavar="TIME", default=DEFAULT_START),
    option("full-refresh", "Load everything anew instead of what has changed.", is_flag=True),
    destination,
    option("batch-size", "Records a part at most.", type=Whole(min=1), default=250_000),
    option("part-bytes", "Bytes a part at most, before compression.", type=Whole(min=1), default=1 << 30),
    option("compression", "Of the parts.", type=click.Choice(["gzip", "zstd", "none"]), default="gzip"),
    option("concurrency", "Requests to the source that may be under way at once.", type=Whole(1, 64), default=4),
    option("limit", "Take only so many records a stream, as a sample that dbt does not read.", type=Whole(min=1)),
    option("mask", "What becomes of fields marked sensitive.", type=click.Choice(["none", "hash", "drop"]), default="none"),
    click.option("--mask-key", metavar="TEXT", envvar="TRANSLOAD_MASK_KEY",
                 help="The secret key of --mask hash; without a key, short values can be guessed.  "
                      "[env var: TRANSLOAD_MASK_KEY, TRANSLOAD_MASK_KEY_FILE]"),
    option("max-quarantined", "Fail when more records of a load than this cannot be read.",
           type=Whole(min=0), default=100),
    option("look-back", "How far a window reaches behind the last one.  [default: the stream's own]",
           metavar="SECONDS", type=Number(min=0)),
    option("no-fencing", "Accept a store that ignores conditional writes; never run one window twice at once then.", is_flag=True),
    retrying,
)  # fmt: skip


def extract(command: F) -> F:
    """The options of ``extract`` that all sources share."""
    for add in reversed(_EXTRACT):
        command = add(command)
    return command
