"""Parts 3 to 6 of an architecture as rows, each with the rule that it follows and its arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from transload_architect.design.agreement import LONGEST_DELAY, RETRIES, RETRY_DELAY, TIMEOUTS
from transload_architect.design.names import external_table, staging_model
from transload_architect.design.plan import BATCH, PART_BYTES, SIZES, UNDER_WAY, Plan, first_load
from transload_architect.words import count, human


@dataclass(frozen=True, slots=True)
class Row:
    """A recommendation.

    Args:
        what: it is for.
        use: what is recommended.
        rule: that it follows.
        why: the arithmetic, or the reason.
    """

    what: str
    use: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A stream in the warehouse.

    Args:
        stream: its name.
        prefix: in the lake.
        table: the external table.
        model: of staging.
        primary_key: by which the newest state is found.
        parts: files a day.
        megabytes: that those hold before compression.
        read: megabytes that a build reads of it, where its model is a table.
    """

    stream: str
    prefix: str
    table: str
    model: str
    primary_key: tuple[str, ...]
    parts: int
    megabytes: float
    read: float


def operators(plan: Plan) -> Iterator[Row]:
    """Which operators and hooks of `common`."""
    source, loads = plan.spec.source, [load for run in plan.runs for load in run.loads]
    most = max(loads, key=lambda one: (one.parts, one.records))
    yield Row("each load", f"`ExtractOperator`, pool `{source}`", "P1", plan.slots.text)
    alone = ", ".join(f"{run.schedule.name} {count(len(run.loads), 'task')}" for run in plan.runs)
    yield Row("the loads of a run", "`TaskGroup` `extract`", "G1", f"{alone}: one box of the graph each")
    parameters = "`streams`, `since` and `until` are parameters of the DAG"
    yield Row("a run by hand", "`ChooseOperator` before them", "G2", parameters)
    under_way = f"{UNDER_WAY} x {plan.pool_slots} = {UNDER_WAY * plan.pool_slots} of all pods at most"
    yield Row("a load's requests", f"{UNDER_WAY} at once in a pod", "C1", under_way)
    parts = (
        f"at most {count(most.parts, 'part')} a load: {most.stream} in {most.schedule}, {count(most.records, 'record')}"
    )
    yield Row("a load's parts", f"{BATCH:,} records or {PART_BYTES >> 30} GiB each", "B1", parts)
    builds, minutes = _builds(plan), plan.spec.dbt_minutes
    busy = f"{count(builds, 'build')} a day of {minutes:g} min: {human(builds * timedelta(minutes=minutes))} of its one slot"
    yield Row("the models", f"`DbtOperator`, `source:{source}+`, pool `dbt`", "M1", busy)
    truth = "a task is done when the record of its load is there, whatever the pod said"
    yield Row("commit records", "`LakeHook`", "M2", truth)
    yield Row("messages", "`FailureNotifier`, `LateNotifier`", "T2", "a failed task; a run that is not done in time")


def errors(plan: Plan) -> Iterator[Row]:
    """What happens when something goes wrong."""
    jitter = "with jitter, so that pods do not come back at one moment"
    yield Row(
        "a request fails, or is refused for its rate", "the extractor tries again, as the answer asks", "E1", jitter
    )
    for environment in plan.spec.environments:
        delays = _delays(RETRIES[environment])
        if environment != "local":
            told = f"{' + '.join(f'{one:g}' for one in delays)} = {sum(delays):g} min of trouble are waited out"
            what = f"a pod fails, or nobody saw its end ({environment})"
            yield Row(what, f"{count(len(delays), 'retry', 'retries')} with back-off", "E2", told)
    waits = "the task comes back when the vendor says"
    yield Row("the day's quota is used up (75)", waits, "E3", "no try is lost by waiting")
    refused = "keys are refused, a setting is wrong (64, 77, 78)"
    yield Row(refused, "it fails at once", "E4", "another try would be refused too")
    yield from _time_limits(plan)
    for run in plan.runs:
        within, why = human(run.done_within), f"2 x {human(run.duration)}, in whole hours"
        yield Row(f"{run.schedule.name} is late", f"`LateNotifier` after {within}", "T2", why)


def _time_limits(plan: Plan) -> Iterator[Row]:
    for size in SIZES:
        names = [name for name, one in plan.streams.items() if one.size == size]
        if names:
            longest = max((first_load(plan.spec, plan.spec.streams[one]) for one in names), key=lambda one: one.seconds)
            told = (
                f"the longest first load is {longest.stream}'s: {longest.arithmetic}, "
                f"{human(timedelta(seconds=longest.seconds))}"
            )
            yield Row(f"a {size} pod does not end", f"time limit {human(TIMEOUTS[size])}", "Z2", told)


def _delays(tries: int) -> list[float]:
    """Minutes before each retry."""
    first, most = (one / timedelta(minutes=1) for one in (RETRY_DELAY, LONGEST_DELAY))
    return [min(most, first * 2**n) for n in range(tries)]


def environments(plan: Plan) -> Iterator[Mapping[str, str]]:
    """What differs between environments."""
    for name, settings in plan.spec.environments.items():
        yield {
            "environment": name,
            "namespace": f"transload-{name}",
            "secret": f"transload-{plan.spec.source}",
            **settings,
        }


def variables(plan: Plan) -> list[str]:
    """Airflow Variables that tasks read."""
    return [
        *("transload_destination", "transload_endpoint_url", "transload_namespace"),
        *(f"transload_image_{plan.spec.source}", "transload_dbt_target", "transload_webhook_url"),
    ]


def integration(plan: Plan) -> Iterator[TablePlan]:
    """What the warehouse has of each stream."""
    source = plan.spec.source
    for name, stream in plan.spec.streams.items():
        daily = [(run.schedule.runs_per_day, load) for run in plan.runs for load in run.loads if load.stream == name]
        yield TablePlan(
            name,
            f"{source}/{name}/",
            external_table(source, name),
            staging_model(source, name),
            stream.primary_key,
            sum(runs * load.parts for runs, load in daily),
            sum(runs * load.records for runs, load in daily) * stream.bytes / 1e6,
            stream.rows * stream.bytes / 1e6,
        )


def external_or_raw(plan: Plan) -> Row:
    """Whether models read the parts where they lie, or copies."""
    read = sum(one.read for one in integration(plan))
    new = sum(one.megabytes for one in integration(plan))
    why = (
        f"{new:,.1f} MB a day are new, and copies would store them twice. Models that are tables read {read:,.1f} MB at a "
        f"build, at most {count(_builds(plan), 'build')} a day; incremental ones read what is new. Raw copies (`load: raw`) "
        "pay where people query the parts beside the models, or what is large cannot be incremental"
    )
    return Row("all streams", "external tables", "X1", why)


def _builds(plan: Plan) -> int:
    return sum(run.schedule.runs_per_day for run in plan.runs)
