"""Marketo: exports against a bare loop over the same files, memory, and what hourly windows take of the day's quotas."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from marketo.cli import SOURCE
from sandbox.client import SandboxProcess
from tests.benchmarks.measure import Measured, extract, extractor
from tests.benchmarks.report import report
from transload.cli import run

SHARE, MEMORY_MIB, DAY_SHARE = 0.40, 150.0, 0.50
CALLS, MEGABYTES = 50_000, 500  # that the vendor allows a day (sources/marketo.md §2, §6)
PER_DAY = {"activities_per_day": 500_000, "changes_per_day": 50_000}
NOW = datetime(2026, 10, 1, 15, tzinfo=UTC)
STREAMS = ("activities", "leads")


def settings(url: str) -> dict[str, str]:
    """The environment of an extractor that waits for nothing, and has quota enough."""
    return {
        "MARKETO_BASE_URL": url, "MARKETO_CLIENT_ID": "id", "MARKETO_CLIENT_SECRET": "secret", "MARKETO_POLL": "0.05",
        "MARKETO_RATE": "1000000", "MARKETO_DAILY_MEGABYTES": "1000000", "MARKETO_DAILY_CALLS": "1000000",
    }  # fmt: skip


def _rates(sandbox: Any, endpoint: str, stream: str, *window: str) -> tuple[Measured, Mapping[str, float]]:
    """The best of three each, as another process on the machine only ever slows one down."""
    runs: list[tuple[Measured, Mapping[str, float]]] = []
    for _ in range(4):  # in the first one the sandbox makes its files
        before = len(sandbox.jobs())
        command = [extractor("marketo"), "extract", stream, "--transport", "bulk", *window]
        ours = extract(command, endpoint, settings(sandbox.url))
        ids = [job["exportId"] for job in sandbox.jobs()[before:]]
        bare = [sys.executable, "-m", "tests.benchmarks.csv_floor", sandbox.url, stream, *ids]
        output = subprocess.run(bare, check=True, capture_output=True).stdout
        runs.append((ours, dict(json.loads(output))))
    return min((one for one, _ in runs[1:]), key=lambda run: run.load), min(
        (one for _, one in runs[1:]), key=lambda run: run["seconds"]
    )


def exports(endpoint: str, records: int) -> list[bool]:
    """Speed and memory of a load of activities, and of one of leads with more than 60 columns."""
    met = []
    days = max(1, records // PER_DAY["activities_per_day"])
    with SandboxProcess("marketo", records=records, history_days=10, quota_mb=1_000_000, **PER_DAY) as sandbox:
        since = (NOW - timedelta(days=days)).isoformat()
        windows = {
            "activities": ("--since", since, "--until", NOW.isoformat()),
            "leads": ("--full-refresh", "--start", (NOW - timedelta(days=40)).isoformat(), "--until", NOW.isoformat()),
        }
        for stream in STREAMS:
            ours, bare = _rates(sandbox, endpoint, stream, *windows[stream])
            rate, floor = ours.records / ours.load, bare["rows"] / bare["seconds"]
            print(
                f"marketo {stream}: csv.reader alone {floor:,.0f} rows/s ({bare['bytes'] / bare['seconds'] / 1e6:.0f} MB/s); ours "
                f"{rate:,.0f} records/s to S3, commit included; {ours.records / ours.cpu:,.0f} records per CPU second; "
                f"{bare['bytes'] / bare['rows']:.0f} bytes a row"
            )
            name = f"marketo {stream}, share of csv.reader, {ours.records:,} rows"
            met.append(report(name, f"{rate / floor:.2f}", f">= {SHARE:.2f}", met=rate / floor >= SHARE))
            name = f"marketo {stream}, peak memory"
            met.append(report(name, f"{ours.mib:.0f} MiB", f"<= {MEMORY_MIB:.0f} MiB", met=ours.mib <= MEMORY_MIB))
    return met


def month(days: int) -> list[bool]:
    """Hourly windows of activities and of leads for some days of the vendor: the calls and megabytes of each.

    The extractor runs in this process, since the time is the sandbox's: quotas are reckoned by days.
    """
    clock = datetime(2026, 10, 1, 5, tzinfo=UTC)  # midnight in Chicago
    spent: dict[str, tuple[int, int]] = {}
    options = {**PER_DAY, "now": clock.isoformat(), "history_days": 2, "quota_mb": MEGABYTES, "day_limit": CALLS}
    with SandboxProcess("marketo", records=500_000, **options) as sandbox, tempfile.TemporaryDirectory() as lake:
        environment = {
            **settings(sandbox.url),
            "MARKETO_DAILY_MEGABYTES": str(MEGABYTES),
            "MARKETO_DAILY_CALLS": str(CALLS),
        }
        for hour in range(24 * days):
            clock += timedelta(hours=1)
            sandbox.advance(seconds=3600)
            if hour % 24 == 23:
                continue  # this hour ends at midnight: it is the next day's, and with the one before a window of two
            _hourly(environment, lake, clock)
            used = sandbox.quota()
            spent[str(used["day"])] = int(str(used["calls"])), int(str(used["export_bytes"]))
    calls, size = (max(one[n] for one in spent.values()) for n in (0, 1))
    print(
        f"marketo, {len(spent)} days of hourly windows, {PER_DAY['activities_per_day']:,} activities and "
        f"{PER_DAY['changes_per_day']:,} changes of leads a day: {sum(one for one, _ in spent.values()):,} calls, "
        f"{sum(one for _, one in spent.values()) / 1e6:,.0f} MB in all"
    )
    return [
        report("marketo, calls of the busiest day", f"{calls:,}, {calls / CALLS:.1%}", f"<= {DAY_SHARE:.0%}",
               met=calls <= CALLS * DAY_SHARE),
        report("marketo, megabytes of the busiest day", f"{size / 1e6:,.0f}, {size / 1e6 / MEGABYTES:.1%}", f"<= {DAY_SHARE:.0%}",
               met=size <= MEGABYTES * DAY_SHARE * 1e6),
    ]  # fmt: skip


def _hourly(environment: Mapping[str, str], lake: str, until: datetime) -> None:
    """What a scheduler would start: each stream's load up to this hour."""
    said = io.StringIO()
    arguments = ["extract", *STREAMS, "--until", until.isoformat(), "--start", (until - timedelta(hours=1)).isoformat()]
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch("transload.running.now", return_value=until),
        redirect_stdout(said),
        redirect_stderr(said),
    ):
        code = run(SOURCE, [*arguments, "--transport", "bulk", "--compression", "none", "--destination", lake])
    if code:
        raise SystemExit(f"the load up to {until} ended with {code}: {said.getvalue()[-2000:]}")
    # What counts here are the quotas: the records of hundreds of hours need not stay.
    for part in Path(lake).glob("marketo/*/load_date=*/*/*"):
        part.unlink()
