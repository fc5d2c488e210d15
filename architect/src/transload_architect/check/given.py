"""The arguments of a DAG or task, as far as they can be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transload_architect.check.facts import Value


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of a DAG or task with all that it inherits; ``open`` where some of them can't be known."""

    values: Mapping[str, Value]
    open: bool

    def lacks(self, *names: str) -> bool:
        """Whether none of these is given, for certain."""
        return not self.open and not any(name in self.values for name in names)

    def constant(self, name: str) -> object:
        """The value of an argument where it is a constant; None also where it is not given."""
        value = self.values.get(name)
        return value.constant if value is not None and value.kind == "constant" else None
