"""The command line of every source, made from its declaration: ``cli(source)`` runs it and ends the process.

Only what ``--help`` needs is imported at the top; a command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click

from transload.errors import TransloadError, UsageError, interrupted
from transload.redaction import Redactor
from transload.source import Source, Stream
from transload.stopping import heeding_signals

F = TypeVar("F", bound=Callable[..., Any])

_redact = Redactor()


def cli(source: Source, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a source's command line and end the process with its exit code.

    Args:
        source: the declaration.
        arguments: instead of ``sys.argv``.
    """
    code = run(source, arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: after a signal, a thread may still sit in a request for longer than there is time.
    os._exit(code)


def run(source: Source, arguments: Sequence[str] | None = None) -> int:
    """Run a source's command line; returns its exit code."""
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        result = group(source).main(arguments, prog_name=source.name, standalone_mode=False, obj=debug)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return os.EX_USAGE
    except click.UsageError as error:
        return _usage(source, error)
    except click.Abort as error:
        # Click's word for a KeyboardInterrupt.
        return _failed(source, interrupted(error.__cause__), debug)
    except KeyboardInterrupt as error:
        return _failed(source, interrupted(error), debug)
    except BrokenPipeError:
        # The reader of our output has gone (``| head``): nothing is left to say, also not at the last flush.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        return 0
    except TransloadError as error:
        return _failed(source, error, debug)
    except Exception as error:  # noqa: BLE001 - a bug of ours: one line for the user, its traceback by --debug
        _failed(source, error, debug)
        return os.EX_SOFTWARE


def _usage(source: Source, error: click.UsageError) -> int:
    command = error.ctx.command_path if error.ctx else source.name
    click.echo(f"{source.name}: {_redact(error.format_message())} (see {command} --help)", err=True)
    return os.EX_USAGE


def _failed(source: Source, error: BaseException, debug: bool) -> int:
    if debug:
        import traceback

        click.echo(_redact("".join(traceback.format_exception(error))), err=True)
    if isinstance(error, TransloadError):
        text = " ".join(str(error).split())
    else:
        text = (
            f"a bug of Transload: {type(error).__name__}: {error}; run it again with --debug and report what it prints"
        )
    click.echo(f"{source.name}: {_redact(text)}", err=True)
    return error.exit_code if isinstance(error, TransloadError) else os.EX_SOFTWARE


def group(source: Source) -> click.Group:
    """The Click group of a source."""

    @click.group(name=source.name, context_settings={"max_content_width": 110}, help=_about(source))
    @click.version_option(source.version, prog_name=source.name)
    def root() -> None:
        click.get_current_context().with_resource(heeding_signals())

    from transload import commands

    for make in commands.ALL:
        root.add_command(make(source))
    return root


def _about(source: Source) -> str:
    return (
        f"Moves {source.title} records to a lake (S3 or a directory) in exactly-once loads.\n\n"
        f"Try `{source.name} check`, then `{source.name} extract STREAM`. Every option can also be set by the "
        "environment variable shown beside it."
    )


def redactor() -> Redactor:
    """The process's redactor: whoever learns a secret tells it."""
    return _redact


def find_stream(source: Source, name: str) -> Stream:
    """A stream by name.

    Raises:
        UsageError: there is none; the message suggests the nearest.
    """
    stream = source.stream(name)
    if stream is not None:
        return stream
    import difflib

    by_folded = {known.casefold(): known for known in source.by_name}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    hint = f"did you mean {by_folded[near[0]]!r}? " if near else ""
    raise UsageError(f"there is no stream {name!r}; {hint}`{source.name} streams` lists all {len(source.streams)}")
