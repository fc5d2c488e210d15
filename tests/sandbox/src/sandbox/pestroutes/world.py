"""All tables of one made-up tenant."""

from __future__ import annotations

import threading

from sandbox.pestroutes.catalogue import ENTITIES
from sandbox.pestroutes.clock import Clock
from sandbox.pestroutes.model import Entity
from sandbox.pestroutes.tables import Table
from sandbox.values import DAY

HISTORY = 3 * 365 * DAY


class World:
    """The tenant's data: a function of seed, size, first moment and the moves of the clock since."""

    def __init__(self, records: int, seed: int, offices: int, clock: Clock, cache: int = 1 << 30) -> None:
        self.records = records
        self.seed = seed
        self.offices = offices
        self.clock = clock
        self.origin = clock.now
        self.span = HISTORY
        self.start = self.origin - HISTORY
        self.cache_left = cache  # bytes of encoded records that may still be remembered
        self.lock = threading.RLock()
        self.tables: dict[str, Table] = {entity.name: Table(self, entity, self._size(entity)) for entity in ENTITIES}
        for table in self.tables.values():
            if table.entity.parent:
                table.parent = self.tables[table.entity.parent]
                table.per = table.parent.base
        self.customers: Table = self.tables["customer"]
        self.shown = tuple(self.tables[name] for name in ("subscription", "appointment", "ticket", "payment"))

    def _size(self, entity: Entity) -> int:
        if entity.per_office:
            return entity.per_office * self.offices
        return entity.count or max(1, round(entity.ratio * self.records))

    def change(self, name: str, k: int, instant: int) -> None:
        """The row changes, and with it what shows it."""
        self.tables[name].touch(k, instant)
        self.touch_above(name, k, instant)

    def bear(self, name: str, parent: int, instant: int) -> None:
        """A new row, and the one that always comes with it. A payment settles its ticket."""
        k = self.tables[name].bear(instant, parent)
        if name in BORN_WITH:
            self.tables[BORN_WITH[name]].bear(instant, k)
        self.touch_above(name, k, instant)

    def delete(self, name: str, k: int, instant: int) -> None:
        """A hard delete: no tombstone, children stay behind (sources/pestroutes.md §7)."""
        self.tables[name].deleted.add(k)
        self.touch_above(name, k, instant)

    def touch_above(self, name: str, k: int, instant: int) -> None:
        """A customer's record shows its subscriptions, visits, tickets and payments; a ticket its items and balance."""
        table = self.tables[name]
        for shower in SHOWN_BY.get(name, ()):
            above = table.customer_of(k) if shower == "customer" else table.parent_of(k)
            self.tables[shower].touch(above, instant)


BORN_WITH = {"ticket": "ticketItem", "payment": "appliedPayment"}
SHOWN_BY = {
    "subscription": ("customer",),
    "appointment": ("customer",),
    "ticket": ("customer",),
    "payment": ("ticket", "customer"),
    "ticketItem": ("ticket",),
}
