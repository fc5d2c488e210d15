"""What any release wrote, this one reads, and goes on with. The lakes under releases/ are kept as their releases wrote them."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from transload.lake_directory import DirectoryLake
from transload.layout import commit_records, open_checkpoints
from transload.page import Page
from transload.prune import prune_stream
from transload.testing.data import read_by_duckdb
from transload.testing.runs import read_object
from transload.verify import verify_window

RELEASES = Path(__file__).parent / "releases"
LAKES = sorted(path for path in RELEASES.iterdir() if path.is_dir() and path.name[0].isdigit())
ROOT = Path(__file__).parents[3]

_found = importlib.util.spec_from_file_location("make_release", RELEASES / "make.py")
assert _found is not None
assert _found.loader is not None
made: Any = importlib.util.module_from_spec(_found)
_found.loader.exec_module(made)
KEYS = made.KEYS


@pytest.fixture(params=LAKES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param.name)


@pytest.fixture
def lake(release: str, tmp_path: Path) -> DirectoryLake:
    """A copy of the release's lake."""
    shutil.copytree(RELEASES / release, tmp_path / "lake")
    return DirectoryLake(str(tmp_path / "lake"))


def ids(lake: DirectoryLake) -> list[int]:
    """The records of all committed loads, as DuckDB reads them."""
    records = sorted(commit_records(lake, KEYS), key=lambda record: record.until)
    parts = [Path(lake.url, part.key) for record in records for part in record.parts]
    return [json.loads(line)["id"] for line in read_by_duckdb(parts)]


def test_every_release_has_left_its_lake() -> None:
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert [path.name for path in LAKES] == sorted(released)


def test_its_committed_loads_are_read_and_verified(lake: DirectoryLake, release: str) -> None:
    (record,) = commit_records(lake, KEYS)
    assert (record.version, record.records, record.quarantined, record.cursor.max) == (release, 4, 1, "2026-01-04")
    window = made.COMMITTED
    assert verify_window(lake, KEYS, "incremental", window.since, window.until) == record
    assert ids(lake) == [1, 2, 3, 4]


def test_its_quarantine_is_read(lake: DirectoryLake) -> None:
    found = [read_object(lake, one.key) for one in lake.list(KEYS.quarantine)]
    assert [json.loads(text) for text in found] == [{"reason": "no primary key", "record": '{"id":null}'}] * 2


def test_its_open_load_is_gone_on_with_and_nothing_is_fetched_again(lake: DirectoryLake) -> None:
    ((_, left),) = open_checkpoints(lake, KEYS)
    load = made.load(lake, made.OPEN, "9.9.9")
    assert load.begin() is None
    assert (load.resumed, load.checkpoint.load_id, load.checkpoint.token) == (True, left.load_id, {"after": 8})
    made.pour(load, [Page([b'{"id":9,"changed":"2026-01-09"}'], {"after": 9}, "2026-01-09")])
    record = load.commit()
    assert (record.records, record.quarantined, record.notes) == (5, 1, {"vanished": 1})
    assert ids(lake) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_its_committed_window_is_loaded_anew_and_the_old_load_pruned(lake: DirectoryLake) -> None:
    (old,) = commit_records(lake, KEYS)
    load = made.load(lake, made.COMMITTED, "9.9.9")
    load.begin()
    made.pour(load, made.pages(1)[:1])
    assert load.commit().replaces == old.load_id
    prune_stream(lake, KEYS, made.DAYS[-1].replace(year=9999), dry_run=False)
    assert ids(lake) == [1, 2]
    assert not any(part.key == found.key for part in old.parts for found in lake.list(KEYS.root))


def test_this_release_writes_the_same_fields(tmp_path: Path) -> None:
    """A field that is added or dropped shows here first: the newest lake is then to be made anew before it is released."""
    made.make(tmp_path / "lake", LAKES[-1].name)

    def fields(root: Path) -> dict[str, set[str]]:
        return {
            path.parent.name: set(json.loads(path.read_text()))
            for path in root.rglob("*.json")
            if path.suffix == ".json"
        }

    assert fields(tmp_path / "lake") == fields(LAKES[-1])
    assert set(fields(LAKES[-1])) == {"_loads", "_checkpoints"}
