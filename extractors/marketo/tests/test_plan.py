"""What the exports of a load ask for: whatever sizes are wanted, every second and every program is in exactly one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketo.plan import LONGEST, MOST_PROGRAMS, SHORTEST, Piece, Plan, Programs, Spans

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

moments = st.integers(0, 3 * 366 * 86_400).map(lambda seconds: BEGIN + timedelta(seconds=seconds))
# From nothing to more than there is, as a rate that is off by any factor makes them.
weights = st.lists(st.floats(0, 1e11), min_size=1, max_size=6)


def pieces(plan: Plan, weights: list[float]) -> Iterator[Piece]:
    """All pieces, each behind the mark of the one before as a checkpoint keeps it."""
    mark: Any = None
    for count, weight in enumerate(cycle(weights)):
        assert count < 20_000, "it never ends"
        piece = plan.piece(mark, weight)
        if piece is None:
            return
        yield piece
        mark = json.loads(json.dumps(piece.mark))


def span_of(piece: Piece) -> tuple[datetime, datetime]:
    """The first second that a filter has, and the last."""
    ((_, span),) = piece.filter.items()
    # ISO 8601 in UTC without milliseconds (sources/marketo.md §6).
    return tuple(datetime.strptime(span[end], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) for end in ("startAt", "endAt"))  # type: ignore[return-value]


@settings(deadline=None)
@given(
    since=moments,
    length=st.timedeltas(SECOND, timedelta(days=400)),
    asked=weights,
    newest_first=st.booleans(),
    seconds_beyond=st.integers(0, 86_400),
)
def test_spans_have_every_second_of_a_window_once(
    since: datetime, length: timedelta, asked: list[float], newest_first: bool, seconds_beyond: int
) -> None:
    until, beyond = since + timedelta(seconds=int(length.total_seconds())), timedelta(seconds=seconds_beyond)
    plan = Spans("updatedAt", since, until, newest_first=newest_first, beyond=beyond)
    found = list(pieces(plan, [*asked, 1e6]))
    spans = [span_of(piece) for piece in found]
    assert all(first <= last for first, last in spans)
    if newest_first:
        spans.reverse()
    assert (spans[0][0], spans[-1][1]) == (since, until + beyond - SECOND)
    # Both ends are inclusive (§6): the next one begins a second behind the last.
    assert all(second[0] - first[1] == SECOND for first, second in pairwise(spans))
    assert all(last - first < timedelta(days=31) for first, last in spans)
    assert sum(piece.weight for piece in found) == plan.whole == (until - since).total_seconds()
    assert all(set(piece.filter) == {"updatedAt"} for piece in found)


@settings(deadline=None)
@given(weight=st.floats(0, 1e11), days=st.integers(1, 400), newest_first=st.booleans())
def test_a_span_is_as_heavy_as_was_asked_for(weight: float, days: int, newest_first: bool) -> None:
    piece = Spans("createdAt", BEGIN, BEGIN + days * DAY, newest_first=newest_first).piece(None, weight)
    assert piece is not None
    least, most = SHORTEST.total_seconds(), LONGEST.total_seconds()
    assert piece.weight == min(days * 86_400, max(least, min(most, int(weight))))


def test_the_first_span_is_a_day() -> None:
    plan = Spans("createdAt", BEGIN, BEGIN + 5 * DAY)
    piece = plan.piece(None, plan.probe)
    assert piece is not None
    assert piece.filter == {"createdAt": {"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-01-01T23:59:59Z"}}
    assert (piece.weight, piece.mark) == (86_400.0, "2026-01-02T00:00:00Z")


def test_a_sample_begins_with_the_newest_span() -> None:
    plan = Spans("createdAt", BEGIN, BEGIN + 5 * DAY, newest_first=True)
    first = plan.piece(None, plan.probe)
    assert first is not None
    assert first.filter == {"createdAt": {"startAt": "2026-01-05T00:00:00Z", "endAt": "2026-01-05T23:59:59Z"}}
    second = plan.piece(first.mark, 2 * plan.probe)
    assert second is not None
    assert second.filter == {"createdAt": {"startAt": "2026-01-03T00:00:00Z", "endAt": "2026-01-04T23:59:59Z"}}


@pytest.mark.parametrize("newest_first", [False, True])
def test_halving_comes_to_an_end(newest_first: bool) -> None:
    # As megabytes.py does it: smaller as long as that makes them smaller.
    plan = Spans("createdAt", BEGIN, BEGIN + 31 * DAY, newest_first=newest_first)
    weight, steps = plan.whole, 0
    while (piece := plan.piece(None, weight / 2)) is not None and piece.weight < weight:
        weight, steps = piece.weight, steps + 1
    assert (weight, steps) == (SHORTEST.total_seconds(), 10)


@settings(deadline=None)
@given(ids=st.lists(st.integers(1, 1 << 40), unique=True, max_size=80), asked=weights)
def test_every_program_is_asked_for_once(ids: list[int], asked: list[float]) -> None:
    plan = Programs(lambda: ids, None, BEGIN)
    found = list(pieces(plan, asked))
    chosen = [piece.filter["programIds"] for piece in found]
    assert list(chain.from_iterable(chosen)) == sorted(ids)
    assert all(1 <= len(some) <= MOST_PROGRAMS for some in chosen)
    assert all(piece.weight == len(some) for piece, some in zip(found, chosen, strict=True))
    assert sum(piece.weight for piece in found) == len(ids)
    assert all(set(piece.filter) == {"programIds"} for piece in found)


def test_programs_are_asked_for_when_the_first_piece_is_and_never_again() -> None:
    calls: list[int] = []
    plan = Programs(lambda: calls.append(1) or [3, 1, 2], None, BEGIN)  # type: ignore[func-returns-value]
    assert calls == []
    assert [piece.filter for piece in pieces(plan, [2.9])] == [{"programIds": [1, 2]}, {"programIds": [3]}]
    assert calls == [1]


def test_a_program_that_comes_while_a_load_is_open_is_in_it() -> None:
    first = Programs(lambda: [1, 2], None, BEGIN).piece(None, 1)
    assert first is not None
    after = Programs(lambda: [1, 2, 3], None, BEGIN)
    assert [piece.filter["programIds"] for piece in pieces(after, [1])][1:] == [[2], [3]]
    piece = after.piece(first.mark, 10)
    assert piece is not None
    assert piece.filter == {"programIds": [2, 3]}


@pytest.mark.parametrize(("seconds", "changed"), [(86_400, True), (31 * 86_400, True), (31 * 86_400 + 1, False)])
def test_members_that_changed_are_asked_for_where_a_filter_spans_the_window(seconds: int, changed: bool) -> None:
    piece = Programs(lambda: [7], BEGIN, BEGIN + timedelta(seconds=seconds)).piece(None, 5)
    assert piece is not None
    end = BEGIN + timedelta(seconds=seconds - 1)
    span = {"startAt": "2026-01-01T00:00:00Z", "endAt": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert piece.filter == {"programIds": [7], **({"updatedAt": span} if changed else {})}


def test_an_account_without_programs_needs_no_export() -> None:
    assert Programs(list, None, BEGIN).piece(None, 1) is None
