"""What is measured of ours alone: start, checkpoints, many loads, staging, and where a record's time goes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests.benchmarks.race.ours import ANSWER, LOOK
from tests.benchmarks.race.processes import Spent, measure
from tests.benchmarks.race.run import environment, server, store
from tools.services import BUCKET
from transload.heap import share_heap
from transload.http_client import Body
from transload.page import split
from transload.part import PartWriter

T = TypeVar("T")
Measured = dict[str, Any]
_OURS = (sys.executable, "-m", "tests.benchmarks.race.ours")
_UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


def _settings(url: str, endpoint: str, place: str) -> dict[str, str]:
    return environment({
        "RACE_BASE_URL": url, "TRANSLOAD_DESTINATION": f"s3://{BUCKET}/{place}", "TRANSLOAD_ENDPOINT_URL": endpoint,
    })  # fmt: skip


def _shortest(command: Sequence[str], settings: Mapping[str, str], times: int = 3) -> Spent:
    return min((measure([command], settings) for _ in range(times)), key=lambda spent: spent.cpu)


def checkpoints(endpoint: str, folder: Path, records: int = 250_000, parts: int = 100) -> Measured:
    """The same load in one part, and in many: each part is an upload, and a checkpoint behind it."""
    with server(folder, records, 1_000) as url:
        settings = _settings(url, endpoint, "checkpoints")
        few, many = (
            _shortest((*_OURS, "extract", "records", "--batch-size", str(size)), settings)
            for size in (records, records // parts)
        )
    return {
        "records": records, "parts": parts, "wall_of_one": round(few.wall, 2), "wall_of_many": round(many.wall, 2),
        "cpu_ms_a_part": round((many.cpu - few.cpu) * 1000 / (parts - 1), 1),
        "wall_ms_a_part": round((many.wall - few.wall) * 1000 / (parts - 1), 1),
    }  # fmt: skip


def many_loads(endpoint: str, folder: Path, counts: Sequence[int] = (10, 1_000, 10_000)) -> list[Measured]:
    """A stream with so many committed loads: the next load, ``verify`` of one, and ``loads`` of all."""
    measured, client, place = [], store(endpoint), "many"
    prefix = f"{place}/race/records/_loads/"
    with server(folder, 8, 1_000) as url:
        settings = _settings(url, endpoint, place)
        first = (*_OURS, "extract", "records", "--until", _UNTIL.isoformat())
        measure([first], settings)
        key = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"][0]["Key"]
        record = json.loads(client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        put = 1
        for count in counts:
            with ThreadPoolExecutor(16) as threads:
                for n in range(put, count):
                    until = _UNTIL - timedelta(hours=n)
                    window = f"full-{until:%Y%m%dT%H%M%SZ}"
                    body = json.dumps({**record, "window": window, "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}).encode()
                    threads.submit(client.put_object, Bucket=BUCKET, Key=f"{prefix}{window}.json", Body=body)
            put = count
            took = {
                "extract": _shortest(first, settings),
                "verify": _shortest((*_OURS, "verify", "records", "--until", _UNTIL.isoformat()), settings),
                "list": _shortest((*_OURS, "loads", "records", "--json"), settings, times=1),
            }
            measured.append({"loads": count, **{name: round(spent.wall, 2) for name, spent in took.items()}})
    return measured


def staging(root: Path, counts: Sequence[int] = (10, 100, 1_000)) -> list[Measured]:
    """dbt's staging model over so many loads of 1,000 records, in DuckDB; in dbt's own environment."""
    command = [".venv-dbt/bin/python", "-m", "tests.benchmarks.race.staging", *map(str, counts)]
    ended = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True, env=environment({}))
    return list(json.loads(ended.stdout.splitlines()[-1]))


class _Kept:
    """An object that only counts how its bytes were hashed."""

    def __init__(self) -> None:
        self.hashing = 0.0

    def write(self, data: bytes) -> None:
        """Hash once more, to know what it takes."""
        self.hashing += _cpu(lambda: hashlib.sha256(data).digest())[0]

    def close(self) -> None:
        """Nothing."""

    def abort(self) -> None:
        """Nothing."""


def stages(folder: Path, records: int = 200_000) -> Measured:
    """CPU seconds a million records in each step that touches every byte, page by page, in this process and one thread."""
    share_heap()
    took = dict.fromkeys(("receive", "decode the envelope", "split", "compress", "hash"), 0.0)
    kept = _Kept()
    writer = PartWriter("part", kept, "gzip")

    def step(name: str, work: Callable[[], T]) -> T:
        seconds, result = _cpu(work)
        took[name] += seconds
        return result

    with server(folder, records, 1_000) as url, requests.Session() as session:
        number = last = 1
        while number <= last:
            body = step("receive", partial(_received, session, f"{url}/records?page={number}"))
            answer = step("decode the envelope", partial(ANSWER.decode, body))
            found = step("split", partial(split, answer.records, LOOK))
            step("compress", partial(writer.write, found.joined, len(found.records)))
            number, last = number + 1, answer.pages
    step("compress", writer.close)
    # The writer hashes as well, and what was hashed here for its measure was not its work.
    took["hash"], took["compress"] = kept.hashing, took["compress"] - 2 * kept.hashing
    return {name: round(seconds * 1_000_000 / records, 2) for name, seconds in took.items()}


def _received(session: requests.Session, url: str) -> bytes:
    with Body(session.get(url, stream=True), url, str, ExitStack()) as body:
        return body.read()


def _cpu(work: Callable[[], T]) -> tuple[float, T]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result
