"""How a run stops: SIGTERM and Ctrl-C, in the middle of the work and while a server is silent."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

UNTIL = "2026-10-02T00:00:00Z"

Run = Callable[..., Any]


def first_line_with(process: subprocess.Popen[str], word: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return line
    raise AssertionError(f"the process ended without {word!r}")


def test_sigterm_keeps_the_checkpoint_and_the_next_run_goes_on(
    start: Run, run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    sandbox = pestroutes(records=100)
    connect_to(sandbox)
    sandbox.faults({"fault": "hang", "seconds": 60, "times": -1, "after": 5, "match": {"action": "get"}})
    arguments = [
        "extract", "customer", "--until", UNTIL, "--destination", tmp_path / "lake", "--batch-size", "10", "--concurrency", "1",
        "--json",
    ]  # fmt: skip
    process = start(*arguments)
    first_line_with(process, '"part"')
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 143
    assert time.monotonic() - began < 20
    summary = json.loads(out)
    assert (summary["exit_code"], summary["error"]["type"]) == (143, "Interrupted")
    assert summary["loads"][0]["committed"] is False
    kept = summary["loads"][0]["records"]
    assert kept >= 10
    assert len(list((tmp_path / "lake").rglob("_checkpoints/*"))) == 1
    assert not list((tmp_path / "lake").rglob("_loads/*"))
    assert not list((tmp_path / "lake").rglob("*.tmp"))

    sandbox.faults()
    sandbox.clear_requests()
    (load,) = run(*arguments).summary["loads"]
    assert (load["committed"], load["resumed"], load["records"]) == (True, True, 100)
    fetched = sum(request["ids"] for request in sandbox.requests() if request["action"] == "get")
    assert fetched == 100 - kept


def test_ctrl_c_is_exit_130(start: Run, pestroutes: Any, connect_to: Any, tmp_path: Path) -> None:
    sandbox = pestroutes(records=10)
    connect_to(sandbox)
    sandbox.faults({"fault": "hang", "seconds": 60, "times": -1, "match": {"action": "get"}})
    process = start("extract", "customer", "--until", UNTIL, "--destination", tmp_path / "lake")
    first_line_with(process, '"begin"')
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.fixture
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """A server that takes connections and never answers; and an event that is set at the first one."""
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return
                asked.set()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in taken:
            one.close()


def test_sigterm_is_heard_while_the_destination_does_not_answer(
    start: Run, connect_to: Any, pestroutes: Any, silent_server: tuple[str, threading.Event]
) -> None:
    connect_to(pestroutes(records=5))
    url, asked = silent_server
    process = start(
        "extract", "customer", "--destination", "s3://raw", "--endpoint-url", url,
        environment={"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"},
    )  # fmt: skip
    assert asked.wait(30)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert time.monotonic() - began < 20


# A source that stands in for one at whose worst moment the signal comes: no vendor's can be made to.
UNHEARD = """
import contextlib, os, sys, time
from dataclasses import replace
from pestroutes.cli import SOURCE
from transload import cli, stopping

stopping.AGAIN_SECONDS, stopping.END_SECONDS = 0.5, 1.5
how = sys.argv.pop(1)

def wait():
    print("waits", file=sys.stderr, flush=True)
    time.sleep(60)

class LosesIt:
    def __del__(self):
        wait()

class Connection:
    requests = 0

    def quota(self):
        return {}

    def pages(self, stream, window, token):
        if how == "lost":
            LosesIt()
        wait()
        yield

    def close(self):
        if how == "silenced":
            os.set_blocking(2, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(2, b"x" * 4096)
            os.set_blocking(2, True)
        while how != "lost":
            try:
                time.sleep(60)
            except BaseException:
                pass

cli.cli(replace(SOURCE, connect=lambda options, runtime: Connection()))
"""


@pytest.fixture
def unheard(tmp_path: Path, connect_to: Any) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Returns a function that starts an extraction which waits, and to which a signal does not get through as it should."""
    connect_to("http://127.0.0.1:9")
    started: list[subprocess.Popen[str]] = []

    def begin(how: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", UNHEARD, how, "extract", "customer", "--destination", str(tmp_path), "--json"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        first_line_with(process, "waits")
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_that_python_loses_is_given_again(
    unheard: Callable[[str], subprocess.Popen[str]], number: signal.Signals, code: int
) -> None:
    process = unheard("lost")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert "Exception ignored" in err, "it was not lost"
    assert process.returncode == code
    summary = json.loads(out)
    assert (summary["exit_code"], summary["error"]["type"]) == (code, "Interrupted")


def test_a_run_that_cannot_end_is_ended_though_nobody_reads_what_it_says(
    unheard: Callable[[str], subprocess.Popen[str]],
) -> None:
    process = unheard("silenced")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143


def test_a_run_that_cannot_end_is_ended(unheard: Callable[[str], subprocess.Popen[str]]) -> None:
    process = unheard("deaf")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert out == ""
    assert "so it was ended" in err
