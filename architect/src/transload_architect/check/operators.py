"""What a task is when it is made by a class of the repository, and which tasks a DAG gets from helpers in other modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transload_architect.check.airflow import is_task_decorator, looks_like_task
from transload_architect.check.facts import Call, Class, Dag, FileFacts, Function, Task, Value
from transload_architect.check.given import Given
from transload_architect.check.names import DOUBT, KEYWORDS

if TYPE_CHECKING:
    from transload_architect.check.project import Project

FAR = 8  # classes above a class, and helpers behind a helper, that are followed
_PLAIN = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"})
_NOTHING: Mapping[str, Value] = {}
# Operators that start a pod, wherever they come from.
PODS = frozenset({"KubernetesPodOperator", "GKEStartPodOperator", "EksPodOperator"})


@dataclass(frozen=True, slots=True)
class Kind:
    """What an operator is.

    Args:
        base: the operator of Airflow or a provider that it is or comes from, with ``@`` for a decorator; empty: unknown.
        gives: arguments that its own classes give.
        open: whether they do more than can be read.
        through: the repository's class that was called, with its file; empty for Airflow's own.
        places: its parameters that may be given by place, if a class of the repository names them.
        handed: of what is given, the parameter that each comes from.
    """

    base: str
    gives: Mapping[str, Value]
    open: bool
    through: str = ""
    places: tuple[str, ...] | None = None
    handed: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the base's name."""
        return self.base.rpartition(".")[2]

    @property
    def is_pod(self) -> bool:
        """Whether it is a pod of Kubernetes."""
        return self.name in PODS


@dataclass(frozen=True, slots=True)
class Made:
    """A task of a DAG.

    Args:
        file: where it is made.
        task: as it stands there.
        kind: what it is.
        given: its arguments with those of its class, and of the call that made it.
    """

    file: FileFacts
    task: Task
    kind: Kind
    given: Given


class Operators:
    """The tasks of a project.

    Args:
        project: whose files they are in.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._made: dict[tuple[str, int, str], list[Made]] = {}
        self._files: dict[str, list[Made]] = {}

    def of_file(self, file: FileFacts) -> list[Made]:
        """All tasks that a file makes, for whichever DAG."""
        if file.path not in self._files:
            known = [self._as_made(file, task, self.kind(task, file)) for task in file.tasks]
            perhaps = [self._as_made(file, task, self.kind(task, file)) for task in file.perhaps]
            self._files[file.path] = [*known, *(one for one in perhaps if one.kind.base)]
        return self._files[file.path]

    def of_dag(self, file: FileFacts, dag: Dag) -> list[Made]:
        """The tasks of a DAG, those that helpers make for it too."""
        key = file.path, dag.line, dag.variable
        if key not in self._made:
            found = {(one.file.path, one.task.line, one.task.column, 0): one for one in self.in_file(file, dag)}
            for call in self._calls(file, dag):
                for one in self._made_by(call, file):
                    # A helper that hands on what it was called with makes another task at each call.
                    at = call.line if KEYWORDS in one.task.stars else 0
                    found.setdefault((one.file.path, one.task.line, one.task.column, at), one)
            self._made[key] = list(found.values())
        return self._made[key]

    def in_file(self, file: FileFacts, dag: Dag) -> list[Made]:
        """Those that its own file makes: where it has but one DAG, also those that do not say whose they are."""
        alone = len(file.dags) == 1
        return [one for one in self.of_file(file) if one.task.dag == dag.variable or (alone and not one.task.dag)]

    def kind(self, task: Task, file: FileFacts) -> Kind:
        """What a task's operator is."""
        return self._kind(task.operator, file, 0)

    def _kind(self, name: str, file: FileFacts, depth: int) -> Kind:
        if name.startswith(("airflow.", "@airflow.")):
            is_operator = looks_like_task(name) or name.startswith("@") or is_task_decorator(name)
            return Kind(name if is_operator else "", _NOTHING, False)
        key = file.path, name
        if key not in self._kinds:
            self._kinds[key] = Kind("", _NOTHING, True)  # one that comes from itself is none
            found = self._class(name, file)
            if found is not None and depth <= FAR:
                self._kinds[key] = self._of_class(*found, depth)
        return self._kinds[key]

    def _of_class(self, file: FileFacts, name: str, cls: Class, depth: int) -> Kind:
        base, gives, is_open, places, handed = "", dict(cls.gives), cls.open, cls.places, dict(cls.handed)
        for star in cls.stars:
            known = self._project.dictionary(star, file)
            is_open |= known is None or bool(known.stars)
            gives = {**(known.items if known else _NOTHING), **gives}
        for one in cls.bases:
            above = self._kind(one, file, depth + 1)
            if above.base:
                base = base or above.base
                further = {name: handed.get(one, one) for name, one in above.handed.items() if name not in gives}
                gives, handed = {**above.gives, **_handed(above, gives), **gives}, {**further, **handed}
                places = above.places if places is None else places
                is_open |= above.open
            elif one not in _PLAIN and not one.startswith("airflow."):
                mixin = self._class(one, file)
                is_open |= mixin is None or bool(mixin[2].bases or mixin[2].gives or mixin[2].stars or mixin[2].open)
        return Kind(base, gives, is_open, f"{name} ({file.path})", places, handed)

    def _class(self, name: str, file: FileFacts) -> tuple[FileFacts, str, Class] | None:
        if name.startswith("."):
            found = file.classes.get(name[1:])
            return (file, name[1:], found) if found else None
        module, _, last = name.rpartition(".")
        target = self._project.module(module, file) if module else None
        found = target.classes.get(last) if target is not None else None
        return (target, last, found) if target is not None and found is not None else None

    # Helpers

    def _calls(self, file: FileFacts, dag: Dag) -> Iterator[Call]:
        alone = len(file.dags) == 1
        for call in file.calls:
            if call.dag == dag.variable or (alone and not call.dag):
                yield call
        for function in file.functions.values():
            yield from (call for call in function.calls if call.dag == dag.variable)

    def _made_by(self, call: Call, file: FileFacts) -> Iterator[Made]:
        """The tasks that a call makes, through helpers too: each helper is gone into once, however often it is called."""
        seen: set[tuple[str, str]] = set()
        stack = [(call, file)]
        while stack:
            one, caller = stack.pop()
            found = self._project.function(one.name, caller)
            if found is None or (found[0].path, found[1]) in seen:
                continue
            target, name, function = found
            seen.add((target.path, name))
            yield from self._made_in(target, name, function, one, caller)
            if not function.deferred:
                stack += [(inner, target) for inner in reversed(function.calls)]

    def _made_in(self, target: FileFacts, name: str, function: Function, call: Call, file: FileFacts) -> Iterator[Made]:
        """The tasks in the body of a helper, as a call from a file makes them."""
        named = {key: value for key, value in call.arguments.items() if not key.isdecimal()}
        handed = {key: value for key, value in named.items() if key not in function.parameters}
        is_open = any(self._project.dictionary(star, file) is None for star in call.stars)
        for one in self.of_file(target):
            if one.task.function == name:
                yield self._called(one, handed, is_open)

    def _called(self, made: Made, handed: Mapping[str, Value], is_open: bool) -> Made:
        """A task of a helper that hands on what it was called with."""
        if KEYWORDS not in made.task.stars:
            return made
        others = [star for star in made.task.stars if star != KEYWORDS]
        given = Given({**made.given.values, **handed}, is_open or made.kind.open or bool(others))
        return Made(made.file, made.task, made.kind, given)

    def _as_made(self, file: FileFacts, task: Task, kind: Kind) -> Made:
        given = self._project.given(task, file)
        values, is_open = dict(given.values), given.open or kind.open
        if kind.places is not None:
            by_place = [values.pop(key) for key in [*values] if key.isdecimal()]
            values.update(zip(kind.places, by_place, strict=False))
            is_open |= len(by_place) > len(kind.places)
        gives = {**kind.gives, **(dict.fromkeys(kind.handed, DOUBT) if is_open else {}), **_handed(kind, values)}
        return Made(file, task, kind, Given({**gives, **values}, is_open))


def _handed(kind: Kind, values: Mapping[str, Value]) -> dict[str, Value]:
    """What an operator gives on, if it is given these."""
    return {name: values[one] for name, one in kind.handed.items() if one in values}
