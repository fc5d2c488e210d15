"""What the tests of the quota ledger share: a clock, a lake in memory, one account."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from transload.lake import Lake, PreconditionFailed, Stored
from transload.ledger import ledger_key

CHICAGO = ZoneInfo("America/Chicago")
KEY = ledger_key("marketo", "123-ABC-456")
LIMITS = {"calls": 100, "bytes": 1000}  # of which 80 and 800 are ours


class Clock:
    """Shows a moment until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class MemoryLake:
    """One small object under a key, as the lakes keep it; a put may be written though its answer is lost."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.lose: Callable[[], bool] = lambda: False
        self.afterwards: Callable[[], None] = lambda: None
        self.requests = 0

    def get(self, key: str) -> Stored | None:
        self.requests += 1
        return Stored(self.data, self.data.hex()) if self.data is not None else None

    def put(self, key: str, data: bytes, *, match: str | None = None, absent: bool = False) -> str:
        self.requests += 1
        if (absent and self.data is not None) or (match is not None and match != (self.data or b"").hex()):
            raise PreconditionFailed(key)
        self.data = data
        if self.lose():
            self.afterwards()
            raise PreconditionFailed(key)  # of the second try, which the client makes by itself
        return data.hex()


def stored(lake: Lake) -> Any:
    """What the lake has of the ledger."""
    return json.loads((lake.get(KEY) or Stored(b"null", "")).data)
