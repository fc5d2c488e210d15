"""Which window a run takes. It is read from the commit records: there is no second store to disagree with them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from transload.errors import UsageError
from transload.lake import Lake
from transload.layout import StreamKeys, committed_windows, open_checkpoints
from transload.window import Mode, Window, iso

log = logging.getLogger(__name__)

# How far a window's end may lie ahead of this machine's clock: two machines never agree to the second.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for.

    Args:
        mode: ``incremental``, ``full`` (also what a stream without a cursor has), or ``sample``.
        since: the window's beginning; None to read it from the commit records.
        until: its end; None for now.
        start: where the very first incremental window begins.
        now: this machine's clock.
    """

    mode: Mode
    since: datetime | None
    until: datetime | None
    start: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Chosen:
    """The window to load.

    Args:
        window: which.
        implicit: whether the user left its end open.
        earlier: whether it is an open one from the same beginning, behind which there is more to load.
        committed: the windows that are committed, where they were looked at: of ten thousand loads that costs ten requests.
    """

    window: Window
    implicit: bool
    earlier: bool = False
    committed: Sequence[Window] | None = field(default=None, compare=False, repr=False)


def choose_window(lake: Lake, keys: StreamKeys, asked: Asked, look_back: timedelta) -> Chosen:
    """Choose a run's window by the table of design page section 2.

    A window that is not given begins where the newest one before its end does end. What lies behind that and is in no
    committed window is not loaded, but named in a warning. What a clock that ran ahead has left unread cannot be seen here:
    its window's name covers changes that were still to come (``extract`` refuses such a clock where the lake shows it).

    Raises:
        UsageError: the window is empty, or ends in the future.
    """
    now = asked.now.replace(microsecond=0)
    until = asked.until or now
    if until > now + CLOCK_TOLERANCE:
        raise UsageError(
            f"until ({iso(until)}) lies ahead of this machine's clock ({iso(now)}): only a window that is over can be loaded"
        )
    if asked.mode == "sample":
        return Chosen(Window("sample", None, until), implicit=False)
    if asked.mode == "incremental" and asked.since is not None:
        return Chosen(Window("incremental", asked.since, until), implicit=False)
    committed = list(committed_windows(lake, keys))
    return replace(_choose(lake, keys, asked, until, look_back, committed), committed=committed)


def _choose(
    lake: Lake, keys: StreamKeys, asked: Asked, until: datetime, look_back: timedelta, committed: list[Window]
) -> Chosen:
    implicit = asked.until is None and asked.since is None
    if implicit:
        left = _left_behind(lake, keys, asked.mode, committed)
        if left is not None:
            return Chosen(left, implicit=True)
    if asked.mode == "full":
        return Chosen(Window("full", None, until), implicit)
    if not implicit:
        known = _known_end(lake, keys, until, committed)
        if known is not None:
            return Chosen(known, implicit=False)
    window = _next(committed, until, asked.start, look_back)
    begun = None if implicit else _begun(lake, keys, window, committed)
    return Chosen(begun or window, implicit, earlier=begun is not None)


def _next(committed: list[Window], until: datetime, start: datetime, look_back: timedelta) -> Window:
    # Only ends before this one count: after a clock that ran ahead, or was set back, windows still join. What changed in the
    # time that it was ahead stays unread until that window is loaded again.
    earlier = [window.until for window in committed if window.mode != "sample" and window.until < until]
    since = max(earlier) - look_back if earlier else start
    for end, begin in _holes(committed):
        # One that this window reaches into is being loaded now; one beyond it is a later run's.
        if end < since:
            said = f"nothing is committed between {iso(end)} and {iso(begin)}"
            log.warning("%s: load it with --since %s --until %s", said, iso(end), iso(begin))
    return Window("incremental", since, until)


def _holes(committed: list[Window]) -> list[tuple[datetime, datetime]]:
    """What lies between committed windows and in none of them; a full load stands for everything up to its end."""
    always = datetime.min.replace(tzinfo=UTC)
    covers = sorted((window.since or always, window.until) for window in committed if window.mode != "sample")
    holes: list[tuple[datetime, datetime]] = []
    covered = covers[0][1] if covers else always
    for since, until in covers:
        if covered < since:
            holes.append((covered, since))
        covered = max(covered, until)
    return holes


def _known_end(lake: Lake, keys: StreamKeys, until: datetime, committed: list[Window]) -> Window | None:
    """The window that is committed, or else open, with this end; of several the longest."""
    known = [window for window in committed if window.mode == "incremental" and window.until == until]
    if not known:
        known = [
            Window("incremental", checkpoint.since, checkpoint.until)
            for _, checkpoint in open_checkpoints(lake, keys)
            if checkpoint.mode == "incremental" and checkpoint.until == until
        ]
    return min(known, key=lambda window: window.since or until, default=None)


def _begun(lake: Lake, keys: StreamKeys, window: Window, committed: list[Window]) -> Window | None:
    """The newest open window with this beginning and an earlier end, which a run that was due before began."""
    begun = [
        Window("incremental", checkpoint.since, checkpoint.until)
        for _, checkpoint in open_checkpoints(lake, keys)
        if checkpoint.mode == "incremental" and checkpoint.since == window.since and checkpoint.until < window.until
    ]
    return max((one for one in begun if one not in committed), key=lambda one: one.until, default=None)


def _left_behind(lake: Lake, keys: StreamKeys, mode: Mode, committed: list[Window]) -> Window | None:
    """The newest window that a run without --until left open, unless it or later ones are committed."""
    newest = max((window.until for window in committed if window.mode == mode), default=None)
    left = [
        Window(mode, checkpoint.since, checkpoint.until)
        for _, checkpoint in open_checkpoints(lake, keys)
        if checkpoint.implicit and checkpoint.mode == mode and (newest is None or checkpoint.until >= newest)
    ]
    # One that is committed as well has only not lost its checkpoint yet.
    left = [window for window in left if window not in committed]
    return max(left, key=lambda window: window.until, default=None)
