"""Who races, and how each is started. What is said of their configuration in docs/performance.md is set here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.race.environments import python_of
from tests.benchmarks.race.records import OFFICES
from tools.services import ACCESS_KEY, BUCKET, SECRET_KEY

RIVALS = Path(__file__).with_name("rivals")
AT_ONCE = 4  # requests under way: Transload's own default


@dataclass(frozen=True)
class Track:
    """What a contestant is told: the API, the store, an empty folder, and its own place in the bucket."""

    url: str
    endpoint: str
    folder: Path
    place: str


@dataclass(frozen=True)
class Start:
    """Commands, each one's output the next one's input; their environment; and what the keys of stored records have in them."""

    commands: tuple[tuple[str, ...], ...]
    environment: Mapping[str, str]
    stored: str


def _own(*command: str) -> tuple[str, ...]:
    return (sys.executable, *command)


def ours(track: Track) -> Start:
    """Transload, with its defaults."""
    settings = {
        "RACE_BASE_URL": track.url, "TRANSLOAD_DESTINATION": f"s3://{BUCKET}/{track.place}",
        "TRANSLOAD_ENDPOINT_URL": track.endpoint, "TRANSLOAD_CONCURRENCY": str(AT_ONCE),
    }  # fmt: skip
    return Start((_own("-m", "tests.benchmarks.race.ours", "extract", "records", "--json"),), settings, "/load_date=")


def floor(track: Track) -> Start:
    """Requests alone, as many at once as ours."""
    return Start((_own(str(RIVALS / "floor.py"), track.url, str(AT_ONCE)),), {}, "")


def loop(track: Track) -> Start:
    """Requests alone, one after the other."""
    return Start((_own(str(RIVALS / "floor.py"), track.url, "1"),), {}, "")


def naive(track: Track) -> Start:
    """Twenty lines of Python."""
    key = f"{track.place}/records.jsonl.gz"
    return Start((_own(str(RIVALS / "naive.py"), track.url, BUCKET, key, track.endpoint),), {}, "/records")


def dlt(track: Track) -> Start:
    """dlt: normalizing in as many processes as cores, files small enough to be shared out, no compression in between."""
    credentials = "DESTINATION__FILESYSTEM__CREDENTIALS__"
    settings = {
        f"{credentials}AWS_ACCESS_KEY_ID": ACCESS_KEY, f"{credentials}AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        f"{credentials}ENDPOINT_URL": track.endpoint, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR",
        "EXTRACT__WORKERS": str(OFFICES), "NORMALIZE__WORKERS": str(os.cpu_count() or 2),
        "SOURCES__DATA_WRITER__DISABLE_COMPRESSION": "true", "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "50000",
        "DATA_WRITER__BUFFER_MAX_ITEMS": "10000",
    }  # fmt: skip
    python = str(python_of("dlt"))
    place, folder = f"s3://{BUCKET}/{track.place}", str(track.folder)
    command = (python, str(RIVALS / "dlt_pipeline.py"), track.url, place, folder, str(OFFICES))
    return Start((command,), settings, "/race/records/")


def singer(track: Track) -> Start:
    """A tap of the Singer SDK into target-s3-jsonl: its own way of parallel work is these two processes."""
    tap, target = track.folder / "tap.json", track.folder / "target.json"
    tap.write_text(json.dumps({"url": track.url}))
    target.write_text(
        json.dumps({
            "s3_bucket": BUCKET, "aws_endpoint_url": track.endpoint, "compression": "gzip", "work_dir": str(track.folder),
            "path_template": f"{track.place}/{{stream}}.jsonl",
        })
    )  # fmt: skip
    python = python_of("singer")
    commands = (
        (str(python), str(RIVALS / "singer_tap.py"), "--config", str(tap)),
        (str(python.with_name("target-s3-jsonl")), "--config", str(target)),
    )
    return Start(commands, {}, "/records")


def airbyte(track: Track) -> Start:
    """The Airbyte CDK's low-code source: a partition an office, read side by side; what it prints is thrown away."""
    config, catalog = track.folder / "config.json", track.folder / "catalog.json"
    config.write_text(json.dumps({"url": track.url, "at_once": AT_ONCE}))
    stream = {"name": "records", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    configured = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
    catalog.write_text(json.dumps({"streams": [configured]}))
    program = str(python_of("airbyte").with_name("source-declarative-manifest"))
    manifest = str(RIVALS / "airbyte_manifest.yaml")
    command = (program, "read", "--config", str(config), "--catalog", str(catalog), "--manifest-path", manifest)
    return Start((command,), {}, "")


CONTESTANTS: Mapping[str, Callable[[Track], Start]] = {
    "ours": ours, "floor": floor, "loop": loop, "naive": naive, "airbyte": airbyte, "singer": singer, "dlt": dlt,
}  # fmt: skip
# The package whose version is published, of those that have an environment of their own.
PACKAGES = {"dlt": "dlt", "singer": "singer-sdk", "airbyte": "airbyte-cdk"}
