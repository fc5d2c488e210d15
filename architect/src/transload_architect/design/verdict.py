"""Whether a plan is enough, and if not, what would make it so: each remedy is tried on the plan before it is named."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

from transload_architect.design.plan import Budget, Plan, Problem, RunPlan, figures
from transload_architect.design.spec import Schedule, Spec
from transload_architect.words import human, listed

# What cron can say, the rarest first; a day has a time of its own.
_PERIODS = tuple(timedelta(hours=n) for n in (24, 12, 8, 6, 4, 3, 2, 1)) + tuple(
    timedelta(minutes=n) for n in (30, 20, 15, 10, 5)
)
_NAME = "schedule of its own"  # no file of a specification can have this name


def make_plan(spec: Spec) -> Plan:
    """The architecture that a specification asks for, and what of it cannot be met."""
    plan = figures(spec)
    return replace(plan, problems=tuple(_problems(plan)))


def _problems(plan: Plan) -> Iterator[Problem]:
    yield from _stale(plan)
    for stream in plan.streams.values():
        wanted = plan.spec.streams[stream.name].freshness
        if stream.told_after is not None and stream.worst_age <= wanted < stream.told_after:
            other = plan.spec.streams[stream.name].told_by
            age = human(stream.told_after)
            what = f"{stream.name} has deletions that {other} tells, {age} old, where {human(wanted)} is wanted"
            yield Problem(what, (f"with a freshness of {human(wanted)} for {other}",))
    for run in plan.runs:
        if run.duration > run.schedule.period:
            what = f"{run.schedule.name} takes {human(run.duration)} and runs every {human(run.schedule.period)}"
            yield Problem(what, tuple(_for_a_run(plan, run)))
    for budget in plan.budgets:
        if not budget.is_met:
            what = f"{budget.used:,} {budget.what} are needed, and {budget.ours:,} of {budget.limit:,} are ours"
            yield Problem(what, tuple(_for_a_budget(plan, budget)))


def _stale(plan: Plan) -> Iterator[Problem]:
    """Streams that are not fresh enough; those of one file that want the same are one problem."""
    alike: dict[tuple[timedelta, timedelta], list[str]] = {}
    for name, stream in plan.streams.items():
        wanted = plan.spec.streams[name].freshness
        if stream.worst_age > wanted:
            alike.setdefault((stream.worst_age, wanted), []).append(name)
    for (age, wanted), names in alike.items():
        become = "becomes" if len(names) == 1 else "become"
        what = f"{listed(names, 8)} {become} {human(age)} old, where {human(wanted)} is wanted"
        yield Problem(what, tuple(_for_freshness(plan, names, age, wanted)))


def _is_sound(plan: Plan, other: Plan) -> bool:
    """Whether a plan takes no more of a limit than another that is over it, and none of its runs overtakes itself anew."""
    budgets = {one.what: one for one in plan.budgets}
    slow = {run.schedule.name for run in plan.runs if run.duration > run.schedule.period}
    return all(one.is_met or not budgets[one.what].is_met for one in other.budgets) and not any(
        run.duration > run.schedule.period for run in other.runs if run.schedule.name not in slow
    )


# Streams that are not fresh enough


def _for_freshness(plan: Plan, names: list[str], age: timedelta, wanted: timedelta) -> Iterator[str]:
    period = _period_for(plan, plan.spec, names)
    if period is not None:
        yield f"with a schedule every {human(period)}"
    elif wanted > _PERIODS[-1]:
        for change, changed in _shorter_runs(plan.spec):
            period = _period_for(plan, changed, names)
            if period is not None:
                yield f"with a schedule every {human(period)} and {change}"
                break
    slower = (one.period + timedelta(hours=n) for one in plan.spec.schedules for n in (1, 6, 24))
    for longer in sorted({age, *slower}):
        if longer >= age and _are_fresh(figures(_with_freshness(plan.spec, names, longer)), names):
            yield f"with a freshness of {human(longer)}"
            break


def _period_for(plan: Plan, spec: Spec, names: list[str]) -> timedelta | None:
    """The longest period of one more file with which these streams are fresh enough, and nothing else gets worse."""
    for period in _PERIODS:
        if period < spec.streams[names[0]].freshness:
            changed = figures(replace(spec, schedules=(*spec.schedules, _schedule(period))))
            if _are_fresh(changed, names) and _is_sound(plan, changed):
                return period
    return None


def _schedule(period: timedelta) -> Schedule:
    a_day = period == timedelta(days=1)
    return Schedule(_NAME, None if a_day else period, None, "00:00" if a_day else "", "", full=False)


def _shorter_runs(spec: Spec) -> Iterator[tuple[str, Spec]]:
    """Specifications whose runs are shorter, the smallest change first."""
    for minutes in sorted({math.floor(spec.dbt_minutes * share) for share in (0.8, 0.6, 0.4, 0.2)} - {0}, reverse=True):
        yield f"{minutes} min of dbt at most", replace(spec, dbt_minutes=minutes)
    quicker = replace(spec, dbt_minutes=min(spec.dbt_minutes, 1))
    rate = spec.limits.calls_per_minute
    for times in (2, 4, 8, 16):
        limits = replace(spec.limits, calls_per_minute=rate * times if rate else None)
        if rate is not None:
            yield f"{rate * times:,} calls a minute and a minute of dbt", replace(quicker, limits=limits)
        share = spec.limits.pod_share_percent // times
        if share:
            limits = replace(limits, pod_share_percent=share)
            also = f", {rate * times:,} calls a minute" if rate else ""
            yield f"{100 // share} pods at once{also} and a minute of dbt", replace(quicker, limits=limits)


def _with_freshness(spec: Spec, names: list[str], freshness: timedelta) -> Spec:
    changed = {name: replace(spec.streams[name], freshness=freshness) for name in names}
    return replace(spec, streams={**spec.streams, **changed})


def _are_fresh(plan: Plan, names: Iterable[str]) -> bool:
    return all(plan.streams[one].worst_age <= plan.spec.streams[one].freshness for one in names)


# A run that is longer than the time to the next


def _for_a_run(plan: Plan, run: RunPlan) -> Iterator[str]:
    name = run.schedule.name
    for period in reversed(_PERIODS[1:]):
        if run.schedule.every is not None and period > run.schedule.every:
            changed = figures(_with_schedule(plan.spec, replace(run.schedule, every=period, at="")))
            if _is_in_time(changed, name):
                late = _late(plan, changed)
                yield f"with {name} every {human(period)}" + (f", too rare for {listed(late)}" if late else "")
                break
    loads = sorted(run.loads, key=lambda one: one.seconds, reverse=True)
    for n in range(1, len(loads)):
        dropped = [one.stream for one in loads[:n]]
        if _is_in_time(figures(_without(plan.spec, dropped)), name):
            yield f"without {listed(dropped, 8)} in it"
            break
    for change, changed_spec in _shorter_runs(plan.spec):
        if _is_in_time(figures(changed_spec), name):
            yield f"with {change}"
            break


def _with_schedule(spec: Spec, schedule: Schedule) -> Spec:
    return replace(spec, schedules=tuple(schedule if one.name == schedule.name else one for one in spec.schedules))


def _without(spec: Spec, names: list[str]) -> Spec:
    return replace(spec, streams={name: one for name, one in spec.streams.items() if name not in names})


def _late(plan: Plan, changed: Plan) -> list[str]:
    """Streams that are fresh enough in one plan, and not in another."""
    return [one for one in changed.streams if _are_fresh(plan, [one]) and not _are_fresh(changed, [one])]


def _is_in_time(plan: Plan, name: str) -> bool:
    return all(run.duration <= run.schedule.period for run in plan.runs if run.schedule.name == name)


# A limit that is too small


def _for_a_budget(plan: Plan, budget: Budget) -> Iterator[str]:
    least = math.ceil(budget.used * 100 / (100 - plan.spec.limits.reserve_percent))
    yield f"with a limit of {least:,}"
    rarer = _rarer(plan, budget)
    if rarer:
        yield rarer
    used = float(budget.used)
    dropped: list[str] = []
    for cost, text in sorted(_costs(plan.runs, budget), reverse=True):
        used -= cost
        dropped.append(f"{text}, which takes {cost:,.0f} of them")
        if math.ceil(round(used, 6)) <= budget.ours:
            yield f"without {listed(dropped, 3)}"
            break


def _rarer(plan: Plan, budget: Budget) -> str:
    """The shortest longer period of the file that takes most of a limit, with which it is enough and nothing is late."""
    run = max(plan.runs, key=lambda one: one.schedule.runs_per_day * _cost(one, budget))
    for period in reversed(_PERIODS[1:]):
        if run.schedule.every is not None and period > run.schedule.every:
            changed = figures(_with_schedule(plan.spec, replace(run.schedule, every=period, at="")))
            met = all(one.is_met for one in changed.budgets if one.what == budget.what)
            if met and not _late(plan, changed):
                return f"with {run.schedule.name} every {human(period)}"
    return ""


def _cost(run: RunPlan, budget: Budget) -> float:
    return run.calls if budget.what.startswith("calls") else run.megabytes


def _costs(runs: Iterable[RunPlan], budget: Budget) -> Iterator[tuple[float, str]]:
    """What each load takes of a limit on a day, and its name."""
    for run in runs:
        for load in run.loads:
            cost = load.calls if budget.what.startswith("calls") else load.megabytes
            yield run.schedule.runs_per_day * cost, f"{load.stream} in {load.schedule}"
