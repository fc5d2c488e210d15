"""Makes a source: looks first whether all of it can be written, then writes it, then has the generators write theirs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from transload_architect.check.config import ConfigError, find_config
from transload_architect.design.plan import Plan
from transload_architect.scaffold.edits import EDITS, ScaffoldError, edited
from transload_architect.scaffold.files import new_files, sandbox_line, stream_line
from transload_architect.scaffold.names import taken_by
from transload_architect.words import count, listed

_KIT = "extractors/core/src/transload/testing/kit.py"


@dataclass(frozen=True, slots=True)
class Scaffolded:
    """What was done.

    Args:
        written: files that are new or other than before.
        unchanged: files that were there already.
        left: what only a person can do.
        source: its name.
        folder: of its DAGs.
    """

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    left: tuple[str, ...]
    source: str
    folder: str

    @property
    def lines(self) -> Iterator[str]:
        """What was written, a line a kind."""
        kinds = [
            (_kind(path, self.source, self.folder), path in self.written) for path in (*self.written, *self.unchanged)
        ]
        for kind in sorted({one for one, _ in kinds}):
            new = kinds.count((kind, True))
            old = kinds.count((kind, False))
            yield f"{kind:<28} {count(new, 'file')} written" + (f", {old} there already" if old else "")


def make_source(plan: Plan, spec: Path, root: Path) -> Scaffolded:
    """Makes the source of a plan; or, where it was made before, what has come to be asked for since.

    Args:
        plan: of its specification.
        spec: the file of the specification, which is copied beside the DAGs.
        root: the top of the repository.

    Raises:
        ScaffoldError: the plan cannot be met, or a file stands in the way; then nothing was written.
    """
    source, folder = plan.spec.source, plan.spec.folder
    before = (root / f"extractors/{source}/src/{source}/cli.py").is_file()
    _demand_that_it_can_be(plan, root, before=before)
    wanted = _wanted(plan, spec, root)
    there = {path: (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None for path in wanted}
    differing = [path for path in wanted if path not in EDITS and there[path] not in (None, wanted[path])]
    # What a person or a generator went on writing is theirs; a DAG file is what the specification says, or a mistake.
    in_the_way = [path for path in differing if not before or path.startswith(f"dags/{folder}/")]
    if in_the_way:
        raise ScaffoldError("\n".join(_refusals(in_the_way, plan, spec, before=before)))
    changed = [path for path in wanted if there[path] != wanted[path] and (path in EDITS or there[path] is None)]
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(wanted[path], encoding="utf-8")
    _generate(source, root, [path for path in changed if path.endswith(".py")])
    unchanged = tuple(path for path in wanted if path not in changed)
    left = tuple(_left_again(plan, root, wanted) if before else _left(plan))
    return Scaffolded(tuple(changed), unchanged, left, source, folder)


def _demand_that_it_can_be(plan: Plan, root: Path, *, before: bool) -> None:
    if plan.problems:
        raise ScaffoldError("\n".join(map(str, plan.problems)))
    taken = "" if before else taken_by(plan.spec.source, plan.spec.folder, root)
    if taken:
        name = plan.spec.source
        raise ScaffoldError(f"source: {name} has the name of {taken}: call the source otherwise, such as {name}api")
    if not any(run.schedule.full for run in plan.runs):
        raise ScaffoldError(
            "no file loads anything anew: give a stream whose deletions leave no trace deletes: hidden, or a list that changes "
            "rarely a freshness of 8 days; each source here has one DAG of full refreshes"
        )
    try:
        names = find_config(root)[0].file_names
    except ConfigError as error:
        raise ScaffoldError(str(error)) from None
    for run in plan.runs:
        if names and run.schedule.name not in names:
            raise ScaffoldError(
                f"schedules.{run.schedule.name}: a DAG file here must be one of {', '.join(names)} (file-names in pyproject.toml)"
            )


def _wanted(plan: Plan, spec: Path, root: Path) -> dict[str, str]:
    source = plan.spec.source
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


def _kind(path: str, source: str, folder: str) -> str:
    """What a file is part of."""
    if path in EDITS:
        return "lines in files of all"
    kinds = (f"extractors/{source}", f"dags/{folder}", "tests/sandbox", f"dbt/models/staging/{source}", "requirements")
    return next(kind for kind in kinds if path.startswith(f"{kind}/"))


def _refusals(paths: list[str], plan: Plan, spec: Path, *, before: bool) -> Iterator[str]:
    """Why files stand in the way, a line a kind."""
    kinds: dict[str, list[str]] = {}
    for path in paths:
        kind = _kind(path, plan.spec.source, plan.spec.folder)
        kinds.setdefault(kind, []).append(path.removeprefix(f"{kind}/"))
    for kind, names in kinds.items():
        told = f"{kind}: {listed(sorted(names))} {'is' if len(names) == 1 else 'are'} there, and not as it would be written"
        if before and "spec.yaml" in names:
            told += f". The specification lives there now: make your change in it, and give it instead of {spec}"
        elif before:
            told += (
                ". Remove what shall be written anew, or change it by hand to what `architect design` says, as "
                '`architect docs` does under "Against the specification"'
            )
        yield f"{told}; nothing is overwritten, and nothing was written"


def _generate(source: str, root: Path, changed: list[str]) -> None:
    """Has the repository's own generators write what follows from the source: command reference, chart's page, dbt."""
    paths = [root / "extractors" / source / "src", root / "tests" / "sandbox" / "src", root]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = f"{sys.executable} -c 'from {source}.cli import main; main()'"
    for arguments in (
        ["-m", "tools.reference"],
        ["-m", "tools.chart_readme"],
        ["dbt/generate.py", source, "--command", command],
        # Where an import belongs goes by the source's name, and a list may have become too long for its line.
        ["-m", "ruff", "check", "--quiet", "--no-cache", "--select=I", "--fix", *changed],
        ["-m", "ruff", "format", "--quiet", "--no-cache", *changed],
    ):
        if arguments[1] == "ruff" and not changed:
            continue
        done = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ScaffoldError(f"all files are written, but {' '.join(arguments[:2])} failed: {said}")


def _left(plan: Plan) -> Iterator[str]:
    spec = plan.spec
    source = spec.source
    yield "make setup, which installs the new command; make docs; then make test"
    yield f"extractors/{source}/src/{source}/client.py: credentials, envelope and pages as {spec.title} really has them"
    yield f"extractors/{source}/src/{source}/streams.py: name the fields of each stream, with their types; then make docs"
    yield f"tests/sandbox/src/sandbox/{source}.py: what is peculiar to {spec.title}: its limits, its errors, its dirt"
    yield (
        f"extractors/{source}/tests/test_kit.py: have the kit kill it at every step, too (docs/testing-a-source.md has the lines); "
        "then make faults, which reports on it"
    )
    if spec.limits.calls_per_day or spec.limits.calls_per_minute:
        yield "keep to the limits: extractors/pestroutes/src/pestroutes/pace.py shows how, where answers tell what is left"
    multiple = [name for name, one in spec.streams.items() if len(one.found_by) > 1]
    if multiple:
        yield f"{', '.join(multiple)}: changes show in several fields, and the client asks once; look whether that finds all"
    for name, stream in spec.streams.items():
        if stream.deletes == "told":
            yield (
                f"{name}: a model that leaves out what {stream.told_by} tells; "
                "dbt/models/intermediate/marketo/int_vanished_leads.sql is one"
            )
    yield f"dbt/models/staging/{source}/guarantees.toml: what the vendor guarantees; then marts"
    prefix = source.upper()
    yield f"Secret transload-{source} with {prefix}_BASE_URL and {prefix}_TOKEN; then enabled: true in helm/values.yaml"
    yield "README.md, docs/operations.md, CHANGELOG.md: a line each"


def _left_again(plan: Plan, root: Path, wanted: Mapping[str, str]) -> Iterator[str]:
    """What a change of the specification asks of files that people have gone on writing."""
    source, folder = plan.spec.source, plan.spec.folder
    for path, line in (
        (f"extractors/{source}/src/{source}/streams.py", stream_line),
        (f"tests/sandbox/src/sandbox/{source}.py", sandbox_line),
    ):
        known = _texts((root / path).read_text(encoding="utf-8"))
        for name, stream in plan.spec.streams.items():
            if name not in known:
                yield f"{path} does not know {name}: add {line(plan, stream).strip()}"
    for found in sorted((root / "dags" / folder).glob("*.py")):
        if f"dags/{folder}/{found.name}" not in wanted and found.name != "__init__.py":
            yield f"dags/{folder}/{found.name}: the specification asks for no such file; remove it"
    yield "make docs, then make test, which holds DAGs and extractor against the specification"


def _texts(code: str) -> set[str]:
    """The texts in a file of Python; in one that does not parse, none."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return set()
    return {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
