"""Names that a source cannot have here: something else has them, and would be hidden, overwritten or mistaken for it."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from transload_architect.scaffold.files import class_name

_SANDBOX = "tests/sandbox/src/sandbox"


def taken_by(source: str, folder: str, root: Path) -> str:
    """What has the name of a source already; empty where nothing has.

    Args:
        source: the name.
        folder: of its DAGs.
        root: the top of the repository.
    """
    return next(_takers(source, folder, root), "")


def _takers(source: str, folder: str, root: Path) -> Iterator[str]:
    if keyword.iskeyword(source) or source in sys.stdlib_module_names:
        yield "a word of Python or a module of its library"
    for path in (source, f"dags/{folder}", f"extractors/{source}", f"{_SANDBOX}/{source}", f"{_SANDBOX}/{source}.py"):
        if (root / path).exists():
            yield f"{path}, which is there and was not made by this command"
    if importlib.util.find_spec(source) is not None:
        yield "a package that is installed here"
    bound = {source, source.upper(), f"{source.upper()}_NOW", f"{class_name(source)}Sandbox"}
    for path in (f"{_SANDBOX}/cli.py", "tools/reference.py"):
        found = bound & _names(_text(root / path))
        if found:
            yield f"{min(found)} in {path}"
    yield from _takers_in_the_cluster(source, root)


def _takers_in_the_cluster(source: str, root: Path) -> Iterator[str]:
    image = rf'(?:image|targets) = \[[^\]]*"{source}"|^target "{source}"'
    helm = (*sorted((root / "helm").glob("templates/**/*")), root / "helm/values.yaml")
    for what, pattern, path in (
        ("an image", image, root / "docker-bake.hcl"),
        ("a pool", rf'^\s*"{source}":', root / "dags/pools.json"),
        *((f"transload-{source}", rf"\btransload-{source}\b", path) for path in helm if path.is_file()),
    ):
        if re.search(pattern, _text(path), re.MULTILINE):
            yield f"{what} in {path.relative_to(root).as_posix()}"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _names(text: str) -> set[str]:
    """What a Python file has at its top, as far as lines tell: imports, functions, classes, constants."""
    found = set(re.findall(r"^(?:def|class) (\w+)|^(\w+)(?::[^=]+)? =", text, re.MULTILINE))
    imported = re.findall(r"^(?:from \S+ )?import (.+)$", text, re.MULTILINE)
    words = {word for line in imported for word in re.findall(r"(?:\w+ as )?(\w+)", line)}
    return {name for pair in found for name in pair if name} | words
