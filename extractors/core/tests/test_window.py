"""Windows: half-open spans in UTC, and their names in the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transload.errors import UsageError
from transload.window import Window, iso, moment

moments = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
JANUARY_30, JANUARY_31 = datetime(2026, 1, 30, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "name"),
    [
        (Window("incremental", JANUARY_30, JANUARY_31), "20260130T000000Z-20260131T000000Z"),
        (Window("full", None, JANUARY_31), "full-20260131T000000Z"),
        (Window("sample", None, JANUARY_31), "sample-20260131T000000Z"),
    ],
)
def test_a_window_is_named_as_the_contract_says(window: Window, name: str) -> None:
    assert window.name == name
    assert Window.parse(name) == window


@given(since=moments, until=moments)
def test_every_name_is_read_back_as_the_window_it_names(since: datetime, until: datetime) -> None:
    if since < until:
        window = Window("incremental", since, until)
        assert Window.parse(window.name) == window
    full = Window("full", None, until)
    assert Window.parse(full.name) == full


@pytest.mark.parametrize(
    "name", ["compacted-2026", "", "full-", "20260130T000000Z", "20260130T000000Z-20260131T000000Z.x"]
)
def test_a_name_that_is_no_windows_is_none(name: str) -> None:
    assert Window.parse(name) is None


@pytest.mark.parametrize("until", [JANUARY_30, JANUARY_30 - timedelta(seconds=1)])
def test_a_window_that_does_not_begin_before_its_end_is_refused(until: datetime) -> None:
    with pytest.raises(UsageError, match=r"since .* is not before until"):
        Window("incremental", JANUARY_30, until)


def test_only_an_incremental_window_has_a_beginning() -> None:
    for mode, since in (("incremental", None), ("full", JANUARY_30), ("sample", JANUARY_30)):
        with pytest.raises(ValueError, match="incremental"):
            Window(mode, since, JANUARY_31)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-30T00:00:00Z",
        "2026-01-30T00:00:00.999Z",
        "2026-01-29T16:00:00-08:00",
        "20260130T000000Z",
        "2026-01-30T01:00+01",
    ],
)
def test_a_moment_is_read_in_any_zone_to_the_second(text: str) -> None:
    assert moment(text, "--since") == JANUARY_30


@pytest.mark.parametrize("text", ["2026-01-30", "2026-01-30T00:00:00"])
def test_a_moment_without_a_zone_is_refused_and_the_message_says_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--until: .*no time zone; write 2026-01-30T00:00:00Z"):
        moment(text, "--until")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "1769731200"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--since: .*ISO 8601"):
        moment(text, "--since")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_moment_that_is_outside_the_calendar_in_utc_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--start: .*between the years 1 and 9999"):
        moment(text, "--start")


@given(value=moments, hours=st.integers(-14, 14))
def test_a_moment_is_written_in_utc_and_read_back(value: datetime, hours: int) -> None:
    elsewhere = value.astimezone(timezone(timedelta(hours=hours)))
    assert iso(elsewhere) == iso(value)
    assert iso(value).endswith("Z")
    assert moment(iso(value), "--since") == value
