"""Sandboxes and the S3 server, as processes of their own, for as long as the demo or a benchmark needs them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ACCESS_KEY, SECRET_KEY, BUCKET = "local-access-key", "transload-local-secret", "raw"
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, low enough that SeaweedFS can add 10,000 for its own use.

    None is given twice: who was given one may listen only later.
    """
    ports: list[int] = []
    sockets: list[socket.socket] = []
    candidate = 20_000 + os.getpid() % 10_000
    while len(ports) < count:
        candidate = candidate + 1 if candidate < 45_000 else 20_000
        if candidate in _given:
            continue
        taken = [socket.socket(), socket.socket()]
        sockets += taken
        try:
            for one, port in zip(taken, (candidate, candidate + 10_000), strict=True):
                one.bind(("127.0.0.1", port))
        except OSError:
            continue
        ports.append(candidate)
        _given.add(candidate)
    for one in sockets:
        one.close()
    return ports


@contextmanager
def process(
    command: list[str], log: Path, *, answers: bool = False, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the context. Its stdout is a pipe where ``answers``; all else that it prints goes to a file."""
    with log.open("w") as output:
        running = subprocess.Popen(
            command, stdout=subprocess.PIPE if answers else output, stderr=output, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(timeout=10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        if running.stdout:
            running.stdout.close()


@contextmanager
def sandbox(folder: Path, *options: str, source: str = "pestroutes") -> Iterator[str]:
    """A vendor's sandbox; gives the base URL that the source's extractor takes."""
    command = [sys.executable, "-m", "sandbox", source, "--port", "0", *options]
    log = folder / f"sandbox-{source}.log"
    with process(command, log, answers=True) as running:
        line = running.stdout.readline() if running.stdout else ""
        if not line:
            raise RuntimeError(f"the sandbox of {source} did not start: {log.read_text()}")
        yield json.loads(line)["url"]


@contextmanager
def s3(folder: Path, *, memory: str = "256MiB") -> Iterator[str]:
    """An S3 server (SeaweedFS) with one bucket; gives its endpoint.

    With little memory it spends a third of its time collecting garbage: a benchmark gives it more.
    """
    data = folder / "s3"
    data.mkdir(parents=True, exist_ok=True)
    port, master, filer, volume = free_ports(4)
    command = [
        str(Path(sys.executable).with_name("weed")), "mini", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-s3.port={port}", f"-master.port={master}", f"-filer.port={filer}", f"-volume.port={volume}",
        f"-bucket={BUCKET}", "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
        "-master.telemetry=false",
    ]  # fmt: skip
    log = folder / "s3.log"
    with process(
        command, log, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY, GOMEMLIMIT=memory
    ) as running:
        _wait_for_bucket(port, running, log)
        yield f"http://127.0.0.1:{port}"


def _wait_for_bucket(port: int, running: subprocess.Popen[str], log: Path) -> None:
    import boto3
    import botocore.exceptions
    from botocore.config import Config

    client = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=5),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        try:
            client.put_object(Bucket=BUCKET, Key="_ready", Body=b"")
            client.delete_object(Bucket=BUCKET, Key="_ready")
            return
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
            time.sleep(0.2)
    raise RuntimeError(f"the S3 server did not start: {log.read_text()[-2000:]}")
