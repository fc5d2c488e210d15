"""The lake: one behaviour on S3 and in a directory."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from transload.errors import LakeUnavailable
from transload.lake import Lake, PreconditionFailed, Stored, honours_conditions, open_lake, put_once, scratch

LATER = datetime.now(UTC) + timedelta(days=1)
both_lakes = pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)


def keys(lake: Lake, prefix: str = "a/") -> list[str]:
    return sorted(found.key for found in lake.list(prefix))


def content(lake: Lake, key: str) -> bytes:
    with lake.open(key) as pieces:
        return b"".join(pieces)


@both_lakes
def test_what_was_put_is_got(lake: Lake) -> None:
    etag = lake.put("a/b/c.json", "käse 🧀\n".encode())
    assert lake.get("a/b/c.json") == Stored("käse 🧀\n".encode(), etag)
    assert lake.put("a/b/c.json", b"") != etag
    assert (lake.get("a/b/c.json") or Stored(b"?", "")).data == b""


@both_lakes
def test_what_is_not_there_is_none_to_get_and_a_key_error_to_open(lake: Lake) -> None:
    lake.put("a/file", b"x")
    assert lake.get("a/other") is None
    assert lake.get("a/file/below") is None
    with pytest.raises(KeyError), lake.open("a/other"):
        pass
    with pytest.raises(KeyError), lake.open("nowhere/at/all"):
        pass


@both_lakes
def test_a_put_for_an_absent_object_finds_none_or_is_refused(lake: Lake) -> None:
    lake.put("a/x", b"1", absent=True)
    with pytest.raises(PreconditionFailed):
        lake.put("a/x", b"2", absent=True)
    assert content(lake, "a/x") == b"1"


@both_lakes
def test_a_put_over_a_version_finds_that_version_or_is_refused(lake: Lake) -> None:
    first = lake.put("a/x", b"1")
    second = lake.put("a/x", b"2", match=first)
    for stale in (first, '"00000000000000000000000000000000"'):
        with pytest.raises(PreconditionFailed):
            lake.put("a/x", b"3", match=stale)
    assert lake.get("a/x") == Stored(b"2", second)


@both_lakes
def test_a_put_over_a_version_that_was_removed_is_refused(lake: Lake) -> None:
    etag = lake.put("a/x", b"1")
    lake.delete(["a/x"])
    with pytest.raises(PreconditionFailed):
        lake.put("a/x", b"2", match=etag)
    assert lake.get("a/x") is None


@both_lakes
@pytest.mark.parametrize(("racers", "replaces"), [(16, False), (4, True)], ids=["16-absent", "4-match"])
def test_of_racing_writers_exactly_one_wins(lake: Lake, racers: int, replaces: bool) -> None:
    etag = lake.put("a/race", b"before") if replaces else None
    gate = threading.Barrier(racers)

    def write(n: int) -> int | None:
        gate.wait()
        try:
            lake.put("a/race", b"writer %d" % n, match=etag, absent=etag is None)
        except PreconditionFailed:
            return None
        return n

    with ThreadPoolExecutor(racers) as threads:
        winners = [n for n in threads.map(write, range(racers)) if n is not None]
    assert len(winners) == 1
    assert content(lake, "a/race") == b"writer %d" % winners[0]


@both_lakes
def test_a_writer_shows_nothing_before_it_is_closed(lake: Lake) -> None:
    writer = lake.create("a/part")
    writer.write(b"one ")
    writer.write(b"two")
    assert keys(lake) == []
    assert lake.get("a/part") is None
    writer.close()
    assert keys(lake) == ["a/part"]
    assert content(lake, "a/part") == b"one two"


@both_lakes
def test_an_empty_object_can_be_written(lake: Lake) -> None:
    lake.create("a/part").close()
    assert content(lake, "a/part") == b""


@both_lakes
@pytest.mark.parametrize("size", [10, 20 << 20], ids=["small", "many-pieces"])
def test_an_aborted_writer_leaves_nothing(lake: Lake, size: int) -> None:
    writer = lake.create("a/part")
    for start in range(0, size, 1 << 20):
        writer.write(b"x" * min(1 << 20, size - start))
    writer.abort()
    assert keys(lake) == []
    assert lake.unfinished("a/", LATER, remove=False) == 0


@both_lakes
def test_an_object_of_many_pieces_arrives_in_order(lake: Lake) -> None:
    # Pieces go up at 8 MiB: beyond it, at it, and just beyond it.
    data = random.Random(1).randbytes((25 << 20) + 17)
    writer = lake.create("a/part")
    cuts = [0, 3, 8 << 20, (8 << 20) + 1, 17 << 20, len(data)]
    for start, end in pairwise(cuts):
        writer.write(data[start:end])
    writer.close()
    assert content(lake, "a/part") == data
    assert [found.size for found in lake.list("a/")] == [len(data)]


@both_lakes
def test_a_listing_has_keys_sizes_and_times_of_one_folder(lake: Lake) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    for key in ("a/1", "a/b/2", "ab/3", "b/4"):
        lake.put(key, key.encode())
    found = sorted(lake.list("a/"), key=lambda one: one.key)
    assert [(one.key, one.size) for one in found] == [("a/1", 3), ("a/b/2", 5)]
    assert all(before < one.modified < LATER for one in found)
    assert keys(lake, "c/") == []


@both_lakes
def test_deleting_passes_over_what_is_not_there(lake: Lake) -> None:
    for key in ("a/1", "a/b/2"):
        lake.put(key, b"x")
    lake.delete(["a/b/2", "a/none"])
    lake.delete([])
    assert keys(lake) == ["a/1"]


@both_lakes
def test_what_a_dead_writer_left_is_counted_and_removed_when_it_is_old_enough(lake: Lake) -> None:
    lake.put("a/kept", b"x")
    writer = lake.create("a/part")
    writer.write(b"x" * (9 << 20))
    assert lake.unfinished("a/", datetime.now(UTC) - timedelta(hours=1), remove=True) == 0
    assert lake.unfinished("b/", LATER, remove=True) == 0
    assert lake.unfinished("a/", LATER, remove=False) == 1
    assert lake.unfinished("a/", LATER, remove=True) == 1
    assert lake.unfinished("a/", LATER, remove=False) == 0
    assert keys(lake) == ["a/kept"]
    writer.abort()


@both_lakes
def test_a_writer_whose_unfinished_object_was_removed_says_so_and_leaves_none(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = threading.Event()
    monkeypatch.setattr("transload.steps.listener", lambda step: arrived.set())
    writer = lake.create("a/part")
    writer.write(b"x" * (9 << 20))
    assert arrived.wait(30)
    assert lake.unfinished("a/", LATER, remove=True) == 1
    with pytest.raises(LakeUnavailable, match="run the same command again"):
        writer.close()
    writer.abort()
    assert keys(lake) == []


class LosesAnAnswer:
    """A lake whose first write takes place, after which its answer is lost and the write is sent once more."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)

    def put(self, key: str, data: bytes, **condition: Any) -> str:
        self._lake.put(key, data, **condition)
        return self._lake.put(key, data, **condition)


@both_lakes
@pytest.mark.parametrize("replaces", [False, True], ids=["absent", "match"])
def test_a_write_whose_answer_is_lost_counts_as_done(lake: Lake, replaces: bool) -> None:
    before = lake.put("a/x", b"before") if replaces else None
    etag = put_once(LosesAnAnswer(lake), "a/x", b"mine", etag=before, fencing=True)  # type: ignore[arg-type]
    assert lake.get("a/x") == Stored(b"mine", etag)


@both_lakes
def test_a_write_that_somebody_else_was_before_is_refused(lake: Lake) -> None:
    etag = lake.put("a/x", b"before")
    lake.put("a/x", b"theirs")
    for expected in (etag, None):
        with pytest.raises(PreconditionFailed):
            put_once(lake, "a/x", b"mine", etag=expected, fencing=True)
    assert content(lake, "a/x") == b"theirs"
    put_once(lake, "a/x", b"mine", etag=etag, fencing=False)
    assert content(lake, "a/x") == b"mine"


@both_lakes
def test_both_lakes_honour_conditions_and_keep_nothing_of_the_probe(lake: Lake) -> None:
    with scratch(lake, "a/_probe") as key:
        assert honours_conditions(lake, key)
    assert keys(lake) == []


def test_a_store_that_ignores_conditions_is_found_out(careless_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    lake = open_lake("s3://raw/x", careless_store.endpoint_url)
    with scratch(lake, "a/_probe") as key:
        assert not honours_conditions(lake, key)
    assert careless_store.objects == {}


def vanishing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Another process removes the folder, empty as it is, right after it was made."""
    made, left = Path.mkdir, [times]

    def mkdir(path: Path, *given: Any, **options: Any) -> None:
        made(path, *given, **options)
        if left[0] and path.name == "folder":
            left[0] -= 1
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", mkdir)
    return left


def test_a_folder_that_vanishes_while_it_is_written_to_is_made_again(
    directory_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = vanishing(monkeypatch, 2)
    directory_lake.put("a/folder/1", b"x")
    assert left == [0]
    directory_lake.delete(["a/folder/1"])
    left[0] = 2
    writer = directory_lake.create("a/folder/2")
    writer.close()
    assert left == [0]
    assert keys(directory_lake) == ["a/folder/2"]
    directory_lake.delete(["a/folder/2"])
    left[0] = 1_000_000
    with pytest.raises(LakeUnavailable):
        directory_lake.put("a/folder/3", b"x")


def test_many_that_write_and_remove_in_one_folder_do_not_disturb_one_another(directory_lake: Lake) -> None:
    def work(n: int) -> int:
        won = 0
        for _ in range(150):
            directory_lake.put(f"a/b/{n}", b"x")
            try:
                directory_lake.put("a/b/shared", b"%d" % n, absent=True)
            except PreconditionFailed:
                continue
            finally:
                directory_lake.delete([f"a/b/{n}"])
            won += 1
            # Nobody else may hold it as well, though the folder comes and goes.
            assert content(directory_lake, "a/b/shared") == b"%d" % n
            directory_lake.delete(["a/b/shared"])
        return won

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(work, range(8))) > 0


def test_an_unfinished_file_that_vanishes_while_it_is_looked_at_is_passed_over(
    directory_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = directory_lake.create("a/part")
    look = Path.stat

    def stat(path: Path, **options: Any) -> Any:
        if path.name.endswith(".tmp"):
            path.unlink()
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert directory_lake.unfinished("a/", LATER, remove=True) == 0
    writer.abort()
