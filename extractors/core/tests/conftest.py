"""Fixtures of the core's tests: loads and pages without a vendor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from extractors.core.tests.ledger_kit import CHICAGO, LIMITS, Clock
from extractors.core.tests.ledger_kit import KEY as LEDGER
from transload.flow import Limits, flow
from transload.lake import Lake
from transload.layout import StreamKeys, commit_records
from transload.ledger import QuotaLedger
from transload.load import Load, LoadSettings
from transload.page import Page
from transload.part import Compression
from transload.records import CommitRecord
from transload.state import Chosen
from transload.window import Window

JANUARY_30, JANUARY_31 = datetime(2026, 1, 30, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)
WINDOW = Window("incremental", JANUARY_30, JANUARY_31)
KEYS = StreamKeys("source", "stream")


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """Every test here begins without settings from outside."""


@pytest.fixture
def make_load() -> Callable[..., Load]:
    """Returns a function that makes an attempt on a window, not begun yet."""

    def make(
        lake: Lake,
        *,
        window: Window = WINDOW,
        identity: str = "same",
        compression: Compression = "gzip",
        fencing: bool = True,
        implicit: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Load:
        settings = LoadSettings("changed", "fingerprint", identity, "0.1.0", compression, fencing, clock)
        return Load(lake, KEYS, Chosen(window, implicit), settings)

    return make


@pytest.fixture
def make_pages() -> Callable[..., list[Page]]:
    """Returns a function that makes pages of numbered records; the token of each is its last number."""

    def make(*sizes: int, after: int | None = None, pad: int = 0) -> list[Page]:
        pages, number = [], 0
        for size in sizes:
            numbers = range(number, number + size)
            number += size
            if after is None or number > after:
                records = [json.dumps({"id": n, "pad": "x" * pad}, separators=(",", ":")).encode() for n in numbers]
                pages.append(Page(records, number, cursor_max=f"{number:09d}"))
        return pages

    return make


@pytest.fixture
def pour() -> Callable[..., None]:
    """Returns a function that moves pages into a begun load."""

    def move(
        load: Load,
        pages: Iterable[Page],
        *,
        batch_size: int = 1_000_000,
        part_bytes: int = 1 << 30,
        max_quarantined: int = 0,
        records: int | None = None,
    ) -> None:
        limits = Limits(batch_size, part_bytes, max_quarantined, records)
        flow(pages, load, limits, frozenset({"id", "pad"}), lambda records, raw_bytes: None)

    return move


@pytest.fixture
def committed(read_part: Callable[[Any, str], bytes]) -> Callable[[Lake], list[bytes]]:
    """Returns a function that reads what is visible: the records, in their order, of all committed loads."""

    def read(lake: Lake) -> list[bytes]:
        records: list[CommitRecord] = sorted(commit_records(lake, KEYS), key=lambda record: record.until)
        parts = [part for record in records for part in record.parts]
        return b"".join(read_part(lake, part.key) for part in parts).splitlines()

    return read


@pytest.fixture
def objects() -> Callable[..., list[str]]:
    """Returns a function that lists all keys of the stream, or those with a word in them."""
    return lambda lake, word="": sorted(found.key for found in lake.list(KEYS.root) if word in found.key)


@pytest.fixture
def ticking() -> Callable[[], datetime]:
    """A clock that shows a later second each time."""
    shown = [JANUARY_31 + timedelta(hours=1)]

    def clock() -> datetime:
        shown[0] += timedelta(seconds=1)
        return shown[0]

    return clock


@pytest.fixture
def clock() -> Clock:
    """Noon in Chicago, until it is set."""
    return Clock(datetime(2026, 1, 31, 12, tzinfo=CHICAGO))


@pytest.fixture
def pod(directory_lake: Lake, clock: Clock) -> Callable[..., QuotaLedger]:
    """Returns a function that makes a pod's ledger, on the same lake and by the same clock unless they are given."""

    def make(lake: Any = directory_lake, clock: Callable[[], datetime] = clock, **options: Any) -> QuotaLedger:
        given = {"limits": LIMITS, "zone": CHICAGO, "sleep": lambda seconds: None, **options}
        return QuotaLedger(lake, LEDGER, clock=clock, **given)

    return make
