"""`/_sandbox/...`: the clock, the truth, the request log, the faults. Not counted as calls, never logged."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from sandbox.clock import Clock, parse_instant
from sandbox.faults import Faults

NO_QUERY: Mapping[str, str] = MappingProxyType({})


class RequestLog:
    """What clients asked, without credentials."""

    def __init__(self) -> None:
        self._entries: list[dict[str, object]] = []
        self._next = 1
        self._lock = threading.Lock()

    def add(self, entry: Mapping[str, object]) -> dict[str, object]:
        """Note an answered request; gives the entry, which may still be added to."""
        with self._lock:
            noted = {"n": self._next, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **entry}
            self._next += 1
            self._entries.append(noted)
            return noted

    def since(self, n: int = 0) -> list[dict[str, object]]:
        """The entries after number n."""
        with self._lock:
            return [dict(entry) for entry in self._entries if int(str(entry["n"])) > n]

    def clear(self) -> None:
        """Forget; numbers go on."""
        with self._lock:
            self._entries = []


class Admin(ABC):
    """The controls that every sandbox has. One that knows a vendor says how time passes and what is true."""

    def __init__(self, clock: Clock, faults: Faults, log: RequestLog) -> None:
        self.clock = clock
        self.faults = faults
        self.log = log

    @abstractmethod
    def advance(self, now: int, changes: bool = True) -> dict[str, dict[str, int]]:
        """Move the clock; what changed, by entity."""

    @abstractmethod
    def truth(self, name: str, query: Mapping[str, str] = NO_QUERY) -> Iterator[bytes] | None:
        """The records as they are now, one a line, in batches; None if there are no such records."""

    def handle(self, method: str, name: str, query: Mapping[str, str], body: object) -> object:
        """Answer one call; the result becomes JSON. Raises ValueError on what makes no sense."""
        if name == "clock":
            return self._clock(body) if method == "POST" else {"now": self.clock.iso()}
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
        given = _object(body)
        now = (
            parse_instant(str(given["now"])) if "now" in given else self.clock.now + int(str(given["advance_seconds"]))
        )
        changed = self.advance(now, changes=bool(given.get("changes", True)))
        return {"now": self.clock.iso(), "changes": changed}


def _object(body: object) -> dict[str, object]:
    if not isinstance(body, dict):
        raise TypeError("a JSON object is expected")
    return body
