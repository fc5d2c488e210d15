"""LakeHook reads commit records, from a directory and from S3, one to a file or many."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from common.hooks import CommitRecord, LakeHook, window_end

UNTIL = datetime(2026, 1, 31, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
Commit = Callable[..., dict[str, Any]]


def test_a_load_is_found_by_the_end_of_its_window_and_its_id(lake: Path, commit: Commit) -> None:
    commit(load_id="L1")
    hook = LakeHook(str(lake))
    found = hook.load("pestroutes", "customer", UNTIL, "L1")
    assert found is not None
    assert found.brief() == {
        "stream": "customer",
        "mode": "incremental",
        "window": "20260130T000000Z-20260131T000000Z",
        "load_id": "L1",
        "attempt": 1,
        "records": 1200,
        "bytes": 99000,
        "parts": 1,
        "quarantined": 0,
        "seconds": 11.6,
    }
    assert hook.load("pestroutes", "customer", UNTIL, "L2") is None
    assert hook.load("pestroutes", "customer", LATER, "L1") is None
    assert hook.load("pestroutes", "route", UNTIL, "L1") is None


def test_full_loads_count_and_samples_never_do(lake: Path, commit: Commit) -> None:
    commit(window="full-20260131T000000Z", load_id="F", mode="full", since=None)
    commit(window="sample-20260201T000000Z", load_id="S", mode="sample", since=None)
    hook = LakeHook(f"file://{lake}")
    assert hook.load("pestroutes", "customer", UNTIL, "F") is not None
    assert hook.load("pestroutes", "customer", LATER, "S") is None
    assert hook.newest_until("pestroutes", "customer") == UNTIL


def test_only_commits_since_a_moment_count_for_attempts_that_began_then(lake: Path, commit: Commit) -> None:
    committed = datetime.fromisoformat(commit()["committed_at"])
    hook = LakeHook(str(lake))
    assert hook.committed_since("pestroutes", "customer", UNTIL, committed) is not None
    assert hook.committed_since("pestroutes", "customer", UNTIL, committed.replace(second=16)) is None


@pytest.mark.parametrize(
    ("full", "start", "found"),
    [
        pytest.param(False, None, "full", id="the newest, where the window begins as the lake says"),
        pytest.param(True, None, "full", id="a full refresh wants a full load"),
        pytest.param(False, UNTIL.replace(day=30), "day", id="a backfill wants its own window"),
        pytest.param(False, UNTIL.replace(day=1), "month", id="not one that ends at the same time"),
        pytest.param(False, UNTIL.replace(day=2), None, id="nor a full load"),
    ],
)
def test_of_the_loads_up_to_one_moment_only_the_wanted_kind_counts(
    lake: Path, commit: Commit, full: bool, start: datetime | None, found: str | None
) -> None:
    month = {"window": "20260101T000000Z-20260131T000000Z", "since": "2026-01-01T00:00:00Z"}
    commit(load_id="day", committed_at="2026-01-31T02:00:00Z")
    commit(load_id="month", **month, committed_at="2026-01-31T03:00:00Z")
    commit(load_id="full", window="full-20260131T000000Z", mode="full", since=None, committed_at="2026-01-31T04:00:00Z")
    record = LakeHook(str(lake)).committed_since("pestroutes", "customer", UNTIL, UNTIL, full=full, start=start)
    assert (record and record.load_id) == found


def test_an_incremental_load_is_no_full_refresh(lake: Path, commit: Commit) -> None:
    commit()
    assert LakeHook(str(lake)).committed_since("pestroutes", "customer", UNTIL, UNTIL, full=True) is None


def test_a_compacted_file_is_read_line_by_line(lake: Path, commit: Commit) -> None:
    lines = [commit(load_id="A"), commit(load_id="B", window="20260131T000000Z-20260201T000000Z")]
    folder = lake / "pestroutes" / "customer" / "_loads"
    for file in folder.iterdir():
        file.unlink()
    (folder / "compacted-000001.json").write_text("".join(json.dumps(line) + "\n" for line in lines) + "\n")
    hook = LakeHook(str(lake))
    assert hook.load("pestroutes", "customer", LATER, "B") is not None
    assert hook.load("pestroutes", "customer", UNTIL, "B") is None
    assert [record.load_id for record in hook.records("pestroutes", "customer")] == ["A", "B"]


def test_files_of_other_windows_are_not_read(lake: Path, commit: Commit) -> None:
    commit()
    (lake / "pestroutes" / "customer" / "_loads" / "20260131T000000Z-20260201T000000Z.json").write_text("not JSON")
    assert LakeHook(str(lake)).load("pestroutes", "customer", UNTIL, "20260131T010203456Z-7f3a9c") is not None


def test_an_unknown_format_is_an_error_not_a_guess(lake: Path, commit: Commit) -> None:
    commit(format=2)
    with pytest.raises(ValueError, match="format 2"):
        list(LakeHook(str(lake)).records("pestroutes", "customer"))


def test_an_empty_lake_and_a_lake_that_nobody_named(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LakeHook(str(lake)).newest_until("pestroutes", "customer") is None
    monkeypatch.delenv("TRANSLOAD_DESTINATION", raising=False)
    with pytest.raises(ValueError, match="set TRANSLOAD_DESTINATION"):
        LakeHook()


@pytest.mark.parametrize(
    ("window", "end"),
    [
        ("20260130T000000Z-20260131T000000Z", UNTIL),
        ("full-20260131T000000Z", UNTIL),
        ("sample-20260131T000000Z", None),
        ("compacted-000001", None),
        ("", None),
    ],
)
def test_the_end_of_a_window_by_its_name(window: str, end: datetime | None) -> None:
    assert window_end(window) == end


def test_on_s3_the_same_keys_under_the_prefix(monkeypatch: pytest.MonkeyPatch, lake: Path, commit: Commit) -> None:
    import boto3
    from botocore.stub import Stubber

    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    name = "lake/raw/pestroutes/customer/_loads/20260130T000000Z-20260131T000000Z.json"
    page = {"Bucket": "bucket", "Prefix": "lake/raw/pestroutes/customer/_loads/"}
    other = name.replace("20260131T000000Z", "20260130T120000Z")
    with Stubber(client) as stub:
        stub.add_response(
            "list_objects_v2", {"IsTruncated": True, "NextContinuationToken": "n", "Contents": [{"Key": other}]}, page
        )
        stub.add_response("list_objects_v2", {"Contents": [{"Key": name}]}, {**page, "ContinuationToken": "n"})
        body = json.dumps(commit()).encode()
        stub.add_response("get_object", {"Body": BytesIO(body)}, {"Bucket": "bucket", "Key": name})
        hook = LakeHook("s3://bucket/lake/raw/", "http://127.0.0.1:1")
        assert hook._s3.meta.endpoint_url == "http://127.0.0.1:1"
        assert hook._s3.meta.config.s3 == {"addressing_style": "path"}
        monkeypatch.setattr(hook, "_s3", client)
        found = hook.load("pestroutes", "customer", UNTIL, "20260131T010203456Z-7f3a9c")
    assert isinstance(found, CommitRecord)
