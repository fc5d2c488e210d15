"""The sandbox inside a Python process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec

from sandbox.pestroutes.api import Api, Settings
from sandbox.pestroutes.changes import advance
from sandbox.pestroutes.clock import PACIFIC, Clock, parse_instant
from sandbox.pestroutes.faults import Faults
from sandbox.pestroutes.limits import Limits
from sandbox.pestroutes.model import Record
from sandbox.pestroutes.server import Server
from sandbox.pestroutes.world import World

NOW = "2026-10-01T15:00:00+00:00"  # Thursday, 08:00 in Los Angeles
PLENTY = 1_000_000


class PestRoutesSandbox:
    """A server in a thread: `with PestRoutesSandbox(records=100) as sandbox: ... sandbox.url`."""

    def __init__(
        self,
        records: int = 1000,
        seed: int = 1,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        offices: int = 3,
        key: str = "key",
        token: str = "token",
        cap: int = 50_000,
        page_limit: int = 1000,
        latency: float = 0.0,
        gzipped: bool = False,
        now: str = NOW,
        minute_limit: int = PLENTY,
        day_limit: int = PLENTY,
        timezone: str = PACIFIC,
        cache_mb: int = 1024,
    ) -> None:
        clock = Clock(parse_instant(now), timezone)
        self.world = World(records, seed, offices, clock, cache_mb << 20)
        self.api = Api(
            self.world, Limits(clock, minute_limit, day_limit), Faults(), Settings(key, token, cap, page_limit)
        )
        self.server = Server((host, port), self.api, latency, gzipped)
        self._host = host
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"http://{self._host}:{self.port}/api"

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()
        if self._thread:
            self._thread.join()

    # --- controls, the same as `/_sandbox/...`

    @property
    def now(self) -> str:
        """The moment of the data."""
        return self.world.clock.iso()

    def advance(self, *, days: float = 0, seconds: int = 0, changes: bool = True) -> dict[str, dict[str, int]]:
        """Move the clock; what changed by entity."""
        return advance(self.world, self.world.clock.now + int(days * 86_400) + seconds, changes)

    def faults(self, *faults: dict[str, object]) -> None:
        """Switch faults on; without any, all off."""
        if faults:
            self.api.faults.add(faults)
        else:
            self.api.faults.clear()

    def requests(self, since: int = 0) -> list[dict[str, object]]:
        """What clients asked."""
        return self.server.log.since(since)

    def clear_requests(self) -> None:
        """Forget what clients asked."""
        self.server.log.clear()

    def truth(self, entity: str) -> list[Record]:
        """All records of an entity now."""
        return list(self._truth(entity))

    def _truth(self, entity: str) -> Iterator[Record]:
        for batch in self.server.admin.truth(entity):
            for line in batch.splitlines():
                yield msgspec.json.decode(line)
