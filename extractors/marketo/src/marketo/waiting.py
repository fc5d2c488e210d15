"""Waiting for an export: looks at its status that grow rarer, and an end to patience."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from transload.errors import QuotaExhausted, SourceUnavailable
from transload.window import iso

log = logging.getLogger("transload.marketo")

FIRST_LOOK = 1 / 12  # of the usual time between two
SLOWER = 1.5  # each is so many times later than the one before
BACK_IN = timedelta(minutes=15)


class Waiting:
    """How long to wait, and how often to look.

    Args:
        poll: seconds between two looks, in the end; status is renewed once a minute (sources/marketo.md §6).
        deadline: seconds of patience, for one export's work and for room in the queue.
        pause: waits; raises when the run is to end.
        clock: gives the aware present.
    """

    def __init__(
        self, poll: float, deadline: float, pause: Callable[[float], None], clock: Callable[[], datetime]
    ) -> None:
        self._poll, self._deadline, self._pause, self._clock = poll, deadline, pause, clock
        self._status: dict[str, str] = {}
        self._no_room_since: float | None = None

    def looks(self, export: str, *, at_once: bool) -> Iterator[None]:
        """One turn for each look at an export, the first at once or after a short wait.

        Raises:
            SourceUnavailable: patience is at its end.
        """
        began = time.monotonic()
        wait = self._poll * FIRST_LOOK
        if at_once:
            yield
        while True:
            waited = time.monotonic() - began
            if waited + wait > self._deadline:
                raise SourceUnavailable(
                    f"export {export} is still {self._status.get(export, 'on its way')} after {waited:.0f} s (--job-deadline); "
                    "run the same command again: it takes this export up, and starts no other"
                )
            self._pause(wait)
            yield
            wait = min(self._poll, wait * SLOWER)

    def seen(self, export: str, status: str) -> None:
        """Tell of a status, when it is another than the last one."""
        self._no_room_since = None
        if self._status.get(export) != status:
            self._status[export] = status
            log.info("export", extra={"export": export, "status": status})

    def for_room(self, said: str) -> None:
        """Wait once for room in the queue, which other integrations may have filled.

        Raises:
            QuotaExhausted: patience is at its end: it is worth another try in a quarter of an hour.
        """
        now = time.monotonic()
        if self._no_room_since is None:
            self._no_room_since = now
            log.info("the queue of exports is full: waiting", extra={"reason": said})
        if now - self._no_room_since + self._poll > self._deadline:
            retry_at = self._clock() + BACK_IN
            error = QuotaExhausted(
                f"Marketo's queue of exports has been full for {now - self._no_room_since:.0f} s (--job-deadline; {said!r}). "
                f"Run the same command again after {iso(retry_at)}; it goes on from its checkpoint",
                retry_at,
            )
            error.ends_run = False
            raise error
        self._pause(self._poll)
