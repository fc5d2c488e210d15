"""Reads one file into facts. A statement belongs to what parsing the file runs, or to the function that holds it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_letters

from transload_architect.check.airflow import (
    is_dag,
    is_group,
    is_task_decorator,
    is_xcom_push,
    looks_like_task,
    may_call_helper,
    may_make_task,
    of_mapped,
)
from transload_architect.check.classes import parameters, read_class
from transload_architect.check.comments import ignores_of
from transload_architect.check.facts import Call, Class, Dag, FileFacts, Function, Import, Spot, Task, Value
from transload_architect.check.names import UNKNOWN, Scope
from transload_architect.check.secrets import secrets_of
from transload_architect.check.xcom import is_large

_LOGIC = {ast.If: "if", ast.For: "for", ast.While: "while", ast.Try: "try", ast.Match: "match"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def read_file(path: Path, name: str) -> FileFacts:
    """The facts of a file, called ``name`` in findings. A file that can't be read or parsed has its ``error`` set."""
    try:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        return _Reader(name, source.decode("utf-8", "replace")).read(tree)
    except SyntaxError as error:
        return FileFacts(name, Spot(error.lineno or 1, error.offset or 1, error.msg))
    except (OSError, ValueError) as error:
        return FileFacts(name, Spot(1, 1, str(error)))
    except (RecursionError, MemoryError):
        return FileFacts(name, Spot(1, 1, "its expressions are nested too deeply to be read"))


@dataclass
class _Context:
    """Where a statement stands.

    Args:
        scope: of names.
        calls: what is called here goes there.
        parsing: whether parsing the file runs it.
        prefix: of the names of functions within.
        dag: the variable of the DAG around it.
        grouped: whether a group is around it.
        task: whether it is the body of a task.
        function: the function around it.
    """

    scope: Scope
    calls: list[Call]
    parsing: bool = True
    prefix: str = ""
    dag: str = ""
    grouped: bool = False
    task: bool = False
    returns: list[Value] = field(default_factory=list)
    function: str = ""


class _Reader:
    def __init__(self, path: str, text: str) -> None:
        self._path, self._text = path, text
        self._package = path.removesuffix(".py").split("/")[:-1]
        self._imports: list[Import] = []
        self._functions: dict[str, Function] = {}
        self._classes: dict[str, Class] = {}
        self._dags: list[Dag] = []
        self._tasks: list[Task] = []
        self._perhaps: list[Task] = []
        self._logic: list[Spot] = []
        self._large: list[Spot] = []

    def read(self, tree: ast.Module) -> FileFacts:
        calls: list[Call] = []
        scope = Scope()
        self._body(tree.body, _Context(scope, calls))
        lines = self._text.splitlines()
        return FileFacts(
            path=self._path,
            lines=len(lines),
            imports=tuple(self._imports),
            calls=tuple(calls),
            functions=self._functions,
            classes=self._classes,
            constants=scope.dictionaries(),
            dags=tuple(self._dags),
            tasks=tuple(self._tasks),
            perhaps=tuple(self._perhaps),
            logic=tuple(self._logic),
            large=tuple(self._large),
            secrets=tuple(secrets_of(tree)),
            intervals=tuple(_mentions(lines)),
            ignores=tuple(ignores_of(self._text)),
        )

    def _body(self, body: list[ast.stmt], context: _Context) -> None:
        for statement in body:
            self._statement(statement, context)

    def _statement(self, node: ast.stmt, context: _Context) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, context)
        elif isinstance(node, _FUNCTIONS):
            self._function(node, context)
        elif isinstance(node, ast.ClassDef):
            self._class(node, context)
        elif isinstance(node, ast.With | ast.AsyncWith):
            self._with(node, context)
        elif type(node) in _LOGIC:
            self._branch(node, context)
        else:
            self._simple(node, context)

    # Statements that hold others

    def _branch(self, node: ast.stmt, context: _Context) -> None:
        if isinstance(node, ast.If) and _runs_elsewhere(node.test):
            self._body(node.orelse, context)
            return
        if context.parsing:
            self._logic.append(Spot(node.lineno, node.col_offset + 1, _LOGIC[type(node)]))
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self._expression(part, context)
        for body in _bodies(node):
            before = context.scope.state()
            for name in _targets(node):
                context.scope.bind(name, UNKNOWN)
            self._body(body, context)
            context.scope.join(before)

    def _with(self, node: ast.With | ast.AsyncWith, context: _Context) -> None:
        inner = context
        for item in node.items:
            self._expression(item.context_expr, inner)
            variable = item.optional_vars.id if isinstance(item.optional_vars, ast.Name) else ""
            dotted = inner.scope.resolve(item.context_expr)
            if isinstance(item.context_expr, ast.Call) and is_dag(dotted.removesuffix("()")):
                dag = self._note_dag(item.context_expr, variable, inner)
                inner = _within(inner, dag=dag)
            elif is_group(dotted.removesuffix("()")):
                inner = _within(inner, grouped=True)
            elif dotted in {one.variable for one in self._dags}:
                inner = _within(inner, dag=dotted)
            if variable:
                inner.scope.bind(variable, dotted, None)
        self._body(node.body, inner)

    def _class(self, node: ast.ClassDef, context: _Context) -> None:
        name = f"{context.prefix}{node.name}"
        context.scope.bind(node.name, f".{name}")
        self._classes[name] = read_class(node, context.scope)
        for decorator in node.decorator_list:
            self._expression(decorator, context)
        inner = _Context(
            Scope(context.scope), context.calls, context.parsing, f"{name}.", context.dag, function=context.function
        )
        self._body(node.body, inner)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, context: _Context) -> None:
        name = f"{context.prefix}{node.name}"
        context.scope.bind(node.name, f".{name}")
        for one in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
            self._expression(one, context)
        decorators = [self._decorator(one, context) for one in node.decorator_list]
        calls: list[Call] = []
        inner = _Context(parameters(node, context.scope), calls, False, f"{name}.", context.dag, function=name)
        task = next((one for one in decorators if is_task_decorator(one)), None)
        made_at_parse = [one for one in decorators if is_dag(one) or is_group(one)]
        if task is not None:
            self._note_task_function(node, task, decorators.index(task), context)
            inner.task = True
        elif made_at_parse and context.parsing:
            inner.calls, inner.parsing, inner.grouped = context.calls, True, context.grouped or is_group(decorators[0])
            if is_dag(decorators[0]):
                call = node.decorator_list[0]
                inner.dag = self._note_dag(call if isinstance(call, ast.Call) else None, node.name, context, node)
        elif context.parsing and context.prefix == "":
            self._logic.append(Spot(node.lineno, node.col_offset + 1, "def"))
        self._body(node.body, inner)
        returned = inner.returns[0] if len(inner.returns) == 1 and inner.returns[0].kind == "dict" else None
        named = frozenset(one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
        self._functions[name] = Function(tuple(calls), returned, task is not None or bool(made_at_parse), named)

    def _decorator(self, node: ast.expr, context: _Context) -> str:
        """The name of a decorator; ``@dag.task`` is ``@task`` by another way."""
        name = context.scope.resolve(node).removesuffix("()")
        owner, found, kind = name.partition(".task")
        is_of_dag = owner in {one.variable for one in self._dags} or is_dag(owner.removesuffix("()"))
        return f"airflow.sdk.task{kind}" if found and is_of_dag and not kind.strip("._" + ascii_letters) else name

    # Statements that hold none

    def _import(self, node: ast.Import | ast.ImportFrom, context: _Context) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                found = Import(alias.name, None, node.lineno)
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
            else:
                found = Import(self._module(node), alias.name, node.lineno)
                bound = found.dotted
            context.scope.bind(alias.asname or alias.name.partition(".")[0], bound)
            if context.parsing:
                self._imports.append(found)

    def _module(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        base = self._package[: len(self._package) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])

    def _simple(self, node: ast.stmt, context: _Context) -> None:
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self._expression(part, context)
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, context)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, value, context)
            case ast.Return(value=ast.expr() as value):
                context.returns.append(context.scope.read(value))
                if context.task and (what := is_large(context.scope, value)):
                    self._large.append(Spot(node.lineno, node.col_offset + 1, what))
            case ast.Expr(value=ast.Call() as call) if is_dag(context.scope.resolve(call.func)):
                self._note_dag(call, "", context)
            case (
                ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name))))
                | ast.AugAssign(target=ast.Name(id=name))
            ):
                context.scope.lose(name)  # an update, say: what the dictionary holds behind it, nobody has read

    def _assign(self, target: ast.expr, value: ast.expr, context: _Context) -> None:
        match target:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as key)):
                context.scope.change(name, key, context.scope.read(value))
            case ast.Subscript(value=ast.Name(id=name)):
                context.scope.lose(name)
        if not isinstance(target, ast.Name):
            return
        dotted = context.scope.resolve(value)
        if isinstance(value, ast.Call) and is_dag(dotted.removesuffix("()")):
            self._note_dag(value, target.id, context)
            context.scope.bind(target.id, target.id)
            return
        read = context.scope.read(value)
        context.scope.bind(target.id, dotted, read if read.kind in ("dict", "list", "constant", "call") else None)

    # Expressions

    def _expression(self, node: ast.expr, context: _Context) -> None:
        """Notes what an expression calls: by hand, since ``ast.walk`` would go into lambdas, which run later."""
        stack: list[ast.AST] = [node]
        while stack:
            one = stack.pop()
            if isinstance(one, ast.Lambda):
                continue
            if isinstance(one, ast.Call):
                self._call(one, context)
            stack.extend(ast.iter_child_nodes(one))

    def _call(self, node: ast.Call, context: _Context) -> None:
        name = context.scope.resolve(node.func)
        place = node.lineno, node.col_offset + 1
        arguments, stars = context.scope.arguments(node) if may_call_helper(name) else ({}, ())
        context.calls.append(Call(of_mapped(name), *place, context.dag, context.grouped, arguments, stars))
        if looks_like_task(name):
            self._tasks.append(self._task(node, name, context))
        elif may_make_task(name):
            self._perhaps.append(self._task(node, name, context))
        elif is_xcom_push(name):
            values = [*(one.value for one in node.keywords if one.arg == "value"), *node.args[1:2]]
            for value in values:
                if what := is_large(context.scope, value):
                    self._large.append(Spot(node.lineno, node.col_offset + 1, what))

    def _note_dag(
        self, call: ast.Call | None, variable: str, context: _Context, function: ast.stmt | None = None
    ) -> str:
        variable = variable or f"(line {(call or function).lineno})"  # type: ignore[union-attr]
        place = call or function
        assert place is not None
        arguments, stars = context.scope.arguments(call) if call else ({}, ())
        self._dags.append(Dag(variable, place.lineno, place.col_offset + 1, arguments, stars))
        return variable

    def _task(self, node: ast.Call, name: str, context: _Context) -> Task:
        arguments, stars = context.scope.arguments(node)
        operator = name.removesuffix(".partial")
        given = arguments.get("task_id")
        task_id = str(given.constant) if given and given.kind == "constant" else operator.rpartition(".")[2]
        dag = arguments["dag"].name if "dag" in arguments else context.dag
        grouped = context.grouped or "task_group" in arguments
        place = node.lineno, node.col_offset + 1
        return Task(operator, task_id, *place, arguments, stars, dag, grouped, context.function)

    def _note_task_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, decorator: str, at: int, context: _Context
    ) -> None:
        call = node.decorator_list[at]
        arguments, stars = context.scope.arguments(call) if isinstance(call, ast.Call) else ({}, ())
        place = node.lineno, node.col_offset + 1
        self._tasks.append(
            Task(
                f"@{decorator}",
                node.name,
                *place,
                arguments,
                stars,
                context.dag,
                context.grouped,
                f"{context.prefix}{node.name}",
            )
        )


def _within(context: _Context, *, dag: str = "", grouped: bool = False) -> _Context:
    """The same place with a DAG or a group around it; names bound inside stay, as in Python."""
    return _Context(
        context.scope,
        context.calls,
        context.parsing,
        context.prefix,
        dag or context.dag,
        grouped or context.grouped,
        context.task,
        context.returns,
        context.function,
    )


def _bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """What a branch, loop or try holds, each body of which may run or not."""
    for _, parts in ast.iter_fields(node):
        match parts:
            case [ast.ExceptHandler() | ast.match_case(), *_]:
                yield from (part.body for part in parts)
            case [ast.stmt(), *_]:
                yield parts


def _targets(node: ast.stmt) -> list[str]:
    """The names that a loop binds by itself."""
    return [one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)] if isinstance(node, ast.For) else []


def _runs_elsewhere(test: ast.expr) -> bool:
    """Whether a condition holds only where no DAG is parsed: as a script, or for a type checker."""
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case ast.Compare(left=ast.Name(id="__name__")):
            return True
    return False


def _mentions(lines: list[str]) -> list[Spot]:
    """Where a file relies on the data interval having a width."""
    words = ("data_interval_start", "data_interval_end", "prev_data_interval")
    return [Spot(n, line.index(word) + 1, word) for n, line in enumerate(lines, 1) for word in words if word in line]
