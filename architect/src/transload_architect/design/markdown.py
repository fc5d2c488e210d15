"""A plan as a page for people, in the six parts of an architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from transload_architect.design.parts import (
    Row,
    environments,
    errors,
    external_or_raw,
    integration,
    operators,
    variables,
)
from transload_architect.design.plan import Plan, RunPlan
from transload_architect.words import count, human

RULES = {
    "F1": "A folder a source, a file a schedule, and a DAG named after both (ARC503, ARC504).",
    "S1": "A stream goes into the least frequent file whose period, with a run's duration, is within its freshness.",
    "S2": "What is loaded often is loaded by every less frequent file too: a window begins where the last commit ended, so "
    "this costs nothing, and closes the hours in which the frequent file rests.",
    "S3": "A stream whose deletions leave no trace is loaded anew by the file of full refreshes.",
    "S4": "A stream without a field that tells changes is loaded whole, where its freshness asks for it.",
    "S5": "Deletions that another stream tells are as fresh as that stream is.",
    "Z1": "The size of a pod follows from the bytes of the whole stream, which its first load has to take; exports are "
    "large, since they wait.",
    "Z2": "A pod's time limit goes with its size. A first load that needs longer goes on at its last part, with the next try.",
    "P1": "A pool a source, with as many slots as pods fit into the rate when none knows of the other.",
    "G1": "The loads of a run are one group: a graph of dozens of boxes shows nothing (ARC209).",
    "G2": "A run by hand may ask for some streams, and for a window of its own.",
    "C1": "A pod has four requests under way: more wait for Python, not for the vendor.",
    "Q1": "What the busiest day takes stays within the limit less the reserve for other integrations.",
    "T1": "A run is expected to take the greatest of: its pods through the pool's slots, its longest pod, its calls at our rate; "
    "and then dbt.",
    "T2": "The deadline is twice what is expected, in whole hours: one retry of everything is no emergency.",
    "B1": "A part has 250,000 records at most, and 1 GiB before compression.",
    "M1": "dbt runs when every chosen stream is committed, and once at a time: every run builds the same tables.",
    "M2": "The commit record is the truth, not the pod.",
    "E1": "What passes within minutes is the extractor's to wait for.",
    "E2": "What takes longer is Airflow's: it doubles the time before each retry, from 1 minute up to 30.",
    "E3": "A quota that is used up is no failure.",
    "E4": "What no retry helps is told at once.",
    "V1": "What differs between environments is a Variable that a task reads when it runs; keys are in a Secret, never in Airflow.",
    "X1": "External tables on the committed parts, not copies of them: a record is stored once, and a load becomes "
    "visible by its commit record alone.",
    "D": "People decided otherwise, and said why.",
}


def as_markdown(plan: Plan) -> str:
    """The page."""
    spec = plan.spec
    head = f"# {spec.title}: the architecture that its requirements ask for\n\nFor: {', '.join(spec.consumers)}.\n"
    parts = (_verdict, _structure, _tasks, _operators, _errors, _environments, _integration, _rules)
    return "\n".join([head, *("".join(part(plan)) for part in parts)])


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _rows(head: Iterable[str], rows: Iterable[Row]) -> str:
    return table([*head, "rule", "why"], ((one.what, one.use, one.rule, one.why) for one in rows))


def _verdict(plan: Plan) -> Iterator[str]:
    if plan.problems:
        yield "**Some of it cannot be met:**\n\n"
        yield "".join(f"- {one}\n" for one in plan.problems)
    else:
        yield "All of it can be met.\n"
    if plan.budgets:
        yield "\n" + _budgets(plan)


def _budgets(plan: Plan) -> str:
    return table(
        ("a day's", "limit", "ours", "needed", "how (rule Q1)"),
        (
            (
                one.what,
                f"{one.limit:,}",
                f"{one.ours:,}",
                f"{one.used:,}{'' if one.is_met else ' **too many**'}",
                one.arithmetic,
            )
            for one in plan.budgets
        ),
    )


def _structure(plan: Plan) -> Iterator[str]:
    yield "## 1 Folder of the DAGs\n\nA file a schedule (F1).\n\n```\ndags/" + plan.spec.folder + "/\n"
    for run in plan.runs:
        whole = ", all of them whole" if run.schedule.full else ""
        yield f"  {run.schedule.name + '.py':<14} {run.schedule.cron:<18} {count(len(run.loads), 'stream')}{whole}\n"
    yield "  spec.yaml      what is required\n```\n\n"
    yield table(
        ("stream", "files", "pod", "why"),
        (
            (
                f"`{one.name}`",
                ", ".join(one.schedules),
                one.size,
                "; ".join(f"{reason.rule}: {reason.text}" for reason in one.reasons),
            )
            for one in plan.streams.values()
        ),
    )


def _tasks(plan: Plan) -> Iterator[str]:
    yield "## 2 Tasks, and what waits for what\n\n"
    for run in plan.runs:
        yield f"`{plan.spec.source}_{run.schedule.name}`: {human(run.duration)} expected (T1: {run.arithmetic}).\n\n"
        yield mermaid(run, plan)
    yield table(
        ("file", "stream", "load", "records", "parts (B1)", "calls", "MB exported", "how"),
        (
            (load.schedule, f"`{load.stream}`", "full" if load.full else "changes", f"{load.records:,}", load.parts,
             f"{load.calls:,}", f"{load.megabytes:,.1f}" if load.megabytes else "", load.arithmetic)
            for run in plan.runs
            for load in run.loads
        ),
    )  # fmt: skip


def mermaid(run: RunPlan, plan: Plan) -> str:
    """The tasks of a file as a diagram."""
    lines = [
        "```mermaid",
        "flowchart LR",
        f'  subgraph extract["extract: pool {plan.spec.source}, {count(plan.pool_slots, "slot")}"]',
    ]
    lines += [f'    s_{load.stream}["{load.stream}"]' for load in run.loads]
    lines += ["  end", "  choose --> extract", '  extract --> dbt["dbt: pool dbt, 1 slot"]', "```\n\n"]
    return "\n".join(lines)


def _operators(plan: Plan) -> Iterator[str]:
    yield "## 3 Operators and hooks\n\n" + _rows(("what", "of `common`"), operators(plan))


def _errors(plan: Plan) -> Iterator[str]:
    yield "## 4 Errors\n\n" + _rows(("what", "then"), errors(plan))
    yield "\n" + table(
        ("file", "expected (T1)", "deadline (T2)", "data at worst (S1)"),
        (
            (run.schedule.name, human(run.duration), human(run.done_within), human(run.schedule.period + run.duration))
            for run in plan.runs
        ),
    )


def _environments(plan: Plan) -> Iterator[str]:
    yield "## 5 Environments\n\n"
    found = list(environments(plan))
    names = list(dict.fromkeys(key for one in found for key in one))
    yield table(names, ([one.get(key, "–") for key in names] for one in found))
    yield f"\nVariables (V1): {', '.join(f'`{one}`' for one in variables(plan))}.\n"


def _integration(plan: Plan) -> Iterator[str]:
    yield "## 6 dbt and Snowflake\n\n" + _rows(("what", "external or raw"), [external_or_raw(plan)])
    yield "\n" + table(
        ("stream", "prefix in the lake", "external table", "staging model", "primary key", "parts a day", "MB a day", "MB in all"),
        (
            (f"`{one.stream}`", f"`{one.prefix}`", f"`{one.table}`", f"`{one.model}`", ", ".join(one.primary_key),
             f"{one.parts:,}", f"{one.megabytes:,.1f}", f"{one.read:,.1f}")
            for one in integration(plan)
        ),
    )  # fmt: skip


def _rules(_plan: Plan) -> Iterator[str]:
    yield "## The rules\n\n" + table(("rule", ""), RULES.items())
