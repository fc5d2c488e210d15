"""What a class gives to its base by itself: a repository's own operator may set retries, limits or a pool for all its tasks."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from transload_architect.check.facts import Class, Value
from transload_architect.check.names import DOUBT, KEYWORDS, UNKNOWN, Scope

# Methods by which a class may make of its arguments what it likes.
_MAGIC = frozenset({"__new__", "__init_subclass__", "__getattribute__", "__setattr__"})
# What holds code that perhaps does not run.
_PERHAPS = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match),
    *(ast.IfExp, ast.BoolOp, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)
_HARMLESS = frozenset({"dict", "len", "list", "print", "repr", "set", "sorted", "str", "isinstance"})


def read_class(node: ast.ClassDef, scope: Scope) -> Class:
    """A class.

    Args:
        node: of its definition.
        scope: in which that stands.
    """
    reader = _Reader(bool(node.decorator_list or node.keywords))
    inner = Scope(scope)
    for one in node.body:
        match one:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                reader.gives[name] = inner.read(value)
            case ast.FunctionDef(name="__init__"):
                reader.read(one, inner)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name in _MAGIC:
                reader.open = True
    bases = tuple(scope.resolve(base) for base in node.bases)
    return Class(bases, reader.gives, tuple(reader.stars), reader.open, reader.places, reader.handed)


class _Reader:
    """Reads an ``__init__``.

    Args:
        is_open: whether something else makes the class more than can be read.
    """

    def __init__(self, is_open: bool) -> None:
        self.gives: dict[str, Value] = {}
        self.stars: list[str] = []
        self.open = is_open
        self.places: tuple[str, ...] | None = None
        self.handed: dict[str, str] = {}
        self._certain = True

    def read(self, node: ast.FunctionDef, outer: Scope) -> None:
        """Notes what it gives to its base."""
        scope = parameters(node, outer, with_defaults=True)
        self._keywords = node.args.kwarg.arg if node.args.kwarg else ""
        self._self, *places = [one.arg for one in (*node.args.posonlyargs, *node.args.args)] or [""]
        self.places = tuple(places)
        named = (*places, *(one.arg for one in node.args.kwonlyargs))
        self._defaults = {name: default for name in named if (default := scope.value(name)) is not None}
        for one, self._certain in _in_order(node.body):
            match one:
                case ast.Call():
                    self._call(one, scope)
                case ast.Assign(targets=[target], value=value):
                    self._assign(target, value, scope)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    self._assign(target, value, scope)
                case ast.AugAssign(target=ast.Name(id=name), value=value) if name == self._keywords:
                    self._spread(scope.read(value), scope.resolve(value))

    def _call(self, node: ast.Call, scope: Scope) -> None:
        match node.func:
            case ast.Attribute(attr="__init__"):
                self.open |= any(not isinstance(one, ast.Name) or one.id != self._self for one in node.args)
                self._give(*scope.arguments(node))
            case ast.Attribute(value=ast.Name(id=name), attr="setdefault") if name == self._keywords:
                self._default(node.args, scope)
            case ast.Attribute(value=ast.Name(id=name), attr="update") if name == self._keywords:
                self._give(*scope.arguments(node))
                for one in node.args:
                    self._spread(scope.read(one), scope.resolve(one))
            case ast.Attribute(value=ast.Name(id=name)) if name == self._keywords:
                pass  # get, pop, items: what they take out was given by whoever called
            case ast.Name(id="setattr"):
                self.open = True
            case _:
                handed = [one.id for one in node.args if isinstance(one, ast.Name)]
                known = isinstance(node.func, ast.Name) and node.func.id in _HARMLESS
                self.open |= bool(self._keywords) and self._keywords in handed and not known

    def _item(self, arguments: list[ast.expr], scope: Scope) -> None:
        match arguments:
            case [ast.Constant(value=str() as key), value]:
                self._note(key, scope.read(value))
            case _:
                self.open = True

    def _default(self, arguments: list[ast.expr], scope: Scope) -> None:
        match arguments:
            case [ast.Constant(value=str() as key), _]:
                if key not in self.gives:
                    self._item(arguments, scope)
                    self.handed[key] = key
            case _:
                self.open = True

    def _note(self, name: str, value: Value) -> None:
        """Notes that something is given, and where that is a parameter as it came, which."""
        self.gives[name] = value if self._certain else DOUBT
        self.handed.pop(name, None)
        for parameter, default in self._defaults.items():
            if default is self.gives[name]:
                self.handed[name] = parameter

    def _star(self, name: str) -> None:
        if self._certain:
            self.stars.append(name)
        else:
            self.open = True

    def _assign(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        match target:
            case ast.Subscript(value=ast.Name(id=name), slice=key) if name == self._keywords:
                self._item([key, value], scope)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name == self._self:
                self._note(attr, scope.read(value))
            case ast.Name(id=name) if name == self._keywords:
                self._spread(scope.read(value), scope.resolve(value))
            case ast.Name(id=name):
                scope.bind(name, scope.resolve(value), scope.read(value) if self._certain else DOUBT)

    def _give(self, arguments: Mapping[str, Value], stars: tuple[str, ...]) -> None:
        for name, value in arguments.items():
            if not name.isdecimal():
                self._note(name, value)
        for star in stars:
            if star != KEYWORDS:
                self._star(star)
        self.open |= "default_args" in arguments or UNKNOWN in stars

    def _spread(self, value: Value, name: str) -> None:
        if value.kind == "dict":
            self._give(value.items, value.stars)
        elif name != KEYWORDS:
            self._star(UNKNOWN if value.kind == "other" else name)


def _in_order(body: list[ast.stmt]) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes as they stand in the text, each with whether it runs for certain."""
    stack: list[tuple[ast.AST, bool]] = [(one, True) for one in reversed(body)]
    while stack:
        node, certain = stack.pop()
        yield node, certain
        certain &= not isinstance(node, _PERHAPS)
        stack += [(one, certain) for one in [*ast.iter_child_nodes(node)][::-1]]


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, outer: Scope, *, with_defaults: bool = False) -> Scope:
    """The scope of a function's body, in which its parameters may be anything.

    Args:
        node: of the function.
        outer: the scope around it.
        with_defaults: whether a parameter is read as its default, as who looks for what is given otherwise may do.
    """
    scope = Scope(outer)
    arguments = node.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        scope.bind(one.arg, UNKNOWN)
    if with_defaults:
        by_place = [*arguments.posonlyargs, *arguments.args][::-1]
        pairs = (
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
            *zip(by_place, arguments.defaults[::-1], strict=False),
        )
        for one, default in pairs:
            if isinstance(default, ast.Constant) and default.value is not None:
                scope.bind(one.arg, UNKNOWN, outer.read(default))
    if arguments.vararg:
        scope.bind(arguments.vararg.arg, UNKNOWN)
    if arguments.kwarg:
        scope.bind(arguments.kwarg.arg, KEYWORDS)
    return scope
