"""Makes a source: looks first whether all of it can be written, then writes it, then has the generators write theirs."""

from __future__ import annotations

import importlib.util
import keyword
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from transload_architect.design.plan import Plan
from transload_architect.scaffold.edits import EDITS, ScaffoldError, edited
from transload_architect.scaffold.files import new_files

_KIT = "extractors/core/src/transload/testing/kit.py"


@dataclass(frozen=True, slots=True)
class Made:
    """What was done.

    Args:
        written: files that are new or other than before.
        unchanged: files that were so already.
        left: what only a person can do.
    """

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    left: tuple[str, ...]


def make_source(plan: Plan, spec: Path, root: Path) -> Made:
    """Makes the source of a plan.

    Args:
        plan: of its specification.
        spec: the file of the specification, which is copied beside the DAGs.
        root: the top of the repository.

    Raises:
        ScaffoldError: the plan cannot be met, or a file stands in the way; then nothing was written.
    """
    wanted = _wanted(plan, spec, root)
    there = {path: (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None for path in wanted}
    in_the_way = [
        path for path in wanted if path not in EDITS and there[path] not in (None, wanted[path]) and not _grown(path)
    ]
    if in_the_way:
        raise ScaffoldError(
            "\n".join(f"{path} is there, and not as it would be written: nothing is overwritten" for path in in_the_way)
        )
    # What a generator or a person went on writing is theirs.
    changed = [path for path in wanted if there[path] != wanted[path] and (path in EDITS or there[path] is None)]
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(wanted[path], encoding="utf-8")
    _generate(plan.spec.source, root)
    return Made(tuple(changed), tuple(path for path in wanted if path not in changed), tuple(_left(plan)))


def _wanted(plan: Plan, spec: Path, root: Path) -> dict[str, str]:
    source = plan.spec.source
    _demand_a_free_name(source, root)
    if not any(run.schedule.full for run in plan.runs):
        raise ScaffoldError(
            "no file loads anything anew: give a stream whose deletions leave no trace deletes: hidden, or a list that changes "
            "rarely a freshness of 8 days; each source here has one DAG of full refreshes"
        )
    if plan.problems:
        raise ScaffoldError("\n".join(plan.problems))
    wanted = new_files(plan, with_kit=(root / _KIT).is_file())
    wanted[f"dags/{plan.spec.folder}/spec.yaml"] = spec.read_text(encoding="utf-8")
    # No source has dependencies of its own yet, so its lock is that of any other.
    wanted[f"requirements/{source}.in"] = (
        f"# What the image of the {plan.spec.title} extractor carries.\n-r pestroutes.in\n"
    )
    try:
        wanted[f"requirements/{source}.txt"] = (root / "requirements" / "pestroutes.txt").read_text(encoding="utf-8")
        for path in EDITS:
            wanted[path] = edited(path, (root / path).read_text(encoding="utf-8"), plan)
    except OSError as error:
        raise ScaffoldError(
            f"{error.filename} is missing: is this the top of Transload's repository (--root)?"
        ) from None
    return wanted


def _grown(path: str) -> bool:
    """Whether a generator writes into a file after it was made."""
    return path.endswith("README.md")


def _demand_a_free_name(source: str, root: Path) -> None:
    """Raises ScaffoldError if a Python package of the source's name could not be imported, or would hide another."""
    if (root / "extractors" / source).is_dir():
        return  # made before
    taken = (
        keyword.iskeyword(source) or source in sys.stdlib_module_names or importlib.util.find_spec(source) is not None
    )
    if taken or (root / source).exists() or (root / "dags" / source).exists():
        raise ScaffoldError(
            f"source: {source} is a word of Python, a package, or a folder that is there: give the source another name, "
            f"such as {source}api"
        )


def _generate(source: str, root: Path) -> None:
    """Has the repository's own generators write what follows from the source: command reference, chart's page, dbt."""
    paths = [root / "extractors" / source / "src", root / "tests" / "sandbox" / "src", root]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    edited_python = [path for path in EDITS if path.endswith(".py")]
    command = f"{sys.executable} -c 'from {source}.cli import main; main()'"
    for arguments in (
        ["-m", "tools.reference"],
        ["-m", "tools.chart_readme"],
        ["dbt/generate.py", source, "--command", command],
        # An import more may belong elsewhere, and a list may have become too long for its line.
        ["-m", "ruff", "check", "--quiet", "--no-cache", "--select=I", "--fix", *edited_python],
        ["-m", "ruff", "format", "--quiet", "--no-cache", *edited_python],
    ):
        done = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ScaffoldError(f"all files are written, but {' '.join(arguments[:2])} failed: {said}")


def _left(plan: Plan) -> Iterator[str]:
    spec = plan.spec
    source = spec.source
    yield "make setup, which installs the new command; then make test"
    yield f"extractors/{source}/src/{source}/client.py: credentials, envelope and pages as {spec.title} really has them"
    yield f"extractors/{source}/src/{source}/streams.py: name the fields of each stream, with their types; then make docs"
    yield f"tests/sandbox/src/sandbox/{source}.py: what is peculiar to {spec.title}: its limits, its errors, its dirt"
    if spec.limits.calls_per_day or spec.limits.calls_per_minute:
        yield "keep to the limits: extractors/pestroutes/src/pestroutes/pace.py shows how, where answers tell what is left"
    multiple = [name for name, one in spec.streams.items() if len(one.found_by) > 1]
    if multiple:
        yield f"{', '.join(multiple)}: changes show in several fields, and the client asks once; look whether that finds all"
    yield f"dbt/models/staging/{source}/guarantees.toml: what the vendor guarantees; then marts"
    prefix = source.upper()
    yield f"Secret transload-{source} with {prefix}_BASE_URL and {prefix}_TOKEN; then enabled: true in helm/values.yaml"
    yield "README.md, docs/operations.md, CHANGELOG.md: a line each"
