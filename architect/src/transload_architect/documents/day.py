"""A day as it is expected: which pod has which slot of which pool, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from transload_architect.design.plan import Plan


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod in its slot. Times are minutes of the day, in UTC."""

    dag: str
    task: str
    pool: str
    slot: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a DAG, from its start to its deadline, in minutes of the day."""

    dag: str
    start: float
    end: float
    deadline: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """All of it."""

    pools: Mapping[str, int]
    pods: Sequence[Pod]
    runs: Sequence[Run]

    @property
    def late(self) -> list[Run]:
        """Runs that are expected to pass their deadline."""
        return [run for run in self.runs if run.deadline is not None and run.end > run.deadline]


def expected_day(dags: Sequence[Mapping[str, Any]], plans: Mapping[str, Plan], pools: Mapping[str, Any]) -> Day:
    """Puts the pods of all runs of a day into their pools' slots, in the order in which they can begin.

    Tasks without a pod take no time worth drawing.

    Args:
        dags: as ``inside.py`` prints them.
        plans: by source; a load takes what its plan says, a task that is in no plan a minute.
        pools: as in `pools.json`.
    """
    free = {name: [0.0] * int(pool["slots"]) for name, pool in pools.items()}
    pods: list[Pod] = []
    runs: list[Run] = []
    for start, dag in sorted(_starts(dags), key=lambda one: (one[0], one[1]["id"])):
        ends = [start]
        tasks = [task for task in dag["tasks"] if task["image"]]
        for task in tasks:
            if task["stream"]:
                pods.append(_placed(dag, task, start, _minutes(dag, task, plans), free))
                ends.append(pods[-1].end)
        for task in tasks:
            if not task["stream"]:
                pods.append(_placed(dag, task, max(ends), _minutes(dag, task, plans), free))
                ends.append(pods[-1].end)
        deadline = start + dag["deadline"] / 60 if dag["deadline"] else None
        runs.append(Run(dag["id"], start, max(ends), deadline))
    return Day({name: len(slots) for name, slots in free.items()}, pods, runs)


def _starts(dags: Sequence[Mapping[str, Any]]) -> Iterator[tuple[float, Mapping[str, Any]]]:
    for dag in dags:
        for text in dag["runs"]:
            moment = datetime.fromisoformat(text)
            yield moment.hour * 60 + moment.minute, dag


def _placed(
    dag: Mapping[str, Any], task: Mapping[str, Any], ready: float, minutes: float, free: Mapping[str, list[float]]
) -> Pod:
    slots = free.get(task["pool"]) or [0.0] * 99
    slot = min(range(len(slots)), key=lambda n: (max(slots[n], ready), n))
    begin = max(slots[slot], ready)
    slots[slot] = begin + minutes
    return Pod(dag["id"], task["id"], task["pool"], slot, round(begin, 2), round(begin + minutes, 2))


def _minutes(dag: Mapping[str, Any], task: Mapping[str, Any], plans: Mapping[str, Plan]) -> float:
    plan = plans.get(task["source"])
    if plan is None:
        return 1.0
    if not task["stream"]:
        return plan.spec.dbt_minutes
    for run in plan.runs:
        for load in run.loads:
            if dag["file"].endswith(f"/{run.schedule.name}.py") and load.stream == task["stream"]:
                return load.seconds / 60
    return 1.0


def clock(minutes: float) -> str:
    """Minutes of the day as a time."""
    time = timedelta(minutes=round(minutes))
    hours, rest = divmod(int(time.total_seconds() // 60), 60)
    return f"{hours % 24:02}:{rest:02}"
