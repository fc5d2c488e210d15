"""The files of a new source, made of templates and its plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from string import Template

from transload_architect.design.plan import Plan, RunPlan
from transload_architect.design.spec import StreamSpec

LINE = 100  # characters of names in a line of a DAG file


def new_files(plan: Plan, *, with_kit: bool) -> dict[str, str]:
    """Every file of the source by its path from the top of the repository.

    Args:
        plan: of its specification.
        with_kit: whether the repository has the fault kit, for which a declaration is written then.
    """
    source = plan.spec.source
    package = f"extractors/{source}"
    words = _words(plan)
    made = {
        f"{package}/pyproject.toml": "pyproject.toml",
        f"{package}/README.md": "readme.md",
        f"{package}/src/{source}/__init__.py": "init.py",
        f"{package}/src/{source}/cli.py": "cli.py",
        f"{package}/src/{source}/client.py": "client.py",
        f"{package}/tests/conftest.py": "conftest.py",
        f"{package}/tests/test_{source}.py": "test_source.py",
        f"dbt/models/staging/{source}/guarantees.toml": "guarantees.toml",
    }
    if with_kit:
        made[f"{package}/tests/test_kit.py"] = "test_kit.py"
    found = {path: fill(name, words) for path, name in made.items()}
    found[f"{package}/src/{source}/py.typed"] = ""
    found[f"{package}/src/{source}/streams.py"] = fill("streams.py", {**words, "streams": "".join(_streams(plan))})
    found[f"tests/sandbox/src/sandbox/{source}.py"] = fill("sandbox.py", {**words, "streams": "".join(_rows(plan))})
    for run in plan.runs:
        found[f"dags/{plan.spec.folder}/{run.schedule.name}.py"] = fill("dag.py", {**words, **_dag(plan, run)})
    return found


def fill(name: str, words: dict[str, str]) -> str:
    """A template with its words."""
    return Template(_template(name)).substitute(words)


def class_name(source: str) -> str:
    """A source's name as a class has it."""
    return source.capitalize()


def _words(plan: Plan) -> dict[str, str]:
    spec = plan.spec
    return {
        "source": spec.source,
        "title": spec.title,
        "prefix": spec.source.upper(),
        "class_name": class_name(spec.source),
        "time_zone": spec.time_zone,
        "page": str(min(1000, spec.calls.records)),
        "largest": _largest(plan).name,
    }


@cache
def _template(name: str) -> str:
    return (files("transload_architect.scaffold") / "templates" / f"{name}.tmpl").read_text(encoding="utf-8")


def _largest(plan: Plan) -> StreamSpec:
    return max(plan.spec.streams.values(), key=lambda one: (bool(one.found_by), one.rows))


def _streams(plan: Plan) -> Iterator[str]:
    return (f"    {stream_line(plan, one)}\n" for one in plan.spec.streams.values())


def stream_line(_plan: Plan, stream: StreamSpec) -> str:
    """A stream in the extractor's list."""
    cursor = f'"{stream.found_by[0]}"' if stream.found_by else "None"
    look_back = f", timedelta(seconds={stream.look_back.total_seconds():.0f})" if stream.look_back else ""
    about = f"{stream.name.capitalize()} records."
    return f'_stream("{stream.name}", "{about}", {_tuple(stream.primary_key)}, {cursor}{look_back}),'


def _rows(plan: Plan) -> Iterator[str]:
    return (f"    {sandbox_line(plan, one)}\n" for one in plan.spec.streams.values())


def sandbox_line(plan: Plan, stream: StreamSpec) -> str:
    """A stream in the sandbox's table."""
    share = min(1.0, round(stream.rows / max(1, _largest(plan).rows), 3))
    return f'"{stream.name}": ({_tuple(stream.primary_key)}, {_tuple(stream.found_by)}, {share}),'


def _tuple(names: Sequence[str]) -> str:
    inner = ", ".join(f'"{one}"' for one in names)
    return f"({inner}{',' if len(names) == 1 else ''})"


def _dag(plan: Plan, run: RunPlan) -> dict[str, str]:
    full = run.schedule.full
    what = "everything anew of what is deleted without a trace" if full else "what changed since the last commit"
    days = {1: "every day", 7: "every week", 31: "every month"}
    often = days.get(run.schedule.period.days) or f"every {int(run.schedule.period.total_seconds() / 60)} minutes"
    return {
        "name": run.schedule.name,
        "often": often,
        "what": what,
        "what_capital": what[0].upper() + what[1:],
        "cron": run.schedule.cron,
        "hours": f"{run.done_within.total_seconds() / 3600:g}",
        "params": ", since=False" if full else "",
        "full": ", full_refresh=True" if full else "",
        "streams": "".join(_sizes(plan, run)),
    }


def _sizes(plan: Plan, run: RunPlan) -> Iterator[str]:
    for size, names in plan.sizes(run).items():
        lines = _lines([f'"{name}"' for name in names])
        if len(lines) == 1:
            yield f'    "{size}": ({lines[0]}{"," if len(names) == 1 else ""}),\n'
        else:
            yield f'    "{size}": (\n' + "".join(f"        *({line},),\n" for line in lines) + "    ),\n"


def _lines(names: list[str]) -> list[str]:
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) < LINE:
            lines[-1] += f", {name}"
        else:
            lines.append(name)
    return lines
