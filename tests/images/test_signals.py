"""How a container ends: `docker stop` and Ctrl-C, in the middle of the work and before it began."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.images.conftest import HELD, Docker

UNTIL = "2026-10-02T00:00:00Z"
EXTRACT = ("extract", "customer", "--until", UNTIL, "--batch-size", "10", "--concurrency", "1", "--json")


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def hang_after_five(sandbox: Any) -> None:
    """The vendor falls silent after five pages of ten records each."""
    sandbox.faults({"fault": "hang", "seconds": 120, "times": -1, "after": 5, "match": {"action": "get"}})


def a_part_is_there(lake: Path) -> bool:
    return bool(list(lake.glob("pestroutes/customer/load_date=*/*/part-*")))


def assert_kept(lake: Path) -> None:
    """A checkpoint, no commit record, and nothing half written."""
    assert len(list(lake.rglob("_checkpoints/*"))) == 1
    assert not list(lake.rglob("_loads/*"))
    assert not list(lake.rglob("*.tmp"))


def test_docker_stop_keeps_the_checkpoint_and_the_next_run_goes_on(
    docker: Docker, pestroutes: Any, account: Any, lake_folder: Path
) -> None:
    sandbox = pestroutes(records=100)
    hang_after_five(sandbox)
    options = [*account(sandbox), "--volume", f"{lake_folder}:/lake"]
    name = docker.detached("pestroutes", *EXTRACT, options=[*HELD, *options])
    wait_for(lambda: a_part_is_there(lake_folder))
    began = time.monotonic()
    docker("stop", name)
    assert time.monotonic() - began < 9, "docker waits for ten seconds, then kills"
    assert docker.inspect(name)["State"]["ExitCode"] == 143
    summary = json.loads(docker.logs(name).out)
    assert (summary["exit_code"], summary["loads"][0]["committed"]) == (143, False)
    assert_kept(lake_folder)
    kept = summary["loads"][0]["records"]
    assert kept >= 10

    sandbox.faults()
    sandbox.clear_requests()
    ended = docker.run("pestroutes", *EXTRACT, options=options)
    (load,) = json.loads(ended.out)["loads"]
    assert (load["committed"], load["resumed"], load["records"]) == (True, True, 100)
    assert sum(request["ids"] for request in sandbox.requests() if request["action"] == "get") == 100 - kept


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "no terminal"])
def test_ctrl_c_keeps_the_checkpoint(
    docker: Docker, pestroutes: Any, account: Any, lake_folder: Path, terminal: bool
) -> None:
    sandbox = pestroutes(records=100)
    hang_after_five(sandbox)
    name = docker.name()
    command = [
        "docker", "run", "--rm", "--name", name, *(["--interactive", "--tty"] if terminal else []), *HELD,
        *account(sandbox), "--volume", f"{lake_folder}:/lake", "transload/pestroutes", *EXTRACT,
    ]  # fmt: skip
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        wait_for(lambda: a_part_is_there(lake_folder))
        began = time.monotonic()
        if terminal:
            os.write(ours, b"\x03")
        else:
            process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)
    os.close(ours)
    assert code == 130
    assert time.monotonic() - began < 20
    assert_kept(lake_folder)


@pytest.mark.parametrize("milliseconds", [0, 50, 100, 200])
def test_a_stop_right_after_the_start_is_heard(
    docker: Docker, pestroutes: Any, account: Any, milliseconds: int
) -> None:
    """As process 1, Python would not hear it before the program has said what to do about it."""
    sandbox = pestroutes(records=5)
    sandbox.faults({"fault": "hang", "seconds": 120, "times": -1})
    name = docker.detached("pestroutes", "check", options=[*HELD, *account(sandbox)])
    time.sleep(milliseconds / 1000)
    began = time.monotonic()
    docker("stop", name)
    assert time.monotonic() - began < 9
    assert docker.inspect(name)["State"]["ExitCode"] == 143
