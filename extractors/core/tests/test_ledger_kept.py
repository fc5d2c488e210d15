"""The quota ledger as it is kept: answers that are lost, pods that write all the time, other formats, damage, keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from extractors.core.tests.ledger_kit import CHICAGO, KEY, LIMITS, Clock, MemoryLake, stored
from transload.allowance import Allowance
from transload.errors import ConfigError, Interrupted, LakeUnavailable
from transload.lake import Lake, PreconditionFailed, Stored
from transload.layout import StreamKeys
from transload.ledger import TRIES, QuotaLedger, Reservation, ledger_key
from transload.prune import prune_stream

both_lakes = pytest.mark.parametrize("lake_url", ["directory", "s3"], indirect=True)


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
