"""A source's command with a listener to its steps: ``launch --at "part opened" --nth 2 pestroutes.cli:SOURCE extract ...``.

The process kills itself, or stands still, at the n-th time that it reaches a step. So tests need neither sleeps nor luck.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from transload import steps
from transload.cli import cli, run
from transload.source import Source
from transload.steps import Step


def killing(step: Step, nth: int) -> Callable[[Step], None]:
    """A listener that ends the process by SIGKILL at the n-th time that it reaches a step."""
    return _counting(step, nth, lambda: os.kill(os.getpid(), signal.SIGKILL))


def holding(step: Step, nth: int, tell: int, go: int) -> Callable[[Step], None]:
    """A listener that says on one file descriptor that the step is reached, and goes on when the other one ends."""

    def hold() -> None:
        os.write(tell, b"reached")
        os.read(go, 1)

    return _counting(step, nth, hold)


def _counting(step: Step, nth: int, act: Callable[[], None]) -> Callable[[Step], None]:
    seen, lock = 0, threading.Lock()

    def listen(reached: Step) -> None:
        nonlocal seen
        if reached is not step:
            return
        with lock:
            seen += 1
            now = seen == nth
        if now:
            act()

    return listen


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command.

    Args:
        arguments: instead of ``sys.argv``.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", type=Step, help="the step")
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--hold", type=int, nargs=2, metavar=("TELL", "GO"), help="stand still instead of dying")
    parser.add_argument("--piece-bytes", type=int, help="of an upload to S3, so that small parts have more than one")
    parser.add_argument("--left", help="run the command twice in this process; a file for what was left open each time")
    parser.add_argument("source", help="MODULE:NAME of the Source")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    module, _, name = given.source.partition(":")
    if given.piece_bytes:
        from transload import lake_s3

        lake_s3.PIECE_BYTES = given.piece_bytes
    if given.hold:
        steps.listener = holding(given.at, given.nth, *given.hold)
    elif given.at:
        steps.listener = killing(given.at, given.nth)
    source: Source = getattr(importlib.import_module(module), name)
    if given.left:
        import pyrate_limiter

        # A limiter's thread ends at the end of its pause: ten seconds otherwise.
        pyrate_limiter.BucketFactory._leak_interval = 50
        # The first run imports, and fills caches: what it leaves is there to stay.
        left = [_run_and_look(source, given.arguments) for _ in range(2)]
        Path(given.left).write_text(json.dumps(left))
        os._exit(0)
    cli(source, given.arguments)


def _run_and_look(source: Source, arguments: Sequence[str]) -> dict[str, list[str]]:
    assert run(source, arguments) == 0
    # Some end a while after they were told to: a request that the end of the process would have cut short, a limiter's pause.
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(timeout=15)
    gc.collect()
    return {
        "descriptors": sorted(_places()),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "files": sorted(path.name for path in Path(tempfile.gettempdir()).iterdir()),
    }


def _places() -> Iterator[str]:
    """What each file descriptor of this process leads to, but for that of the listing itself."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield f"{descriptor.name} {descriptor.readlink()}"


if __name__ == "__main__":
    main()
