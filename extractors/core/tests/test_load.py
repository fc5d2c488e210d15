"""The load as a transaction: it is visible as a whole or not at all, resumes, and of two attempts one commits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from transload.errors import AccessDenied, LakeUnavailable, Stopped, WindowTaken
from transload.lake import Lake
from transload.layout import StreamKeys, commit_records, open_checkpoints
from transload.load import Load
from transload.page import Page
from transload.prune import prune_stream
from transload.window import Window

KEYS = StreamKeys("source", "stream")
WINDOW = Window("incremental", datetime(2026, 1, 30, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC))
both_lakes = pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)

MakeLoad = Callable[..., Load]
MakePages = Callable[..., list[Page]]
Pour = Callable[..., None]
Read = Callable[[Lake], list[bytes]]
Objects = Callable[..., list[str]]


def bodies(pages: Sequence[Page]) -> list[bytes]:
    return [bytes(record) for page in pages for record in page.records]


def checkpoint_of(lake: Lake) -> Any:
    return next(open_checkpoints(lake, KEYS))[1]


@both_lakes
def test_nothing_is_visible_until_the_commit_record_is_there(
    lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read, objects: Objects
) -> None:
    load, pages = make_load(lake), make_pages(2, 2, 1)
    assert load.begin() is None
    pour(load, pages, batch_size=2)
    assert objects(lake, "_loads") == []
    assert committed(lake) == []
    record = load.commit()
    assert committed(lake) == bodies(pages)
    assert objects(lake, "_checkpoints") == []
    assert [found.load_id for found in commit_records(lake, KEYS)] == [record.load_id]


def test_the_keys_are_those_of_the_contract(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, objects: Objects
) -> None:
    load = make_load(directory_lake, clock=lambda: datetime(2026, 1, 31, 1, 2, 3, 456_000, UTC))
    load.begin()
    load_id = load.checkpoint.load_id
    assert load_id.startswith("20260131T010203456Z-")
    assert len(load_id) == len("20260131T010203456Z-7f3a9c")
    assert objects(directory_lake) == ["source/stream/_checkpoints/20260130T000000Z-20260131T000000Z.json"]
    pour(load, make_pages(1, 1), batch_size=1)
    load.commit()
    assert objects(directory_lake) == [
        "source/stream/_loads/20260130T000000Z-20260131T000000Z.json",
        f"source/stream/load_date=2026-01-31/{load_id}/part-00000.json.gz",
        f"source/stream/load_date=2026-01-31/{load_id}/part-00001.json.gz",
    ]


def test_a_load_of_nothing_commits_without_parts(
    directory_lake: Lake, make_load: MakeLoad, pour: Pour, committed: Read
) -> None:
    load = make_load(directory_lake)
    load.begin()
    pour(load, [])
    record = load.commit()
    assert (record.records, record.parts, record.bytes) == (0, [], 0)
    assert committed(directory_lake) == []


@both_lakes
def test_an_attempt_goes_on_behind_the_last_part_that_was_noted(
    lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    sizes = (2, 2, 2, 2, 2)
    first = make_load(lake)
    first.begin()
    load_id = first.checkpoint.load_id

    def dies_after_three() -> Any:
        yield from make_pages(*sizes)[:3]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        pour(first, dies_after_three(), batch_size=2)
    noted = len(checkpoint_of(lake).parts)

    second = make_load(lake)
    assert second.begin() is None
    assert second.resumed
    assert second.checkpoint.load_id == load_id
    assert second.checkpoint.attempt == 2
    assert second.checkpoint.token == (2 * noted or None)
    pour(second, make_pages(*sizes, after=second.checkpoint.token), batch_size=2)
    record = second.commit()
    assert committed(lake) == bodies(make_pages(*sizes))
    assert record.attempt == 2
    assert record.load_id == load_id
    later = [part.key.rpartition("/")[2] for part in record.parts[noted:]]
    assert later == [f"part-{n:05d}-2.json.gz" for n in range(noted, 5)]


@both_lakes
def test_an_attempt_that_is_killed_right_after_a_note_resumes_behind_it(
    lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    for after in (None, 2, 4, 6):
        load = make_load(lake)
        load.begin()
        assert load.checkpoint.token == after
        pour(load, make_pages(2, 2, 2, 2, after=after)[:1], batch_size=2)  # and dies before anything else
    load.commit()
    assert committed(lake) == bodies(make_pages(2, 2, 2, 2))
    assert [part.key.rpartition("/")[2] for part in next(iter(commit_records(lake, KEYS))).parts] == [
        "part-00000.json.gz", "part-00001-2.json.gz", "part-00002-3.json.gz", "part-00003-4.json.gz",
    ]  # fmt: skip


@both_lakes
def test_killed_between_commit_and_the_end_there_is_nothing_left_to_do(
    lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read, objects: Objects
) -> None:
    load = make_load(lake)
    load.begin()
    pour(load, make_pages(3))
    checkpoint = lake.get(KEYS.checkpoint(WINDOW))
    assert checkpoint is not None
    record = load.commit()
    lake.put(KEYS.checkpoint(WINDOW), checkpoint.data)  # the kill came before its removal
    again = make_load(lake)
    found = again.begin()
    assert found is not None
    assert (found.load_id, found.parts) == (record.load_id, record.parts)
    assert objects(lake, "_checkpoints") == []
    assert committed(lake) == bodies(make_pages(3))


@both_lakes
def test_a_repeated_window_replaces_its_load_in_one_instant(
    lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    first = make_load(lake)
    first.begin()
    pour(first, make_pages(3))
    old = first.commit()

    second = make_load(lake)
    assert second.begin() is None
    assert not second.resumed
    pour(second, make_pages(2, 3))
    assert committed(lake) == bodies(make_pages(3))
    new = second.commit()
    assert committed(lake) == bodies(make_pages(2, 3))
    assert new.replaces == old.load_id != new.load_id
    assert {part.key for part in new.parts}.isdisjoint(part.key for part in old.parts)


def test_an_open_load_of_other_options_is_given_up_for_a_new_one(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    first = make_load(directory_lake, identity="masked")
    first.begin()
    pour(first, make_pages(2, 2)[:1])
    second = make_load(directory_lake, identity="not masked")
    second.begin()
    assert not second.resumed
    assert second.checkpoint.load_id != first.checkpoint.load_id
    assert (second.checkpoint.token, second.checkpoint.parts, second.checkpoint.attempt) == (None, [], 2)
    pour(second, make_pages(1))
    second.commit()
    assert committed(directory_lake) == bodies(make_pages(1))
    with pytest.raises(WindowTaken):
        first.commit()


@both_lakes
@pytest.mark.parametrize("repeats", [False, True], ids=["first", "repeated"])
@pytest.mark.parametrize("order", sorted({"".join(order) for order in permutations("AAABBB")}))
def test_of_two_attempts_at_once_exactly_one_commits_in_whatever_order_their_steps_come(
    lake: Lake, repeats: bool, order: str, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    """Each attempt begins, writes, commits; the steps of two of them are interleaved in every way."""
    before: list[bytes] = []
    if repeats:
        earlier = make_load(lake)
        earlier.begin()
        pour(earlier, make_pages(1))
        earlier.commit()
        before = bodies(make_pages(1))
    loads = {name: make_load(lake) for name in "AB"}
    steps: dict[str, list[Callable[[Load], object]]] = {
        name: [Load.begin, lambda load: pour(load, make_pages(2, 1, after=load.checkpoint.token)), Load.commit]
        for name in "AB"
    }
    ended: dict[str, str] = {}
    for name in order:
        if name in ended:
            continue
        step = steps[name].pop(0)
        try:
            step(loads[name])
        except WindowTaken:
            ended[name] = "taken"
        else:
            if not steps[name]:
                ended[name] = "committed"
        # Whatever happens, what is visible is what was, or one whole load.
        assert committed(lake) in (before, bodies(make_pages(2, 1)))
    after_another = order in ("AAABBB", "BBBAAA")
    assert sorted(ended.values()) == (["committed", "committed"] if after_another else ["committed", "taken"])
    assert committed(lake) == bodies(make_pages(2, 1))
    assert len(list(commit_records(lake, KEYS))) == 1


@both_lakes
def test_an_attempt_that_lost_its_window_finds_out_at_its_next_write(
    lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read, objects: Objects
) -> None:
    lost, winner = make_load(lake), make_load(lake)
    lost.begin()
    winner.begin()
    fetched: list[int] = []

    def many_pages() -> Any:
        for page in make_pages(*[1] * 100):
            fetched.append(page.token)
            yield page

    with pytest.raises(WindowTaken, match=f"stream {WINDOW.name}: .*took it over.*nothing visible"):
        pour(lost, many_pages(), batch_size=1)
    assert len(fetched) < 20  # it does not go on to fetch what it cannot commit
    pour(winner, make_pages(1, 1), batch_size=1)
    winner.commit()
    assert committed(lake) == bodies(make_pages(1, 1))


def test_a_lost_attempt_that_still_writes_overwrites_nothing_that_was_committed(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    lost, winner = make_load(directory_lake), make_load(directory_lake)
    lost.begin()
    key = lost.part_key(0)
    slow = directory_lake.create(key)
    slow.write(b"late")
    winner.begin()
    pour(winner, make_pages(3))
    record = winner.commit()
    slow.close()
    assert committed(directory_lake) == bodies(make_pages(3))
    assert key not in {part.key for part in record.parts}


def test_without_fencing_loads_work_one_after_the_other(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    for sizes in ((3,), (1, 1)):
        load = make_load(directory_lake, fencing=False)
        load.begin()
        pour(load, make_pages(*sizes))
        load.commit()
        assert committed(directory_lake) == bodies(make_pages(*sizes))


def test_a_commit_whose_answer_is_lost_is_a_commit(
    directory_lake: Lake,
    make_load: MakeLoad,
    make_pages: MakePages,
    pour: Pour,
    committed: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = make_load(directory_lake)
    load.begin()
    pour(load, make_pages(2))
    put = directory_lake.put

    def twice(key: str, data: bytes, **condition: Any) -> str:
        put(key, data, **condition)
        return put(key, data, **condition)

    monkeypatch.setattr(directory_lake, "put", twice)
    load.commit()
    assert committed(directory_lake) == bodies(make_pages(2))


def test_an_explicit_run_that_takes_over_an_implicit_one_makes_it_explicit(
    directory_lake: Lake, make_load: MakeLoad
) -> None:
    make_load(directory_lake, implicit=True).begin()
    assert checkpoint_of(directory_lake).implicit
    make_load(directory_lake, implicit=True).begin()
    assert checkpoint_of(directory_lake).implicit
    make_load(directory_lake, implicit=False).begin()
    assert not checkpoint_of(directory_lake).implicit


def test_the_commit_record_counts_what_was_written(
    directory_lake: Lake,
    make_load: MakeLoad,
    make_pages: MakePages,
    pour: Pour,
    objects: Objects,
    ticking: Callable[[], datetime],
) -> None:
    load = make_load(directory_lake, clock=ticking)
    load.begin()
    pages = make_pages(2, 3)
    pages[1].notes["vanished"] = 4
    pour(load, pages, batch_size=3)
    record = load.commit()
    sizes = {found.key: found.size for found in directory_lake.list(KEYS.root)}
    assert (record.records, record.raw_bytes) == (5, sum(len(body) + 1 for body in bodies(pages)))
    assert record.bytes == sum(part.bytes for part in record.parts)
    assert [(part.records, part.bytes) for part in record.parts] == [
        (2, sizes[record.parts[0].key]),
        (3, sizes[record.parts[1].key]),
    ]
    assert (record.mode, record.window, record.since, record.until) == (
        "incremental",
        WINDOW.name,
        WINDOW.since,
        WINDOW.until,
    )
    assert record.cursor is not None
    assert (record.cursor.field, record.cursor.max) == ("changed", "000000005")
    assert (record.notes, record.schema, record.version, record.replaces) == (
        {"vanished": 4},
        "fingerprint",
        "0.1.0",
        None,
    )
    assert record.started_at < record.committed_at
    assert list(commit_records(directory_lake, KEYS)) == [record]


@pytest.mark.parametrize("error", [LakeUnavailable("down"), AccessDenied("may not delete")])
def test_a_checkpoint_that_cannot_be_removed_does_not_undo_the_commit(
    directory_lake: Lake,
    make_load: MakeLoad,
    make_pages: MakePages,
    pour: Pour,
    committed: Read,
    objects: Objects,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    load = make_load(directory_lake)
    load.begin()
    pour(load, make_pages(2))

    def fails(keys: Any) -> None:
        raise error

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "transload"):
        patched.setattr(directory_lake, "delete", fails)
        record = load.commit()
        again = make_load(directory_lake).begin()
    assert record.records == 2
    assert again is not None
    assert (again.load_id, again.parts) == (record.load_id, record.parts)
    assert [said.levelname for said in caplog.records] == ["WARNING", "WARNING"]
    assert str(error) in str(vars(caplog.records[0]))
    assert committed(directory_lake) == bodies(make_pages(2))
    assert make_load(directory_lake).begin() == again
    assert objects(directory_lake, "_checkpoints") == []


def test_a_signal_while_the_checkpoint_is_removed_ends_the_run(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = make_load(directory_lake)
    load.begin()
    pour(load, make_pages(2))

    def stopped(keys: Any) -> None:
        raise Stopped(15)

    monkeypatch.setattr(directory_lake, "delete", stopped)
    with pytest.raises(Stopped):
        load.commit()


@both_lakes
def test_what_prune_took_between_the_last_part_and_the_commit_is_not_committed(
    lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read, objects: Objects
) -> None:
    load = make_load(lake)
    load.begin()
    pour(load, make_pages(3))
    assert prune_stream(lake, KEYS, datetime.now(UTC) + timedelta(days=1), dry_run=False).objects == 1
    with pytest.raises(WindowTaken, match="prune"):
        load.commit()
    assert objects(lake) == []
    assert committed(lake) == []


def test_a_commit_says_that_the_load_is_at_work(
    directory_lake: Lake,
    make_load: MakeLoad,
    make_pages: MakePages,
    pour: Pour,
    ticking: Callable[[], datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = make_load(directory_lake, clock=ticking)
    load.begin()
    pour(load, make_pages(3))
    noted = checkpoint_of(directory_lake)
    monkeypatch.setattr(directory_lake, "delete", lambda keys: None)
    record = load.commit()
    kept = checkpoint_of(directory_lake)
    assert kept.updated_at > noted.updated_at
    assert (kept.parts, kept.token, kept.load_id) == (noted.parts, noted.token, record.load_id)
