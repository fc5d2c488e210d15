"""What happens in the tenant while the clock moves."""

from __future__ import annotations

import random

from sandbox.pestroutes.ledger import ticket_balance
from sandbox.pestroutes.tables import Table
from sandbox.pestroutes.world import BORN_WITH, World
from sandbox.values import DAY

BIRTHS = 0.2  # of the share of rows that change in a day
DEATHS = 0.05
_TRIES = 20


def advance(world: World, now: int, changes: bool = True) -> dict[str, dict[str, int]]:
    """Move the clock to `now`; every incremental entity changes, grows and loses rows, the same way each time.

    The counts by entity are those of the rows picked; a customer is also touched when something that it shows changes.
    """
    with world.lock:
        before = world.clock.now
        world.clock.move(now)
        if not changes or now == before:
            return {}
        sizes = {name: len(table) for name, table in world.tables.items()}
        return {
            name: _advance_table(world, table, before, now, sizes)
            for name, table in world.tables.items()
            if table.entity.daily
        }


def _advance_table(world: World, table: Table, before: int, now: int, sizes: dict[str, int]) -> dict[str, int]:
    name = table.entity.name
    rng = random.Random(f"{world.seed}/{name}/{before}")
    share = table.entity.daily * (now - before) / DAY

    def number(part: float) -> int:
        return max(int(now - before >= DAY), int(sizes[name] * share * part + rng.random()))

    def moments(count: int) -> list[int]:
        return sorted(before + 1 + rng.randrange(now - before) for _ in range(count))

    counts = {"changed": 0, "born": 0, "deleted": 0}
    for instant in moments(number(1) if "dateUpdated" in table.entity.dates else 0):
        k = _living(rng, table, sizes[name])
        if k is not None:
            world.change(name, k, instant)
            counts["changed"] += 1
    for instant in moments(0 if table.entity.grouped or name in BORN_WITH.values() else number(BIRTHS)):
        parent = _parent(world, rng, table, sizes)
        if parent is not None:
            world.bear(name, parent, instant)
            counts["born"] += 1
    for instant in moments(number(DEATHS) if table.entity.mortal else 0):
        k = _living(rng, table, sizes[name])
        if k is not None and len(table) > len(table.deleted) + 1:
            world.delete(name, k, instant)
            counts["deleted"] += 1
    return counts


def _living(rng: random.Random, table: Table, size: int) -> int | None:
    """A row that is still there and whose customer is: children of the deleted stop changing (§7)."""
    for _ in range(_TRIES):
        k = rng.randrange(size)
        if k not in table.deleted and not _orphan(table, k):
            return k
    return None


def _parent(world: World, rng: random.Random, table: Table, sizes: dict[str, int]) -> int | None:
    """Where a new row hangs; a payment is made for a ticket that is owed."""
    if not table.parent:
        return -1
    for _ in range(_TRIES):
        k = _living(rng, table.parent, sizes[table.parent.entity.name])
        if k is not None and (table.entity.name != "payment" or ticket_balance(world, k)):
            return k
    return None


def _orphan(table: Table, k: int) -> bool:
    while table.parent:
        k, table = table.parent_of(k), table.parent
        if k in table.deleted:
            return True
    return False
