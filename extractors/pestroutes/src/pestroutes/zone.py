"""Windows of UTC as the account's own clock reads them: timestamps that carry no zone (sources/pestroutes.md §5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_SECOND = timedelta(seconds=1)


def local_span(since: datetime, until: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The first and the last wall-clock second that a clock in ``zone`` shows in ``[since, until)``.

    In autumn, when an hour is shown twice, the span covers every reading of the window: it may take in records of the other
    pass through that hour, and it never leaves one out. In spring the hour that is not shown is simply not there.

    Args:
        since: aware, to the second.
        until: aware, to the second, after ``since``.
        zone: the account's.

    Returns:
        Both ends, inclusive, without zone.
    """
    first, last = _wall(since, zone), _wall(until - _SECOND, zone)
    # Where the clock is set back inside the window, the readings on both sides of that moment are the extremes.
    for before in _set_back(since, until, zone):
        last = max(last, _wall(before, zone))
        first = min(first, _wall(before + _SECOND, zone))
    return first, last


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _set_back(since: datetime, until: datetime, zone: tzinfo) -> list[datetime]:
    """The last seconds before the clock is set back, within the first and the last two days of a window.

    Further inside, the extremes of the readings are at the window's ends: a clock is set back by an hour or two only.
    """
    margin = timedelta(days=2)
    if until - since <= 2 * margin:
        return _changes(since, until, zone)
    return [*_changes(since, since + margin, zone), *_changes(until - margin, until, zone)]


def _changes(since: datetime, until: datetime, zone: tzinfo) -> list[datetime]:
    found: list[datetime] = []
    low = since.astimezone(UTC)
    end = until.astimezone(UTC) - _SECOND
    while low < end:
        high = min(low + timedelta(hours=1), end)
        if _offset(high, zone) < _offset(low, zone):
            found.append(_last_before(low, high, zone))
        low = high
    return found


def _last_before(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    while high - low > _SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if _offset(middle, zone) < _offset(low, zone):
            high = middle
        else:
            low = middle
    return low


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
