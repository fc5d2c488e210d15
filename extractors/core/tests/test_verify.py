"""verify: a window is whole only if it is committed and every part is there as recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from transload.errors import NotVerified
from transload.lake import Lake
from transload.layout import StreamKeys
from transload.load import Load
from transload.page import Page
from transload.records import CommitRecord
from transload.verify import verify_window
from transload.window import Window

KEYS = StreamKeys("source", "stream")
SINCE, UNTIL = datetime(2026, 1, 30, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)

Commit = Callable[..., CommitRecord]


@pytest.fixture
def commit(
    make_load: Callable[..., Load], make_pages: Callable[..., list[Page]], pour: Callable[..., None]
) -> Callable[..., CommitRecord]:
    def make(lake: Lake, **settings: Any) -> CommitRecord:
        load = make_load(lake, **settings)
        load.begin()
        pour(load, make_pages(3, 3), batch_size=3)
        return load.commit()

    return make


@pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)
def test_a_window_that_is_as_recorded_is_verified(lake: Lake, commit: Commit) -> None:
    record = commit(lake)
    assert verify_window(lake, KEYS, "incremental", SINCE, UNTIL) == verify_window(
        lake, KEYS, "incremental", None, UNTIL
    )
    assert verify_window(lake, KEYS, "incremental", SINCE, UNTIL).load_id == record.load_id


def test_a_window_that_is_not_committed_is_not_verified(directory_lake: Lake, commit: Commit, make_load: Any) -> None:
    commit(directory_lake)
    make_load(directory_lake, window=Window("full", None, UNTIL)).begin()  # open is not committed
    for mode, since, until in (
        ("incremental", SINCE, UNTIL + timedelta(days=1)),
        ("incremental", SINCE - timedelta(days=1), UNTIL),
        ("incremental", None, UNTIL + timedelta(days=1)),
        ("full", None, UNTIL),
    ):
        with pytest.raises(NotVerified, match=f"stream: no {mode} load .* is committed; extract it"):
            verify_window(directory_lake, KEYS, mode, since, until)  # type: ignore[arg-type]


@pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: None, "is missing"),
        (lambda data: data[:-1], "bytes, .* are recorded"),
        (lambda data: data + b"\0", "bytes, .* are recorded"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "SHA-256 differs"),
    ],
    ids=["missing", "truncated", "longer", "altered"],
)
def test_a_part_that_is_not_as_recorded_is_found_out(
    lake: Lake, commit: Commit, number: int, spoil: Callable[[bytes], bytes | None], said: str
) -> None:
    key = commit(lake).parts[number].key
    stored = lake.get(key)
    assert stored is not None
    spoilt = spoil(stored.data)
    if spoilt is None:
        lake.delete([key])
    else:
        lake.put(key, spoilt)
    with pytest.raises(NotVerified, match=f"^{key}.*{said}.*extract its window again"):
        verify_window(lake, KEYS, "incremental", SINCE, UNTIL)


def test_of_several_windows_with_one_end_the_last_committed_is_verified(
    directory_lake: Lake, commit: Commit, ticking: Callable[[], datetime]
) -> None:
    commit(directory_lake, clock=ticking)
    shorter = commit(directory_lake, clock=ticking, window=Window("incremental", SINCE + timedelta(hours=1), UNTIL))
    assert verify_window(directory_lake, KEYS, "incremental", None, UNTIL).load_id == shorter.load_id


def test_it_reads_no_record_of_another_window(
    directory_lake: Lake, commit: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream with ten thousand loads is verified in the time of one."""
    for hours in range(1, 6):
        commit(directory_lake, window=Window("incremental", SINCE - timedelta(hours=hours), SINCE))
    record = commit(directory_lake)
    read: list[str] = []
    get = directory_lake.get
    monkeypatch.setattr(directory_lake, "get", lambda key: read.append(key) or get(key))
    assert verify_window(directory_lake, KEYS, "incremental", None, UNTIL).load_id == record.load_id
    assert read == [KEYS.commit(Window("incremental", SINCE, UNTIL))]
