"""Rules of files and of comments. What the two about comments find is known only when all else was found: see `run`."""

from __future__ import annotations

from collections.abc import Iterator

from transload_architect.check.project import Project
from transload_architect.check.rule import Rule, Seen


def _unparsed(project: Project) -> Iterator[Seen]:
    for file in project.files.values():
        if file.error is not None:
            yield Seen(file.path, file.error.line, file.error.column, file.error.text)


def _unreasoned(project: Project) -> Iterator[Seen]:
    for file in project.files.values():
        for one in file.ignores:
            if not one.rules:
                yield Seen(file.path, one.line, 1, "name the rules: # architect: ignore[ARC104] reason")
            elif not one.reason:
                yield Seen(file.path, one.line, 1, f"{', '.join(one.rules)} is ignored, and nobody will know why")


def _found_by_run(_project: Project) -> Iterator[Seen]:
    return iter(())


_IMPORTS = "from airflow.sdk import DAG, Variable\n\n"

RULES = (
    Rule(
        "ARC001",
        "File that cannot be parsed",
        "error",
        "Airflow cannot load it either: its DAGs vanish from the UI, and their runs stop without a failure.",
        "Mend the syntax. Where the file is a template or for another Python, exclude it in pyproject.toml.",
        bad="with DAG('sales_daily'\n    pass\n",
        good="with open('x'):\n    pass\n",
        find=_unparsed,
    ),
    Rule(
        "ARC002",
        "Silence without a reason",
        "error",
        "Whoever reads the comment later cannot tell whether it still holds, so it stays for ever. It silences nothing.",
        "Write the rule and the reason: `# architect: ignore[ARC104] read from the environment here, takes 0.1 ms`.",
        bad=_IMPORTS + 'LIMIT = Variable.get("limit")  # architect: ignore[ARC104]\n',
        good=_IMPORTS + 'LIMIT = Variable.get("limit")  # architect: ignore[ARC104] from the environment, 0.1 ms\n',
        find=_unreasoned,
    ),
    Rule(
        "ARC003",
        "Silence about nothing",
        "warning",
        "It would hide the next finding at this place, which nobody has looked at.",
        "Remove the comment, or the rule from its brackets.",
        bad=_IMPORTS + "LIMIT = 5  # architect: ignore[ARC104] from the environment, 0.1 ms\n",
        good=_IMPORTS + "LIMIT = 5\n",
        find=_found_by_run,
    ),
)
