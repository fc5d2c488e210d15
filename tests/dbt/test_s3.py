"""The same over S3: a real server on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import fsspec
import pytest
from dbt_harness import CUSTOMER, PROJECT, FixtureLake, Project, query

WEED = which("weed") or str(PROJECT.parent / ".venv" / "bin" / "weed")
KEYS = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demosecret"}


def _free_port() -> int:
    """One that leaves the port 10,000 above it, where the server listens too, a valid one."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 55_000:
            return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = _free_port()
    ports = [f"-{name}.port={_free_port()}" for name in ("master", "filer", "volume")]
    unused = ["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    loopback = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={port}", *ports, "-bucket=raw"]
    process = subprocess.Popen(
        [WEED, "mini", f"-dir={tmp_path_factory.mktemp('s3')}", *loopback, *unused],
        env={**os.environ, **KEYS, "GOMEMLIMIT": "256MiB"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url)
        yield url
    finally:
        process.kill()  # nothing of it is wanted again
        process.wait(30)


@pytest.fixture
def endpoint(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {**KEYS, "TRANSLOAD_ENDPOINT_URL": server}.items():
        monkeypatch.setenv(name, value)
    return server


def _wait(url: str) -> None:
    """Until the server answers; it refuses us, which is an answer."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


def test_a_lake_on_s3(project: Project, lake: FixtureLake, database: Path, endpoint: str) -> None:
    s3 = fsspec.filesystem("s3", key="demo", secret=KEYS["AWS_SECRET_ACCESS_KEY"], endpoint_url=endpoint)
    lake.load("customer", [{"customerID": "1", "fname": "李"}, {"customerID": "2"}], mode="full", parts=2)
    s3.put(f"{lake.root}/", "raw/some/prefix/", recursive=True)
    first = project.run("build", *CUSTOMER, lake="s3://raw/some/prefix/", database=database)
    assert first.success, first.text

    lake.load("customer", [{"customerID": "2", "fname": "Ana"}])
    s3.put(f"{lake.root}/", "raw/some/prefix/", recursive=True)
    second = project.run("build", *CUSTOMER, lake="s3://raw/some/prefix", database=database)
    assert second.success, second.text

    sql = "select customer_id, fname from staging.stg_pestroutes__customer order by customer_id"
    assert query(database, sql) == [(1, "李"), (2, "Ana")]


def test_wrong_keys_are_an_error_and_not_an_empty_lake(
    project: Project, database: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    refused = project.run("build", *CUSTOMER, lake="s3://raw/some/prefix", database=database)

    assert not refused.success
    assert "signature" in refused.text
