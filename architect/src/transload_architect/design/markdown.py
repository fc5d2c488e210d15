"""A plan as a page for people, in the six parts of an architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from transload_architect.design.plan import BATCH, PART_BYTES, UNDER_WAY, Plan, RunPlan, human

RULES = {
    "S1": "A stream goes into the least frequent file whose period, with a run's duration, is within its freshness.",
    "S2": "What is loaded often is loaded by every less frequent file too: a window begins where the last commit ended, so "
    "this costs nothing, and closes the hours in which the frequent file rests.",
    "S3": "A stream whose deletions leave no trace is loaded anew by the file of full refreshes.",
    "S4": "A stream without a field that tells changes is loaded whole, where its freshness asks for it.",
    "Z1": "The size of a pod follows from the bytes of the whole stream, which its first load has to take; exports are "
    "large, since they wait.",
    "P1": "A pool a source, with as many slots as pods fit into the rate when none knows of the other.",
    "Q1": "What the busiest day takes stays within the limit less the reserve for other integrations.",
    "T1": "A run is expected to take the greatest of: its pods through the pool's slots, its longest pod, its calls at our rate; "
    "and then dbt.",
    "T2": "The deadline is twice what is expected, in whole hours: one retry of everything is no emergency.",
    "B1": "A part has 250,000 records at most, and 1 GiB before compression.",
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


def _verdict(plan: Plan) -> Iterator[str]:
    if plan.problems:
        yield "**Some of it cannot be met:**\n\n"
        yield "".join(f"- {one}\n" for one in plan.problems)
    else:
        yield "All of it can be met.\n"
    yield "\n" + table(
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
    yield "## 1 Folder of the DAGs\n\n```\ndags/" + plan.spec.folder + "/\n"
    for run in plan.runs:
        whole = ", all of them whole" if run.schedule.full else ""
        yield f"  {run.schedule.name + '.py':<14} {run.schedule.cron:<18} {len(run.loads)} streams{whole}\n"
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
        f'  subgraph extract["extract: pool {plan.spec.source}, {plan.pool_slots} slots"]',
    ]
    lines += [f"    {load.stream}" for load in run.loads]
    lines += ["  end", '  extract --> dbt["dbt: pool dbt, 1 slot"]', "```\n\n"]
    return "\n".join(lines)


def _operators(plan: Plan) -> Iterator[str]:
    yield "## 3 Operators and hooks\n\n"
    yield table(
        ("what", "of `common`", "how"),
        (
            ("each load", "`ExtractOperator`", f"group `extract`, pool `{plan.spec.source}`, {plan.slots.text} (P1)"),
            (
                "the models",
                "`DbtOperator`",
                f"`dbt build --select source:{plan.spec.source}+`, pool `dbt`, when every chosen stream is committed",
            ),
            (
                "commit records",
                "`LakeHook`",
                "a task is done when the record of its load is there, whatever the pod said",
            ),
            ("messages", "`FailureNotifier`, `LateNotifier`", "a failed task; a run that is not done in time"),
        ),
    )
    yield f"\nParts: {BATCH:,} records or {PART_BYTES >> 30} GiB (B1). Requests of a pod at once: {UNDER_WAY}.\n"


def _errors(plan: Plan) -> Iterator[str]:
    yield "## 4 Errors\n\n"
    yield table(
        ("what", "then"),
        (
            (
                "a request fails, or is refused for its rate",
                "the extractor tries again with jitter, keeping to what the answer asks for",
            ),
            (
                "a pod fails, or nobody saw its end",
                "Airflow tries again, with back-off from 1 to 30 minutes; the load goes on at its last part",
            ),
            (
                "the day's quota is used up (exit code 75)",
                "the task comes back at the time that the vendor named, and loses no try",
            ),
            ("keys are refused, a setting is wrong (64, 77, 78)", "it fails at once: trying again would not help"),
            ("a deadline passes", "LateNotifier tells"),
        ),
    )
    yield "\n" + table(
        ("file", "expected", "deadline (T2)", "data at worst (S1)"),
        (
            (run.schedule.name, human(run.duration), human(run.done_within), human(run.schedule.period + run.duration))
            for run in plan.runs
        ),
    )
    longest = max((run.duration for run in plan.runs), default=timedelta(0))
    yield f"\nNo task's own limit is below what a run takes ({human(longest)}): small pods have 1 h, medium 3 h, large 10 h.\n"


def _environments(plan: Plan) -> Iterator[str]:
    yield "## 5 Environments\n\n"
    names = sorted({key for one in plan.spec.environments.values() for key in one})
    yield table(
        ("environment", *names, "namespace", "Secret"),
        (
            (name, *(one.get(key, "–") for key in names), f"`transload-{name}`", f"`transload-{plan.spec.source}`")
            for name, one in plan.spec.environments.items()
        ),
    )
    yield (
        "\nVariables, read when a task runs: `transload_destination`, `transload_endpoint_url`, `transload_namespace`, "
        f"`transload_image_{plan.spec.source}`, `transload_webhook_url`. Keys are in the Secret and never in Airflow.\n"
    )


def _integration(plan: Plan) -> Iterator[str]:
    source = plan.spec.source
    yield "## 6 dbt and Snowflake\n\nExternal tables, not raw copies (X1).\n\n"
    yield table(
        ("stream", "prefix in the lake", "external table", "staging model", "primary key"),
        (
            (
                f"`{name}`",
                f"`{source}/{name}/`",
                f"`{source}.{name}`",
                f"`stg_{source}__{snake(name)}`",
                ", ".join(stream.primary_key),
            )
            for name, stream in plan.spec.streams.items()
        ),
    )


def _rules(_plan: Plan) -> Iterator[str]:
    yield "## The rules\n\n" + table(("rule", ""), RULES.items())


def snake(name: str) -> str:
    """A stream's name as the warehouse has it."""
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")
