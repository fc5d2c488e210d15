"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from transload_architect.check.config import Severity
from transload_architect.check.project import Project

# Files by their path; a text alone is the file dags/sales/daily.py.
Example = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that a rule is against, at a place."""

    path: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A convention.

    Args:
        id: ARC and three digits: 0 files, 1 parsing, 2 DAGs, 3 tasks, 4 pods, 5 layout, 6 secrets.
        title: what is wrong, in a few words.
        severity: how bad that is.
        reason: why it matters.
        fix: what to do instead.
        bad: code that breaks it, and nothing else of its kind.
        good: the same done right.
        find: where a project breaks it.
        options: of the configuration, with which the examples are read.
        more: further examples, each of what breaks it and the same done right.
    """

    id: str
    title: str
    severity: Severity
    reason: str
    fix: str
    bad: Example
    good: Example
    find: Callable[[Project], Iterator[Seen]]
    options: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[tuple[Example, Example], ...] = ()

    @property
    def examples(self) -> tuple[tuple[Example, Example], ...]:
        """All examples, each of what breaks it and the same done right."""
        return ((self.bad, self.good), *self.more)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is reported: a rule's, or ruff's."""

    rule: str
    severity: Severity
    title: str
    path: str
    line: int
    column: int
    message: str
    fix: str


def example_files(example: Example) -> Mapping[str, str]:
    """The files of an example."""
    return {"dags/sales/daily.py": example} if isinstance(example, str) else example
