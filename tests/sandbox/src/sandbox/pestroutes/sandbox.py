"""The sandbox inside a Python process."""

from __future__ import annotations

from sandbox.clock import parse_instant
from sandbox.faults import Faults
from sandbox.local import LocalSandbox
from sandbox.pestroutes.api import Api, Settings
from sandbox.pestroutes.clock import PACIFIC, Clock
from sandbox.pestroutes.faults import FAULTS
from sandbox.pestroutes.limits import Limits
from sandbox.pestroutes.server import PestRoutesServer
from sandbox.pestroutes.world import World

NOW = "2026-10-01T15:00:00+00:00"  # Thursday, 08:00 in Los Angeles
PLENTY = 1_000_000


class PestRoutesSandbox(LocalSandbox):
    """A server in a thread: `with PestRoutesSandbox(records=100) as sandbox: ... sandbox.url`."""

    path = "/api"

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
        faults = Faults(FAULTS, ("entity", "action"))
        limits = Limits(clock, minute_limit, day_limit)
        self.api = Api(self.world, limits, faults, Settings(key, token, cap, page_limit))
        super().__init__(PestRoutesServer((host, port), self.api, latency, gzipped), host)
