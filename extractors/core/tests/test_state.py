"""Which window a run takes: the table of the design page, section 2, and that no order of runs leaves a gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transload.errors import UsageError
from transload.lake import ObjectInfo, Stored
from transload.layout import StreamKeys
from transload.records import Checkpoint, CommitRecord, UnknownFields, write
from transload.state import Asked, Chosen, choose_window
from transload.window import Mode, Window, iso

KEYS = StreamKeys("source", "stream")
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def at(day: float) -> datetime:
    """A moment so many days after the start."""
    return START + timedelta(days=day)


def span(since: float, until: float) -> Window:
    return Window("incremental", at(since), at(until))


@dataclass
class MemoryLake:
    """As much of a lake as choosing a window needs: commit records and checkpoints."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for key, data in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield ObjectInfo(key, len(data), NOW)

    def get(self, key: str) -> Stored | None:
        data = self.objects.get(key)
        return None if data is None else Stored(data, "")

    def commit(self, *windows: Window) -> MemoryLake:
        for window in windows:
            self.objects[KEYS.commit(window)] = write(commit_record(window))
            self.objects.pop(KEYS.checkpoint(window), None)
        return self

    def compact(self, *windows: Window) -> MemoryLake:
        self.objects[f"{KEYS.loads}compacted.json"] = b"".join(write(commit_record(window)) for window in windows)
        return self

    def leave_open(self, window: Window, *, implicit: bool = False) -> MemoryLake:
        self.objects[KEYS.checkpoint(window)] = write(checkpoint(window, implicit))
        return self


def common(window: Window) -> dict[str, Any]:
    return {
        "source": "source", "stream": "stream", "mode": window.mode, "window": window.name, "since": window.since,
        "until": window.until, "load_id": "20260101T000000000Z-abcdef", "attempt": 1, "started_at": START, "raw_bytes": 0,
        "quarantined": 0, "parts": [],
    }  # fmt: skip


def commit_record(window: Window) -> CommitRecord:
    return CommitRecord(
        **common(window), committed_at=START, records=0, bytes=0, cursor=None, schema="", version="",
        unknown_fields=UnknownFields("", []),
    )  # fmt: skip


def checkpoint(window: Window, implicit: bool) -> Checkpoint:
    return Checkpoint(
        **common(window), owner="", identity="", implicit=implicit, updated_at=START, quarantine_parts=0, token=None,
        cursor_max=None, unknown_fields=[],
    )  # fmt: skip


def choose(
    lake: MemoryLake,
    *,
    mode: Mode = "incremental",
    since: datetime | None = None,
    until: datetime | None = None,
    now: datetime = NOW,
    look_back: float = 0,
) -> Chosen:
    return choose_window(lake, KEYS, Asked(mode, since, until, START, now), timedelta(days=look_back))  # type: ignore[arg-type]


def test_since_and_until_are_the_window_whatever_is_committed() -> None:
    lake = MemoryLake().commit(span(0, 9)).leave_open(span(3, 5))
    assert choose(lake, since=at(2), until=at(5)).window == span(2, 5)


def test_the_first_window_begins_at_start() -> None:
    assert choose(MemoryLake(), until=at(7)).window == span(0, 7)
    assert choose(MemoryLake()).window == Window("incremental", START, NOW)


def test_the_next_window_begins_where_the_newest_one_ends() -> None:
    assert choose(MemoryLake().commit(span(0, 3), span(3, 7)), until=at(9)).window == span(7, 9)


def test_the_look_back_reaches_behind_the_newest_end_but_not_behind_a_given_beginning() -> None:
    lake = MemoryLake().commit(span(0, 7))
    assert choose(lake, until=at(9), look_back=0.5).window == span(6.5, 9)
    assert choose(lake, since=at(7), until=at(9), look_back=0.5).window == span(7, 9)
    assert choose(MemoryLake(), until=at(9), look_back=0.5).window == span(0, 9)


def test_a_backfilled_window_never_moves_the_next_one_backwards() -> None:
    lake = MemoryLake().commit(span(0, 7), span(2, 4))
    assert choose(lake, until=at(9)).window == span(7, 9)


def test_a_committed_end_is_replayed_as_it_was() -> None:
    lake = MemoryLake().commit(span(0, 3), span(3, 7), span(7, 9)).leave_open(span(5, 7))
    assert choose(lake, until=at(7), look_back=1).window == span(3, 7)


def test_of_several_windows_with_one_end_the_longest_is_replayed() -> None:
    assert choose(MemoryLake().commit(span(3, 7), span(6, 7), span(5, 7)), until=at(7)).window == span(3, 7)


def test_an_open_window_with_this_end_goes_on_though_later_ones_are_committed() -> None:
    lake = MemoryLake().commit(span(0, 3), span(3, 9)).leave_open(span(1, 7))
    assert choose(lake, until=at(7)).window == span(1, 7)


def test_a_run_without_an_end_goes_on_with_what_one_like_it_left_open() -> None:
    lake = MemoryLake().commit(span(0, 3)).leave_open(span(3, 7), implicit=True)
    assert choose(lake) == Chosen(span(3, 7), implicit=True)


def test_a_run_without_an_end_leaves_alone_what_one_with_an_end_left_open() -> None:
    lake = MemoryLake().commit(span(0, 3)).leave_open(span(3, 7))
    assert choose(lake) == Chosen(Window("incremental", at(3), NOW), implicit=True)


def test_what_was_left_open_is_forgotten_once_a_later_window_is_committed() -> None:
    lake = MemoryLake().commit(span(0, 9)).leave_open(span(3, 7), implicit=True)
    assert choose(lake).window == Window("incremental", at(9), NOW)


def test_a_run_with_an_end_is_not_implicit() -> None:
    assert choose(MemoryLake(), until=at(7)).implicit is False
    assert choose(MemoryLake(), since=at(7)).implicit is False
    assert choose(MemoryLake()).implicit is True


def test_a_full_load_is_of_everything_as_of_its_end() -> None:
    lake = MemoryLake().commit(span(0, 9))
    assert choose(lake, mode="full", until=at(7)).window == Window("full", None, at(7))
    assert choose(lake, mode="full").window == Window("full", None, NOW)


def test_an_open_full_load_goes_on_but_not_as_an_incremental_one() -> None:
    full = Window("full", None, at(7))
    lake = MemoryLake().leave_open(full, implicit=True)
    assert choose(lake, mode="full").window == full
    assert choose(lake).window == Window("incremental", START, NOW)


def test_after_a_full_load_changes_are_taken_from_its_moment_on() -> None:
    assert choose(MemoryLake().commit(Window("full", None, at(7))), until=at(9)).window == span(7, 9)


def test_a_sample_neither_replays_nor_moves_anything() -> None:
    lake = MemoryLake().commit(span(0, 3), Window("sample", None, at(7)))
    assert choose(lake, mode="sample", until=at(7)).window == Window("sample", None, at(7))
    assert choose(lake, until=at(9)).window == span(3, 9)


def test_windows_in_a_compacted_file_count_like_any_other() -> None:
    lake = MemoryLake().compact(span(0, 3), span(3, 7)).commit(span(7, 8))
    assert choose(lake, until=at(9)).window == span(8, 9)
    assert choose(lake, until=at(7)).window == span(3, 7)


def test_an_end_ahead_of_the_clock_is_refused() -> None:
    for mode in ("incremental", "full", "sample"):
        with pytest.raises(UsageError, match="ahead of this machine's clock"):
            choose(MemoryLake(), mode=mode, until=NOW + timedelta(minutes=6))  # type: ignore[arg-type]
    assert choose(MemoryLake(), until=NOW + timedelta(minutes=4)).window.until == NOW + timedelta(minutes=4)


def test_a_clock_that_ran_ahead_leaves_no_gap_between_the_windows_when_it_is_right_again() -> None:
    """What changes between day 10 and day 50 is unread all the same: extract refuses a clock that differs from the lake's."""
    ahead = choose(MemoryLake(), now=at(50)).window
    lake = MemoryLake().commit(ahead)
    back = choose(lake, now=at(10)).window
    assert back == span(0, 10)
    assert choose(lake.commit(back), now=at(60)).window == span(50, 60)


FULL = Window("full", None, at(2))


@pytest.mark.parametrize(
    ("windows", "until", "holes"),
    [
        ([span(0, 3), span(3, 7)], 9, []),
        ([span(0, 3), span(2, 7)], 9, []),
        ([span(0, 3), span(5, 7)], 9, [(3, 5)]),
        ([span(0, 3), span(5, 7), span(6, 8), span(8.5, 9)], 9.5, [(3, 5), (8, 8.5)]),
        ([span(0, 3), span(5, 7), span(2, 6)], 9, []),
        # A full load stands for everything up to its end.
        ([FULL, span(2, 7)], 9, []),
        ([span(0, 1), FULL, span(3, 7)], 9, [(2, 3)]),
        # What is committed beyond the end counts as well, and what this run loads itself is no hole.
        ([span(0, 3), span(1, 9), span(5, 7)], 8, []),
        ([span(0, 3), span(6, 9)], 5, []),
        # A sample stands for nothing.
        ([span(0, 3), Window("sample", None, at(4)), span(5, 7)], 9, [(3, 5)]),
    ],
)
def test_a_hole_behind_the_chosen_window_is_named(
    windows: list[Window], until: float, holes: list[tuple[float, float]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", "transload"):
        choose(MemoryLake().commit(*windows), until=at(until))
    assert [said.getMessage() for said in caplog.records] == [
        f"nothing is committed between {iso(at(end))} and {iso(at(begin))}: "
        f"load it with --since {iso(at(end))} --until {iso(at(begin))}"
        for end, begin in holes
    ]


def test_a_hole_that_the_look_back_reaches_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "transload"):
        chosen = choose(MemoryLake().commit(span(0, 3), span(5, 7)), until=at(9), look_back=4)
    assert chosen.window == span(3, 9)
    assert caplog.records == []


def test_an_open_load_whose_window_is_committed_is_not_gone_on_with() -> None:
    """Its checkpoint could not be removed after the commit."""
    lake = MemoryLake().commit(span(0, 3), span(3, 7)).leave_open(span(3, 7), implicit=True)
    assert choose(lake) == Chosen(Window("incremental", at(7), NOW), implicit=True)


@dataclass(frozen=True)
class Run:
    """One run: the machine's clock, the end it was given, its mode, and whether it ended well."""

    now: int
    until: int | None
    full: bool
    ends_well: bool


runs = st.lists(
    st.builds(
        Run,
        now=st.integers(1, 40),
        until=st.none() | st.integers(1, 40),
        full=st.sampled_from([False, False, False, True]),
        ends_well=st.booleans(),
    ),
    max_size=12,
)


def perform(lake: MemoryLake, run: Run, look_back: float) -> None:
    now = at(max(run.now, run.until or 0))
    chosen = choose(
        lake, mode="full" if run.full else "incremental", until=at(run.until) if run.until else None, now=now, look_back=look_back
    )  # fmt: skip
    if run.ends_well:
        lake.commit(chosen.window)
    else:
        lake.leave_open(chosen.window, implicit=chosen.implicit)


def windows_of(lake: MemoryLake, folder: str) -> list[Window]:
    names = [key.rpartition("/")[2].removesuffix(".json") for key in lake.objects if key.startswith(folder)]
    return [window for name in names if (window := Window.parse(name))]


@settings(max_examples=300, deadline=None)
@given(runs=runs, look_back=st.sampled_from([0, 0.25, 3]))
def test_no_order_of_runs_and_no_clock_leaves_a_gap(runs: list[Run], look_back: float) -> None:
    """Every instant from the start to the newest committed end lies in a committed window."""
    lake = MemoryLake()
    for run in runs:
        perform(lake, run, look_back)
    committed = windows_of(lake, KEYS.loads)
    newest = max((window.until for window in committed), default=START)
    covered = START
    for window in sorted(committed, key=lambda one: one.since or START):
        assert (window.since or START) <= max(covered, START), f"nothing covers {covered} to {window.since}"
        covered = max(covered, window.until)
    assert covered == newest


@settings(max_examples=100, deadline=None)
@given(runs=runs, repeated=st.integers(1, 40))
def test_a_run_with_the_same_end_is_the_same_run_whatever_came_of_it(runs: list[Run], repeated: int) -> None:
    lake = MemoryLake()
    for run in runs:
        perform(lake, run, 0.25)
    first = choose(lake, until=at(repeated), look_back=0.25)
    while first.earlier:
        lake.commit(first.window)
        first = choose(lake, until=at(repeated), look_back=0.25)
    lake.leave_open(first.window)
    assert choose(lake, until=at(repeated), look_back=0.25) == first
    lake.commit(first.window)
    assert choose(lake, until=at(repeated), look_back=0.25) == first


def test_what_a_run_that_was_due_before_has_begun_is_finished_first() -> None:
    lake = MemoryLake()
    lake.commit(choose(lake, until=at(10)).window)
    begun = choose(lake, until=at(20)).window
    lake.leave_open(begun)
    assert choose(lake, until=at(30)) == Chosen(begun, implicit=False, earlier=True)
    lake.commit(begun)
    assert choose(lake, until=at(30)) == Chosen(Window("incremental", at(20), at(30)), implicit=False)


def test_what_began_elsewhere_is_left_alone() -> None:
    lake = MemoryLake()
    lake.commit(choose(lake, until=at(10)).window)
    lake.leave_open(Window("incremental", at(5), at(20)))
    assert choose(lake, until=at(30)).window == Window("incremental", at(10), at(30))
