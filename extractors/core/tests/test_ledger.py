"""The quota ledger: pods at once never spend more than their share, and no spending is forgotten before midnight."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transload.allowance import Allowance
from transload.errors import ConfigError, Interrupted, LakeUnavailable, QuotaExhausted
from transload.lake import Lake, PreconditionFailed, Stored, open_lake
from transload.layout import StreamKeys
from transload.ledger import TRIES, Day, QuotaLedger, Reservation, ledger_key
from transload.prune import prune_stream

CHICAGO = ZoneInfo("America/Chicago")
KEY = ledger_key("marketo", "123-ABC-456")
LIMITS = {"calls": 100, "bytes": 1000}  # of which 80 and 800 are ours
both_lakes = pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)


class Clock:
    """Shows a moment until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 1, 31, 12, tzinfo=CHICAGO))


@pytest.fixture
def pod(directory_lake: Lake, clock: Clock) -> Callable[..., QuotaLedger]:
    """Returns a function that makes a pod's ledger, on the same lake and by the same clock unless they are given."""

    def make(lake: Any = directory_lake, clock: Callable[[], datetime] = clock, **options: Any) -> QuotaLedger:
        given = {"limits": LIMITS, "zone": CHICAGO, "sleep": lambda seconds: None, **options}
        return QuotaLedger(lake, KEY, clock=clock, **given)

    return make


def stored(lake: Lake) -> Any:
    return json.loads((lake.get(KEY) or Stored(b"null", "")).data)


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


class MemoryLake:
    """One small object under a key, as the lakes keep it; a put may be written though its answer is lost."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.lose: Callable[[], bool] = lambda: False
        self.afterwards: Callable[[], None] = lambda: None
        self.requests = 0

    def get(self, key: str) -> Stored | None:
        self.requests += 1
        return Stored(self.data, self.data.hex()) if self.data is not None else None

    def put(self, key: str, data: bytes, *, match: str | None = None, absent: bool = False) -> str:
        self.requests += 1
        if (absent and self.data is not None) or (match is not None and match != (self.data or b"").hex()):
            raise PreconditionFailed(key)
        self.data = data
        if self.lose():
            self.afterwards()
            raise PreconditionFailed(key)  # of the second try, which the client makes by itself
        return data.hex()


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


@pytest.mark.parametrize("rival", [False, True], ids=["alone", "with-a-rival"])
def test_a_write_whose_answer_is_lost_counts_once(pod: Callable[..., QuotaLedger], rival: bool) -> None:
    lake = MemoryLake()
    ledger, other, theirs = pod(lake), pod(lake), [0]
    losing = [0]

    def lose() -> bool:
        losing[0] -= 1
        return losing[0] == 0

    def rival_writes() -> None:
        if rival:
            other.reserve(calls=1).settle()
            theirs[0] += 1

    def losing_one(act: Callable[[], Any]) -> Any:
        losing[0] = 1
        return act()

    lake.lose, lake.afterwards = lose, rival_writes
    reservation = losing_one(lambda: ledger.reserve(calls=10))
    assert ledger.used()["calls"] == 10 + theirs[0]
    losing_one(lambda: reservation.settle(calls=4))
    assert ledger.used()["calls"] == 4 + theirs[0]
    allowance = Allowance(ledger, "calls", chunk=5)
    losing_one(allowance.take)
    for _ in range(4):
        allowance.take()
    losing_one(allowance.take)
    assert ledger.used()["calls"] == 14 + theirs[0]
    losing_one(allowance.close)
    assert ledger.used()["calls"] == 10 + theirs[0]
    assert theirs[0] == (5 if rival else 0)


def test_a_settlement_that_failed_can_be_made_again(pod: Callable[..., QuotaLedger]) -> None:
    lake = MemoryLake()
    ledger = pod(lake)
    reservation = ledger.reserve(calls=10)

    def unreachable() -> bool:
        raise LakeUnavailable("gone")

    lake.lose = unreachable
    with pytest.raises(LakeUnavailable):
        reservation.settle(calls=3)  # written, though nobody knows
    lake.lose = lambda: False
    reservation.settle(calls=3)
    reservation.release()
    assert ledger.used()["calls"] == 3


def test_what_was_reserved_in_a_ledger_that_was_moved_away_is_counted_when_it_is_settled(
    pod: Callable[..., QuotaLedger], directory_lake: Lake
) -> None:
    ledger = pod()
    reservation = ledger.reserve(calls=10)
    allowance = Allowance(ledger, "calls", chunk=5)
    allowance.take()
    directory_lake.delete([KEY])
    reservation.settle(calls=8)
    allowance.close()
    assert ledger.used()["calls"] == 9


def test_pods_that_write_all_the_time_are_given_up_after_a_bound(pod: Callable[..., QuotaLedger]) -> None:
    lake, waits, other = MemoryLake(), list[float](), [0]

    def busy(key: str, data: bytes, **condition: Any) -> str:
        other[0] += 1
        lake.data = b'{"format":1,"day":"2026-01-31","used":{"calls":%d}}' % other[0]
        raise PreconditionFailed(key)

    lake.put = busy  # type: ignore[method-assign]
    with pytest.raises(LakeUnavailable, match=rf"{KEY}: other pods .* {TRIES} tries .*run the same command again"):
        pod(lake, sleep=waits.append).reserve(calls=1)
    assert len(waits) == TRIES - 1
    assert len(set(waits)) > TRIES / 2  # jitter
    assert max(waits) <= 2


def test_the_wait_for_other_pods_ends_with_the_run(pod: Callable[..., QuotaLedger]) -> None:
    lake = MemoryLake()
    lake.data = b'{"format":1,"day":"2026-01-31"}'

    def busy(key: str, data: bytes, **condition: Any) -> str:
        raise PreconditionFailed(key)

    def stopped(seconds: float) -> None:
        raise Interrupted(15)

    lake.put = busy  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        pod(lake, sleep=stopped).reserve(calls=1)


def test_without_fencing_it_is_kept_all_the_same(pod: Callable[..., QuotaLedger]) -> None:
    ledger = pod(fencing=False)
    ledger.reserve(calls=10).settle(calls=4)
    ledger.reserve(calls=10)
    assert pod().used()["calls"] == 14


def uses(ledger: QuotaLedger) -> Iterator[Callable[[], Any]]:
    """Each way to use a ledger, as a function."""
    reservation = Reservation(ledger, "name", date(2026, 1, 31), {"calls": 1})
    yield lambda: ledger.reserve(calls=1)
    yield lambda: ledger.reserve_up_to("calls", 1)
    yield lambda: ledger.observe(calls=1)
    yield ledger.used
    yield ledger.left
    yield reservation.settle
    yield Allowance(ledger, "calls").take


@both_lakes
def test_a_newer_format_is_refused_by_name(lake: Lake, clock: Clock) -> None:
    newer = b'{"format": 2, "everything": "else"}\n'
    lake.put(KEY, newer)
    for use in uses(QuotaLedger(lake, KEY, LIMITS, CHICAGO, clock)):
        with pytest.raises(ConfigError, match=rf"{KEY} has format 2, .*newer"):
            use()
    assert (lake.get(KEY) or Stored(b"", "")).data == newer


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\n",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"format":1,"day":"2026-01-31","used":{"\xff":1}}',
        b'{"format":1,"open":' + b"[" * 100_000,
        b'{"format":1}',
        b'{"format":"1","day":"2026-01-31"}',
        b'{"format":1,"day":"yesterday"}',
        b'{"format":1,"day":"2026-01-31","used":{"calls":-5}}',
        b'{"format":1,"day":"2026-01-31","open":{"a":{"calls":1.5}}}',
        b'{"format":1,"day":"2026-01-31"}{"format":1,"day":"2026-01-31"}',
    ],
)
def test_a_damaged_ledger_is_named_and_left_as_it_is(
    pod: Callable[..., QuotaLedger], directory_lake: Lake, damaged: bytes
) -> None:
    directory_lake.put(KEY, damaged)
    for use in uses(pod()):
        with pytest.raises(LakeUnavailable, match=rf"{KEY} cannot be read as a quota ledger: .*restore it"):
            use()
    assert (directory_lake.get(KEY) or Stored(b"?", "")).data == damaged


def test_a_ledger_of_format_1_is_read_and_what_a_newer_release_added_is_passed_over(
    pod: Callable[..., QuotaLedger], directory_lake: Lake
) -> None:
    written = {"format": 1, "day": "2026-01-31", "used": {"calls": 7, "rows": 9}, "open": {"0a1b": {"calls": 5}}}
    directory_lake.put(KEY, json.dumps({**written, "mood": "good"}).encode())
    ledger = pod()
    assert ledger.used() == {"calls": 12, "bytes": 0}
    ledger.reserve(calls=1).settle(calls=2)
    # A counter that another release knows stays.
    assert stored(directory_lake) == {**written, "used": {"calls": 9, "rows": 9}}


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


def test_accounts_have_keys_of_their_own_that_are_good_keys() -> None:
    accounts = [
        "123-ABC-456",
        "a b",
        "a_b",
        "a/b",
        "a-b",
        "../../x",
        ".",
        "ä",
        "ö",
        "https://123-abc-456.mktorest.com",
        "x" * 300,
    ]
    keys = [ledger_key("marketo", account) for account in accounts]
    assert keys[0] == "marketo/_quota/123-ABC-456.json"
    assert len(set(keys)) == len(accounts)
    for key in keys:
        assert re.fullmatch(r"marketo/_quota/[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.json", key)
    for nameless in ("", " "):
        with pytest.raises(ConfigError, match="no name"):
            ledger_key("marketo", nameless)


@both_lakes
def test_prune_leaves_the_ledger_alone(lake: Lake, clock: Clock) -> None:
    QuotaLedger(lake, KEY, LIMITS, CHICAGO, clock).reserve(calls=1)
    before = stored(lake)
    prune_stream(lake, StreamKeys("marketo", "leads"), datetime.now(UTC) + timedelta(days=1), dry_run=False)
    assert stored(lake) == before
