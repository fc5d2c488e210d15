"""Which Airflow Variables there are, with their defaults and who reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GET = re.compile(r"var\.value\.get\(\s*'(?P<name>\w+)'\s*(?:,\s*'(?P<default>[^']*)')?\s*\)")
_PLAIN = re.compile(r"var\.value\.(?P<name>(?!get\b)\w+)")


@dataclass(frozen=True, slots=True)
class Read:
    """A Variable that something reads. ``default`` is None where it must be set."""

    name: str
    default: str | None
    reader: str


def reads(dags: Sequence[Mapping[str, Any]], folder: Path) -> list[Read]:
    """All reads: in templates of tasks, and in calls of `Variable.get` in the folder's files."""
    found = {*_templates(dags), *_calls(folder)}
    return sorted(found, key=lambda one: (one.name, one.reader, one.default or ""))


def _templates(dags: Sequence[Mapping[str, Any]]) -> Iterator[Read]:
    for dag in dags:
        for task in dag["tasks"]:
            reader = f"{task['operator']} ({task['source'] or dag['id']})"
            for text in task["templates"]:
                for one in _GET.finditer(text):
                    yield Read(one["name"], one["default"] or "", reader)
                for one in _PLAIN.finditer(text):
                    yield Read(one["name"], None, reader)


def _calls(folder: Path) -> Iterator[Read]:
    for path in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue  # it does not import either, and is on the page for that
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="Variable"), attr="get"), args=[first, *rest]):
                    name = constants.get(first.id) if isinstance(first, ast.Name) else getattr(first, "value", None)
                    given = [*rest, *(one.value for one in node.keywords if one.arg in ("default", "default_var"))]
                    default = getattr(given[0], "value", None) if given else None
                    yield Read(
                        str(name),
                        ("" if default is None else str(default)) if given else None,
                        f"`{path.relative_to(folder).as_posix()}`",
                    )
