"""All files together: which module is which file, what a call reaches through helpers, what parsing a DAG file runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from transload_architect.check.config import Config
from transload_architect.check.facts import Call, Dag, FileFacts, Function, Task, Value
from transload_architect.check.given import Given
from transload_architect.check.operators import FAR, Operators
from transload_architect.check.touches import Touch, touch_of


@dataclass(frozen=True, slots=True)
class Reach:
    """What a call reaches, and the functions on the way."""

    touch: Touch
    end: str
    through: tuple[str, ...]


class Project:
    """Facts of files that belong together.

    Args:
        files: of everything that was read.
        config: options of the rules.
    """

    def __init__(self, files: Iterable[FileFacts], config: Config) -> None:
        self.files = {one.path: one for one in sorted(files, key=lambda one: one.path)}
        self.config = config
        self._reaches: dict[tuple[str, str], list[Reach]] = {}
        self._modules: dict[tuple[str, str], FileFacts | None] = {}

    @cached_property
    def _by_tail(self) -> dict[str, list[FileFacts]]:
        """Files by the last part of their module's name; of a package, its folder's."""
        found: dict[str, list[FileFacts]] = {}
        for one in self.files.values():
            found.setdefault(_parts(one.path)[-1], []).append(one)
        return found

    def module(self, dotted: str, importer: FileFacts) -> FileFacts | None:
        """The file that an import means: of those whose path ends like it, the one nearest to the importer."""
        folder = importer.path.rpartition("/")[0]
        key = dotted, folder
        if key not in self._modules:
            wanted = dotted.split(".")
            near = importer.path.split("/")
            fitting = [
                one
                for one in self._by_tail.get(wanted[-1], ())
                if _parts(one.path)[-len(wanted) :] == wanted and one is not importer
            ]
            self._modules[key] = max(fitting, key=lambda one: _common(one.path.split("/"), near), default=None)
        return self._modules[key]

    def _imported(self, file: FileFacts) -> Iterator[FileFacts]:
        for one in file.imports:
            found = self.module(one.dotted, file) or self.module(one.module, file)
            if found is not None:
                yield found

    @cached_property
    def dag_files(self) -> list[FileFacts]:
        """The files that make a DAG."""
        return [one for one in self.files.values() if one.dags]

    @cached_property
    def parsed(self) -> list[FileFacts]:
        """The DAG files, and what they import: all that runs when DAGs are parsed."""
        found: dict[str, FileFacts] = {}
        stack = list(self.dag_files)
        while stack:
            one = stack.pop()
            if one.path not in found:
                found[one.path] = one
                stack += self._imported(one)
        return [found[path] for path in sorted(found)]

    def imports_of(self, file: FileFacts) -> list[FileFacts]:
        """What a file imports of this project, directly or not."""
        found: dict[str, FileFacts] = {}
        stack = list(self._imported(file))
        while stack:
            one = stack.pop()
            if one.path not in found:
                found[one.path] = one
                stack += self._imported(one)
        return list(found.values())

    # Calls

    def function(self, name: str, file: FileFacts) -> tuple[FileFacts, str, Function] | None:
        """The function of this project that a call means."""
        if name.startswith("."):
            return _pick(file, name[1:])
        module, _, last = name.partition("()")[0].rpartition(".")
        method = name.partition("().")[2]
        for dotted, rest in ((module, last), (module.rpartition(".")[0], f"{module.rpartition('.')[2]}.{last}")):
            target = self.module(dotted, file) if dotted else None
            if target is not None:
                return _pick(target, f"{rest}().{method}" if method else rest)
        return None

    def reaches(self, call: Call, file: FileFacts) -> Iterator[Reach]:
        """What a call touches, itself or through helpers of this project."""
        if (touch := touch_of(call.name)) is not None:
            yield Reach(touch, call.name, ())
            return
        found = self.function(call.name, file)
        if found is not None:
            yield from self._reaches_of(*found, depth=0)

    def _reaches_of(self, file: FileFacts, name: str, function: Function, depth: int) -> list[Reach]:
        key = file.path, name
        if key in self._reaches:
            return self._reaches[key]
        self._reaches[key] = []  # one that calls itself adds nothing
        if function.deferred or depth > FAR:
            return []
        here = f"{name} ({file.path})"
        found: dict[Touch, Reach] = {}
        for call in function.calls:
            if (touch := touch_of(call.name)) is not None:
                found.setdefault(touch, Reach(touch, call.name, (here,)))
            elif (inner := self.function(call.name, file)) is not None:
                for reach in self._reaches_of(*inner, depth=depth + 1):
                    found.setdefault(reach.touch, Reach(reach.touch, reach.end, (here, *reach.through)))
        self._reaches[key] = list(found.values())
        return self._reaches[key]

    # Tasks and their arguments

    @cached_property
    def operators(self) -> Operators:
        """What the tasks are, and whose."""
        return Operators(self)

    def given(self, owner: Dag | Task, file: FileFacts) -> Given:
        """The arguments of a DAG or task, with those that ``**helper()`` returns where that can be read."""
        return self._spread(owner.arguments, owner.stars, file)

    def defaults(self, dag: Dag, file: FileFacts) -> Given:
        """The ``default_args`` of a DAG."""
        given = self.given(dag, file)
        value = given.values.get("default_args")
        if value is None:
            return Given({}, given.open)
        if value.kind in ("call", "name"):
            value = self.dictionary(value.name, file) or value
        elif value.kind == "dict" and "default_args" in dag.arguments:
            return self._spread(value.items, value.stars, file)
        return Given(value.items, value.kind != "dict" or bool(value.stars))

    def _spread(self, items: Mapping[str, Value], stars: Iterable[str], file: FileFacts) -> Given:
        """Items, with those of the dictionaries that a file spreads into them."""
        values = dict(items)
        is_open = False
        for star in stars:
            known = self.dictionary(star, file)
            is_open |= known is None or bool(known.stars)
            values = {**(known.items if known is not None else {}), **values}
        return Given(values, is_open)

    def dictionary(self, name: str, file: FileFacts) -> Value | None:
        """The dictionary that a helper returns (``module.f()``), or that a module has at its top (``module.NAME``)."""
        if name.endswith("()"):
            found = self.function(name.removesuffix("()"), file)
            return found[2].returns if found is not None else None
        module, _, last = name.rpartition(".")
        target = self.module(module, file) if module else None
        return target.constants.get(last) if target is not None else None


def _pick(file: FileFacts, name: str) -> tuple[FileFacts, str, Function] | None:
    """A function of a file by name; of a class that is called, its ``__init__``; ``C().m`` is its method."""
    plain = name.replace("()", "")
    for candidate in (plain, f"{plain}.__init__"):
        if candidate in file.functions:
            return file, candidate, file.functions[candidate]
    return None


def _parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


def _common(one: list[str], other: list[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
