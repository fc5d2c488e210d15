"""What crosses a boundary: every format ever written stays readable, a newer one is refused, a summary fits its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transload.errors import ConfigError, LakeUnavailable
from transload.lake import Lake, ObjectInfo, Stored
from transload.layout import StreamKeys, commit_records, committed_windows, last_load, open_checkpoints
from transload.records import (
    Checkpoint,
    CommitRecord,
    LoadSummary,
    Problem,
    Summary,
    read,
    termination_message,
    write,
)

FORMATS = Path(__file__).parent / "formats"
KEYS = StreamKeys("pestroutes", "customer")
# What later releases added to format 1, as it is read where it is not there.
ADDED: dict[str, Any] = {"dropped_fields": []}


def test_a_commit_record_of_format_1_is_read_and_written_as_it_was() -> None:
    data = (FORMATS / "1" / "commit.json").read_bytes()
    (record,) = read(data, CommitRecord, "commit.json")
    assert record.window == "20260130T000000Z-20260131T000000Z"
    assert record.committed_at == datetime(2026, 1, 31, 1, 2, 15, 100_000, UTC)
    assert [part.records for part in record.parts] == [1000, 200]
    assert json.loads(write(record)) == json.loads(data) | {
        "committed_at": "2026-01-31T01:02:15.100Z", "options": {}, **ADDED,
    }  # fmt: skip


def test_a_checkpoint_of_format_1_is_read_and_written_as_it_was() -> None:
    data = (FORMATS / "1" / "checkpoint.json").read_bytes()
    (checkpoint,) = read(data, Checkpoint, "checkpoint.json")
    assert checkpoint.token == {"after": 10993}
    assert json.loads(write(checkpoint)) == json.loads(data) | ADDED


def test_there_is_a_sample_of_every_format_up_to_this_releases() -> None:
    from transload.records import FORMAT

    assert sorted(int(folder.name) for folder in FORMATS.iterdir()) == list(range(1, FORMAT + 1))


@pytest.mark.parametrize(("kind", "name"), [(CommitRecord, "commit.json"), (Checkpoint, "checkpoint.json")])
def test_a_newer_format_is_refused_by_name(kind: Any, name: str) -> None:
    newer = json.dumps({"format": 2, "everything": "else"}).encode()
    with pytest.raises(ConfigError, match=rf"{name} has format 2, .*newer"):
        read(newer, kind, name)


def test_fields_that_a_newer_release_added_are_passed_over() -> None:
    data = json.loads((FORMATS / "1" / "commit.json").read_bytes()) | {"added": {"later": [1]}}
    assert read(json.dumps(data).encode(), CommitRecord, "x")[0].records == 1200


NOT_UTF8, DEEP = b'{"format":1,"source":"\xff"}\n', b'{"format":1,"x":' + b"[" * 5000 + b"]" * 5000 + b"}\n"


@pytest.mark.parametrize(
    "data", [b"not json\n", b"[]\n", b"{}\n", b'{"format":1}\n', b'{"format":"1"}\n', NOT_UTF8, DEEP]
)
def test_what_is_no_record_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(LakeUnavailable, match=r"_loads/x\.json cannot be read as a CommitRecord.*restore it"):
        read(data, CommitRecord, "_loads/x.json")


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\n"])
def test_an_empty_file_is_said_to_be_empty(data: bytes) -> None:
    for kind in (CommitRecord, Checkpoint):
        with pytest.raises(LakeUnavailable, match=r"_loads/x\.json is empty: restore it, or move it away"):
            read(data, kind, "_loads/x.json")  # type: ignore[type-var]


class MarkedLake:
    """A lake whose folders have objects of their own, empty, as consoles of object stores make them."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        yield ObjectInfo(prefix, 0, datetime(2026, 1, 31, tzinfo=UTC))

    def get(self, key: str) -> Stored:
        return Stored(b"", "")


def test_the_empty_object_of_a_folder_is_passed_over() -> None:
    lake: Any = MarkedLake()
    assert list(committed_windows(lake, KEYS)) == []
    assert list(commit_records(lake, KEYS)) == []
    assert list(open_checkpoints(lake, KEYS)) == []


def test_moments_are_written_to_the_millisecond_and_nothing_else_is_touched() -> None:
    (checkpoint,) = read((FORMATS / "1" / "checkpoint.json").read_bytes(), Checkpoint, "x")
    now = datetime(2026, 1, 31, 1, 2, 3, 456_789, UTC)
    token = {"updated_at": "2026-01-31T01:02:03.456789Z", "next": 'a_at":"2026-01-31T01:02:03.456789Z'}
    checkpoint = msgspec.structs.replace(checkpoint, updated_at=now, token=token)
    (found,) = read(write(checkpoint), Checkpoint, "x")
    assert found.updated_at == now.replace(microsecond=456_000)
    assert found.token == token


def test_a_compacted_file_is_read_with_the_single_ones(directory_lake: Lake) -> None:
    (record,) = read((FORMATS / "1" / "commit.json").read_bytes(), CommitRecord, "x")
    older = msgspec.structs.replace(
        record,
        window="20260129T000000Z-20260130T000000Z",
        since=datetime(2026, 1, 29, tzinfo=UTC),
        until=record.since or record.until,
    )
    directory_lake.put(f"{KEYS.loads}compacted-2026-01.json", write(older) + write(record))
    again = msgspec.structs.replace(record, load_id="20260201T000000000Z-000000", records=7)
    directory_lake.put(f"{KEYS.loads}{record.window}.json", write(again))
    # The window's own file is newer than what was compacted.
    assert sorted((one.window, one.records) for one in commit_records(directory_lake, KEYS)) == [
        (older.window, 1200),
        (record.window, 7),
    ]
    assert {window.name for window in committed_windows(directory_lake, KEYS)} == {older.window, record.window}


def test_the_last_load_is_found_in_a_compacted_file_too_and_of_two_with_one_end_it_is_the_later(
    directory_lake: Lake,
) -> None:
    (record,) = read((FORMATS / "1" / "commit.json").read_bytes(), CommitRecord, "x")
    assert last_load(directory_lake, KEYS) is None
    directory_lake.put(f"{KEYS.loads}compacted-2026-01.json", write(record))
    assert last_load(directory_lake, KEYS) == record
    full = msgspec.structs.replace(
        record,
        mode="full",
        window="full-20260131T000000Z",
        since=None,
        started_at=record.started_at + timedelta(hours=1),
    )
    for one in (record, full):
        directory_lake.put(f"{KEYS.loads}{one.window}.json", write(one))
    assert last_load(directory_lake, KEYS) == full


def test_open_checkpoints_are_found_with_their_keys(directory_lake: Lake) -> None:
    data = (FORMATS / "1" / "checkpoint.json").read_bytes()
    key = f"{KEYS.checkpoints}20260130T000000Z-20260131T000000Z.json"
    directory_lake.put(key, data)
    assert [(found, one.attempt) for found, one in open_checkpoints(directory_lake, KEYS)] == [(key, 2)]


def summary(loads: list[LoadSummary], message: str | None = None, destination: str = "s3://raw") -> Summary:
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    return Summary(
        source="pestroutes", version="0.1.0", destination=destination, exit_code=0,
        error=Problem("SourceUnavailable", message) if message is not None else None, retry_at=moment, started_at=moment,
        seconds=1.5, requests=7, quota={"reads_left_today": 5}, loads=loads,
    )  # fmt: skip


def test_a_summary_that_fits_is_left_whole() -> None:
    whole = summary([LoadSummary(stream="customer", committed=True, records=3)], "down")
    assert termination_message(whole) == msgspec.json.encode(whole)
    assert "truncated" not in json.loads(termination_message(whole))


def test_of_a_long_summary_the_committed_loads_go_first() -> None:
    loads = [
        LoadSummary(stream=f"stream{n}", committed=True, window="20260130T000000Z-20260131T000000Z") for n in range(60)
    ]
    loads[40] = LoadSummary(stream="failed", error=Problem("ContractBroken", "what went wrong"))
    message = termination_message(summary(loads, "what went wrong"))
    found = json.loads(message)
    assert len(message) <= 4096
    assert found["loads"][0]["stream"] == "failed"
    assert found["truncated"] == 60 - len(found["loads"])
    assert len(found["loads"]) > 5
    assert found["error"]["message"] == "what went wrong"


@settings(max_examples=100, deadline=None)
@given(
    count=st.integers(0, 60),
    char=st.sampled_from(["x", "é", "漢", "🐜", "\x01", '"']),
    length=st.integers(0, 20_000),
    long_destination=st.booleans(),
)
def test_a_termination_message_always_fits_and_says_what_went_wrong(
    count: int, char: str, length: int, long_destination: bool
) -> None:
    loads = [LoadSummary(stream=f"stream{n}", error=Problem("X", char * (length // 10))) for n in range(count)]
    message = termination_message(summary(loads, char * length, "s3://" + "b" * (3000 if long_destination else 3)))
    assert len(message) <= 4096
    found = json.loads(message)
    assert found["error"]["type"] == "SourceUnavailable"
    assert found["retry_at"] == "2026-01-31T00:00:00Z"
    assert found["exit_code"] == 0
