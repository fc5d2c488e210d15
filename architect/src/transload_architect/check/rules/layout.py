"""Rules of folders, names and the size of DAG files."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from transload_architect.check.project import Project
from transload_architect.check.rule import Rule, Seen
from transload_architect.words import count

_STEM = re.compile(r"[a-z][a-z0-9_]*|__init__")
_TAKEN = sys.stdlib_module_names | {
    "airflow",
    "kubernetes",
    "docker",
    "dbt",
    "boto3",
    "requests",
    "pandas",
    "numpy",
    "snowflake",
    "google",
}


def _names(project: Project) -> Iterator[Seen]:
    for file in project.dag_files:
        # The file and its folder: what lies above may be anybody's.
        for part in file.path.removesuffix(".py").split("/")[-2:]:
            if part not in ("..", ".") and not _STEM.fullmatch(part) and not part.startswith((".", "_")):
                yield Seen(file.path, 1, 1, f"{part!r} is not lower_case_with_underscores")


def _shadows(project: Project) -> Iterator[Seen]:
    for file in project.parsed:
        parts = file.path.removesuffix(".py").split("/")
        # Only what lies at the top of the DAG folder is imported by its bare name.
        if len(parts) <= 2 and parts[-1] in _TAKEN:
            yield Seen(file.path, 1, 1, f"{parts[-1]} is the name of a module that others import")


def _schedule_names(project: Project) -> Iterator[Seen]:
    allowed = project.config.file_names
    for file in project.dag_files if allowed else ():
        stem = file.path.rpartition("/")[2].removesuffix(".py")
        if stem not in allowed:
            yield Seen(file.path, 1, 1, f"{stem} is not one of {', '.join(allowed)}")


def _ids(project: Project) -> Iterator[Seen]:
    pattern = project.config.dag_id
    for file in project.dag_files if pattern else ():
        folders, _, name = file.path.rpartition("/")
        stem = name.removesuffix(".py")
        wanted = pattern.replace("{folder}", re.escape(folders.rpartition("/")[2])).replace("{file}", re.escape(stem))
        for dag in file.dags:
            if re.fullmatch(wanted, dag.id) is None:
                yield Seen(file.path, dag.line, dag.column, f"DAG {dag.id} is not named {wanted}")


def _long(project: Project) -> Iterator[Seen]:
    for file in project.dag_files:
        if file.lines > project.config.max_lines:
            yield Seen(file.path, 1, 1, f"{file.lines} lines; {project.config.max_lines} are the most for a DAG file")


def _clever(project: Project) -> Iterator[Seen]:
    most = project.config.max_logic
    for file in project.dag_files:
        if len(file.logic) > most:
            spot = file.logic[most]
            yield Seen(
                file.path, spot.line, spot.column,
                f"{count(len(file.logic), 'branch, loop or function', 'branches, loops and functions')} in a DAG file; {most} are the most, and this {spot.text} is one more",
            )  # fmt: skip


_DAG = 'from airflow.sdk import DAG\n\nwith DAG("{id}", tags=["sales"]):\n    ...\n'

RULES = (
    Rule(
        "ARC501",
        "Name that cannot be imported",
        "warning",
        "A module whose name has capitals, dashes or spaces cannot be imported by others, or only on some file systems.",
        "Use lower case, digits and underscores.",
        bad={"dags/sales/Daily-Load.py": _DAG.format(id="sales_daily")},
        good={"dags/sales/daily_load.py": _DAG.format(id="sales_daily")},
        find=_names,
    ),
    Rule(
        "ARC502",
        "Name that hides another module",
        "error",
        "The DAG folder is on Python's path, so `import json` may find this file, or this file may never be found.",
        "Give it a name of its own, or put it into a folder.",
        bad={"dags/docker.py": _DAG.format(id="docker")},
        good={"dags/docker_images.py": _DAG.format(id="docker")},
        find=_shadows,
    ),
    Rule(
        "ARC503",
        "File that is not named after its schedule",
        "warning",
        "A folder per purpose and a file per frequency: who looks for what runs at night opens one file, and does not search.",
        "Rename it. Which names there are is `file-names` in pyproject.toml; the rule is off while that is empty.",
        bad={"dags/sales/pipeline.py": _DAG.format(id="sales_daily")},
        good={"dags/sales/daily.py": _DAG.format(id="sales_daily")},
        find=_schedule_names,
        options={"file-names": ["hourly", "daily", "weekly"]},
    ),
    Rule(
        "ARC504",
        "DAG that is not named after its file",
        "warning",
        "An alert names the DAG; the file should follow from it without a search.",
        "Rename it. What an id must be is `dag-id` in pyproject.toml, with {folder} and {file}; the rule is off while that is empty.",
        bad={"dags/sales/daily.py": _DAG.format(id="load_everything")},
        good={"dags/sales/daily.py": _DAG.format(id="sales_daily")},
        find=_ids,
        options={"dag-id": "{folder}_{file}"},
    ),
    Rule(
        "ARC505",
        "Long DAG file",
        "info",
        "A DAG file is a timetable: what runs when, in which order. What is longer holds work that belongs elsewhere, untested.",
        "Move work into a module with tests, or an image. How long it may be is `max-lines` in pyproject.toml.",
        bad=_DAG.format(id="sales_daily") + "    print()\n" * 20,
        good=_DAG.format(id="sales_daily"),
        find=_long,
        options={"max-lines": 20},
    ),
    Rule(
        "ARC506",
        "Logic in a DAG file",
        "info",
        "It runs at every parse, can only be tested by Airflow, and makes a DAG that no reader can predict.",
        "Move it into a module with tests. How much there may be is `max-logic` in pyproject.toml.",
        bad=_DAG.format(id="sales_daily") + "    for n in range(3):\n        if n:\n            print(n)\n",
        good=_DAG.format(id="sales_daily"),
        find=_clever,
        options={"max-logic": 1},
    ),
)  # fmt: skip
