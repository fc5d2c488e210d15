"""extract: what one stream's failure means for the others, and for the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from transload.errors import (
    AccessDenied,
    ConfigError,
    ContractBroken,
    QuotaExhausted,
    SourceUnavailable,
    Stopped,
)
from transload.extract import Plan, extract
from transload.flow import Limits
from transload.lake import Lake, ObjectInfo, open_lake
from transload.page import Page
from transload.records import Summary
from transload.redaction import Redactor
from transload.running import lake_checked
from transload.source import Source, Stream

START, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)
RETRY_AT = datetime(2026, 2, 1, tzinfo=UTC)
SECRET = "top-secret-value"


@dataclass
class FakeConnection:
    """A source whose streams give one record, or fail as they were told to."""

    failures: Mapping[str, BaseException] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    requests: int = 0

    def quota(self) -> dict[str, int]:
        return {}

    def check(self) -> str:
        return "fine"

    def close(self) -> None:
        """Nothing to let go of."""

    def pages(self, stream: Stream, *_: Any) -> Iterator[Page]:
        self.asked.append(stream.name)
        if stream.name in self.failures:
            raise self.failures[stream.name]
        yield Page([b'{"id":1}'], 1)


def stream(name: str) -> Stream:
    return Stream(name, "what it is.", ("id",), None, ("full",), {"properties": {"id": {}}})


SOURCE = Source("source", "Source", "0.1.0", (), tuple(stream(name) for name in ("one", "two", "three")), None)  # type: ignore[arg-type]
PLAN = Plan(
    since=None, until=UNTIL, start=START, full_refresh=False, limits=Limits(1000, 1 << 20, 0), compression="gzip",
    fencing=True, mask="none", mask_key=b"", identity={}, look_back=None, clock=lambda: datetime.now(UTC),
)  # fmt: skip

Run = Callable[..., Summary]


@pytest.fixture
def extracted(directory_lake: Lake) -> Run:
    """Returns a function that extracts all streams, some of which fail."""

    def run(**failures: BaseException) -> Summary:
        return extract(SOURCE, SOURCE.streams, PLAN, directory_lake, FakeConnection(failures), Redactor([SECRET]))

    return run


def outcomes(summary: Summary) -> list[tuple[str, bool, str | None]]:
    return [(load.stream, load.committed, load.error.type if load.error else None) for load in summary.loads]


def test_all_goes_well(extracted: Run) -> None:
    summary = extracted()
    assert (summary.exit_code, summary.error) == (0, None)
    assert outcomes(summary) == [("one", True, None), ("two", True, None), ("three", True, None)]


def test_a_stream_that_fails_does_not_keep_the_next_from_being_loaded(extracted: Run) -> None:
    summary = extracted(one=ContractBroken("odd"), two=SourceUnavailable("down"))
    assert (summary.exit_code, summary.error and summary.error.message) == (65, "odd")
    assert outcomes(summary) == [
        ("one", False, "ContractBroken"), ("two", False, "SourceUnavailable"), ("three", True, None),
    ]  # fmt: skip


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_in_one_stream_ends_that_stream_only(
    extracted: Run, caplog: pytest.LogCaptureFixture, debug: bool
) -> None:
    with caplog.at_level(logging.DEBUG if debug else logging.INFO, "transload"):
        summary = extracted(one=TypeError(f"wrong {SECRET}"))
    assert summary.exit_code == 70
    assert summary.error is not None
    assert summary.error.message.startswith("a bug of Transload: TypeError: wrong [redacted]")
    assert outcomes(summary) == [("one", False, "TransloadError"), ("two", True, None), ("three", True, None)]
    (said,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert bool(said.exc_info and said.exc_info[0] is TypeError) == debug


def test_a_bug_before_the_first_stream_is_told_as_well(extracted: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> bool:
        raise TypeError("wrong")

    monkeypatch.setattr("transload.extract.honours_conditions", broken)
    summary = extracted()
    assert (summary.exit_code, summary.error and summary.error.type) == (70, "TransloadError")
    assert outcomes(summary) == [("one", False, None), ("two", False, None), ("three", False, None)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QuotaExhausted("used up", RETRY_AT), 75),
        (AccessDenied("refused"), 77),
        (ConfigError("missing"), 78),
        (Stopped(15), 143),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_ends_the_run_outranks_what_failed_before_and_the_rest_is_said_not_to_be_started(
    extracted: Run, error: BaseException, code: int
) -> None:
    summary = extracted(one=ContractBroken("odd"), two=error)
    assert summary.exit_code == code
    assert summary.error is not None
    assert summary.error.type == ("Interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__)
    assert summary.retry_at == (RETRY_AT if code == 75 else None)
    assert [(load.stream, load.committed) for load in summary.loads] == [
        ("one", False),
        ("two", False),
        ("three", False),
    ]
    assert (summary.loads[2].error, summary.loads[2].window) == (None, None)


class AnotherClock:
    """A lake whose clock differs from ours."""

    def __init__(self, lake: Lake, ahead: timedelta) -> None:
        self._lake, self._ahead = lake, ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for found in self._lake.list(prefix):
            yield replace(found, modified=found.modified + self._ahead)


@pytest.mark.parametrize(("minutes", "code"), [(4, 0), (-4, 0), (6, 78), (-6, 78)])
def test_a_clock_that_differs_from_the_lakes_is_refused(directory_lake: Lake, minutes: int, code: int) -> None:
    lake: Any = AnotherClock(directory_lake, timedelta(minutes=minutes))
    connection = FakeConnection()
    summary = extract(SOURCE, SOURCE.streams, PLAN, lake, connection, Redactor())
    assert summary.exit_code == code
    if code:
        assert summary.error is not None
        assert "this machine's clock differs from the lake's by 0:0" in summary.error.message
        assert "set it right" in summary.error.message
        assert connection.asked == []
    assert not [found for found in directory_lake.list("source/") if "_probe" in found.key]


@pytest.mark.parametrize("lake_url", ["s3"], indirect=True)
def test_the_clock_of_a_real_store_is_found_right(lake: Lake) -> None:
    assert extract(SOURCE, SOURCE.streams, PLAN, lake, FakeConnection(), Redactor()).exit_code == 0


def test_two_checks_at_once_do_not_disturb_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    lake = open_lake(str(tmp_path / "lake"))
    put = lake.put
    monkeypatch.setattr(lake, "put", lambda key, *rest, **how: keys.append(key) or put(key, *rest, **how))
    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda _: lake_checked(SOURCE, lake), range(40)))
    assert set(said) == {"writable, and conditional writes hold"}
    assert len(set(keys)) == 40


class Listed:
    """A lake that counts what is listed: of many loads, that is what a run waits for."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self.listed: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.listed.append(prefix)
        return self._lake.list(prefix)


def test_the_committed_loads_are_listed_once_a_run(directory_lake: Lake) -> None:
    lake: Any = Listed(directory_lake)
    one = replace(stream("one"), cursor="changed", modes=("incremental", "full"))
    for until in (UNTIL - timedelta(days=1), UNTIL):
        lake.listed.clear()
        plan = replace(PLAN, until=until, identity={"office_ids": f"{until.day}"})
        assert extract(SOURCE, [one], plan, lake, FakeConnection(), Redactor()).exit_code == 0
    assert lake.listed.count("source/one/_loads/") == 1
