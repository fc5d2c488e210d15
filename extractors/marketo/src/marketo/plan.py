"""What the exports of a load ask for, one after the other: spans of time, or programs (sources/marketo.md §6).

A plan is asked for the piece behind a mark, which is JSON and stands in the checkpoint. Pieces get smaller where the day's
megabytes ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from transload.window import iso

LONGEST = timedelta(days=31)  # that a filter may span
SHORTEST = timedelta(hours=1)  # that a span is halved to
MOST_PROGRAMS = 10  # of a filter


@dataclass(frozen=True, slots=True)
class Piece:
    """What one export asks for.

    Args:
        filter: of the create call.
        weight: seconds or programs: what its size will be in proportion to.
        mark: behind it.
    """

    filter: Mapping[str, Any]
    weight: float
    mark: Any


class Plan(Protocol):
    """The pieces of a load."""

    @property
    def probe(self) -> float:
        """The weight of a first piece whose size nobody can guess."""

    def piece(self, mark: Any, weight: float) -> Piece | None:
        """The piece behind a mark (None: the first), of about this weight at most; None behind the last."""


class Spans:
    """Spans of time that follow one another.

    Args:
        filter_name: createdAt or updatedAt.
        since: where the first begins.
        until: where the last ends, exclusively.
        newest_first: for a sample, of which the rest will not be asked for.
        beyond: how far the piece that ends the window reaches behind ``until``.
    """

    probe = timedelta(days=1).total_seconds()

    def __init__(
        self,
        filter_name: str,
        since: datetime,
        until: datetime,
        *,
        newest_first: bool = False,
        beyond: timedelta = timedelta(),
    ) -> None:
        self._name, self._since, self._until, self._newest_first = filter_name, since, until, newest_first
        self._beyond = beyond
        #: the weight of all pieces together
        self.whole = (until - since).total_seconds()

    def piece(self, mark: Any, weight: float) -> Piece | None:
        length = min(LONGEST - self._beyond, max(SHORTEST, timedelta(seconds=int(weight))))
        if self._newest_first:
            end = datetime.fromisoformat(mark) if mark else self._until
            begin = max(self._since, end - length)
        else:
            begin = datetime.fromisoformat(mark) if mark else self._since
            end = min(self._until, begin + length)
        if begin >= end:
            return None
        # Both ends are inclusive (§6), and a second is the least that can be told apart.
        last = end + self._beyond if end == self._until else end
        span = {"startAt": iso(begin), "endAt": iso(last - timedelta(seconds=1))}
        mark = iso(begin if self._newest_first else end)
        return Piece({self._name: span}, (end - begin).total_seconds(), mark)


class Programs:
    """Members of some programs at a time, all of them, or those that changed in a window.

    Args:
        ids: of the account's programs; asked for when the first piece is.
        since: where the window begins; None for all members. A longer one than a filter takes asks for all as well.
        until: where it ends, exclusively.
    """

    probe = 1.0

    def __init__(self, ids: Callable[[], Sequence[int]], since: datetime | None, until: datetime) -> None:
        self._ask = ids
        self._ids: Sequence[int] | None = None
        self._more: Mapping[str, Any] = {}
        if since is not None and until - since <= LONGEST:
            self._more = {"updatedAt": {"startAt": iso(since), "endAt": iso(until - timedelta(seconds=1))}}

    @property
    def ids(self) -> Sequence[int]:
        """The programs, ascending."""
        if self._ids is None:
            self._ids = sorted(self._ask())
        return self._ids

    def piece(self, mark: Any, weight: float) -> Piece | None:
        chosen = [one for one in self.ids if one > (mark or 0)][: max(1, min(MOST_PROGRAMS, int(weight)))]
        if not chosen:
            return None
        return Piece({"programIds": chosen, **self._more}, float(len(chosen)), chosen[-1])
