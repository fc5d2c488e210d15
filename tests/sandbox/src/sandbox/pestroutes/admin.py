"""How time passes in the tenant, and what is true of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.admin import NO_QUERY, RequestLog
from sandbox.admin import Admin as SharedAdmin
from sandbox.faults import Faults
from sandbox.pestroutes.changes import advance
from sandbox.pestroutes.world import World

BATCH = 1000


class Admin(SharedAdmin):
    """The sandbox's own controls."""

    def __init__(self, world: World, faults: Faults) -> None:
        super().__init__(world.clock, faults, RequestLog())
        self.world = world

    def advance(self, now: int, changes: bool = True) -> dict[str, dict[str, int]]:
        """Move the clock; what changed, by entity."""
        return advance(self.world, now, changes)

    def truth(self, name: str, query: Mapping[str, str] = NO_QUERY) -> Iterator[bytes] | None:
        """All records of an entity as they are now, one a line, in batches."""
        return self._truth(name) if name in self.world.tables else None

    def _truth(self, name: str) -> Iterator[bytes]:
        table = self.world.tables[name]
        for start in range(0, len(table), BATCH):
            with self.world.lock:
                ks = [k for k in range(start, min(start + BATCH, len(table))) if k not in table.deleted]
                rows = [table.encoded(k) for k in ks]
            yield b"".join(row + b"\n" for row in rows)
