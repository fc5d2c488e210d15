"""Windows of UTC as wall clocks read them: nothing of a window is lost, on the days when clocks change as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pestroutes.zone import local_span

PACIFIC = ZoneInfo("America/Los_Angeles")
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
SPRING, AUTUMN = datetime(2026, 3, 8, 10, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC)  # the clock changes
# Half an hour (Lord Howe), two hours (Troll), a day left out (Apia), offsets that are no whole hours, none at all.
ZONES = "America/Los_Angeles Australia/Lord_Howe Antarctica/Troll Pacific/Apia Asia/Kathmandu Europe/London UTC".split()


def wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def near(moment: datetime) -> st.SearchStrategy[datetime]:
    """Moments around one, often within the hour."""
    return st.one_of(st.integers(-7200, 7200), st.integers(-400_000, 400_000)).map(
        lambda seconds: moment + timedelta(seconds=seconds)
    )


moments = st.sampled_from(
    [SPRING, AUTUMN, datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC)]
).flatmap(near)
windows = st.tuples(moments, st.one_of(st.integers(1, 10_000), st.integers(1, 20_000_000))).map(
    lambda one: (one[0], one[0] + timedelta(seconds=one[1]))
)


@settings(max_examples=400, deadline=None)
@given(window=windows, place=st.floats(0, 1), zone=st.sampled_from(ZONES))
@example(window=(AUTUMN - HOUR, AUTUMN + HOUR), place=0.5, zone="America/Los_Angeles")
@example(window=(AUTUMN - SECOND, AUTUMN + SECOND), place=0.0, zone="America/Los_Angeles")
@example(window=(AUTUMN - SECOND, AUTUMN + timedelta(days=90)), place=0.0, zone="America/Los_Angeles")
def test_no_instant_of_a_window_is_outside_its_span(window: tuple[datetime, datetime], place: float, zone: str) -> None:
    since, until = window
    first, last = local_span(since, until, ZoneInfo(zone))
    inside = since + timedelta(seconds=int(place * ((until - since).total_seconds() - 1)))
    around = [
        since,
        until - SECOND,
        inside,
        *(near for change in (SPRING, AUTUMN) for near in (change - SECOND, change)),
    ]
    for moment in around:
        if since <= moment < until:
            assert first <= wall(moment, ZoneInfo(zone)) <= last


@settings(max_examples=100, deadline=None)
@given(start=near(AUTUMN) | near(SPRING), seconds=st.integers(1, 9000))
def test_a_span_is_no_wider_than_the_readings_of_its_window(start: datetime, seconds: int) -> None:
    readings = [wall(start + timedelta(seconds=n), PACIFIC) for n in range(seconds)]
    assert local_span(start, start + timedelta(seconds=seconds), PACIFIC) == (min(readings), max(readings))


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        # An ordinary day: both ends count, so the last second is the one before the end.
        ("2026-01-30T00:00:00+00:00", "2026-01-31T00:00:00+00:00", "2026-01-29 16:00:00", "2026-01-30 15:59:59"),
        # Spring: at 10:00 UTC the clock goes from 01:59:59 to 03:00:00.
        ("2026-03-08T09:30:00+00:00", "2026-03-08T10:30:00+00:00", "2026-03-08 01:30:00", "2026-03-08 03:29:59"),
        # Autumn: at 09:00 UTC the clock goes from 01:59:59 back to 01:00:00.
        ("2026-11-01T08:30:00+00:00", "2026-11-01T09:30:00+00:00", "2026-11-01 01:00:00", "2026-11-01 01:59:59"),
        ("2026-11-01T08:59:59+00:00", "2026-11-01T09:00:01+00:00", "2026-11-01 01:00:00", "2026-11-01 01:59:59"),
        ("2026-11-01T08:59:59+00:00", "2026-11-01T09:00:00+00:00", "2026-11-01 01:59:59", "2026-11-01 01:59:59"),
    ],
)
def test_spans_on_ordinary_days_and_when_clocks_change(since: str, until: str, first: str, last: str) -> None:
    span = local_span(datetime.fromisoformat(since), datetime.fromisoformat(until), PACIFIC)
    assert tuple(str(end) for end in span) == (first, last)


def test_windows_that_meet_have_spans_that_leave_no_second_between_them() -> None:
    moment = AUTUMN - 3 * HOUR
    ends = []
    while moment < AUTUMN + 3 * HOUR:
        ends.append(local_span(moment, moment + timedelta(minutes=20), PACIFIC))
        moment += timedelta(minutes=20)
    for (_, last), (first, _) in pairwise(ends):
        assert first <= last + SECOND
