"""Names as they were imported, whatever a file calls them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import replace

from transload_architect.check.facts import Constant, Value

UNKNOWN = "?"
DOUBT = Value("other")  # may be this or that, or not given at all
KEYWORDS = "?kwargs"  # what a function was called with beyond its parameters
_BUILTINS = frozenset(dir(builtins))
_ABSENT = "", None
_DEEP = 12  # expressions nested deeper than this are not looked into


class Scope:
    """What names mean at a place: dotted names, and values where they are known.

    Args:
        outer: the scope around it.
    """

    def __init__(self, outer: Scope | None = None) -> None:
        self._outer = outer
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def bind(self, name: str, dotted: str, value: Value | None = None) -> None:
        """Say what a name means from here on."""
        self._names[name] = dotted
        self._values.pop(name, None)
        if value is not None:
            self._values[name] = value

    def dotted(self, name: str) -> str:
        """The dotted name behind a name, ``?`` if nobody can tell."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope._names:
                return scope._names[name]
            scope = scope._outer
        return f"builtins.{name}" if name in _BUILTINS else UNKNOWN

    def value(self, name: str) -> Value | None:
        """The value behind a name, if it was seen."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope._names:
                return scope._values.get(name)
            scope = scope._outer
        return None

    def change(self, name: str, key: str, value: Value) -> None:
        """Say that an item of the dictionary behind a name was set."""
        known = self.value(name)
        if name not in self._names:
            self.lose(name)  # a function changes what stands around it: when it is called, and if it is
        elif known is not None and known.kind == "dict":
            self._values[name] = replace(known, items={**known.items, key: value})

    def lose(self, name: str) -> None:
        """Say that the dictionary behind a name was changed in a way that cannot be read."""
        known = self.value(name)
        if known is not None and known.kind == "dict":
            scope: Scope = self
            while name not in scope._names and scope._outer is not None:
                scope = scope._outer
            scope._values[name] = Value("dict", known.line, stars=(UNKNOWN,))

    def state(self) -> dict[str, tuple[str, Value | None]]:
        """What all names of this scope mean at this moment, to ``join`` it later."""
        return {name: (dotted, self._values.get(name)) for name, dotted in self._names.items()}

    def join(self, before: Mapping[str, tuple[str, Value | None]]) -> None:
        """Say that what was bound and changed since ``before`` perhaps was not: a branch did it, or a loop."""
        for name, (dotted, value) in self.state().items():
            known, earlier = before.get(name, _ABSENT)
            if known and (known, earlier) != (dotted, value):
                self._values[name] = _either(earlier, value)

    def dictionaries(self) -> dict[str, Value]:
        """The dictionaries of this scope that are known, by name."""
        return {name: value for name, value in self._values.items() if value.kind == "dict"}

    def resolve(self, node: ast.expr) -> str:
        """The dotted name of an expression: ``requests.Session().get`` for what ``s.get`` is after ``s = Session()``."""
        tail: list[str] = []
        while True:
            match node:
                case ast.Name(id=name):
                    return self.dotted(name) + "".join(reversed(tail))
                case ast.Attribute(value=inner, attr=attr):
                    tail.append(f".{attr}")
                    node = inner
                case ast.Call(func=inner):
                    tail.append("()")
                    node = inner
                case ast.Await(value=inner):
                    node = inner
                case ast.BinOp(left=inner, op=ast.Div()):  # paths
                    tail.append("/")
                    node = inner
                case _:
                    return UNKNOWN + "".join(reversed(tail))

    def read(self, node: ast.expr, depth: int = 0) -> Value:
        """An expression as a value."""
        line = node.lineno
        if depth > _DEEP:
            return Value("other", line)
        match node:
            case ast.Constant(value=constant):
                return Value("constant", line, constant if isinstance(constant, Constant) else None)
            case ast.Name(id=name) if (known := self.value(name)) is not None:
                return known
            case ast.Name() | ast.Attribute():
                return Value("name", line, name=self.resolve(node))
            case ast.Dict():
                return self._read_dict(node, depth)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return Value("list", line, items={str(n): self.read(one, depth + 1) for n, one in enumerate(parts)})
            case ast.Call():
                return self._read_call(node, depth)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return Value("constant", line, -number)
            case ast.BinOp(left=left, right=right):
                parts = [left, right]
                return Value("other", line, items={str(n): self.read(one, depth + 1) for n, one in enumerate(parts)})
        return Value("other", line)

    def arguments(self, call: ast.Call, depth: int = 0) -> tuple[dict[str, Value], tuple[str, ...]]:
        """The arguments of a call, those of ``**dictionary`` too, and the names of what could not be spread out."""
        found: dict[str, Value] = {}
        stars: list[str] = []
        for n, one in enumerate(call.args):
            if isinstance(one, ast.Starred):
                stars.append(self.resolve(one.value))
            else:
                found[str(n)] = self.read(one, depth + 1)
        for keyword in call.keywords:
            value = self.read(keyword.value, depth + 1)
            if keyword.arg is not None:
                found[keyword.arg] = value
            else:
                stars += list(_spread(value, found, self.resolve(keyword.value)))
        return found, tuple(stars)

    def _read_call(self, node: ast.Call, depth: int) -> Value:
        name = self.resolve(node)
        arguments, stars = self.arguments(node, depth)
        if name == "builtins.dict()" and not any(key.isdecimal() for key in arguments):
            return Value("dict", node.lineno, items=arguments, stars=stars)
        return Value("call", node.lineno, name=name, arguments=arguments, stars=stars)

    def _read_dict(self, node: ast.Dict, depth: int) -> Value:
        items: dict[str, Value] = {}
        stars: list[str] = []
        for key, one in zip(node.keys, node.values, strict=True):
            value = self.read(one, depth + 1)
            if key is None:
                stars += list(_spread(value, items, self.resolve(one)))
            elif isinstance(key, ast.Constant):
                items[str(key.value)] = value
        return Value("dict", node.lineno, items=items, stars=tuple(stars))


def _either(one: Value | None, other: Value | None) -> Value:
    """What is known of a value that may be one or the other: of dictionaries, the items that both have."""
    if one is None or other is None or not one.kind == other.kind == "dict":
        return DOUBT
    keys = [*one.items, *(key for key in other.items if key not in one.items)]
    same = {key: one.items[key] for key in keys if one.items.get(key) == other.items.get(key)}
    stars = (*one.stars, *(star for star in other.stars if star not in one.stars))
    return replace(other, items={key: same.get(key, DOUBT) for key in keys}, stars=stars)


def _spread(value: Value, into: dict[str, Value], name: str) -> Iterator[str]:
    """Puts a dictionary's items into another, and yields the names of what is not known."""
    if value.kind == "dict":
        into.update(value.items)
        yield from value.stars
    else:
        yield UNKNOWN if value.kind == "other" else name
