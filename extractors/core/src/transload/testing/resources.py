"""What a run holds while it runs, and what it leaves behind in its process: memory, file descriptors, threads, files."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Self

import psutil
import pytest

from transload.testing.cases import FaultTests, Stage

_EVERY = 0.02  # seconds between two looks
_STORES = [
    pytest.param("directory", marks=[pytest.mark.exhaustive, pytest.mark.fault(lake="directory")]),
    pytest.param("s3", marks=pytest.mark.fault(lake="s3")),
]


class Memory:
    """The most that a process and its children held in memory at once, in bytes: a context manager that looks all the time.

    Args:
        pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        self.most = 0
        self._root = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            self.most = max(self.most, tree_rss(self._root))
            self._over.wait(_EVERY)


def tree_rss(pid: int) -> int:
    """What a process and all of its children hold in memory now, in bytes; 0 once they have ended."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


class Resources(FaultTests):
    """The tests."""

    @pytest.mark.parametrize("store", _STORES)
    @pytest.mark.fault(
        table="What a run holds, and leaves behind", step="descriptors, threads and files", mode="as before"
    )
    def test_nothing_is_left_open(self, stage: Stage, tmp_path: Path) -> None:
        """Run twice in one process: the second run, when everything is imported, leaves nothing behind."""
        scratch, report = tmp_path / "scratch", tmp_path / "left.json"
        scratch.mkdir()
        stage.runner.environment["TMPDIR"] = str(scratch)
        outcome = stage.runner.start(stage.runner.extract(), left=report).end()
        assert outcome.code == 0, outcome.err
        first, second = json.loads(report.read_text())
        assert second == first
        assert second["threads"] == ["MainThread"]
        assert second["files"] == []
        assert not list(tmp_path.rglob("*.tmp"))

    @pytest.mark.parametrize("store", _STORES)
    @pytest.mark.fault(
        table="What a run holds, and leaves behind", step="memory of all processes", mode="within its bound"
    )
    def test_memory(self, stage: Stage) -> None:
        """Run as a process of its own."""
        process = stage.runner.start(stage.runner.extract())
        with Memory(process.pid) as memory:
            assert process.end().code == 0
        assert 0 < memory.most <= self.under.rss_mib << 20, f"{memory.most >> 20} MiB"
