"""Killing an extract at any moment, or running it twice at once, loses nothing and doubles nothing."""

from __future__ import annotations

import random
import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from transload.lake import Lake
from transload.lake_directory import DirectoryLake
from transload.layout import StreamKeys, commit_records, open_checkpoints
from transload.records import Checkpoint

KEYS = StreamKeys("pestroutes", "customer")
PAGE = 20
PAGES = 120
RECORDS = PAGES * PAGE
BOTH_STORES = pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)
COMMAND = (
    "extract", "customer", "--since", "2020-01-01T00:00:00Z", "--until", "2026-10-02T00:00:00Z", "--batch-size", PAGE,
    "--concurrency", 3,
)  # fmt: skip


@dataclass
class Watched:
    """A sandbox whose gets are written down with their ids, and can be waited for.

    No get is answered before ``searches_first`` searches have come.
    """

    sandbox: Any
    gets: list[list[int]] = field(default_factory=list)
    searches: int = 0
    searches_first: int = 0
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        handle = self.sandbox.api.handle

        def watched(entity: str, action: str, parameters: Any) -> Any:
            with self._arrived:
                if action == "search":
                    self.searches += 1
                else:
                    self.gets.append([int(one) for one in parameters.values["customerIDs"]])
                    self._arrived.wait_for(lambda: self.searches >= self.searches_first, timeout=30)
                self._arrived.notify_all()
            return handle(entity, action, parameters)

        self.sandbox.api.handle = watched

    def wait_for(self, count: int, process: subprocess.Popen[str]) -> None:
        """Wait until so many gets have arrived, or the process has ended."""
        with self._arrived:
            while len(self.gets) < count and process.poll() is None:
                self._arrived.wait(0.05)


@pytest.fixture
def watched(pestroutes: Any, connect_to: Any) -> Watched:
    # So slow that a run takes about two seconds: long enough to be killed in.
    sandbox = pestroutes(records=RECORDS, latency=0.03)
    connect_to(sandbox)
    return Watched(sandbox)


@pytest.fixture
def undisturbed(watched: Watched, run: Any, tmp_path: Path, read_part: Any) -> list[bytes]:
    """The records of a run that nobody disturbs."""
    lake = DirectoryLake(str(tmp_path / "undisturbed"))
    latency, watched.sandbox.server.latency = watched.sandbox.server.latency, 0
    assert run(*COMMAND, "--destination", lake.url).code == 0
    watched.sandbox.server.latency = latency
    watched.gets.clear()
    return visible(lake, read_part)


def visible(lake: Lake, read_part: Callable[[Any, str], bytes]) -> list[bytes]:
    records = list(commit_records(lake, KEYS))
    return [line for record in records for part in record.parts for line in read_part(lake, part.key).splitlines()]


def checkpoint(lake: Lake) -> Checkpoint | None:
    return next((found for _, found in open_checkpoints(lake, KEYS)), None)


def token(found: Checkpoint | None) -> int:
    return found.token["after"] if found and found.token else 0


def kill_somewhere(process: subprocess.Popen[str], watched: Watched, dice: random.Random) -> None:
    """SIGKILL, so many gets and milliseconds after the start."""
    watched.wait_for(dice.randrange(12), process)
    time.sleep(dice.uniform(0, 0.06))
    process.kill()
    process.communicate()


@BOTH_STORES
def test_killed_at_random_moments_the_load_equals_an_undisturbed_one(
    lake_url: str, lake: Lake, start: Any, run: Any, watched: Watched, undisturbed: list[bytes], read_part: Any
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    where = ("--destination", lake_url)
    shares: set[str] = set()
    for killed in range(40):
        if killed >= 10 and len(shares) > 2:
            break
        before = checkpoint(lake)
        watched.gets.clear()
        kill_somewhere(start(*COMMAND, *where), watched, dice)
        after = checkpoint(lake)
        assert visible(lake, read_part) == []
        # What an earlier attempt had noted is not fetched again, and stays in the load.
        assert all(one > token(before) for ids in watched.gets for one in ids)
        if before:
            assert after is not None
            assert after.load_id == before.load_id
            assert after.parts[: len(before.parts)] == before.parts
        # Several attempts are to leave their share, however slow the machine: each names its parts its own way.
        shares = {re.sub(r".*part-[0-9]{5}", "", part.key) for part in (after.parts if after else ())}
    assert len(shares) > 2
    noted = checkpoint(lake)
    assert noted is not None
    watched.gets.clear()
    watched.sandbox.server.latency = 0
    (load,) = run(*COMMAND, *where, "--json").summary["loads"]
    assert (load["committed"], load["resumed"], load["records"]) == (True, True, RECORDS)
    assert len([one for ids in watched.gets for one in ids]) == RECORDS - PAGE * len(noted.parts)
    assert visible(lake, read_part) == undisturbed
    assert len(set(undisturbed)) == RECORDS
    assert checkpoint(lake) is None


@BOTH_STORES
def test_killed_around_its_commit_it_is_committed_once_or_not_at_all(
    lake_url: str, lake: Lake, start: Any, run: Any, watched: Watched, undisturbed: list[bytes], read_part: Any
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    watched.sandbox.server.latency = 0
    # With an open load of which one page is missing, a run is little more than its end.
    watched.sandbox.faults({"fault": "http_500", "times": -1, "after": PAGES - 1, "match": {"action": "get"}})
    assert run(*COMMAND, "--destination", lake_url, "--retry-deadline", 0).code == 69
    watched.sandbox.faults()
    for _ in range(4):
        watched.gets.clear()
        process = start(*COMMAND, "--destination", lake_url)
        watched.wait_for(1, process)
        time.sleep(dice.uniform(0, 0.06))
        process.kill()
        process.communicate()
        assert visible(lake, read_part) in ([], undisturbed)
    assert run(*COMMAND, "--destination", lake_url).code == 0
    assert visible(lake, read_part) == undisturbed
    assert len(list(commit_records(lake, KEYS))) == 1
    assert checkpoint(lake) is None


@BOTH_STORES
def test_of_two_runs_at_once_exactly_one_commits(
    lake_url: str, lake: Lake, start: Any, watched: Watched, undisturbed: list[bytes], read_part: Any
) -> None:
    # Each run searches twice: neither gets a record before both have begun.
    watched.searches, watched.searches_first = 0, 3
    processes = [start(*COMMAND, "--destination", lake_url) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 73]
    loser = errors[[process.returncode for process in processes].index(73)]
    assert "another attempt" in loser.splitlines()[-1]
    assert len(list(commit_records(lake, KEYS))) == 1
    assert visible(lake, read_part) == undisturbed
