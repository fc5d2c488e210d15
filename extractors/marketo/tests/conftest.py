"""Fixtures of the Marketo extractor's tests: what was extracted, beside what the sandbox knows to be true."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transload.lake_directory import DirectoryLake
from transload.layout import StreamKeys, commit_records

# The sandbox's clock stands here, and nothing is older than SINCE.
UNTIL, SINCE = "2026-10-01T15:00:00Z", "2026-04-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """Every test here begins without settings from outside."""


@pytest.fixture
def source_name() -> str:
    return "marketo"


@pytest.fixture
def connect_to(monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> Callable[..., None]:
    """Returns a function that points the ``marketo`` command at a sandbox; it polls, and calls, as fast as it can."""

    def connect(sandbox: Any, client_id: str = "id", secret: str = "secret") -> None:
        monkeypatch.setenv("MARKETO_BASE_URL", sandbox if isinstance(sandbox, str) else sandbox.url)
        monkeypatch.setenv("MARKETO_CLIENT_ID", client_id)
        monkeypatch.setenv("MARKETO_CLIENT_SECRET", secret)
        monkeypatch.setenv("MARKETO_POLL", "0.05")
        monkeypatch.setenv("MARKETO_RATE", "1000000")
        monkeypatch.setenv("TRANSLOAD_START", SINCE)

    return connect


@pytest.fixture
def sandbox(marketo: Any, connect_to: Any) -> Any:
    """A sandbox of 60 leads, and 20 activities and 60 events of leads a day, to which the command is pointed."""
    found = marketo(records=60, activities_per_day=20, changes_per_day=60)
    connect_to(found)
    return found


@pytest.fixture
def extract(run: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Returns a function that runs ``marketo extract`` into ``tmp_path / "lake"``."""

    def command(*arguments: object) -> Any:
        return run("extract", *arguments, "--destination", tmp_path / "lake", "--json")

    return command


@pytest.fixture
def committed(tmp_path: Path) -> Callable[[str], list[Any]]:
    """Returns a function that gives the commit records of a stream, by the ends of their windows."""

    def read(stream: str) -> list[Any]:
        lake = DirectoryLake(str(tmp_path / "lake"))
        return sorted(commit_records(lake, StreamKeys("marketo", stream)), key=lambda record: record.until)

    return read


@pytest.fixture
def extracted(
    committed: Callable[[str], list[Any]], tmp_path: Path, read_part: Callable[[Any, str], bytes]
) -> Callable[[str], list[Any]]:
    """Returns a function that reads the records of all committed loads of a stream, in their order."""

    def read(stream: str) -> list[Any]:
        lake = DirectoryLake(str(tmp_path / "lake"))
        parts = [part for record in committed(stream) for part in record.parts]
        return [json.loads(line) for part in parts for line in read_part(lake, part.key).splitlines()]

    return read


@pytest.fixture
def quarantined(tmp_path: Path, read_part: Callable[[Any, str], bytes]) -> Callable[[str], list[Any]]:
    """Returns a function that reads what went to quarantine of a stream."""

    def read(stream: str) -> list[Any]:
        lake = DirectoryLake(str(tmp_path / "lake"))
        found = lake.list(f"marketo/{stream}/_quarantine/")
        return [json.loads(line) for one in found for line in read_part(lake, one.key).splitlines()]

    return read


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str], list[str]]:
    """Returns a function that lists what stands in a folder of the lake."""
    return lambda folder: [one.key for one in DirectoryLake(str(tmp_path / "lake")).list(folder)]
