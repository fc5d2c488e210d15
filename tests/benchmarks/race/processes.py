"""A pipeline of processes, measured whole: wall and CPU seconds, and the memory of all of them together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY = 0.05


@dataclass(frozen=True)
class Spent:
    """Seconds from the first process's start to the last one's end; CPU seconds of all and their children; MiB at most."""

    wall: float
    cpu: float
    mib: float


class CommandFailed(SystemExit):
    """A process did not end well.

    ``said`` is how it ended and, behind a colon, the end of what was said; ``spent`` is what all took until then.
    """

    def __init__(self, command: Sequence[str], said: str, spent: Spent) -> None:
        super().__init__(f"{' '.join(command)}: {said}")
        self.said, self.spent = said, spent


def measure(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Spent:
    """Run commands, each one's output the next one's input, the last one's thrown away.

    Raises:
        CommandFailed: one of them did.
    """
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        running = list(_started(commands, environment, said.fileno()))
        watch = Watch([one.pid for one in running])
        cpu = 0.0
        for one in running:
            _, status, usage = os.wait4(one.pid, 0)
            one.returncode = os.waitstatus_to_exitcode(status)
            cpu += usage.ru_utime + usage.ru_stime
        wall = time.perf_counter() - began
        mib = watch.end()
        # One that ends takes the pipe of those before it along: the last one that failed is the reason.
        failed = next((n for n in reversed(range(len(running))) if running[n].returncode), None)
        said.seek(0)
        words = said.read().decode(errors="replace")[-3000:].strip()
    spent = Spent(wall, cpu, mib)
    if failed is not None:
        raise CommandFailed(commands[failed], f"{_end(running[failed].returncode)}: {words}", spent)
    return spent


def _end(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"ended by {signal.Signals(-code).name}"


def _started(
    commands: Sequence[Sequence[str]], environment: Mapping[str, str], said: int
) -> Iterator[subprocess.Popen[bytes]]:
    before = None
    for n, command in enumerate(commands):
        last = n == len(commands) - 1
        output = subprocess.DEVNULL if last else subprocess.PIPE
        process = subprocess.Popen(command, env=environment, stdin=before, stdout=output, stderr=said)
        if before is not None:
            before.close()
        before = process.stdout
        yield process


class Watch(threading.Thread):
    """Looks at the memory of processes and their descendants, all of them at one moment, until told to end.

    Not ``ru_maxrss``: the kernel lets a process begin with the greatest memory of the one that started it, here the benchmark's.
    """

    def __init__(self, pids: list[int]) -> None:
        super().__init__(daemon=True)
        self._pids, self._over, self._most = pids, threading.Event(), 0
        self.start()

    def end(self) -> float:
        """Look no more; returns the most, in MiB."""
        self._over.set()
        self.join()
        return self._most / (1 << 20)

    def run(self) -> None:
        """Look, and keep the most: of all together, or of one alone since it began."""
        while not self._over.wait(_EVERY):
            now, ever = 0, 0
            for pid in self._pids:
                with contextlib.suppress(psutil.Error):
                    root = psutil.Process(pid)
                    for process in (root, *root.children(recursive=True)):
                        with contextlib.suppress(psutil.Error):
                            now += process.memory_info().rss
                            ever = max(ever, _high_water(process.pid))
            self._most = max(self._most, now, ever)


def _high_water(pid: int) -> int:
    """The most bytes that a process has held since it began; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0
