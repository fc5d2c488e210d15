"""The quota ledger: pods at once never spend more than their share, and no spending is forgotten before midnight."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.core.tests.ledger_kit import CHICAGO, KEY, LIMITS, Clock, MemoryLake, stored
from transload.allowance import Allowance
from transload.errors import ConfigError, QuotaExhausted
from transload.lake import Lake, open_lake
from transload.ledger import Day, QuotaLedger, Reservation

both_lakes = pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)


@both_lakes
def test_what_is_reserved_counts_at_once_and_what_was_spent_in_its_place_afterwards(lake: Lake, clock: Clock) -> None:
    ours, theirs = (QuotaLedger(lake, KEY, LIMITS, CHICAGO, clock) for _ in range(2))
    assert (theirs.used(), theirs.left()) == ({"calls": 0, "bytes": 0}, {"calls": 80, "bytes": 800})
    reservation = ours.reserve(calls=10, bytes=500)
    assert (theirs.used(), theirs.left()) == ({"calls": 10, "bytes": 500}, {"calls": 70, "bytes": 300})
    reservation.settle(bytes=200)
    assert (theirs.used(), theirs.left()) == ({"calls": 10, "bytes": 200}, {"calls": 70, "bytes": 600})
    theirs.reserve(calls=1).settle(calls=3, bytes=50)
    assert ours.used() == {"calls": 13, "bytes": 250}
    assert stored(lake) == {"format": 1, "day": "2026-01-31", "used": {"calls": 13, "bytes": 250}, "open": {}}


def own_lakes(lake_url: str, pods: int) -> list[Lake]:
    """Lakes of the pods' own; more than four of them share, for a client of S3 takes a quarter of a second to make."""
    return [open_lake(lake_url, os.environ.get("TRANSLOAD_ENDPOINT_URL"), connections=8) for _ in range(min(pods, 4))]


@both_lakes
@pytest.mark.parametrize("pods", [2, 20])
def test_pods_at_once_never_pass_the_limit_and_lose_no_update(
    lake_url: str, lake: Lake, clock: Clock, pods: int
) -> None:
    # Twenty ask at once for more than our share of 80; two stay within theirs of 800.
    limits = {"calls": 100 if pods == 20 else 1000}
    lakes = own_lakes(lake_url, pods)
    gate, lock, granted, most = threading.Barrier(pods), threading.Lock(), [0], [0]

    def work(n: int) -> int:
        ledger = QuotaLedger(lakes[n % len(lakes)], KEY, limits, CHICAGO, clock)
        spent = 0
        gate.wait()
        with suppress(QuotaExhausted):
            for turn in range(2 if pods == 20 else 8):
                reservation = ledger.reserve(calls=6)
                with lock:
                    granted[0] += 6
                    most[0] = max(most[0], granted[0])
                actual = (n + turn) % 7
                with lock:  # before the write: from then on another pod may have it
                    granted[0] -= 6 - actual
                reservation.settle(calls=actual)
                spent += actual
        return spent

    with ThreadPoolExecutor(pods) as threads:
        spent = sum(threads.map(work, range(pods)))
    assert max(most[0], spent) <= limits["calls"] * 8 // 10
    assert stored(lake)["used"] == {"calls": spent}
    assert stored(lake)["open"] == {}


@both_lakes
def test_pods_at_once_share_out_all_that_is_left_to_the_last_unit(lake_url: str, lake: Lake, clock: Clock) -> None:
    def work(lake: Lake) -> int:
        ledger = QuotaLedger(lake, KEY, LIMITS, CHICAGO, clock)
        taken = 0
        with Allowance(ledger, "calls", chunk=7) as allowance, suppress(QuotaExhausted):
            while True:
                allowance.take()
                taken += 1
        return taken

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, own_lakes(lake_url, 4))) == 80
    assert stored(lake) == {"format": 1, "day": "2026-01-31", "used": {"calls": 80}, "open": {}}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(1, 60)),
        st.tuples(st.just("settle"), st.integers(0, 60)),
        st.tuples(st.just("observe"), st.integers(0, 100)),
        st.tuples(st.just("kill"), st.none()),
    ),
    max_size=30,
)


@given(steps)
def test_whatever_comes_in_whatever_order_the_ledger_agrees_with_the_model(steps: list[tuple[str, Any]]) -> None:
    lake = MemoryLake()
    ledger = QuotaLedger(lake, KEY, LIMITS, CHICAGO, Clock(datetime(2026, 1, 31, 12, tzinfo=CHICAGO)))  # type: ignore[arg-type]
    used, killed = 0, 0
    open_ones: list[tuple[Reservation, int]] = []
    for what, amount in steps:
        held = killed + sum(n for _, n in open_ones)
        if what == "reserve":
            fits = used + held + amount <= 80
            try:
                open_ones.append((ledger.reserve(calls=amount), amount))
                assert fits
            except QuotaExhausted:
                assert not fits
        elif what == "settle" and open_ones:
            reservation, _ = open_ones.pop(0)
            reservation.settle(calls=amount)
            used += amount
        elif what == "observe":
            ledger.observe(calls=amount)
            used = max(used, amount)
        elif what == "kill" and open_ones:
            killed += open_ones.pop()[1]
    counted = used + killed + sum(n for _, n in open_ones)
    assert ledger.used()["calls"] == counted
    assert ledger.left()["calls"] == max(0, 80 - counted)


def test_a_day_that_is_used_up_says_how_much_and_when_to_come_back(pod: Callable[..., QuotaLedger]) -> None:
    ledger = pod()
    ledger.reserve(calls=50).settle(calls=50)
    ledger.reserve(calls=20)
    with pytest.raises(QuotaExhausted) as caught:
        ledger.reserve(calls=11)
    assert caught.value.retry_at == datetime(2026, 2, 1, 6, tzinfo=UTC)
    for word in ("70 of 100 calls", "11 more", "20 %", "2026-02-01T06:00:00Z"):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    ledger.reserve(calls=10)
    with pytest.raises(QuotaExhausted):
        ledger.reserve(calls=1)


def test_of_several_counters_all_or_none_are_reserved(pod: Callable[..., QuotaLedger]) -> None:
    ledger = pod()
    ledger.reserve(bytes=700)
    with pytest.raises(QuotaExhausted, match="bytes"):
        ledger.reserve(calls=1, bytes=101)
    assert ledger.used() == {"calls": 0, "bytes": 700}


@pytest.mark.parametrize(
    ("now", "midnight", "hours"),
    [
        ("2026-03-07T23:59:59-06:00", "2026-03-08T06:00:00Z", 0),
        ("2026-03-08T00:00:00-06:00", "2026-03-09T05:00:00Z", 23),
        ("2026-03-08T23:59:59-05:00", "2026-03-09T05:00:00Z", 0),
        ("2026-10-31T23:59:59-05:00", "2026-11-01T05:00:00Z", 0),
        ("2026-11-01T00:00:00-05:00", "2026-11-02T06:00:00Z", 25),
        ("2026-11-01T01:30:00-06:00", "2026-11-02T06:00:00Z", 22.5),
        ("2026-11-01T23:59:59-06:00", "2026-11-02T06:00:00Z", 0),
    ],
)
def test_the_day_ends_at_midnight_in_chicago_also_when_the_clocks_change(
    pod: Callable[..., QuotaLedger], clock: Clock, now: str, midnight: str, hours: float
) -> None:
    clock.now, end = datetime.fromisoformat(now), datetime.fromisoformat(midnight)
    assert end - clock.now == (timedelta(hours=hours) if hours else timedelta(seconds=1))
    ledger = pod()
    ledger.reserve(calls=80)
    with pytest.raises(QuotaExhausted) as caught:
        ledger.reserve(calls=1)
    assert caught.value.retry_at == end
    clock.now = end - timedelta(microseconds=1)
    with pytest.raises(QuotaExhausted):
        ledger.reserve(calls=1)
    clock.now = end
    assert ledger.used()["calls"] == 0
    ledger.reserve(calls=80)


def test_what_a_killed_pod_reserved_counts_until_midnight(pod: Callable[..., QuotaLedger], clock: Clock) -> None:
    pod().reserve(calls=60)
    clock.now = datetime(2026, 1, 31, 23, 59, 59, tzinfo=CHICAGO)
    assert pod().left()["calls"] == 20
    with pytest.raises(QuotaExhausted):
        pod().reserve(calls=21)
    clock.now += timedelta(seconds=1)
    assert pod().left()["calls"] == 80
    pod().reserve(calls=80)


def test_what_is_settled_behind_midnight_counts_for_the_new_day(
    pod: Callable[..., QuotaLedger], directory_lake: Lake, clock: Clock
) -> None:
    ledger = pod()
    settled, released = ledger.reserve(bytes=500), ledger.reserve(bytes=100)
    clock.now += timedelta(days=1)
    released.release()
    settled.settle(bytes=400)
    settled.settle(bytes=400)
    assert ledger.used()["bytes"] == 400
    assert stored(directory_lake)["day"] == "2026-02-01"


def test_a_clock_that_lags_behind_midnight_leaves_the_new_day_alone(
    pod: Callable[..., QuotaLedger], directory_lake: Lake, clock: Clock
) -> None:
    late = pod(clock=Clock(datetime(2026, 1, 31, 23, 59, 30, tzinfo=CHICAGO)))
    before = late.reserve(calls=5)
    clock.now = datetime(2026, 2, 1, 0, 10, tzinfo=CHICAGO)
    pod().reserve(calls=40).settle()
    late.reserve(calls=30).settle(calls=20)
    assert stored(directory_lake)["day"] == "2026-02-01"
    assert pod().used()["calls"] == late.used()["calls"] == 60
    late.observe(calls=99)  # said of yesterday, by its clock
    before.settle()
    assert pod().used()["calls"] == 65
    with pytest.raises(QuotaExhausted) as caught:
        late.reserve(calls=16)
    assert caught.value.retry_at == datetime(2026, 2, 2, 6, tzinfo=UTC)


def test_a_ledger_of_a_day_far_ahead_is_a_wrong_clock(
    pod: Callable[..., QuotaLedger], directory_lake: Lake, clock: Clock
) -> None:
    pod(clock=Clock(clock.now + timedelta(days=365))).reserve(calls=1)
    before = stored(directory_lake)
    for use in (lambda: pod().reserve(calls=1), lambda: pod().used(), lambda: pod().observe(calls=1)):
        with pytest.raises(ConfigError, match=r"2027-01-31.*America/Chicago.*set the clock right"):
            use()
    assert stored(directory_lake) == before


def test_more_than_a_whole_days_share_can_never_be_reserved(pod: Callable[..., QuotaLedger]) -> None:
    ledger = pod(lake=None)  # without a look at the lake
    with pytest.raises(ConfigError, match=r"801 bytes .* 800 .*80 % of 1,000.*cut the window.*larger quota"):
        ledger.reserve(calls=1, bytes=801)
    with pytest.raises(ConfigError, match="larger quota"):
        pod(lake=None, limits={"calls": 1}).reserve_up_to("calls", 50)


def test_all_of_the_limit_is_ours_when_nothing_is_left_to_others(pod: Callable[..., QuotaLedger]) -> None:
    ledger = pod(reserve_percent=0)
    ledger.reserve(calls=100)
    assert ledger.left()["calls"] == 0


@pytest.mark.parametrize("wrong", [{"rows": 1}, {"calls": -1}, {"calls": 0}, {}])
def test_what_cannot_be_reserved_is_a_value_error(pod: Callable[..., QuotaLedger], wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"counters are calls, bytes|nothing to reserve"):
        pod().reserve(**wrong)


@pytest.mark.parametrize("percent", [-1, 100])
def test_a_reserve_that_leaves_nothing_or_more_than_all_is_a_value_error(
    pod: Callable[..., QuotaLedger], percent: int
) -> None:
    with pytest.raises(ValueError, match="0 to 99"):
        pod(reserve_percent=percent)


def test_what_the_vendor_says_is_taken_where_it_is_more(pod: Callable[..., QuotaLedger], clock: Clock) -> None:
    ledger = pod()
    ledger.reserve(calls=30).settle()
    ledger.observe(calls=20, bytes=300)
    assert ledger.used() == {"calls": 30, "bytes": 300}
    reservation = ledger.reserve(calls=10)
    ledger.observe(calls=50)
    assert ledger.used()["calls"] == 60  # what is reserved may not be in it yet
    reservation.settle(calls=5)
    assert ledger.used()["calls"] == 55
    ledger.observe(calls=100)  # the vendor refuses
    with pytest.raises(QuotaExhausted):
        ledger.reserve(calls=1)
    clock.now = datetime(2026, 2, 1, 0, 4, 59, tzinfo=CHICAGO)
    ledger.observe(calls=100)  # of yesterday
    assert ledger.used()["calls"] == 0
    clock.now += timedelta(seconds=1)
    ledger.observe(calls=7)
    assert ledger.used()["calls"] == 7


def test_as_a_context_it_is_settled_in_full_unless_it_was_before(
    pod: Callable[..., QuotaLedger], directory_lake: Lake
) -> None:
    ledger = pod()
    with ledger.reserve(calls=10):
        pass
    with ledger.reserve(calls=10) as reservation:
        reservation.settle(calls=1)
    with ledger.reserve(calls=10) as reservation:
        reservation.release()
    assert (stored(directory_lake)["used"], stored(directory_lake)["open"]) == ({"calls": 11}, {})
    with pytest.raises(ZeroDivisionError), ledger.reserve(calls=10):
        raise ZeroDivisionError
    assert ledger.used()["calls"] == 21


def test_what_was_left_is_remembered_without_a_request_until_midnight(
    pod: Callable[..., QuotaLedger], clock: Clock
) -> None:
    lake = MemoryLake()
    ledger = pod(lake)
    assert ledger.last_left() == {}
    ledger.reserve(calls=30)
    requests = lake.requests
    assert ledger.last_left() == {"calls": 50, "bytes": 800}
    clock.now += timedelta(days=1)
    assert ledger.last_left() == {"calls": 80, "bytes": 800}
    assert lake.requests == requests


def test_a_day_is_written_only_when_something_changed(pod: Callable[..., QuotaLedger]) -> None:
    lake = MemoryLake()
    pod(lake).observe(calls=0)
    assert lake.data is None
    assert Day(day=date(2026, 1, 31)) == Day(day=date(2026, 1, 31), used={}, open={})
