"""Fixtures of the PestRoutes extractor's tests: what was extracted, beside what the sandbox knows to be true."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transload.lake_directory import DirectoryLake
from transload.layout import StreamKeys, commit_records


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """Every test here begins without settings from outside."""


@pytest.fixture
def extract(run: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Returns a function that runs ``pestroutes extract`` into ``tmp_path / "lake"``."""

    def command(*arguments: object) -> Any:
        return run("extract", *arguments, "--destination", tmp_path / "lake", "--json")

    return command


@pytest.fixture
def extracted(tmp_path: Path, read_part: Callable[[Any, str], bytes]) -> Callable[..., list[Any]]:
    """Returns a function that reads the committed records of a stream, of all windows or of one mode."""

    def read(stream: str, mode: str | None = None) -> list[Any]:
        lake = DirectoryLake(str(tmp_path / "lake"))
        records = [one for one in commit_records(lake, StreamKeys("pestroutes", stream)) if mode in (None, one.mode)]
        parts = [part for record in records for part in record.parts]
        return [json.loads(line) for part in parts for line in read_part(lake, part.key).splitlines()]

    return read


@pytest.fixture
def lake_bytes(tmp_path: Path, read_part: Callable[[Any, str], bytes]) -> Callable[[], bytes]:
    """Returns a function that reads everything that stands in the lake, decompressed."""

    def read() -> bytes:
        lake = DirectoryLake(str(tmp_path / "lake"))
        return b"\n".join(read_part(lake, found.key) for found in lake.list("pestroutes/"))

    return read
