"""The race itself: each case a server, and in it one contestant after the other."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.benchmarks.race.contestants import CONTESTANTS, PACKAGES, Start, Track
from tests.benchmarks.race.processes import CommandFailed, Spent, measure
from tools.services import ACCESS_KEY, BUCKET, SECRET_KEY, process

# Whoever needs less is run three times, and the best counts: what else the machine does weighs more on a short run.
SHORT = 10.0


@dataclass(frozen=True)
class Case:
    """So many records, of so many bytes each, from an API that waits so long before each answer; and who takes part."""

    records: int
    size: int
    latency_ms: int
    contestants: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What one contestant needed in one case, or until it failed."""

    contestant: str
    records: int
    size: int
    latency_ms: int
    wall: float
    cpu: float
    mib: float
    requests: int
    source_bytes: int
    stored_bytes: int
    runs: int
    failed: str = ""


@contextmanager
def server(folder: Path, records: int, size: int, latency_ms: int = 0) -> Iterator[str]:
    """The API with its records, a process of its own."""
    command = [
        sys.executable, "-m", "tests.benchmarks.race.server", "--records", str(records), "--size", str(size),
        "--latency", str(latency_ms / 1000),
    ]  # fmt: skip
    log = folder / "server.log"
    with process(command, log, answers=True) as running:
        line = running.stdout.readline() if running.stdout else ""
        if not line:
            raise SystemExit(f"the API did not start: {log.read_text()}")
        yield json.loads(line)["url"]


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """What every contestant is given beside its own settings."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true", **own,
    }  # fmt: skip


def race(cases: Sequence[Case], endpoint: str, folder: Path) -> Iterator[Result]:
    """Every contestant of every case, as soon as it is known."""
    for case in cases:
        with server(folder, case.records, case.size, case.latency_ms) as url:
            for name in case.contestants:
                yield _best(case, name, url, endpoint)


def _best(case: Case, name: str, url: str, endpoint: str) -> Result:
    runs: list[tuple[Spent, int, int, int]] = []
    while not runs or (len(runs) < 3 and runs[0][0].wall < SHORT):
        with tempfile.TemporaryDirectory() as folder:
            track = Track(url, endpoint, Path(folder), f"race-{name}")
            start = CONTESTANTS[name](track)
            urlopen(f"{url}/_count").close()
            try:
                spent = measure(start.commands, environment(start.environment))
            except CommandFailed as error:
                if name not in PACKAGES:
                    raise
                _stored(endpoint, track.place, start, None)
                return _result(case, name, error.spent, (0, 0, 0), runs=1, failed=error.said)
            asked = json.loads(urlopen(f"{url}/_count").read())
            stored = _stored(endpoint, track.place, start, case.records)
            runs.append((spent, asked["requests"], asked["bytes"], stored))
    spent, requests, sent, stored = min(runs, key=lambda run: run[0].wall)
    cpu, mib = min(run[0].cpu for run in runs), max(run[0].mib for run in runs)
    return _result(case, name, Spent(spent.wall, cpu, mib), (requests, sent, stored), len(runs))


def _result(case: Case, name: str, spent: Spent, moved: tuple[int, int, int], runs: int, failed: str = "") -> Result:
    return Result(
        name, case.records, case.size, case.latency_ms, round(spent.wall, 3), round(spent.cpu, 3), round(spent.mib, 1),
        *moved, runs, failed,
    )  # fmt: skip


def store(endpoint: str) -> Any:
    """A client of the S3 server."""
    import boto3

    session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name="us-east-1")
    return session.client("s3", endpoint_url=endpoint)


def _stored(endpoint: str, place: str, start: Start, records: int | None) -> int:
    """The bytes that were stored, after a look whether so many records are there, if any are asked for; they are removed."""
    client, size, lines = store(endpoint), 0, 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{place}/"):
        for found in page.get("Contents", ()):
            if start.stored and start.stored in found["Key"] and ".json" in found["Key"]:
                size += found["Size"]
                if records is not None:
                    lines += _lines(client.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].iter_chunks(1 << 20))
            client.delete_object(Bucket=BUCKET, Key=found["Key"])
    if start.stored and records not in (None, lines):
        raise SystemExit(f"{place} stored {lines} of {records} records")
    return size


def _lines(pieces: Iterator[bytes]) -> int:
    """The lines of a gzipped object, which may have several members."""
    lines, opened = 0, zlib.decompressobj(31)
    for piece in pieces:
        left = piece
        while left:
            lines += opened.decompress(left).count(b"\n")
            left = opened.unused_data
            if opened.eof:
                opened = zlib.decompressobj(31)
    return lines


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """As they are kept."""
    return [asdict(one) for one in results]


def shown(result: Result) -> str:
    """One line for people."""
    if result.failed:
        return f"{result.contestant:<8} {result.records:>9,} x {result.size:>6,} B: {result.failed}"
    rate, per_cpu = result.records / result.wall, result.records / result.cpu
    return (
        f"{result.contestant:<8} {result.records:>9,} x {result.size:>6,} B, {result.latency_ms:>2} ms: {result.wall:7.1f} s wall, "
        f"{result.cpu:7.1f} s CPU, {rate:>9,.0f}/s, {per_cpu:>9,.0f} per CPU second, {result.mib:6.0f} MiB"
    )


def room(folder: Path, cases: Sequence[Case]) -> None:
    """Whether the largest case fits on the disk.

    Raises:
        SystemExit: it does not.
    """
    needed = max((2 * case.records * case.size for case in cases), default=0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"{folder} has {free / 1e9:.0f} GB free, the largest case needs {needed / 1e9:.0f} GB; set TMPDIR"
        )
