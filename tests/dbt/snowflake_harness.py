"""dbt against the stand-in for Snowflake (stand_in.py): the processes, and what to ask of them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import snowflake.connector
from dbt_harness import PROJECT

HERE = Path(__file__).parent
PROFILE = """
transload:
  target: snowflake
  outputs:
    snowflake: {{type: snowflake, account: fakesnow, user: fake, password: snow, host: 127.0.0.1, port: {port},
      protocol: http, database: ANALYTICS, schema: DBT, threads: 4}}
"""


@dataclass
class Answer:
    """What one dbt command did."""

    success: bool
    messages: list[str]
    results: dict[str, tuple[str, str]]
    compiled: dict[str, str | None]
    statements: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.messages)

    def sent(self, beginning: str) -> list[str]:
        """The statements that Snowflake was sent and that begin so."""
        return [one for one in self.statements if one.lower().startswith(beginning)]


@dataclass
class Warehouse:
    """A stand-in over one lake, and a dbt that builds in it."""

    port: int
    worker: subprocess.Popen[str]

    def dbt(self, *arguments: str, **environment: str) -> Answer:
        """One dbt command."""
        assert self.worker.stdin
        assert self.worker.stdout
        before = len(self.log())
        self.worker.stdin.write(json.dumps({"arguments": arguments, "environment": environment}) + "\n")
        self.worker.stdin.flush()
        line = self.worker.stdout.readline()
        assert line, "the worker ended"
        return Answer(**json.loads(line), statements=self.log()[before:])

    def log(self) -> list[str]:
        """Every statement that was sent so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/log") as answer:
            found: list[str] = json.loads(answer.read())
            return found

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        access = {"user": "fake", "password": "snow", "account": "fakesnow", "host": "127.0.0.1", "port": self.port}
        with snowflake.connector.connect(
            **access, protocol="http", database="ANALYTICS", network_timeout=10
        ) as connection:
            return connection.cursor().execute(sql).fetchall()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def warehouse(lake: str, scratch: Path) -> Iterator[Warehouse]:
    """A stand-in whose stage is this lake, with nothing in it."""
    port = free_port()
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "profiles.yml").write_text(PROFILE.format(port=port))
    kept = {name: value for name, value in os.environ.items() if not re.match("TRANSLOAD_|DBT_|SNOWFLAKE_", name)}
    environment = {**kept, "PYTHONWARNINGS": "ignore"}
    folders = {"project-dir": PROJECT, "profiles-dir": scratch, "target-path": scratch, "log-path": scratch}
    options = [
        "--quiet",
        "--no-write-json",
        *(word for name, path in folders.items() for word in (f"--{name}", str(path))),
    ]
    with (scratch / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, HERE / "stand_in.py", str(port), lake], env=environment, stdout=log, stderr=log
        )
        worker = subprocess.Popen(
            [sys.executable, HERE / "snowflake_worker.py", *options],
            env=environment,
            text=True,
            stderr=log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            _until_there(port, server, scratch / "log.txt")
            yield Warehouse(port, worker)
        finally:
            worker.kill()
            server.kill()
            worker.communicate()
            server.wait()


def _until_there(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/log")
            return
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
