"""An allowance: single units of a quota, drawn from the account's ledger in chunks."""

from __future__ import annotations

import logging
import threading
from typing import Self

from transload.errors import TransloadError
from transload.ledger import QuotaLedger, Reservation

log = logging.getLogger(__name__)


class Allowance:
    """Hands out single units of one counter, drawn from the ledger in chunks: one write a chunk. Safe to use from many threads.

    Args:
        ledger: of the account.
        counter: of the ledger's limits.
        chunk: units a write. A pod that is killed takes the rest of its chunk with it, until midnight.
    """

    def __init__(self, ledger: QuotaLedger, counter: str, chunk: int = 50) -> None:
        if chunk < 1:
            raise ValueError(f"a chunk of {chunk} hands out nothing")
        self._ledger, self._counter, self._chunk = ledger, counter, chunk
        self._lock = threading.Lock()
        self._held: Reservation | None = None
        self._rest = 0
        self._closed = False

    def take(self) -> None:
        """Take one unit, before it is spent.

        Raises:
            QuotaExhausted: nothing is left of our share today.
            ConfigError, LakeUnavailable: as ``QuotaLedger.reserve``.
            RuntimeError: it is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("this allowance is closed: what is taken now would never be settled")
            if self._rest == 0 or (self._held is not None and self._held.day < self._ledger.today()):
                self._held = self._ledger.reserve_up_to(
                    self._counter, self._chunk, after=self._held, spent=self._handed_out()
                )
                self._rest = self._held.amounts[self._counter]
            self._rest -= 1

    def close(self) -> None:
        """Give back what was not handed out. Should that fail, it counts as used until midnight, and the run is none the worse."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._held is None:
                return
            try:
                self._ledger.settle(self._held, {self._counter: self._handed_out()}, carry=False)
            except TransloadError as error:
                log.warning(
                    "the rest of the quota's chunk could not be given back: it counts as used until midnight",
                    extra={"counter": self._counter, "rest": self._rest, "reason": str(error)},
                )

    def _handed_out(self) -> int:
        return self._held.amounts[self._counter] - self._rest if self._held else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
