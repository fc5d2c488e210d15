"""An allowance: calls are drawn from the ledger in chunks, by many threads, and what is left goes back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from extractors.core.tests.ledger_kit import CHICAGO, Clock, MemoryLake, stored
from transload.allowance import Allowance
from transload.errors import QuotaExhausted
from transload.lake import Lake
from transload.ledger import QuotaLedger


def test_an_allowance_hands_out_what_was_reserved_and_gives_the_rest_back(
    pod: Callable[..., QuotaLedger], directory_lake: Lake
) -> None:
    ledger = pod()
    allowance = Allowance(ledger, "calls", chunk=30)
    assert stored(directory_lake) is None
    counted = []
    for _ in range(61):
        allowance.take()
        counted.append(pod().used()["calls"])
    assert counted == [30] * 30 + [60] * 30 + [80]  # the last chunk is what is left
    assert len(stored(directory_lake)["open"]) == 1
    allowance.close()
    allowance.close()
    assert stored(directory_lake) == {"format": 1, "day": "2026-01-31", "used": {"calls": 61}, "open": {}}
    with pytest.raises(RuntimeError, match="closed"):
        allowance.take()


def test_an_allowance_costs_two_requests_a_chunk(pod: Callable[..., QuotaLedger]) -> None:
    lake = MemoryLake()
    with Allowance(pod(lake, limits={"calls": 1000}), "calls", chunk=50) as allowance:
        for _ in range(500):
            allowance.take()
        assert lake.requests == 2 * 10


def test_an_allowance_serves_many_threads_exactly(pod: Callable[..., QuotaLedger], directory_lake: Lake) -> None:
    allowance = Allowance(pod(), "calls", chunk=3)

    def work(_: int) -> int:
        taken = 0
        with suppress(QuotaExhausted):
            while True:
                allowance.take()
                taken += 1
        return taken

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(work, range(8))) == 80
    allowance.close()
    assert stored(directory_lake)["used"] == {"calls": 80}


def test_an_allowance_begins_anew_behind_midnight(
    pod: Callable[..., QuotaLedger], directory_lake: Lake, clock: Clock
) -> None:
    allowance, idle = (Allowance(pod(), "calls", chunk=20) for _ in range(2))
    for one in (allowance, allowance, idle):
        one.take()
    clock.now += timedelta(days=1)
    allowance.take()
    idle.close()  # what it handed out was of yesterday
    assert pod().used()["calls"] == 20
    allowance.close()
    assert stored(directory_lake) == {"format": 1, "day": "2026-02-01", "used": {"calls": 1}, "open": {}}


def test_an_allowance_that_was_handed_out_before_midnight_is_not_counted_behind_it_by_a_clock_that_lags(
    pod: Callable[..., QuotaLedger], clock: Clock
) -> None:
    late = pod(clock=Clock(datetime(2026, 1, 31, 23, 59, 30, tzinfo=CHICAGO)))
    allowance = Allowance(late, "calls", chunk=2)
    allowance.take()
    allowance.take()
    clock.now = datetime(2026, 2, 1, 0, 1, tzinfo=CHICAGO)
    pod().reserve(calls=5)
    allowance.take()
    assert pod().used()["calls"] == 7
    allowance.close()
    assert pod().used()["calls"] == 6


def test_an_allowance_that_cannot_give_back_says_so_and_ends_well(
    pod: Callable[..., QuotaLedger], caplog: pytest.LogCaptureFixture
) -> None:
    lake = MemoryLake()
    allowance = Allowance(pod(lake), "calls", chunk=10)
    allowance.take()
    lake.data = b"damaged"
    with caplog.at_level(logging.WARNING):
        allowance.close()
    assert "counts as used until midnight" in caplog.text
    Allowance(pod(lake), "calls").close()  # nothing was drawn: nothing is to be given back


def test_an_allowance_has_chunks_of_at_least_one(pod: Callable[..., QuotaLedger]) -> None:
    with pytest.raises(ValueError, match="nothing"):
        Allowance(pod(), "calls", chunk=0)
