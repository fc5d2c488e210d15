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

STAGE = ("run-operation", "stage_external_sources", "--args", "{select: pestroutes}")
BUILD = ("build", "--select", "+stg_pestroutes__customer", "+stg_pestroutes__group", "transload_loads")
RAW = (*BUILD, "--vars", "load: raw")


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
            **access, protocol="http", database="ANALYTICS", schema="TRANSLOAD", network_timeout=10
        ) as connection:
            return connection.cursor().execute(sql).fetchall()


def green(answer: Answer) -> Answer:
    assert answer.success, answer.text
    return answer


def customer(key: object, updated: str = "2026-01-30 12:00:00", **fields: object) -> dict[str, object]:
    return {"customerID": str(key), "dateUpdated": updated, **fields}


def rows(found: Warehouse, sql: str = "customer_id, fname") -> list[tuple[object, ...]]:
    """Of the staging model of customers."""
    return sorted(found.query(f"select {sql} from analytics.dbt_staging.stg_pestroutes__customer"), key=str)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def worker(port: int, scratch: Path, project: Path = PROJECT) -> Iterator[subprocess.Popen[str]]:
    """A dbt of its own, kept warm, that builds in the stand-in at a port, whenever there is one."""
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "profiles.yml").write_text(PROFILE.format(port=port))
    folders = {"project-dir": project, "profiles-dir": scratch, "target-path": scratch, "log-path": scratch}
    options = [
        "--quiet",
        "--no-write-json",
        *(word for name, path in folders.items() for word in (f"--{name}", str(path))),
    ]
    with (scratch / "worker.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, HERE / "snowflake_worker.py", *options],
            env=_environment(),
            text=True,
            stderr=log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@contextmanager
def stand_in(lake: str, port: int, scratch: Path, **environment: str) -> Iterator[None]:
    """A stand-in whose stage is this lake, with nothing in it."""
    scratch.mkdir(parents=True, exist_ok=True)
    with (scratch / "stand_in.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, HERE / "stand_in.py", str(port), lake],
            env={**_environment(), **environment},
            stdout=log,
            stderr=log,
        )
        try:
            _until_there(port, server, scratch / "stand_in.txt")
            yield
        finally:
            server.kill()
            server.wait()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not re.match("TRANSLOAD_|DBT_|SNOWFLAKE_", name)}
    return {**kept, "PYTHONWARNINGS": "ignore", "TZ": "UTC"}


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
