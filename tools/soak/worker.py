"""One source's runs: window after window, some of them killed, doubled, given up for the next, or behind a vendor that is down."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tools.soak.world import Running
from transload.testing.faults import answered
from transload.testing.proxy import Rule

# What a run may end with when vendor and lake go wrong, and runs are killed and doubled: design page section 2.
# A SIGTERM that comes before Python can handle it ends it like any other process, before anything was begun.
EXPECTED = {0, 65, 69, 73, 143, -signal.SIGTERM, -signal.SIGKILL}
RETRY_SECONDS = 6
RUN_SECONDS = 300


@dataclass
class Tally:
    """What happened."""

    codes: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    windows: int = 0
    unexpected: list[str] = field(default_factory=list)


class Worker:
    """Runs one source's command until it is told to stop.

    Args:
        running: the vendor.
        folder: for the output of runs that end as they should not.
        dice: for everything.
    """

    def __init__(self, running: Running, folder: Path, dice: random.Random) -> None:
        self.running, self._folder, self._dice = running, folder, dice
        self.tally = Tally()
        self._typical = 4.0  # seconds of a run that nobody kills
        self._begun: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed: list[BaseException] = []

    def start(self) -> None:
        """Begin, or go on after ``pause``."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._work, name=self.running.vendor.name, daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """End behind the run that is under way. Raises what went wrong in the worker itself."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._failed:
            raise self._failed[0]

    @property
    def alive(self) -> bool:
        """Whether it is at work."""
        return self._thread is not None and self._thread.is_alive()

    def extract_calmly(self, until: datetime, *, full: bool = False) -> None:
        """One window of all streams with nothing in its way.

        Raises:
            RuntimeError: it did not end with 0.
        """
        for what in self.running.vendor.runs(full=full):
            code, output = self._finished(self._command("extract", *what, "--until", until.isoformat()))
            if code:
                raise RuntimeError(
                    f"{self.running.vendor.name}: a run without any fault ended with {code}:\n{output[-3000:]}"
                )

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._window()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._failed.append(error)

    def _window(self) -> None:
        """Run one window until it is committed, or given up for a later one, as a schedule would."""
        until = self.running.clock.now().isoformat()
        what = self.running.vendor.runs(full=self._dice.random() < 0.06)[0]
        while not self._stop.is_set():
            sizes = self._dice.choice([("200",), ("1000",), ("250000", "--compression", "none")])
            arguments = ("extract", *what, "--until", until, "--batch-size", *sizes,
                         "--retry-deadline", str(RETRY_SECONDS))  # fmt: skip
            if self._attempt(arguments) == 0:
                self.tally.windows += 1
                break
            if self._dice.random() < 0.2:
                break  # the next one comes, whatever became of this
        if self._dice.random() < 0.1:
            self._attempt(("prune", "--older-than", "0"))

    def _attempt(self, arguments: Sequence[str]) -> int:
        """One run or two at once, and what is done to them. Gives the best of their exit codes."""
        throw = self._dice.random()
        if throw < 0.06:
            return self._behind_an_outage(arguments)
        runs = [self._start(arguments) for _ in range(2 if throw < 0.14 and arguments[0] == "extract" else 1)]
        self.tally.kinds["two at once" if len(runs) > 1 else arguments[0]] += 1
        for one in runs:
            if self._dice.random() < 0.35:
                self._kill(one, signal.SIGKILL if self._dice.random() < 0.85 else signal.SIGTERM)
        return min((self._ended(one) for one in runs), key=abs)

    def _behind_an_outage(self, arguments: Sequence[str]) -> int:
        self.tally.kinds["outage of the vendor"] += 1
        proxy = self.running.proxy
        if self._dice.random() < 0.5:
            with proxy.refusing():
                return self._ended(self._start(arguments))
        with proxy.during(Rule(answered(503, name="503 for a whole run"), times=None)):
            return self._ended(self._start(arguments))

    def _kill(self, process: subprocess.Popen[str], number: int) -> None:
        try:
            process.wait(timeout=self._dice.uniform(0.1, 1.2 * self._typical))
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            self.tally.kills += 1

    def _command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name(self.running.vendor.name)), *arguments]

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self._command(*arguments), env=self.running.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._begun[process.pid] = time.monotonic()
        return process

    def _ended(self, process: subprocess.Popen[str]) -> int:
        try:
            output, _ = process.communicate(timeout=RUN_SECONDS)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            code = -1
        self.tally.codes[code] += 1
        if code >= 0:
            self._typical = 0.8 * self._typical + 0.2 * (time.monotonic() - self._begun.pop(process.pid))
        if code not in EXPECTED:
            log = self._folder / f"unexpected-{self.running.vendor.name}-{sum(self.tally.codes.values())}.log"
            log.write_text(f"{json.dumps(process.args)}\n{output}")
            self.tally.unexpected.append(f"{self.running.vendor.name} ended with {code}: see {log}")
        return code

    def _finished(self, command: Sequence[str]) -> tuple[int, str]:
        done = subprocess.run(
            command, env=self.running.environment, text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        return done.returncode, done.stderr
