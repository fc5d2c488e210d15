"""prune: removes what nobody needs any more, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import transload.prune as prune_module
from transload.errors import WindowTaken
from transload.lake import Lake
from transload.lake_directory import DirectoryLake
from transload.layout import StreamKeys
from transload.load import Load
from transload.page import Page, Rejected
from transload.prune import AT_WORK, Pruned, prune_stream
from transload.records import CommitRecord
from transload.window import Window

KEYS = StreamKeys("source", "stream")
OTHER = Window("full", None, datetime(2026, 1, 31, tzinfo=UTC))
NOW = datetime.now(UTC)
OLD, LATELY, TOMORROW = NOW - timedelta(days=30), NOW - timedelta(hours=1), NOW + timedelta(days=1)
A_WEEK_AGO = NOW - timedelta(days=7)

Begin = Callable[..., Load]
Objects = Callable[..., list[str]]


@pytest.fixture
def begin(
    make_load: Callable[..., Load], make_pages: Callable[..., list[Page]], pour: Callable[..., None]
) -> Callable[..., Load]:
    """Returns a function that begins a load at a moment and writes a part and a rejected record."""

    def make(lake: Lake, when: datetime, **settings: Any) -> Load:
        load = make_load(lake, clock=lambda: when, **settings)
        load.begin()
        pour(load, [*make_pages(3), Page([b'{"id":9}'], 9, None, [Rejected("x", "why")])], max_quarantined=9)
        return load

    return make


def age(lake: DirectoryLake, root: Path, when: datetime, word: str = "") -> None:
    """Make files look as if they had been written at a moment."""
    for path in root.rglob("*"):
        if path.is_file() and word in str(path):
            os.utime(path, (when.timestamp(), when.timestamp()))


def prune(lake: Lake, before: datetime = A_WEEK_AGO, dry_run: bool = False) -> Pruned:
    return prune_stream(lake, KEYS, before, dry_run=dry_run)


def test_committed_loads_and_their_quarantine_stay(
    directory_lake: DirectoryLake, tmp_path: Path, begin: Begin, objects: Objects
) -> None:
    begin(directory_lake, OLD).commit()
    age(directory_lake, tmp_path, OLD)
    before = objects(directory_lake)
    assert len(before) == 3
    assert prune(directory_lake) == Pruned("stream", 0, 0, 0, 0)
    assert objects(directory_lake) == before


def test_an_old_load_that_was_never_committed_goes_with_its_checkpoint(
    directory_lake: DirectoryLake, tmp_path: Path, begin: Begin, objects: Objects
) -> None:
    lost = begin(directory_lake, OLD)
    age(directory_lake, tmp_path, OLD)
    size = sum(found.size for found in directory_lake.list(KEYS.root) if "_checkpoints" not in found.key)
    assert prune(directory_lake) == Pruned("stream", 2, size, 1, 0)
    assert objects(directory_lake) == []
    with pytest.raises(WindowTaken):  # an attempt that still holds it is fenced
        lost.add([], None)


def test_an_open_load_that_was_at_work_lately_keeps_even_its_old_parts(
    directory_lake: DirectoryLake, tmp_path: Path, begin: Begin, objects: Objects
) -> None:
    begin(directory_lake, LATELY)
    age(directory_lake, tmp_path, OLD)
    before = objects(directory_lake)
    assert prune(directory_lake).objects == 0
    assert objects(directory_lake) == before


@pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)
def test_an_idle_load_that_goes_to_work_while_prune_looks_keeps_its_parts(
    lake: Lake, begin: Begin, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It commits after prune has read its checkpoint, and before prune removes that."""
    idle = begin(lake, OLD)
    found = prune_module.open_checkpoints

    def looks(*given: Any) -> Any:
        seen = list(found(*given))
        record.append(idle.commit())
        return seen

    record: list[CommitRecord] = []
    monkeypatch.setattr(prune_module, "open_checkpoints", looks)
    assert prune(lake, before=TOMORROW).objects == 0
    assert {part.key for part in record[0].parts} <= set(objects(lake))


@pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)
def test_an_idle_load_that_would_commit_while_prune_removes_it_is_fenced(
    lake: Lake, begin: Begin, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tries to commit after prune has read the commit records, and before prune removes its parts."""
    idle = begin(lake, OLD)
    found = prune_module.commit_records

    def looks(*given: Any) -> Any:
        seen = list(found(*given))
        with pytest.raises(WindowTaken):
            idle.commit()
        return seen

    monkeypatch.setattr(prune_module, "commit_records", looks)
    assert prune(lake, before=TOMORROW).objects == 2
    assert objects(lake) == []


def test_what_is_young_stays(directory_lake: DirectoryLake, begin: Begin, objects: Objects) -> None:
    lost = begin(directory_lake, LATELY)
    directory_lake.delete([KEYS.checkpoint(lost.window)])
    before = objects(directory_lake)
    assert prune(directory_lake).objects == 0
    assert objects(directory_lake) == before


def recommitted(lake: DirectoryLake, root: Path, begin: Begin, when: datetime) -> tuple[CommitRecord, CommitRecord]:
    old = begin(lake, OLD).commit()
    age(lake, root, OLD)
    return old, begin(lake, when).commit()


def test_a_superseded_load_stays_while_somebody_may_still_read_it(
    directory_lake: DirectoryLake, tmp_path: Path, begin: Begin, objects: Objects
) -> None:
    old, _ = recommitted(directory_lake, tmp_path, begin, LATELY)
    assert prune(directory_lake).objects == 0
    assert {part.key for part in old.parts} <= set(objects(directory_lake))


def test_a_superseded_load_goes_when_it_was_superseded_long_enough_ago(
    directory_lake: DirectoryLake, tmp_path: Path, begin: Begin, objects: Objects
) -> None:
    old, new = recommitted(directory_lake, tmp_path, begin, OLD + timedelta(days=1))
    assert prune(directory_lake).objects == 2
    left = objects(directory_lake)
    assert {part.key for part in new.parts} <= set(left)
    assert not any(old.load_id in key for key in left)


def test_what_a_lost_attempt_left_beside_a_committed_load_goes(
    directory_lake: DirectoryLake, tmp_path: Path, begin: Begin, objects: Objects
) -> None:
    load = begin(directory_lake, OLD)
    stray = KEYS.part(load.checkpoint.load_id, 7, 3, "gzip")
    directory_lake.put(stray, b"lost")
    record = load.commit()
    age(directory_lake, tmp_path, OLD)
    assert prune(directory_lake).objects == 1
    assert stray not in objects(directory_lake)
    assert {part.key for part in record.parts} <= set(objects(directory_lake))


def test_a_dry_run_counts_the_same_and_removes_nothing(
    directory_lake: DirectoryLake, tmp_path: Path, begin: Begin, objects: Objects
) -> None:
    begin(directory_lake, OLD)
    age(directory_lake, tmp_path, OLD)
    before = objects(directory_lake)
    counted = prune(directory_lake, dry_run=True)
    assert objects(directory_lake) == before
    assert prune(directory_lake) == counted


def test_what_is_not_transloads_is_left_alone(directory_lake: DirectoryLake, tmp_path: Path, objects: Objects) -> None:
    directory_lake.put("source/stream/notes.txt", b"somebody's")
    directory_lake.put("source/stream/_other/file.json", b"somebody's")
    directory_lake.put("source/other/load_date=2020-01-01/x/part-00000.json.gz", b"another stream's")
    age(directory_lake, tmp_path, OLD)
    assert prune(directory_lake).objects == 0
    assert objects(directory_lake) == ["source/stream/_other/file.json", "source/stream/notes.txt"]


@pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)
def test_both_lakes_are_pruned_of_lost_loads_and_unfinished_uploads(lake: Lake, begin: Begin, objects: Objects) -> None:
    committed = begin(lake, OLD, window=OTHER).commit()
    begin(lake, OLD)
    unfinished = lake.create("source/stream/load_date=2026-01-31/x/part-00000.json.gz")
    unfinished.write(b"x" * (9 << 20))
    counted = prune(lake, before=TOMORROW, dry_run=True)
    assert (counted.objects, counted.checkpoints, counted.uploads) == (2, 1, 1)
    assert prune(lake, before=TOMORROW) == counted
    assert prune(lake, before=TOMORROW) == Pruned("stream", 0, 0, 0, 0)
    assert {part.key for part in committed.parts} <= set(objects(lake))
    unfinished.abort()


@pytest.mark.parametrize("minutes", [14, 16])
def test_what_a_run_may_be_at_work_on_stays_however_young_things_may_be_removed(
    directory_lake: DirectoryLake, begin: Begin, objects: Objects, tmp_path: Path, minutes: int
) -> None:
    # Between its last checkpoint and its commit record a load cannot be fenced: its parts would be gone, and committed.
    now = datetime.now(UTC)
    then = now - timedelta(minutes=minutes)
    load = begin(directory_lake, then)
    writer = directory_lake.create(load.part_key(7))
    age(directory_lake, tmp_path, then)
    done = prune_stream(directory_lake, KEYS, now, idle=now - AT_WORK, dry_run=False)
    at_work = minutes < 15
    assert (done.objects == 0, done.checkpoints, done.uploads) == (at_work, 1 - at_work, 1 - at_work)
    assert bool(objects(directory_lake, "load_date")) == at_work
    writer.abort()
