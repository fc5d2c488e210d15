"""Lakes that refuse or are out of reach: wrong keys, no bucket, no server, no room; each call says so, and what to do."""

from __future__ import annotations

import resource
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from transload.errors import AccessDenied, ConfigError, LakeUnavailable, TransloadError
from transload.lake import Lake, open_lake


def assert_explained(error: TransloadError, *words: str) -> None:
    text = str(error)
    assert "\n" not in text
    assert all(word in text for word in words), text


@pytest.fixture
def s3_settings(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    # The error classes are the same after one try as after eight.
    monkeypatch.setattr("transload.lake_s3.Config", lambda **given: _impatient(**given))
    return monkeypatch


def _impatient(**given: Any) -> Any:
    from botocore.config import Config

    return Config(**{**given, "connect_timeout": 1, "retries": {"total_max_attempts": 1}})


def every_call(lake: Lake) -> Iterator[Any]:
    """Each way to use a lake, as a function."""
    yield lambda: lake.put("a/x", b"1")
    yield lambda: lake.put("a/x", b"1", absent=True)
    yield lambda: lake.get("a/x")
    yield lambda: list(lake.list("a/"))
    yield lambda: read_pieces(lake)
    yield lambda: lake.create("a/x").close()
    yield lambda: write_pieces(lake)


def read_pieces(lake: Lake) -> None:
    with lake.open("a/x") as pieces:
        list(pieces)


def write_pieces(lake: Lake) -> None:
    writer = lake.create("a/x")
    try:
        writer.write(b"x" * (9 << 20))
        writer.close()
    except BaseException:
        writer.abort()
        raise


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_access_denied_by_every_call(
    s3: Any, s3_settings: pytest.MonkeyPatch, wrong: str
) -> None:
    s3_settings.setenv(wrong, secrets.token_hex(20))
    for call in every_call(open_lake("s3://raw/x", s3.endpoint_url)):
        with pytest.raises(AccessDenied) as caught:
            call()
        assert_explained(caught.value, "s3://raw/x", "refused")
        assert s3.secret_key not in str(caught.value)


def test_a_missing_bucket_is_a_config_error_of_every_call(s3: Any, s3_settings: pytest.MonkeyPatch) -> None:
    for call in every_call(open_lake("s3://nowhere/x", s3.endpoint_url)):
        with pytest.raises(ConfigError) as caught:
            call()
        assert_explained(caught.value, "s3://nowhere/x", "no such bucket", "--destination")


def test_a_store_that_does_not_answer_is_unavailable_to_every_call(s3_settings: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: refused
        lake = open_lake("s3://raw/x", f"http://127.0.0.1:{closed.getsockname()[1]}")
        for call in every_call(lake):
            with pytest.raises(LakeUnavailable) as caught:
                call()
            assert_explained(caught.value, "s3://raw/x")


def test_missing_credentials_are_a_config_error_that_says_how_to_give_them(
    s3: Any, s3_settings: pytest.MonkeyPatch
) -> None:
    for name in s3.environment:
        s3_settings.delenv(name)
    s3_settings.setenv("AWS_EC2_METADATA_DISABLED", "true")
    lake = open_lake("s3://raw/x", s3.endpoint_url)
    for call in every_call(lake):
        with pytest.raises(ConfigError) as caught:
            call()
        assert_explained(caught.value, "AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize(
    ("destination", "endpoint_url"), [("s3://", None), ("gs://raw/x", None), ("s3://raw/x", "no url")]
)
def test_a_destination_that_makes_no_sense_is_a_config_error(destination: str, endpoint_url: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        open_lake(destination, endpoint_url)
    assert_explained(caught.value)


def test_a_file_url_is_a_directory(tmp_path: Path) -> None:
    open_lake(f"file://{tmp_path}/lake").put("a/x", b"1")
    assert (tmp_path / "lake" / "a" / "x").read_bytes() == b"1"


def test_a_file_in_the_place_of_the_directory_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")
    lake = open_lake(str(tmp_path / "lake"))
    for write in (lambda: lake.put("a/x", b"1"), lambda: lake.create("a/x")):
        with pytest.raises(ConfigError) as caught:
            write()
        assert_explained(caught.value, "must be a directory")


def test_a_directory_that_cannot_be_written_to_is_access_denied() -> None:
    lake = open_lake("/sys/transload")  # nobody makes a directory there, not even root
    for write in (lambda: lake.put("a/x", b"1"), lambda: lake.create("a/x")):
        with pytest.raises(AccessDenied) as caught:
            write()
        assert_explained(caught.value, "right to write")


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Writing beyond ``size`` fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_unavailable_and_leaves_nothing(directory_lake: Lake) -> None:
    with no_file_larger_than(1 << 20):
        with pytest.raises(LakeUnavailable) as caught:
            directory_lake.put("a/x", b"x" * (2 << 20))
        assert_explained(caught.value, "make room")
        with pytest.raises(LakeUnavailable, match="make room"):
            write_pieces(directory_lake)
    assert list(directory_lake.list("a/")) == []
    assert directory_lake.unfinished("a/", datetime.now(UTC) + timedelta(days=1), remove=False) == 0
