"""Declarations: streams by name, those of families too, and which of them stand in a lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from transload.cli import run
from transload.errors import AccessDenied, QuotaExhausted, StreamDenied
from transload.page import Page
from transload.source import Checked, Family, Option, Source, Stream


def stream(name: str) -> Stream:
    schema = {"properties": {"id": {"type": "integer"}}}
    return Stream(name, f"Records of {name}.", ("id",), None, ("full",), schema)


class Connection:
    """Two records of every stream, unless it is one of those that raise."""

    requests = 0

    def __init__(self, raises: dict[str, Exception]) -> None:
        self._raises = raises

    def quota(self) -> dict[str, int]:
        return {}

    def check(self) -> Checked:
        return Checked("ok, 1 of 2 streams can be read", {"plain": "", "object_car": "not allowed"})

    def pages(self, stream: Stream, *_: Any) -> Any:
        if stream.name in self._raises:
            raise self._raises[stream.name]
        yield Page([b'{"id":1}', b'{"id":2}'], None, dropped_fields=["secret"])

    def close(self) -> None:
        """Nothing to close."""


def source(**raises: Exception) -> Source:
    family = Family("object_", "NAME", "Any object.", lambda name: stream(f"object_{name}"))
    return Source(
        "shop", "Shop", "0.1.0", (), (stream("plain"), stream("other")), lambda *_: Connection(raises), (family,)
    )


def test_what_records_depend_on_is_no_secret_as_it_stands_in_commit_records() -> None:
    with pytest.raises(ValueError, match=r"--account: .* it can be no secret"):
        Option("account", "The account.", secret=True, affects_records=True)


@pytest.mark.parametrize(("name", "known"), [
    ("plain", True), ("object_car", True), ("object_Car_c", True),
    ("object_", False), ("object_../x", False), ("object_car.json", False), ("object_" + "x" * 200, False), ("nothing", False),
])  # fmt: skip
def test_a_stream_is_known_by_its_own_name_or_its_familys(name: str, known: bool) -> None:
    found = source().stream(name)
    assert (found is not None and found.name == name) == known


def test_streams_shows_how_a_family_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(source(), ["streams"]) == 0
    assert "object_NAME" in capsys.readouterr().out
    # Machines get those that there are.
    assert run(source(), ["streams", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["plain", "other"]


@pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)
def test_loads_and_prune_find_the_families_streams_in_the_lake(
    lake_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(source(), ["extract", "object_car", "plain", "--destination", lake_url]) == 0
    capsys.readouterr()
    assert run(source(), ["loads", "--destination", lake_url, "--json"]) == 0
    assert [one["stream"] for one in json.loads(capsys.readouterr().out)] == ["object_car", "plain"]
    assert run(source(), ["extract", "object_car", "--destination", lake_url, "--until", "2026-01-01T00:00:00Z"]) == 0
    assert run(source(), ["extract", "object_car", "--destination", lake_url, "--until", "2026-01-01T00:00:00Z"]) == 0
    assert run(source(), ["extract", "object_car", "--destination", lake_url, "--until", "2026-01-01T00:00:00Z"]) == 0
    capsys.readouterr()
    assert run(source(), ["prune", "--older-than", "0", "--dry-run", "--destination", lake_url]) == 0
    assert "object_car" in capsys.readouterr().out


def test_a_stream_that_is_refused_does_not_keep_the_others_from_being_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing = source(plain=StreamDenied("no permission"))
    assert run(refusing, ["extract", "--all", "--destination", str(tmp_path), "--json"]) == 77
    summary = json.loads(capsys.readouterr().out)
    assert [one["committed"] for one in summary["loads"]] == [False, True]
    assert summary["error"] == {"type": "StreamDenied", "message": "no permission"}


def test_refused_credentials_end_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(source(plain=AccessDenied("no")), ["extract", "--all", "--destination", str(tmp_path), "--json"]) == 77
    assert [one["window"] is None for one in json.loads(capsys.readouterr().out)["loads"]] == [False, True]


@pytest.mark.parametrize(("ends_run", "committed"), [(True, [False, False]), (False, [False, True])])
def test_a_quota_may_be_of_one_stream_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ends_run: bool, committed: list[bool]
) -> None:
    from datetime import UTC, datetime

    error = QuotaExhausted("used up", datetime(2026, 1, 1, tzinfo=UTC))
    error.ends_run = ends_run
    assert run(source(plain=error), ["extract", "--all", "--destination", str(tmp_path), "--json"]) == 75
    summary = json.loads(capsys.readouterr().out)
    assert [one["committed"] for one in summary["loads"]] == committed
    assert summary["retry_at"] == "2026-01-01T00:00:00Z"


def test_fields_that_were_not_given_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(source(), ["extract", "plain", "--destination", str(tmp_path)]) == 0
    assert "committed, without secret" in capsys.readouterr().out
    assert run(source(), ["loads", "--destination", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["dropped_fields"] == ["secret"]


def test_check_shows_which_streams_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(source(), ["check", "--destination", str(tmp_path)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "Shop: ok, 1 of 2 streams can be read"
    assert shown[2].split() == ["plain", "yes"]
    assert shown[3].split() == ["object_car", "no:", "not", "allowed"]
    assert run(source(), ["check", "--destination", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "source": "ok, 1 of 2 streams can be read",
        "streams": [{"name": "plain", "readable": True, "reason": None},
                    {"name": "object_car", "readable": False, "reason": "not allowed"}],
        "destination": "writable, and conditional writes hold",
    }  # fmt: skip
