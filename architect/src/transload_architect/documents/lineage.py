"""Which models are made of which streams: out of dbt's manifest, kept in `lineage.json` with the checksums of the models, so that
whether it is stale can be seen without dbt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FORMAT = 2


class LineageError(ValueError):
    """The manifest, or what was kept of it, cannot be read; the message says what to do."""


def read_manifest(path: Path) -> dict[str, Any]:
    """What we need of a manifest, in a form to be kept.

    Raises:
        LineageError: it is none.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        models = {
            node["name"]: {
                "path": node["original_file_path"],
                "schema": node["config"]["schema"] or "",
                "materialized": node["config"]["materialized"],
                "checksum": node["checksum"]["checksum"],
                "models": sorted(
                    manifest["nodes"][one]["name"] for one in node["depends_on"]["nodes"] if one.startswith("model.")
                ),
                "sources": sorted(
                    _source(manifest, one) for one in node["depends_on"]["nodes"] if one.startswith("source.")
                ),
            }
            for node in manifest["nodes"].values()
            if node["resource_type"] == "model"
        }
        tables = {
            f"{node['source_name']}.{node['name']}": f"{node['schema']}.{node['identifier']}"
            for node in manifest["sources"].values()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise LineageError(f"{path} is no manifest of dbt ({reason}): make one with `dbt parse`") from None
    return {"format": FORMAT, "models": dict(sorted(models.items())), "tables": dict(sorted(tables.items()))}


def _source(manifest: Mapping[str, Any], name: str) -> str:
    source = manifest["sources"][name]
    return f"{source['source_name']}.{source['name']}"


def stale_models(kept: Mapping[str, Any], project: Path) -> list[str]:
    """The model files that are not those of which the lineage was kept."""
    known = {one["path"]: one["checksum"] for one in kept["models"].values()}
    there = {path.relative_to(project).as_posix(): _checksum(path) for path in (project / "models").rglob("*.sql")}
    return sorted(path for path in {*known, *there} if known.get(path) != there.get(path))


def _checksum(path: Path) -> str:
    """As dbt has it: of the text without white space around it."""
    return hashlib.sha256(path.read_text(encoding="utf-8").strip().encode()).hexdigest()


def marts_of(kept: Mapping[str, Any], source: str) -> dict[str, list[str]]:
    """Of each mart that a source has a part in, the source's tables that it is made of."""
    models = kept["models"]
    found = {}
    for name, model in models.items():
        if "/marts/" in model["path"]:
            tables = sorted({one.partition(".")[2] for one in _tables(name, models) if one.startswith(f"{source}.")})
            if tables:
                found[name] = tables
    return found


def staging_of(kept: Mapping[str, Any], source: str) -> dict[str, list[str]]:
    """The staging models of each table of a source."""
    found: dict[str, list[str]] = {}
    for name, model in kept["models"].items():
        for table in model["sources"]:
            if table.startswith(f"{source}.") and "/staging/" in model["path"]:
                found.setdefault(table.partition(".")[2], []).append(name)
    return found


def _tables(name: str, models: Mapping[str, Any]) -> Iterator[str]:
    stack, seen = [name], set()
    while stack:
        one = stack.pop()
        if one in models and one not in seen:
            seen.add(one)
            yield from models[one]["sources"]
            stack += models[one]["models"]
