"""A source's command with a listener to its steps: ``python -m transload.testing.launch --at ... pestroutes.cli:SOURCE extract ...``.

The process kills itself, or stands still, at the n-th time that it reaches a step. So tests need neither sleeps nor luck.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

from transload import steps
from transload.cli import cli
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
    cli(getattr(importlib.import_module(module), name), given.arguments)


if __name__ == "__main__":
    main()
