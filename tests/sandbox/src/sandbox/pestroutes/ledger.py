"""Who owes what since when: the amounts below tickets, payments and customers.

Payment p of the start pays the ticket below it in full, so a ticket without a payment is a receivable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.values import DAY, mix

if TYPE_CHECKING:
    from sandbox.pestroutes.world import World

TAX_RATES = ("0.077500", "0.087500", "0.086000", "0.082600", "0.000000")
_TAX = tuple(int(rate[2:]) for rate in TAX_RATES)
_OLDEST = ((30, 600), (60, 800), (90, 900), (120, 960), (400, 1024))  # days up to, of 1024 receivables


def paid_from_start(world: World, t: int) -> bool:
    """Whether the ticket was paid before the clock first moved."""
    return bool(world.tables["payment"].first_children(t))


def ticket_date(world: World, t: int) -> int:
    """When a ticket of the start was made: a receivable is rarely old."""
    table = world.tables["ticket"]
    h = mix(table.salt, t)
    customer = world.customers.added_at(table.parent_of(t))
    life = world.origin - customer
    if paid_from_start(world, t):
        return customer + (life * ((h >> 16) & 0xFFFF) >> 16)
    low = below = 0
    for days, upto in _OLDEST:
        if (h >> 44) & 1023 < upto:
            age = (low * DAY) + (days - low) * DAY * (((h >> 44) & 1023) - below) // (upto - below)
            return world.origin - min(age, life)
        low, below = days, upto
    return world.origin


def ticket_active(world: World, t: int) -> int:
    """1, 0 (void) or -1 (template) (sources/pestroutes.md §6)."""
    x = (mix(world.tables["ticket"].salt, t) >> 34) % 100
    if x > 7 or paid_from_start(world, t):
        return 1
    return -1 if x < 3 else 0


def ticket_amounts(world: World, t: int) -> tuple[int, int]:
    """Subtotal and tax, in cents."""
    table = world.tables["ticket"]
    subtotal = 4900 + (mix(table.salt, t) >> 12) % 40 * 475
    rate = _TAX[table.parent_of(t) % len(_TAX)]
    return subtotal, subtotal * rate // 1_000_000


def ticket_balance(world: World, t: int) -> int:
    """What is still owed, in cents."""
    if world.tables["payment"].children(t) or ticket_active(world, t) != 1:
        return 0
    return sum(ticket_amounts(world, t))


def owed(world: World, tickets: Sequence[int]) -> tuple[int, int]:
    """What is owed on tickets, in cents, and since when (0 if nothing is)."""
    total = oldest = 0
    for t in tickets:
        balance = ticket_balance(world, t)
        if balance:
            made = world.tables["ticket"].added_at(t)
            total, oldest = total + balance, min(oldest or made, made)
    return total, oldest


def payment_added(world: World, p: int) -> int:
    """A payment of the start comes up to 20 days after its ticket."""
    table = world.tables["payment"]
    late = mix(table.salt, p) % (20 * DAY)
    return min(ticket_date(world, table.parent_of(p)) + late, world.origin)


def payment_wall_day(world: World, p: int) -> int:
    """The column date."""
    wall = world.clock.wall(world.tables["payment"].added_at(p))
    return wall - wall % DAY
