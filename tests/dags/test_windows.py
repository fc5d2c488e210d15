"""The promise of docs/design.md §5, with the real extractors: three schedules missed, one failed, one re-run, one late;
no gap, no double.

Real DAG runs on a directory lake against each vendor's sandbox, whose clock moves as days go by.
"""

import gzip
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from common.hooks import CommitRecord, LakeHook

ROOT = Path(__file__).parents[2]
COMMANDS = ROOT / ".venv" / "bin"
DAY_0 = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Source:
    """A source, some of its streams with key and cursor, how its sandbox is started, and what its extractor needs."""

    name: str
    streams: dict[str, tuple[str, str]]
    sandbox: tuple[str, ...]
    bad_credentials: str
    environment: dict[str, str]


SOURCES = (
    Source(
        "pestroutes",
        {"customer": ("customerID", "dateUpdated"), "subscription": ("subscriptionID", "dateUpdated")},
        ("--records", "300", "--offices", "2"),
        "bad_key",
        {"PESTROUTES_AUTHENTICATION_KEY": "key", "PESTROUTES_AUTHENTICATION_TOKEN": "token"},
    ),
    Source(
        "marketo",
        {"leads": ("id", "updatedAt"), "activities": ("marketoGUID", "activityDate")},
        ("--records", "300", "--history-days", "10"),
        "bad_credentials",
        {
            "MARKETO_CLIENT_ID": "id",
            "MARKETO_CLIENT_SECRET": "secret",
            "MARKETO_POLL": "0.2",
            "MARKETO_RATE": "10000",
            "TRANSLOAD_START": "2026-09-01T00:00:00Z",
        },
    ),
)

DAG_FILE = """
from datetime import timedelta

import airflow.providers.cncf.kubernetes.operators.pod
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable
from common.pipeline import backfill_params, defaults, extraction, transformation

STREAMS = {{"small": {streams}}}

with DAG(
    "{source}_every_midnight",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    params=backfill_params(STREAMS),
    **defaults("{source}", done_within=timedelta(hours=1)),
):
    extraction("{source}", STREAMS) >> transformation("{source}")
"""


class Vendor:
    """A sandbox in a process of its own, and its controls."""

    def __init__(self, source: Source) -> None:
        command = [COMMANDS / "python", "-m", "sandbox", source.name, *source.sandbox, "--seed", "7"]
        self.source = source
        self.process = subprocess.Popen([*command, "--now", DAY_0.isoformat()], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.url, self.admin = ready["url"], ready["admin"]
        self.ever: dict[str, set[str]] = {stream: set() for stream in source.streams}

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.admin}/{path}", data=data, method=method), timeout=30) as answer:
            found: bytes = answer.read()
        return found

    def at(self, days: float, *, changes: bool = True) -> None:
        """Moves the clock to so many days after the first."""
        now = (DAY_0 + timedelta(days=days)).isoformat()
        self.call("POST", "clock", {"now": now, "changes": changes})
        for stream in self.source.streams:
            self.ever[stream] |= set(self.truth(stream))

    def truth(self, stream: str) -> dict[str, Any]:
        records = [json.loads(line) for line in self.call("GET", f"truth/{stream}").splitlines()]
        for record in records:
            record.pop("actionResult", None)  # of activities, in exports that ask for it
        return {str(record[self.source.streams[stream][0]]): record for record in records}


@pytest.fixture(params=SOURCES, ids=lambda source: source.name)
def vendor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lake: Path
) -> Iterator[Vendor]:
    source: Source = request.param
    if not (COMMANDS / source.name).exists():
        pytest.fail("the extractor's environment is not made: make setup")
    sandbox = Vendor(source)
    (tmp_path / "bin").mkdir()
    for name in ("dbt", "python"):  # the Python beside dbt is what runs it
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{COMMANDS}:/usr/bin:/bin")
    monkeypatch.setenv("TRANSLOAD_DESTINATION", str(lake))
    monkeypatch.setenv(f"{source.name.upper()}_BASE_URL", sandbox.url)
    for name, value in source.environment.items():
        monkeypatch.setenv(name, value)
    yield sandbox
    sandbox.process.terminate()
    sandbox.process.wait()
    if sandbox.process.stdout:
        sandbox.process.stdout.close()


def commits(lake: Path, source: Source, stream: str) -> list[CommitRecord]:
    return sorted(LakeHook(str(lake)).records(source.name, stream), key=lambda record: record.started_at)


def span(record: CommitRecord) -> tuple[str, str]:
    """Returns the days after the first on which a window begins and ends."""
    start, _, end = record.window.partition("-")
    days = [
        (datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) - DAY_0) / timedelta(days=1)
        for text in (start, end)
    ]
    return f"{days[0]:.2f}", f"{days[1]:.2f}"


def gaps(records: list[CommitRecord]) -> list[tuple[str, str]]:
    """Returns the spans between the first window's start and the last one's end that no window covers."""
    spans = sorted(record.window.split("-") for record in records)
    found, covered = [], spans[0][1]
    for start, end in spans[1:]:
        if start > covered:
            found.append((covered, start))
        covered = max(covered, end)
    return found


def table(lake: Path, source: Source, stream: str) -> dict[str, Any]:
    """Returns the rows as the warehouse sees them: per key the newest by cursor, then by when its load started."""
    name, cursor = source.streams[stream]
    rows: dict[str, tuple[tuple[str, str], Any]] = {}
    for file in (lake / source.name / stream / "_loads").glob("*.json"):
        load = json.loads(file.read_text())
        for part in load["parts"]:
            lines = gzip.decompress((lake / part["key"]).read_bytes()).splitlines()
            assert len(lines) == part["records"]
            for record in map(json.loads, lines):
                key, rank = str(record[name]), (record[cursor] or "", load["started_at"])
                if key not in rows or rank >= rows[key][0]:
                    rows[key] = (rank, record)
    return {key: record for key, (_, record) in rows.items()}


def unlike(rows: dict[str, Any], truth: dict[str, Any]) -> dict[str, Any]:
    """Returns what differs, by record and field: (in the lake, in truth)."""
    return {
        key: {name: (rows[key].get(name), value) for name, value in record.items() if rows[key].get(name) != value}
        for key, record in truth.items()
        if rows[key] != record
    }


def test_no_source_is_left_out(sources: set[str]) -> None:
    assert {source.name for source in SOURCES} == sources


def test_missed_failed_repeated_and_late_schedules(vendor: Vendor, lake: Path, run_dag: Callable[..., Any]) -> None:
    source = vendor.source
    text = DAG_FILE.format(source=source.name, streams=tuple(source.streams))

    def run(day: int) -> str:
        return str(run_dag(f"{source.name}_every_midnight", text, DAY_0 + timedelta(days=day)).state)

    vendor.at(1.02)
    assert run(1) == "success"
    vendor.at(5.02)  # the schedules of days 2, 3 and 4 are missed
    assert run(5) == "success"
    vendor.at(6.02)
    vendor.call("POST", "faults", [{"fault": source.bad_credentials, "times": -1}])
    assert run(6) == "failed"
    vendor.call("DELETE", "faults")
    vendor.at(7.02)
    assert run(7) == "success"
    again = {stream: commits(lake, source, stream)[-1] for stream in source.streams}
    assert run(7) == "success"  # run again
    vendor.at(9.02)
    assert run(9) == "success"
    assert run(8) == "success"  # late: after its successor
    vendor.at(9.9)
    vendor.at(10.02, changes=False)
    assert run(10) == "success"

    for stream in source.streams:
        done = commits(lake, source, stream)
        print(stream, [span(record) for record in done])
        # What the failed run had begun is finished by the next one, ahead of its own.
        assert [span(record)[1] for record in done] == ["1.00", "5.00", "6.00", "7.00", "9.00", "8.00", "10.00"]
        assert len({record.window for record in done}) == len(done)
        assert gaps(done) == []
        truth, rows = vendor.truth(stream), table(lake, source, stream)
        assert truth
        assert set(truth) <= set(rows), f"lost: {sorted(set(truth) - set(rows))}"
        assert unlike(rows, truth) == {}
        # What the lake has beyond that was there once and is deleted: only a full refresh can tell.
        assert set(rows) - set(truth) <= vendor.ever[stream]
        replayed = next(record for record in done if span(record)[1] == "7.00")
        assert replayed.window == again[stream].window, "a re-run is the same run"
        assert replayed.load_id != again[stream].load_id
        assert replayed.records == again[stream].records
