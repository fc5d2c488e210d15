"""Running a source's command, in this process or as one that is killed or held at a step; and reading what it left."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transload import steps
from transload.cli import run
from transload.lake import Lake
from transload.layout import StreamKeys, commit_records, open_checkpoints
from transload.records import Checkpoint
from transload.steps import Step
from transload.testing.nursery import Child, Nursery
from transload.testing.under_test import SourceUnderTest


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def load(self) -> Any:
        """The load of the summary, of an ``extract --json`` of one stream."""
        (found,) = json.loads(self.out)["loads"]
        return found


@dataclass(frozen=True)
class Visible:
    """What a reader of the lake sees of a stream.

    Args:
        loads: the committed load of each window.
        records: the records of each, in their order.
    """

    loads: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, list[bytes]] = field(default_factory=dict)


def read_object(lake: Lake, key: str) -> bytes:
    """An object of the lake, decompressed by its name."""
    with lake.open(key) as pieces:
        data = b"".join(pieces)
    if key.endswith(".gz"):
        return gzip.decompress(data)
    if key.endswith(".zst"):
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        return zstd.decompress(data)
    return data


def visible(lake: Lake, keys: StreamKeys) -> Visible:
    """What is committed. A part that a commit record names and that is not there raises KeyError."""
    loads, records = {}, {}
    for record in sorted(commit_records(lake, keys), key=lambda record: record.window):
        loads[record.window] = record.load_id
        parts = [read_object(lake, part.key) for part in record.parts]
        records[record.window] = b"".join(parts).splitlines()
    return Visible(loads, records)


def checkpoint(lake: Lake, keys: StreamKeys) -> Checkpoint | None:
    """The checkpoint of the one load that is open; None if none is."""
    return next((found for _, found in open_checkpoints(lake, keys)), None)


class Process:
    """A command as a process of its own."""

    def __init__(self, child: Child, told: int | None = None, go: int | None = None) -> None:
        self.pid = child.pid
        self._child = child
        self._told, self._go = told, go

    def held(self) -> bool:
        """Wait until the process stands at its step (True) or has ended without reaching it (False)."""
        assert self._told is not None
        reached = bool(os.read(self._told, 7))  # the end of the file, when the process has ended
        os.close(self._told)
        self._told = None
        return reached

    def release(self) -> None:
        """Let a held process go on."""
        if self._go is not None:
            os.close(self._go)
            self._go = None

    def end(self) -> Outcome:
        """Wait for the end, and give what was printed."""
        self.release()
        code = self._child.wait()
        return Outcome(code, *self._child.printed())

    def close(self) -> None:
        """Let go of everything, whatever state the process is in."""
        for descriptor in (self._told, self._go):
            if descriptor is not None:
                os.close(descriptor)
        self._told = self._go = None
        self._child.close()


class Runner:
    """Runs a source's command against one sandbox and one lake.

    Args:
        under: the source and its stream.
        nursery: begins its processes.
        destination: of the lake.
        environment: all that the command needs to reach both; the process's own is not passed on but for PATH.
    """

    def __init__(
        self, under: SourceUnderTest, nursery: Nursery, destination: str, environment: Mapping[str, str]
    ) -> None:
        self.under, self.destination, self.environment = under, destination, dict(environment)
        self._nursery = nursery
        self._started: list[Process] = []

    def extract(self, *, full: bool = False) -> list[str]:
        """The command that is put to the test: the window, or a full refresh as of its end."""
        under = self.under
        window = ["--full-refresh"] if full else ["--since", under.since]
        return ["extract", under.stream, *window, "--until", under.until, "--json", *under.options]

    def prune(self) -> list[str]:
        """The command that removes what nobody needs, however young."""
        return ["prune", self.under.stream, "--older-than", "0"]

    def here(self, arguments: list[str], listener: Callable[[Step], None] | None = None) -> Outcome:
        """Run a command in this process, which is quicker by its imports."""
        with _settled(self._whole_environment()), _listening(listener), _pieces_of(self.under.piece_bytes):
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(self.under.source, [*arguments, "--destination", self.destination])
            # As a process, the command would have ended with these still under way.
            for thread in threading.enumerate():
                if thread.name.startswith("get"):
                    thread.join(timeout=10)
        return Outcome(code, out.getvalue(), err.getvalue())

    def start(
        self,
        arguments: list[str],
        at: Step | None = None,
        nth: int = 1,
        *,
        hold: bool = False,
        left: Path | None = None,
    ) -> Process:
        """Run a command as a process that is killed, or held, at the n-th time that it reaches a step.

        ``left`` is a file for what two runs in one process leave open.
        """
        command = []
        if self.under.piece_bytes and self.destination.startswith("s3:"):
            command += ["--piece-bytes", str(self.under.piece_bytes)]
        if at:
            command += ["--at", at.value, "--nth", str(nth)]
        if left:
            command += ["--left", str(left)]
        told = go = None
        passed: tuple[int, ...] = ()
        if hold:
            (told, tell), (wait, go) = os.pipe(), os.pipe()
            command += ["--hold", "3", "4"]  # their numbers over there
            passed = (tell, wait)
        command += [self.under.command, *arguments, "--destination", self.destination]
        process = Process(self._nursery.start(command, self._whole_environment(), passed), told, go)
        for descriptor in passed:
            os.close(descriptor)
        self._started.append(process)
        return process

    def killed(self, arguments: list[str], at: Step, nth: int = 1) -> None:
        """Run a command that dies at a step; it must get there."""
        outcome = self.start(arguments, at, nth).end()
        assert outcome.code == -signal.SIGKILL, f"it did not reach {at.value!r} for the {nth}. time: {outcome}"

    def close(self) -> None:
        """End what still runs."""
        for process in self._started:
            process.close()

    def _whole_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "PYTHONPATH") if name in os.environ}
        return {**kept, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **self.environment}


@contextlib.contextmanager
def _settled(environment: Mapping[str, str]) -> Iterator[None]:
    """The command's environment for a while; and what the command changes in this process is put back."""
    before = dict(os.environ)
    logger = logging.getLogger("transload")
    logs = logger.handlers, logger.propagate, logger.level
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        logger.handlers, logger.propagate = logs[:2]
        logger.setLevel(logs[2])


@contextlib.contextmanager
def _listening(listener: Callable[[Step], None] | None) -> Iterator[None]:
    steps.listener = listener
    try:
        yield
    finally:
        steps.listener = None


@contextlib.contextmanager
def _pieces_of(size: int | None) -> Iterator[None]:
    from transload import lake_s3

    before = lake_s3.PIECE_BYTES
    lake_s3.PIECE_BYTES = size or before
    try:
        yield
    finally:
        lake_s3.PIECE_BYTES = before
