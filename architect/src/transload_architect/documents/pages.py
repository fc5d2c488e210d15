"""The pages of `docs/architecture`: one a source, in the six parts of an architecture, and one of the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from transload_architect.design.agreement import differences
from transload_architect.design.parts import environments
from transload_architect.design.plan import Plan
from transload_architect.documents.blocks import Block, Code, Heading, Picture, Rows, Text
from transload_architect.documents.day import Day, clock, expected_day
from transload_architect.documents.drawing import day_svg, lineage_svg, tasks_svg
from transload_architect.documents.lineage import marts_of, staging_of
from transload_architect.documents.variables import Read
from transload_architect.words import count, human, listed

Dag = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Whole:
    """All that documents are made of.

    Args:
        dags: as ``inside.py`` prints them.
        errors: of DAG files that could not be imported.
        pools: as in `pools.json`.
        plans: of the specifications, by source.
        declared: what each extractor says of itself: its streams, and its options.
        lineage: of the models.
        variables: that are read.
    """

    dags: Sequence[Dag]
    errors: Mapping[str, str]
    pools: Mapping[str, Any]
    plans: Mapping[str, Plan]
    declared: Mapping[str, Mapping[str, Any]]
    lineage: Mapping[str, Any]
    variables: Sequence[Read]

    @property
    def day(self) -> Day:
        """The busiest day, as it is expected."""
        return expected_day(self.dags, self.plans, self.pools)

    def of(self, source: str) -> list[Dag]:
        """The DAGs of a source."""
        return [dag for dag in self.dags if source in dag["tags"]]


def overview(whole: Whole) -> Iterator[Block]:
    """The page of the whole."""
    yield Heading(1, "The architecture, as it is")
    yield Text(
        "Made by `make docs` from the DAG objects, dbt's manifest and the sources' declarations; a test fails when it is stale. "
        "What is expected (times, calls) follows from the specifications beside the DAGs, by the rules of `architect design`."
    )
    if whole.errors:
        yield Heading(2, "DAG files that could not be imported")
        yield Rows(("file", "error"), [(f"`{file}`", f"`{text}`") for file, text in sorted(whole.errors.items())])
    yield Heading(2, "DAGs")
    yield Rows(
        ("DAG", "schedule", "zone", "tasks", "deadline", "what"),
        [
            (
                f"`{dag['id']}`",
                f"`{dag['schedule']}`",
                dag["timezone"],
                len(dag["tasks"]),
                _time(dag["deadline"]),
                dag["description"],
            )
            for dag in whole.dags
        ],
    )
    yield from _day(whole.day)
    yield from _budgets(whole)
    yield from _settings(whole)
    yield Heading(2, "Where records go")
    for source, said in whole.declared.items():
        yield Heading(3, str(said["title"]))
        names = [one["name"] for one in said["streams"]]
        marts = marts_of(whole.lineage, source)
        yield Picture(lineage_svg(names, marts), mermaid=_marts_mermaid(marts))
        yield Rows(
            ("stream", "prefix", "external table", "staging", "marts"), list(_lineage(whole, source, names, marts))
        )


def _day(day: Day) -> Iterator[Block]:
    yield Heading(2, "The day")
    yield Text(
        "A Sunday that is the first of its month, in UTC: all DAGs run on it. A row a slot of each pool with the pods in it, then "
        "a row a DAG with its runs; red lines are deadlines, which may be those of the day before."
    )
    yield Picture(day_svg(day), file="day.svg", alt="the day")
    dags = sorted({run.dag for run in day.runs})
    rows = []
    for dag in dags:
        runs = [run for run in day.runs if run.dag == dag]
        longest = max(runs, key=lambda run: run.end - run.start)
        rows.append(
            (f"`{dag}`", len(runs), clock(runs[0].start), clock(runs[-1].start), _time((longest.end - longest.start) * 60),
             _time((longest.deadline - longest.start) * 60) if longest.deadline is not None else "none")
        )  # fmt: skip
    yield Rows(("DAG", "runs", "first", "last", "longest, waits and all", "deadline"), rows)
    late = [f"`{run.dag}` of {clock(run.start)}" for run in day.late]
    yield Text(f"Expected to be late: {', '.join(late)}." if late else "None of them is expected to be late.")


def _budgets(whole: Whole) -> Iterator[Block]:
    yield Heading(2, "Quotas")
    yield Rows(
        ("source", "a day's", "limit", "ours", "needed", "how"),
        [
            (source, one.what, f"{one.limit:,}", f"{one.ours:,}", f"{one.used:,}", one.arithmetic)
            for source, plan in whole.plans.items()
            for one in plan.budgets
        ],
    )


def _settings(whole: Whole) -> Iterator[Block]:
    yield Heading(2, "Variables, connections, Secrets")
    merged: dict[tuple[str, str], set[str]] = {}
    for one in whole.variables:
        default = "required" if one.default is None else f"`{one.default}`" if one.default else "empty"
        merged.setdefault((one.name, default), set()).add(one.reader)
    yield Rows(
        ("Variable", "default", "readers"),
        [(f"`{name}`", default, ", ".join(sorted(readers))) for (name, default), readers in sorted(merged.items())],
    )
    tasks = [task for dag in whole.dags for task in dag["tasks"]]
    connections = {task["connection"] for task in tasks if task["connection"]}
    yield Rows(
        ("connection", "readers"),
        [
            (f"`{name}`", ", ".join(sorted({task["operator"] for task in tasks if task["connection"] == name})))
            for name in sorted(connections)
        ],
    )
    readers: dict[str, set[str]] = {}
    for task in tasks:
        for name in task["secrets"]:
            readers.setdefault(name, set()).add(f"{task['operator']} ({task['source']})")
    optional = {name for task in tasks for name in task["optional_secrets"]}
    yield Rows(
        ("Secret", "needed", "holds", "readers"),
        [
            (f"`{name}`", "no" if name in optional else "yes", _holds(whole, name), ", ".join(sorted(who)))
            for name, who in sorted(readers.items())
        ],
    )


def _holds(whole: Whole, name: str) -> str:
    said = whole.declared.get(name.removeprefix("transload-"))
    if said is None:
        return {"transload-lake": "`AWS_*`", "transload-dbt": "what dbt's profile reads"}.get(name, "")
    return ", ".join(
        f"`{one['variable']}`{' (secret)' if one['secret'] else ''}{' required' if one['required'] else ''}"
        for one in said["options"]
    )


def _lineage(
    whole: Whole, source: str, names: Sequence[str], marts: Mapping[str, Sequence[str]]
) -> Iterator[Sequence[str]]:
    staging = staging_of(whole.lineage, source)
    for name in names:
        models = [f"`{one}`" for one in sorted(staging.get(name, ()))]
        shown = listed(models, 3)
        used = ", ".join(f"`{mart}`" for mart, tables in sorted(marts.items()) if name in tables)
        table = whole.lineage["tables"].get(f"{source}.{name}")
        yield f"`{name}`", f"`{source}/{name}/`", f"`{table}`" if table else "none yet: make docs", shown, used


def _marts_mermaid(marts: Mapping[str, Sequence[str]]) -> str:
    lines = ["flowchart LR"] + [
        f'  s_{table}["{table}"] --> m_{mart}["{mart}"]' for mart, tables in sorted(marts.items()) for table in tables
    ]
    return "\n".join(lines) + "\n"


def pipeline(whole: Whole, source: str) -> Iterator[Block]:
    """The page of one source."""
    dags, plan = whole.of(source), whole.plans.get(source)
    yield Heading(1, str(whole.declared[source]["title"]))
    yield Text(
        "Made by `make docs`. The whole: [README.md](README.md). What is required, and why it is so: `architect design` on the "
        "specification beside the DAGs."
    )
    yield Heading(2, "1 Folder of the DAGs")
    yield Code("".join(f"dags/{dag['file']:<36} {dag['schedule']:<18} {dag['timezone']}\n" for dag in dags))
    yield Heading(2, "2 Tasks, and what waits for what")
    for dag in dags:
        yield Text(f"`{dag['id']}`: {dag['description']}.")
        yield _tasks(dag)
    yield Heading(2, "3 Operators and hooks")
    yield Rows(("operator", "tasks", "pool", "slots", "requests", "limits"), list(_operators(whole, dags)))
    yield Heading(2, "4 Errors")
    yield Rows(
        ("DAG", "tries", "back-off", "longest a task may take", "deadline", "expected"),
        [_errors(dag, plan) for dag in dags],
    )
    yield Heading(2, "5 Environments")
    yield from _environments(dags, plan)
    yield Heading(2, "6 dbt and Snowflake")
    yield Text(
        f"External tables on the committed parts, then `dbt build --select source:{source}+`. A table a stream: "
        "[where records go](README.md#where-records-go)."
    )
    yield Rows(
        ("stream", "primary key", "cursor", "loads", "what it is"),
        [
            (
                f"`{one['name']}`",
                ", ".join(one["primary_key"]),
                one["cursor"] or "–",
                ", ".join(_loads(dags, one["name"])),
                one["description"],
            )
            for one in whole.declared[source]["streams"]
        ],
    )
    if plan is not None:
        differ = list(differences(plan, list(whole.dags), whole.pools))
        yield Heading(2, "Against the specification")
        yield Text("; ".join(differ) if differ else "The DAGs are what it asks for.")


def _environments(dags: Sequence[Dag], plan: Plan | None) -> Iterator[Block]:
    load = next((task for dag in dags for task in dag["tasks"] if task["stream"]), None)
    if load:
        yield Text("In production; texts with braces are read when a task runs.")
        yield Rows(
            ("what", "from"),
            [
                ("image", f"`{load['image']}`"),
                ("namespace", f"`{load['namespace']}`"),
                *((f"`{name}`", f"`{value}`") for name, value in load["variables"].items()),
                ("Secrets", ", ".join(f"`{name}`" for name in load["secrets"])),
            ],
        )
    if plan is not None:
        found = list(environments(plan))
        names = list(dict.fromkeys(key for one in found for key in one))
        yield Text("What the specification says of each:")
        yield Rows(names, [[one.get(key, "–") for key in names] for one in found])


def _tasks(dag: Dag) -> Picture:
    loads = [task for task in dag["tasks"] if task["stream"]]
    names = [task["stream"] for task in loads]
    ids = {task["id"] for task in loads}
    needed = {one for task in loads for one in task["upstream"]} - ids
    others = [task["id"] for task in dag["tasks"] if task["id"] not in ids]
    before, after = [one for one in others if one in needed], [one for one in others if one not in needed]
    pools = ", ".join(sorted({task["pool"] for task in loads}))
    group = f"extract: {count(len(names), 'task')}" + (f", pool {pools}" if pools else "")
    lines = ["flowchart LR", f'  subgraph extract["{group}"]', *(f'    s_{name}["{name}"]' for name in names), "  end"]
    lines += [f"  {_word(name)} --> extract" for name in before] + [f"  extract --> {_word(name)}" for name in after]
    return Picture(tasks_svg(group, names, before, after), mermaid="\n".join(lines) + "\n")


def _word(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z_]", "_", name)


def _operators(whole: Whole, dags: Sequence[Dag]) -> Iterator[Sequence[object]]:
    kinds: dict[tuple[str, ...], set[str]] = {}
    for dag in dags:
        for task in dag["tasks"]:
            kind = (task["operator"], task["pool"], _quantities(task["requests"]), _quantities(task["limits"]))
            kinds.setdefault(kind, set()).add(task["stream"] or task["id"])
    for (operator, pool, requests, limits), names in sorted(kinds.items()):
        yield (
            f"`{operator}`",
            listed(sorted(names)),
            pool,
            whole.pools.get(pool, {}).get("slots", "–"),
            requests,
            limits,
        )


def _quantities(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(found.items()))


def _errors(dag: Dag, plan: Plan | None) -> Sequence[object]:
    tasks = dag["tasks"]
    tries = sorted({task["retries"] + 1 for task in tasks})
    delays = sorted({_delays(task) for task in tasks})
    longest = max((task["execution_timeout"] or 0 for task in tasks), default=0)
    run = next((one for one in plan.runs if dag["file"].endswith(f"/{one.schedule.name}.py")), None) if plan else None
    return (
        f"`{dag['id']}`",
        ", ".join(map(str, tries)),
        ", ".join(delays),
        _time(longest),
        _time(dag["deadline"]),
        human(run.duration) if run else "?",
    )


def _loads(dags: Sequence[Dag], stream: str) -> Iterator[str]:
    for dag in dags:
        for task in dag["tasks"]:
            if task["stream"] == stream:
                yield dag["id"].partition("_")[2] + (" (all)" if task["full_refresh"] else "")


def _delays(task: Mapping[str, Any]) -> str:
    first, most = task["retry_delay"], task["max_retry_delay"]
    if not task["retries"]:
        return "none"
    if not task["backoff"]:
        return f"{_time(first)} each"
    return f"{_time(first)} to {_time(most)}" if most else f"{_time(first)} and more"


def _time(seconds: float | None) -> str:
    return human(timedelta(seconds=seconds)) if seconds else "none"
