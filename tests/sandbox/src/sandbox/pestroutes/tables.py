"""One entity's rows: positions, ids, changes. Nothing is kept of a row that nobody changed."""

from __future__ import annotations

from array import array
from collections.abc import Callable, MutableSequence, Sequence
from typing import TYPE_CHECKING

import msgspec

from sandbox.pestroutes import values
from sandbox.pestroutes.dirt import soil
from sandbox.pestroutes.model import Entity, Record, Row
from sandbox.values import mix, salt

if TYPE_CHECKING:
    from sandbox.pestroutes.world import World

CHUNK = 1 << 16
ENTRY = 150  # bytes that a remembered record takes beside its own
ENCODER = msgspec.json.Encoder(decimal_format="number")
_NONE = range(0)


class Table:
    """Rows by position: `base` of them derived from their position alone, then those born later."""

    def __init__(self, world: World, entity: Entity, base: int) -> None:
        self.world = world
        self.entity = entity
        self.base = base
        self.first, self.stride = entity.first, entity.stride
        self.salt = salt(world.seed, entity.name)
        self.parent: Table | None = None
        self.per = 0  # rows that the parent had at the start
        self.born: list[tuple[int, int]] = []  # added, position of the parent
        self.updated: dict[int, int] = {}
        self.versions: dict[int, int] = {}
        self.deleted: set[int] = set()
        self._encoded: dict[int, bytes] = {}
        self._extra: dict[int, list[int]] = {}  # parent -> rows born later
        self._lanes: dict[str, dict[int, MutableSequence[int]]] = {}
        self._codes: dict[str, dict[int, Sequence[int]]] = {}

    def __len__(self) -> int:
        return self.base + len(self.born)

    # --- ids

    def id_of(self, k: int) -> int:
        """The id under which search and get know the row."""
        if self.entity.grouped and self.parent:
            return self.parent.id_of(self.parent_of(k))
        return self.first + self.stride * k

    def rows_of(self, id_: int) -> Sequence[int]:
        """The positions that an id stands for; deleted rows are gone."""
        ks = self._positions(id_)
        return [k for k in ks if k not in self.deleted] if self.deleted else ks

    def _positions(self, id_: int) -> Sequence[int]:
        if self.entity.grouped and self.parent:
            return [k for p in self.parent._positions(id_) for k in self.all_children(p)]
        k, rest = divmod(id_ - self.first, self.stride)
        return (k,) if rest == 0 and 0 <= k < len(self) else ()

    # --- relations

    def parent_of(self, k: int) -> int:
        """The parent's position, spread evenly over the parents."""
        if k >= self.base:
            return self.born[k - self.base][1]
        return k * self.per // self.base if self.parent else -1

    def first_children(self, parent: int) -> range:
        """The rows below a parent that were there from the start."""
        per, base = self.per, self.base
        if parent >= per:
            return _NONE
        return range(-(-parent * base // per), -(-(parent + 1) * base // per))

    def all_children(self, parent: int) -> Sequence[int]:
        """The rows that are or ever were below a parent."""
        ks = self.first_children(parent)
        return [*ks, *self._extra[parent]] if parent in self._extra else ks

    def children(self, parent: int) -> Sequence[int]:
        """The rows below a parent, those deleted left out."""
        if parent in self._extra or parent >= self.per:
            ks = self.all_children(parent)
        else:
            per, base = self.per, self.base
            ks = range(-(-parent * base // per), -(-(parent + 1) * base // per))
        return [k for k in ks if k not in self.deleted] if self.deleted else ks

    def below(self, parents: Sequence[int]) -> Sequence[int]:
        """The children of several parents."""
        if isinstance(parents, range) and parents.stop <= self.per and not self._extra and not self.deleted:
            return range(-(-parents.start * self.base // self.per), -(-parents.stop * self.base // self.per))
        return [k for parent in parents for k in self.children(parent)]

    def ids(self, ks: Sequence[int]) -> str | None:
        """A list of ids as the vendor writes it: comma text, null if empty (sources/pestroutes.md §5)."""
        n = len(ks)
        if n == 1:
            return str(self.first + self.stride * ks[0])
        if n == 2:
            return f"{self.first + self.stride * ks[0]},{self.first + self.stride * ks[1]}"
        return ",".join([str(self.first + self.stride * k) for k in ks]) or None

    def customer_of(self, k: int) -> int:
        """The position of the customer to whom a row belongs, or -1."""
        table = self
        while table.parent:
            k = table.parent_of(k)
            table = table.parent
        return k if table.entity.name == "customer" else -1

    def office_of(self, k: int) -> int:
        """The office's id; -1 or 0 for rows that all offices share (sources/pestroutes.md §5)."""
        if self.entity.shared and k % 3 == 0:
            return -1 if k % 2 == 0 else 0
        customer = self.customer_of(k)
        return 1 + (k if customer < 0 else customer) % self.world.offices

    # --- moments

    def added_at(self, k: int) -> int:
        """When the row was made."""
        if k >= self.base:
            return self.born[k - self.base][0]
        if self.entity.added_at:
            return self.entity.added_at(self.world, k)
        if not self.parent:
            return self.world.start + self.world.span * k // self.base
        parent = self.parent.added_at(self.parent_of(k))
        return parent + ((self.world.origin - parent) * (mix(self.salt, k) >> 48) >> 16)

    def updated_at(self, k: int) -> int:
        """When the row last changed; 0 if it never did, and carries no dateUpdated (sources/pestroutes.md §7)."""
        if k in self.updated:
            return self.updated[k]
        return self._first_update(k, mix(self.salt, k), self.added_at(k))

    def _first_update(self, k: int, h: int, added: int) -> int:
        if k >= self.base:
            return added if h & 3 or not self.entity.carried else 0
        if h % 50 == 0 and self.entity.carried:
            return 0
        return added + ((self.world.origin - added) * ((h >> 20) & 0xFFFFF) >> 20)

    def wall_updated(self, k: int) -> int:
        """dateUpdated as it is written: wall clock, NULL or ZERO."""
        updated = self.updated_at(k)
        if updated:
            return self.world.clock.wall(updated)
        return values.ZERO if mix(self.salt, k) & 64 else values.NULL

    # --- records

    def row(self, k: int) -> Row:
        """What the row knows."""
        h = mix(self.salt, k)
        added = self.added_at(k)
        return Row(
            self.world,
            self,
            k,
            self.id_of(k),
            h,
            self.versions.get(k, 0),
            self.customer_of(k),
            self.office_of(k),
            added,
            self.updated.get(k) or self._first_update(k, h, added),
        )

    def record(self, k: int) -> Record:
        """The record as get returns it."""
        row = self.row(k)
        record = self.entity.build(row)
        if row.h >> 57 == 0:
            soil(row, record)
        return record

    def encoded(self, k: int) -> bytes:
        """The record as JSON, remembered as long as there is room."""
        known = self._encoded.get(k)
        if known is None:
            known = ENCODER.encode(self.record(k))
            if self.world.cache_left > 0:
                self.world.cache_left -= len(known) + ENTRY
                self._encoded[k] = known
        return known

    # --- lanes: columns for search, filled 65,536 rows at a time when a search first comes by

    def moments(self, column: str, chunk: int) -> Sequence[int]:
        """A date column of one chunk."""
        return _filled(self._lanes.setdefault(column, {}), chunk, len(self), self._moment(column))

    def codes(self, column: str, chunk: int) -> Sequence[int]:
        """A column of small numbers of one chunk."""
        code = self.entity.codes[column]
        lane = self._codes.setdefault(column, {})
        if chunk not in lane:
            start = chunk * CHUNK
            lane[chunk] = array("b", [code(self.world, k) for k in range(start, min(start + CHUNK, len(self)))])
        return lane[chunk]

    def _moment(self, column: str) -> Callable[[int], int]:
        if column == "dateUpdated":
            return self.wall_updated
        quick = self.entity.moments.get(column)
        if quick:
            return lambda k: quick(self.world, k)
        if column == self.entity.added:
            return lambda k: self.world.clock.wall(self.added_at(k))
        return lambda k: values.parse_moment(self.record(k).get(column))

    # --- changes

    def touch(self, k: int, instant: int) -> None:
        """The row changes."""
        self.versions[k] = self.versions.get(k, 0) + 1
        self.updated[k] = max(instant, self.updated_at(k), self.added_at(k))
        self._encoded.pop(k, None)
        chunk = k // CHUNK
        for column, lane in self._lanes.items():
            if chunk in lane:
                lane[chunk][k - chunk * CHUNK] = self._moment(column)(k)
        for codes in self._codes.values():
            codes.pop(chunk, None)

    def bear(self, instant: int, parent: int) -> int:
        """A new row."""
        k = len(self)
        self.born.append((instant, parent))
        if self.parent:
            self._extra.setdefault(parent, []).append(k)
        chunk = k // CHUNK
        for column, lane in self._lanes.items():
            if chunk in lane:
                lane[chunk].append(self._moment(column)(k))
        for codes in self._codes.values():
            codes.pop(chunk, None)
        return k


def _filled(
    lane: dict[int, MutableSequence[int]], chunk: int, total: int, value: Callable[[int], int]
) -> Sequence[int]:
    if chunk not in lane:
        start = chunk * CHUNK
        lane[chunk] = array("q", map(value, range(start, min(start + CHUNK, total))))
    return lane[chunk]
