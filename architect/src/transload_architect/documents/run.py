"""`architect docs`: writes the documents, or says which are stale."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transload_architect.documents.build import DocumentsError, differing, documents, gather, kept_lineage, write
from transload_architect.documents.dag_objects import read_dags
from transload_architect.documents.lineage import read_manifest, stale_models

__all__ = ["LINEAGE", "DocumentsError", "Done", "refresh", "refreshed"]

LINEAGE = "architecture/lineage.json"


@dataclass(frozen=True, slots=True)
class Done:
    """What there is to say, and whether something is wrong."""

    lines: tuple[str, ...]
    failed: bool


def refresh(root: Path, python: Path | None, manifest: Path | None, *, only_check: bool) -> Done:
    """Writes all documents of a repository, or only looks whether they are stale.

    Args:
        root: top of the repository.
        python: an interpreter with Airflow; None: that of the repository.
        manifest: of dbt; None: what was kept of it is used.
        only_check: whether to write nothing.

    Raises:
        DagsUnreadable, SpecError, LineageError, DocumentsError: what they are made of cannot be read.
    """
    # Before the DAGs, which take Airflow's eight seconds.
    lineage = read_manifest(manifest) if manifest else kept_lineage(root / "docs" / LINEAGE)
    found = read_dags(root / "dags", python or root / ".venv-airflow" / "bin" / "python")
    return refreshed(root, found, lineage, only_check=only_check)


def refreshed(root: Path, found: Mapping[str, Any], lineage: Mapping[str, Any], *, only_check: bool) -> Done:
    """The same for DAGs and lineage that have been read; see ``refresh``."""
    folder = root / "docs"
    made = {LINEAGE: json.dumps(lineage, indent=1) + "\n", **documents(gather(root, found, lineage))}
    changed = differing(folder, made) if only_check else write(folder, made)
    lines = [f"docs/{name} is stale: run make docs" if only_check else f"wrote docs/{name}" for name in changed]
    models = stale_models(lineage, root / "dbt")
    lines += [f"dbt/{path} is another than the one that the lineage was made of: run make docs" for path in models]
    errors = [f"dags/{file} could not be imported: {text}" for file, text in sorted(found["errors"].items())]
    return Done((*lines, *errors), bool(errors) or bool(models) or (only_check and bool(changed)))
