"""Whether DAGs are what their specification asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from transload_architect.design.plan import Plan, RunPlan
from transload_architect.design.spec import Size
from transload_architect.words import count, human

# A pod's size shows in how long it may take.
TIMEOUTS: Mapping[Size, timedelta] = {
    "small": timedelta(hours=1),
    "medium": timedelta(hours=3),
    "large": timedelta(hours=10),
}

# Tries after the first, by environment, and the time before them: doubled each time, up to the longest.
RETRIES = {"local": 1, "staging": 3, "production": 5}
RETRY_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(minutes=30)


def differences(plan: Plan, dags: list[Mapping[str, Any]], pools: Mapping[str, Any]) -> Iterator[str]:
    """What differs between a plan and the DAGs that there are, a line each.

    Args:
        plan: of the specification.
        dags: as ``inside.py`` prints them, of production.
        pools: as in `pools.json`.
    """
    spec = plan.spec
    there = {one["file"]: one for one in dags if one["file"].startswith(f"{spec.folder}/")}
    wanted = {f"{spec.folder}/{run.schedule.name}.py": run for run in plan.runs}
    for file in sorted(set(there) - set(wanted)):
        yield f"{file}: the specification asks for no such file"
    for file, run in wanted.items():
        if file not in there:
            yield f"{file}: is asked for, and not there"
        else:
            yield from (f"{file}: {text}" for text in _file(plan, run, there[file]))
    slots = pools.get(spec.source, {}).get("slots")
    if slots != plan.pool_slots:
        yield f"pool {spec.source} has {count(slots or 0, 'slot')}, and {plan.pool_slots} are asked for"


def _file(plan: Plan, run: RunPlan, dag: Mapping[str, Any]) -> Iterator[str]:
    if dag["schedule"] != run.schedule.cron or dag["timezone"] != plan.spec.time_zone:
        yield f"runs at {dag['schedule']} in {dag['timezone']}, and {run.schedule.cron} in {plan.spec.time_zone} is asked for"
    if dag["deadline"] is None or timedelta(seconds=dag["deadline"]) < run.done_within:
        yield f"has a deadline of {dag['deadline']} s, and {human(run.done_within)} at least are asked for"
    loads = {task["stream"]: task for task in dag["tasks"] if task["stream"]}
    wanted = {load.stream for load in run.loads}
    for name in sorted(wanted ^ set(loads)):
        yield f"{name} is asked for, and not there" if name in wanted else f"{name} is there, and not asked for"
    for name in sorted(wanted & set(loads)):
        yield from _retries(name, loads[name])
        size = plan.streams[name].size
        if loads[name]["execution_timeout"] != TIMEOUTS[size].total_seconds():
            yield f"{name} has a pod for {loads[name]['execution_timeout'] / 3600:g} h, and a {size} one is asked for"
        if loads[name]["full_refresh"] != run.schedule.full:
            yield f"{name} is {'' if loads[name]['full_refresh'] else 'not '}loaded anew, and the opposite is asked for"


def _retries(name: str, task: Mapping[str, Any]) -> Iterator[str]:
    delays = (task["retry_delay"], task["max_retry_delay"])
    if (task["retries"], *delays) != (
        RETRIES["production"],
        RETRY_DELAY.total_seconds(),
        LONGEST_DELAY.total_seconds(),
    ):
        tries = f"{count(task['retries'], 'time')} more after {delays[0]:g} s"
        yield f"{name} is tried {tries}, and {RETRIES['production']} are asked for"
