"""What every benchmark of an extractor does: run it as a process, and measure it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.race.processes import Watch
from tools.services import ACCESS_KEY, BUCKET, SECRET_KEY


@dataclass(frozen=True)
class Measured:
    """One process: its load's figures, wall and CPU seconds, and its greatest resident memory.

    ``load`` is the seconds from the load's begin to its commit: what the floor's seconds are compared with, which are
    without start-up as well. ``wall`` and ``cpu`` are of the whole process.
    """

    records: int
    raw_bytes: int
    load: float
    wall: float
    cpu: float
    mib: float


def extractor(source: str) -> str:
    """The command of a source."""
    return str(Path(sys.executable).with_name(source))


def extract(command: Sequence[str], endpoint: str, settings: Mapping[str, str]) -> Measured:
    """Run one extraction of one stream, to S3, as a process of its own, and measure it."""
    environment = {
        **os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "TRANSLOAD_DESTINATION": f"s3://{BUCKET}/bench", "TRANSLOAD_ENDPOINT_URL": endpoint, **settings,
    }  # fmt: skip
    began = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen([*command, "--json"], env=environment, stdout=subprocess.PIPE, stderr=log)
        watch = Watch([running.pid])
        output = running.stdout.read() if running.stdout else b""
        _, status, usage = os.wait4(running.pid, 0)
        mib = watch.end()
        running.returncode = os.waitstatus_to_exitcode(status)
        if running.returncode:
            log.seek(0)
            raise SystemExit(f"{command} ended with {running.returncode}: {log.read().decode()[-2000:]}")
    load = json.loads(output)["loads"][0]
    wall = time.perf_counter() - began
    return Measured(load["records"], load["raw_bytes"], load["seconds"], wall, usage.ru_utime + usage.ru_stime, mib)
