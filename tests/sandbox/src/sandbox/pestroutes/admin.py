"""`/_sandbox/...`: the clock, the truth, the request log, the faults. Not counted as reads, never logged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from sandbox.pestroutes.api import Answer
from sandbox.pestroutes.changes import advance
from sandbox.pestroutes.clock import parse_instant
from sandbox.pestroutes.faults import Faults
from sandbox.pestroutes.world import World

BATCH = 1000


class RequestLog:
    """What clients asked, without credentials."""

    def __init__(self) -> None:
        self._entries: list[dict[str, object]] = []
        self._next = 1
        self._lock = threading.Lock()

    def add(self, entity: str, action: str, method: str, answer: Answer, sent: int, status: int) -> None:
        """Note an answered request. Status 0: no answer was sent."""
        with self._lock:
            entry = {
                "n": self._next,
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "method": method,
                "entity": entity,
                "action": action,
                "ids": answer.ids,
                "filters": answer.filters,
                "office": answer.office,
                "status": status,
                "bytes": sent,
                "faults": list(answer.struck),
            }
            self._next += 1
            self._entries.append(entry)

    def since(self, n: int = 0) -> list[dict[str, object]]:
        """The entries after number n."""
        with self._lock:
            return [entry for entry in self._entries if int(str(entry["n"])) > n]

    def clear(self) -> None:
        """Forget; numbers go on."""
        with self._lock:
            self._entries = []


class Admin:
    """The sandbox's own controls."""

    def __init__(self, world: World, faults: Faults, log: RequestLog) -> None:
        self.world = world
        self.faults = faults
        self.log = log

    def handle(self, method: str, name: str, query: dict[str, str], body: object) -> object:
        """Answer one call; the result becomes JSON. Raises ValueError on what makes no sense."""
        if name == "clock":
            return self._clock(body) if method == "POST" else {"now": self.world.clock.iso()}
        if name == "requests":
            if method == "DELETE":
                self.log.clear()
            return self.log.since(int(query.get("since", "0")))
        if name == "faults":
            if method == "POST":
                self.faults.add(body if isinstance(body, list) else [_object(body)])
            elif method == "DELETE":
                self.faults.clear()
            return self.faults.listed()
        raise ValueError(f"no such control: {name}")

    def _clock(self, body: object) -> dict[str, object]:
        given, clock = _object(body), self.world.clock
        now = parse_instant(str(given["now"])) if "now" in given else clock.now + int(str(given["advance_seconds"]))
        changed = advance(self.world, now, changes=bool(given.get("changes", True)))
        return {"now": clock.iso(), "changes": changed}

    def truth(self, name: str) -> Iterator[bytes]:
        """All records of an entity as they are now, one a line, in batches."""
        table = self.world.tables[name]
        for start in range(0, len(table), BATCH):
            with self.world.lock:
                ks = [k for k in range(start, min(start + BATCH, len(table))) if k not in table.deleted]
                rows = [table.encoded(k) for k in ks]
            yield b"".join(row + b"\n" for row in rows)


def _object(body: object) -> dict[str, object]:
    if not isinstance(body, dict):
        raise TypeError("a JSON object is expected")
    return body
