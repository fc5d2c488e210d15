"""The day's megabytes of exports: reserved for each export before it is started, by what the last ones took."""

from __future__ import annotations

from typing import Any

from marketo.plan import Piece, Plan
from marketo.state import Held
from transload.errors import ConfigError, QuotaExhausted
from transload.ledger import QuotaLedger, Reservation

GUESS = 20_000_000  # bytes of an export of which nothing is known
MARGIN = 1.3  # more than the rate of the last one
LEAST = 10_000  # bytes
GROWTH = 4  # how much heavier an export may be than the last one


class Megabytes:
    """What a load may export today.

    Args:
        ledger: of the account.
    """

    def __init__(self, ledger: QuotaLedger) -> None:
        self._ledger = ledger

    def reserve(
        self, plan: Plan, mark: Any, rate: float | None, weight: float | None
    ) -> tuple[Piece, Reservation] | None:
        """The next piece that the day has room for, halved as often as it takes; None behind the last piece.

        Args:
            plan: gives the pieces.
            mark: where the piece begins.
            rate: bytes a weight; None if nothing is known yet. Then the piece is a small one, and shows it.
            weight: of the export that the rate is of: what is much longer may be unlike it.

        Raises:
            QuotaExhausted: there is no room even for the least piece.
            ConfigError: there is none on any day.
        """
        piece = plan.piece(mark, plan.probe if rate is None or weight is None else weight * GROWTH)
        while piece is not None:
            try:
                if rate is None:
                    return piece, self._ledger.reserve_up_to("export_bytes", GUESS)
                return piece, self._ledger.reserve(export_bytes=int(rate * piece.weight * MARGIN) + LEAST)
            except (QuotaExhausted, ConfigError) as error:
                smaller = plan.piece(mark, piece.weight / 2)
                if rate is None or smaller is None or smaller.weight >= piece.weight:
                    # Streams that are read over REST can go on.
                    error.ends_run = False
                    raise
                piece = smaller
        return None

    def kept(self, reservation: Reservation) -> Held:
        """A reservation as a checkpoint keeps it."""
        return Held(reservation.name, reservation.day, reservation.amounts["export_bytes"])

    def settle(self, held: Held | None, size: int) -> None:
        """Say what an export really took."""
        if held is not None:
            held.reservation(self._ledger).settle(export_bytes=size)

    def is_of_today(self, held: Held | None) -> bool:
        """Whether a reservation still counts."""
        return held is not None and held.day >= self._ledger.today()

    def again(self, held: Held | None, size: int | None = None) -> Held:
        """Reserve anew for an export that is to be made or started again.

        Args:
            held: what was reserved for it.
            size: of its file, if that is known.

        Raises:
            QuotaExhausted: not so much is left today.
        """
        amount = size or (held.bytes if held else GUESS)
        try:
            return self.kept(self._ledger.reserve(export_bytes=max(LEAST, amount)))
        except QuotaExhausted as error:
            error.ends_run = False
            raise
