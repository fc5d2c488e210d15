"""Faults that a test or a rehearsal can switch on, and which requests they strike."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

WORDS_OF_A_FAULT = ("fault", "match", "times", "after")


@dataclass
class Fault:
    """One switched-on fault."""

    name: str
    match: dict[str, str]  # property of a request -> pattern
    times: int  # -1: for ever
    after: int  # matching requests to let through first
    options: dict[str, object] = field(default_factory=dict)

    def number(self, name: str, usual: float) -> float:
        """A numeric parameter."""
        value = self.options.get(name, usual)
        return float(value) if isinstance(value, int | float | str) else usual

    def text(self, name: str, usual: str) -> str:
        """A text parameter."""
        return str(self.options.get(name, usual))

    def matches(self, request: Mapping[str, str]) -> bool:
        """Whether it may strike a request with these properties."""
        return all(fnmatchcase(request.get(name, ""), pattern) for name, pattern in self.match.items())


class Faults:
    """The faults that are switched on, of those that a sandbox knows."""

    def __init__(self, known: Mapping[str, str], matchable: Sequence[str]) -> None:
        self._known = known
        self._matchable = matchable
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, given: Sequence[Mapping[str, object]]) -> None:
        """Switch on."""
        parsed = [self._parse(one) for one in given]
        with self._lock:
            self._faults += parsed

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._faults = []

    def listed(self) -> list[dict[str, object]]:
        """What is on, with the times that are left."""
        with self._lock:
            return [
                {"fault": f.name, "match": f.match, "times": f.times, "after": f.after} | f.options
                for f in self._faults
            ]

    def draw(self, request: Mapping[str, str], names: Sequence[str] | None = None) -> dict[str, Fault]:
        """The faults that strike this request, counted down. `names` limits them to some."""
        struck: dict[str, Fault] = {}
        with self._lock:
            for fault in self._faults:
                if fault.times == 0 or not fault.matches(request) or (names is not None and fault.name not in names):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                elif fault.name not in struck:
                    fault.times -= fault.times > 0
                    struck[fault.name] = fault
        return struck

    def _parse(self, given: Mapping[str, object]) -> Fault:
        """Read `{"fault": ..., "match": {...}, "times": ..., "after": ..., parameters}`."""
        name = str(given.get("fault"))
        if name not in self._known:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(self._known)}")
        match = given.get("match") or {}
        if not isinstance(match, dict) or not set(match) <= set(self._matchable):
            raise ValueError(f"match takes {', '.join(self._matchable)}")
        times, after = given.get("times", 1), given.get("after", 0)
        if not isinstance(times, int) or not isinstance(after, int):
            raise TypeError("times and after are whole numbers")
        options = {key: value for key, value in given.items() if key not in WORDS_OF_A_FAULT}
        return Fault(
            name, {key: str(value) for key, value in match.items() if value is not None}, times, after, options
        )
