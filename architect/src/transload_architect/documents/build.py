"""Gathers what documents are made of, and makes all of their files."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transload_architect.check.pages import pages as rule_pages
from transload_architect.design.reading import read_spec
from transload_architect.design.verdict import make_plan
from transload_architect.documents.blocks import as_html, as_markdown
from transload_architect.documents.drawing import day_svg
from transload_architect.documents.lineage import FORMAT, LineageError
from transload_architect.documents.pages import Whole, overview, pipeline
from transload_architect.documents.variables import reads


class DocumentsError(ValueError):
    """Something that documents are made of is not there; the message says what, and what to do."""


def gather(root: Path, found: Mapping[str, Any], lineage: Mapping[str, Any]) -> Whole:
    """All that documents are made of.

    Args:
        root: top of the repository.
        found: DAGs and errors, as ``inside.py`` prints them.
        lineage: of the models, as ``read_manifest`` gives it.

    Raises:
        SpecError: a specification is wrong.
        DocumentsError: pools or an extractor are missing.
    """
    specs = [read_spec(path) for path in sorted(root.glob("dags/*/spec.yaml"))]
    plans = {spec.source: make_plan(spec) for spec in specs}
    return Whole(
        dags=found["dags"],
        errors=found["errors"],
        pools=_pools(root / "dags" / "pools.json"),
        plans=plans,
        declared={source: declaration(source) for source in sorted(plans)},
        lineage=lineage,
        variables=reads(found["dags"], root / "dags"),
    )


def _pools(path: Path) -> dict[str, Any]:
    try:
        pools: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return pools
    except (OSError, ValueError) as error:
        raise DocumentsError(f"{path} cannot be read ({error}): is this the top of the repository (--root)?") from None


def declaration(source: str) -> dict[str, Any]:
    """What an extractor says of itself.

    Raises:
        DocumentsError: it is not installed.
    """
    try:
        said = importlib.import_module(f"{source}.cli").SOURCE
    except ImportError as error:
        raise DocumentsError(
            f"the extractor of {source} cannot be imported ({error}): make setup installs it"
        ) from None
    return {
        "title": said.title,
        "streams": [
            {
                "name": one.name,
                "description": one.description,
                "primary_key": list(one.primary_key),
                "cursor": one.cursor,
            }
            for one in said.streams
        ],
        "options": [
            {
                "variable": f"{source}_{one.name}".upper().replace("-", "_"),
                "secret": one.secret,
                "required": one.required,
            }
            for one in said.options
        ],
    }


def documents(whole: Whole) -> dict[str, str]:
    """Every file by its path below `docs`, but for the lineage itself."""
    pages = {"README": list(overview(whole))} | {source: list(pipeline(whole, source)) for source in whole.declared}
    made = {f"architecture/{name}.md": as_markdown(blocks) for name, blocks in pages.items()}
    made["architecture/day.svg"] = day_svg(whole.day)
    made["architecture/index.html"] = as_html("The architecture, as it is", pages.items())
    return made | {f"rules/{name}": text for name, text in rule_pages().items()}


def differing(folder: Path, made: Mapping[str, str]) -> list[str]:
    """The files that are not there as they would be made."""
    return sorted(
        name
        for name, text in made.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    )


def write(folder: Path, made: Mapping[str, str]) -> list[str]:
    """Writes the files that differ; returns which."""
    changed = differing(folder, made)
    for name in changed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(made[name], encoding="utf-8")
    return changed


def kept_lineage(path: Path) -> dict[str, Any]:
    """The lineage that was kept.

    Raises:
        LineageError: it is not there, or is none.
    """
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if kept.get("format") == FORMAT and isinstance(kept.get("models"), dict):
            return kept
    except (OSError, ValueError, AttributeError):
        pass
    raise LineageError(f"{path} is missing or is no lineage: give --manifest, a manifest that `dbt parse` made")
