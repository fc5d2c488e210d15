"""The quota ledger: what all pods of one vendor account have used today, in one small object of the lake.

Quotas a day (calls, bytes) belong to the account, and pods that run at once know nothing of one another. So each reserves
here before it spends, by a conditional write, and settles afterwards what it really spent. What was reserved and never settled,
by a pod that was killed, counts as spent until midnight, when the day begins from zero. The ledger never says less than what was
spent through it; where a killed pod or a lost answer leaves a doubt, it says more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import Annotated, Self
from zoneinfo import ZoneInfo

import msgspec
import tenacity
from msgspec.structs import replace

from transload.errors import ConfigError, LakeUnavailable, QuotaExhausted
from transload.lake import Lake, PreconditionFailed, Stored, put_once
from transload.window import iso

FORMAT = 1
# How often a change is tried anew after another pod's: half a minute in all.
TRIES = 40
_BACK_OFF = tenacity.wait_random_exponential(multiplier=0.02, max=2)

# A ledger whose day begins later than this by our clock was not written by a clock that is right, or not in our zone.
CLOCK_TOLERANCE = timedelta(hours=1)
# What a vendor says was used today may, so soon after midnight, still be said of yesterday.
OBSERVED_AFTER = timedelta(minutes=5)

Count = Annotated[int, msgspec.Meta(ge=0)]


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger as stored: by counter what was used on a day, and by its id what each open reservation holds.

    Reservations stand apart, by id, so that a write whose answer was lost is recognised, and never made twice.
    """

    format: int = FORMAT
    day: date
    used: dict[str, Count] = {}
    open: dict[str, dict[str, Count]] = {}

    def counted(self, counter: str) -> int:
        """What was used, and all that is reserved."""
        return self.used.get(counter, 0) + sum(held.get(counter, 0) for held in self.open.values())

    def settled(self, reservation: str, spent: Mapping[str, int]) -> Day:
        """The day without a reservation, and with what was spent of it."""
        used = self.used | {counter: self.used.get(counter, 0) + n for counter, n in spent.items() if n}
        return replace(self, used=used, open={one: held for one, held in self.open.items() if one != reservation})


class _Format(msgspec.Struct):
    format: int


def read(data: bytes, key: str) -> Day:
    """Read a ledger.

    Raises:
        ConfigError: it was written by a newer release.
        LakeUnavailable: it is not what Transload writes (empty, damaged, or another program's).
    """
    try:
        found = msgspec.json.decode(data, type=_Format).format
        if found > FORMAT:
            raise ConfigError(
                f"{key} has format {found}, this release reads up to {FORMAT}: use the release that wrote it, or a newer"
            )
        return msgspec.json.decode(data, type=Day)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LakeUnavailable(
            f"{key} cannot be read as a quota ledger: {error}; restore it, or move it away: today is then counted from zero"
        ) from error


def write(day: Day) -> bytes:
    """One line of JSON with its newline."""
    return msgspec.json.encode(day) + b"\n"


_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def ledger_key(source: str, account: str) -> str:
    """The key of an account's ledger.

    Args:
        source: the CLI's name.
        account: what the vendor counts by, such as ``123-ABC-456``. One that makes no good key is shortened to what does, and
            told from others by a hash.

    Raises:
        ConfigError: the account has no name.
    """
    if not account.strip():
        raise ConfigError(f"{source}: the account, whose quota is to be kept, has no name")
    if not _PLAIN.fullmatch(account):
        plain = re.sub(r"[^A-Za-z0-9]+", "-", account).strip("-")[:40]
        account = f"{plain or 'account'}-{hashlib.sha256(account.encode()).hexdigest()[:12]}"
    return f"{source}/_quota/{account}.json"


class Reservation:
    """What was reserved. As a context manager it is settled in full at the end of a block that did not settle it.

    A block that raises is not settled: who knows what it spent, and the reservation counts in full as it is.
    """

    def __init__(self, ledger: QuotaLedger, name: str, day: date, amounts: Mapping[str, int]) -> None:
        self._ledger, self._settled = ledger, False
        self.name, self.day, self.amounts = name, day, amounts
        #: whether the ledger was seen to hold it while it was being settled
        self.seen = False

    def settle(self, **actual: int) -> None:
        """Say what was really spent: less than reserved, or more. The first time counts; after an error, call it again.

        Behind midnight it is the new day that this counts for: what was spent before and after cannot be told apart.

        Args:
            actual: by counter; one that is not given was spent as reserved.

        Raises:
            LakeUnavailable: the ledger cannot be written: the reservation still counts in full.
            ValueError: a counter without a limit, or less than nothing.
        """
        if not self._settled:
            self._ledger.settle(self, {**self.amounts, **actual}, carry=True)
            self._settled = True

    def release(self) -> None:
        """Give all of it back: nothing was spent. Raises as ``settle`` does."""
        self.settle(**dict.fromkeys(self.amounts, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.settle()


class QuotaLedger:
    """One account's ledger, as one pod sees it; safe to use from many threads.

    Args:
        lake: where.
        key: as ``ledger_key`` makes it.
        limits: what the vendor allows a day, by counter.
        zone: in which the vendor's day begins at midnight.
        clock: gives the aware present.
        reserve_percent: of each limit that is left to other integrations.
        fencing: whether writes are conditional; without, pods that reserve at once may overlook each other's reservations.
        sleep: waits some seconds for another pod's write; what it raises ends the wait.
    """

    def __init__(
        self,
        lake: Lake,
        key: str,
        limits: Mapping[str, int],
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        *,
        reserve_percent: int = 20,
        fencing: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not 0 <= reserve_percent < 100:
            raise ValueError(f"{reserve_percent} % cannot be left to others: 0 to 99")
        self._lake, self._key, self._zone, self._clock = lake, key, zone, clock
        self._limits, self._reserve_percent = dict(limits), reserve_percent
        self._fencing, self._sleep = fencing, sleep
        self._last: Day | None = None

    def reserve(self, **amounts: int) -> Reservation:
        """Reserve before spending, all of it or nothing.

        Args:
            amounts: by counter.

        Raises:
            QuotaExhausted: not so much is left of our share today; ``retry_at`` is the next midnight of the zone.
            ConfigError: more than our share of a whole day; or the ledger is a newer release's, or this clock is wrong.
            LakeUnavailable: the ledger cannot be read or written, or other pods write it all the time.
            ValueError: a counter without a limit, or nothing to reserve.
        """
        self._check(amounts)
        if not any(amounts.values()):
            raise ValueError("nothing to reserve")
        for counter, amount in amounts.items():
            if amount > self._share(counter):
                raise self._never(counter, amount)
        name = _new_name()

        def change(day: Day) -> Day:
            if name in day.open:
                return day  # written by an earlier try, whose answer was lost
            for counter, amount in amounts.items():
                if day.counted(counter) + amount > self._share(counter):
                    raise self._exhausted(day, counter, amount)
            return replace(day, open={**day.open, name: amounts})

        return Reservation(self, name, self._change(change).day, amounts)

    def reserve_up_to(
        self, counter: str, amount: int, *, after: Reservation | None = None, spent: int = 0
    ) -> Reservation:
        """Reserve what is left of one counter, at most ``amount`` and at least 1, and settle what came before with the same write.

        Args:
            counter: of the limits.
            amount: at most so much.
            after: an earlier reservation of the counter. Behind midnight it is forgotten: all of it was spent on the day before.
            spent: what was spent of that.

        Raises:
            QuotaExhausted: nothing is left of our share today; ``retry_at`` is the next midnight of the zone.
            ConfigError, LakeUnavailable, ValueError: as ``reserve``.
        """
        self._check({counter: amount})
        if not self._share(counter):
            raise self._never(counter, 1)
        name = _new_name()

        def change(day: Day) -> Day:
            if name in day.open:
                return day
            if after is not None and after.day == day.day:
                day = day.settled(after.name, {counter: spent})
            room = min(amount, self._share(counter) - day.counted(counter))
            if room <= 0:
                raise self._exhausted(day, counter, 1)
            return replace(day, open={**day.open, name: {counter: room}})

        day = self._change(change)
        return Reservation(self, name, day.day, day.open[name])

    def settle(self, reservation: Reservation, spent: Mapping[str, int], *, carry: bool) -> None:
        """Replace a reservation by what was spent of it: what ``Reservation.settle`` does.

        Args:
            reservation: of this ledger.
            spent: by counter.
            carry: whether it counts for the new day when the day has changed since it was made.
        """
        self._check(spent)

        def change(day: Day) -> Day:
            if reservation.name not in day.open and (reservation.seen or (day.day != reservation.day and not carry)):
                return day  # written by an earlier try, whose answer was lost; or of a day that is over
            # One that is not there on the first look was of yesterday, or the ledger was moved away. It counts, and should an
            # answer be lost just then, it counts twice rather than not at all.
            reservation.seen = reservation.name in day.open
            return day.settled(reservation.name, spent)

        self._change(change)

    def observe(self, **used: int) -> None:
        """Take what the vendor says was used today, by everybody, where that is more than the ledger knows.

        What is reserved counts on top, although some of it may be in the vendor's figure already. Within five minutes of midnight
        nothing is taken: it may be said of yesterday. A vendor that refuses for its quota has used all of the limit.

        Args:
            used: by counter.

        Raises:
            ConfigError, LakeUnavailable, ValueError: as ``reserve``.
        """
        self._check(used)

        def change(day: Day) -> Day:
            if self._clock() < self._midnight(day.day) + OBSERVED_AFTER:
                return day
            more = {counter: n for counter, n in used.items() if n > day.used.get(counter, 0)}
            return replace(day, used=day.used | more)

        self._change(change)

    def used(self) -> dict[str, int]:
        """What counts as used today, open reservations in full, by counter. Reads the ledger; raises as ``reserve`` does."""
        day = self._look()
        return {counter: day.counted(counter) for counter in self._limits}

    def left(self) -> dict[str, int]:
        """What is left of our share today, by counter. Reads the ledger; raises as ``reserve`` does."""
        return self._left(self._look())

    def last_left(self) -> dict[str, int]:
        """What was left when this pod last read or wrote the ledger; empty before that. Costs no request."""
        day = self._last
        return {} if day is None else self._left(day)

    def today(self) -> date:
        """The date in the vendor's zone, by this machine's clock."""
        return self._clock().astimezone(self._zone).date()

    def _look(self) -> Day:
        self._last = self._current(self._lake.get(self._key))
        return self._last

    def _change(self, change: Callable[[Day], Day]) -> Day:
        """Write what ``change`` makes of the ledger; again on what another pod made of it, when that came first."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PreconditionFailed),
            stop=tenacity.stop_after_attempt(TRIES),
            wait=_BACK_OFF,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            day: Day = retrying(self._change_once, change)
        except PreconditionFailed:
            raise LakeUnavailable(
                f"{self._key}: other pods changed this quota ledger before each of {TRIES} tries to write it; "
                "let fewer of them run at once, and run the same command again"
            ) from None
        return day

    def _change_once(self, change: Callable[[Day], Day]) -> Day:
        stored = self._lake.get(self._key)
        found = self._current(stored)
        changed = change(found)
        if changed != found:
            put_once(self._lake, self._key, write(changed), etag=stored.etag if stored else None, fencing=self._fencing)
        self._last = changed
        return changed

    def _current(self, stored: Stored | None) -> Day:
        """The ledger of today; of the day after, where a pod whose clock is ahead of ours has begun that already."""
        today = self.today()
        found = read(stored.data, self._key) if stored is not None else None
        if found is None or found.day < today:
            return Day(day=today)
        begins, now = self._midnight(found.day), self._clock()
        if begins > now + CLOCK_TOLERANCE:
            raise ConfigError(
                f"{self._key} is of {found.day}, which in {self._zone.key} has not begun by this machine's clock "
                f"({iso(now.astimezone(UTC))}): set the clock right; if it was another's that was wrong, move the object away"
            )
        return found

    def _midnight(self, day: date) -> datetime:
        """When a day begins in the zone, whatever its clocks do in that night."""
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)

    def _share(self, counter: str) -> int:
        return self._limits[counter] * (100 - self._reserve_percent) // 100

    def _left(self, day: Day) -> dict[str, int]:
        if day.day < self.today():
            day = Day(day=self.today())
        return {counter: max(0, self._share(counter) - day.counted(counter)) for counter in self._limits}

    def _check(self, amounts: Mapping[str, int]) -> None:
        for counter, amount in amounts.items():
            if counter not in self._limits or amount < 0:
                raise ValueError(f"{counter}={amount}: the counters are {', '.join(self._limits)}, from 0 on")

    def _never(self, counter: str, amount: int) -> ConfigError:
        return ConfigError(
            f"{amount:,} {counter} are needed at once, and {self._share(counter):,} are our share of a whole day "
            f"({100 - self._reserve_percent} % of {self._limits[counter]:,}): cut the window into shorter ones, "
            "leave less to other integrations, or ask the vendor for a larger quota"
        )

    def _exhausted(self, day: Day, counter: str, amount: int) -> QuotaExhausted:
        retry_at = self._midnight(day.day + timedelta(days=1))
        return QuotaExhausted(
            f"{day.counted(counter):,} of {self._limits[counter]:,} {counter} of {day.day} are used or reserved, {amount:,} more "
            f"are needed, and {self._reserve_percent} % are left to other integrations. "
            f"Run the same command again after {iso(retry_at)}; it goes on from its checkpoint",
            retry_at,
        )


def _new_name() -> str:
    return secrets.token_hex(6)
