"""What one file says, as far as rules want to know it. Plain frozen structures, so that worker processes can hand them over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Constant = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Value:
    """An expression, read as far as it can be without running it.

    Args:
        kind: what it is.
        line: where, from 1.
        constant: of kind ``constant``.
        name: of kinds ``name`` and ``call``: the dotted name, with ``()`` where something was called.
        items: of kind ``dict`` by key, of kind ``list`` by position.
        stars: of kind ``dict``: the names of what ``**`` spreads into it and could not be read.
        arguments: of kind ``call``: its arguments by keyword, or by position.
    """

    kind: Literal["constant", "name", "call", "dict", "list", "other"]
    line: int = 0
    constant: Constant = None
    name: str = ""
    items: Mapping[str, Value] = field(default_factory=dict)
    stars: tuple[str, ...] = ()
    arguments: Mapping[str, Value] = field(default_factory=dict)

    def walk(self) -> Iterator[Value]:
        """Itself, and all that is in it."""
        yield self
        for part in (*self.items.values(), *self.arguments.values()):
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Call:
    """Something that is called.

    Args:
        name: dotted, as imported; ``.f`` for a function of this file, ``?.m`` for a method of who knows what.
        line: where.
        column: from 1.
        dag: the variable of the DAG around it; empty where there is none.
        grouped: whether a group is around it.
        arguments: of a call that may make tasks, by keyword, or by position.
        stars: names of what ``**`` spreads into them.
    """

    name: str
    line: int
    column: int
    dag: str = ""
    grouped: bool = False
    arguments: Mapping[str, Value] = field(default_factory=dict)
    stars: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Import:
    """An import of a module, or of a name in it."""

    module: str
    name: str | None
    line: int

    @property
    def dotted(self) -> str:
        """The module, with the name if there is one."""
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a file.

    Args:
        calls: what it calls.
        returns: what it returns, if that is one dictionary.
        deferred: whether it is a task: calling it at parse does not run it.
        parameters: their names, but for that of ``**kwargs``.
    """

    calls: tuple[Call, ...]
    returns: Value | None
    deferred: bool
    parameters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Class:
    """A class of a file, as an operator may be one.

    Args:
        bases: their dotted names.
        gives: arguments that it gives to its base by itself.
        stars: names of what it spreads into them with ``**``, but for what it was called with.
        open: whether it does more with its arguments than can be read.
        places: the parameters of its ``__init__`` that may be given by place; None: it has no ``__init__`` of its own.
        handed: of what it gives, the parameter that each comes from: ``gives`` has that one's default.
    """

    bases: tuple[str, ...]
    gives: Mapping[str, Value]
    stars: tuple[str, ...]
    open: bool
    places: tuple[str, ...] | None = None
    handed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dag:
    """A DAG that a file makes."""

    variable: str
    line: int
    column: int
    arguments: Mapping[str, Value]
    stars: tuple[str, ...]

    @property
    def id(self) -> str:
        """Its id as far as it is constant."""
        value = self.arguments.get("dag_id") or self.arguments.get("0")
        return str(value.constant) if value and value.kind == "constant" else self.variable


@dataclass(frozen=True, slots=True)
class Task:
    """A task that a file makes: an operator, or a function with a decorator.

    Args:
        operator: the dotted name of the operator, or ``@`` and that of the decorator.
        name: its task id, as far as it is constant.
        line: where.
        column: from 1.
        arguments: by keyword, or by position.
        stars: names of what ``**`` spreads into them.
        dag: the variable of its DAG; empty where that can't be told.
        grouped: whether it is in a group.
        function: the function of the file that makes it; empty where parsing the file does.
    """

    operator: str
    name: str
    line: int
    column: int
    arguments: Mapping[str, Value]
    stars: tuple[str, ...]
    dag: str
    grouped: bool
    function: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file, and what is seen there."""

    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """A comment that asks for silence.

    Args:
        line: of the comment.
        covers: the line that it speaks of; 0 for the whole file.
        rules: which.
        reason: why.
    """

    line: int
    covers: int
    rules: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class FileFacts:
    """All of one file. ``path`` is relative to the top of what is checked, with slashes."""

    path: str
    error: Spot | None = None
    lines: int = 0
    imports: tuple[Import, ...] = ()  # those that parsing the file runs
    calls: tuple[Call, ...] = ()  # those that parsing the file runs
    functions: Mapping[str, Function] = field(default_factory=dict)
    classes: Mapping[str, Class] = field(default_factory=dict)
    constants: Mapping[str, Value] = field(default_factory=dict)  # dictionaries that the file has at its top
    dags: tuple[Dag, ...] = ()
    tasks: tuple[Task, ...] = ()
    perhaps: tuple[Task, ...] = ()  # tasks, if the classes that are called are operators
    logic: tuple[Spot, ...] = ()
    large: tuple[Spot, ...] = ()  # values that go into XCom and have no small bound
    secrets: tuple[Spot, ...] = ()
    intervals: tuple[Spot, ...] = ()  # mentions of the data interval
    ignores: tuple[Ignore, ...] = ()
