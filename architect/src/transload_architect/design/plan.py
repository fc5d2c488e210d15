"""The arithmetic: which stream goes into which file, what that costs, how long it takes, and whether it is enough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from transload_architect.design.spec import Schedule, Size, Spec, StreamSpec
from transload_architect.words import count, human

BATCH = 250_000  # records in a part
PART_BYTES = 1 << 30  # of records in a part, before compression
POD_SECONDS = 20  # that a pod takes to start
UNDER_WAY = 4  # requests of one pod at once
LARGE, MEDIUM = 60_000_000, 1_000_000  # bytes of a whole stream
SIZES: tuple[Size, ...] = ("large", "medium", "small")


@dataclass(frozen=True, slots=True)
class Load:
    """One load of a stream in one file.

    Args:
        stream: its name.
        schedule: of the file.
        full: whether it loads everything.
        records: it will have.
        calls: it takes.
        megabytes: of export; 0 by pages.
        seconds: its pod lives, if nobody else uses the rate.
        parts: it writes.
        arithmetic: how these came about.
    """

    stream: str
    schedule: str
    full: bool
    records: int
    calls: int
    megabytes: float
    seconds: float
    parts: int
    arithmetic: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A recommendation, the rule it follows, and its arithmetic."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What is recommended for a stream.

    Args:
        name: of the stream.
        size: of its pod.
        schedules: the files that load it.
        worst_age: of its data in the warehouse, within the hours of the most frequent file.
        told_after: how old a deletion is at worst when another stream has told of it; None where none does.
        reasons: for all that.
    """

    name: str
    size: Size
    schedules: tuple[str, ...]
    worst_age: timedelta
    told_after: timedelta | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What is recommended for a file of the DAG folder: one run of it."""

    schedule: Schedule
    loads: tuple[Load, ...]
    calls: int
    megabytes: float
    duration: timedelta
    done_within: timedelta
    arithmetic: str


@dataclass(frozen=True, slots=True)
class Budget:
    """What a day takes of a limit: the day on which all files run."""

    what: str
    limit: int
    ours: int
    used: int
    arithmetic: str

    @property
    def is_met(self) -> bool:
        """Whether it is enough."""
        return self.used <= self.ours


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that cannot be met.

    Args:
        what: it is.
        possible: what would make it possible, each by itself, such as ``with a limit of 700``. All was tried on the plan.
    """

    what: str
    possible: tuple[str, ...]

    def __str__(self) -> str:
        remedies = (
            f"Possible {', or '.join(self.possible)}"
            if self.possible
            else "No schedule, rate or pool that was tried helps"
        )
        return f"{self.what}. {remedies}."


@dataclass(frozen=True, slots=True)
class Plan:
    """The architecture, in figures."""

    spec: Spec
    slots: Reason
    pool_slots: int
    streams: Mapping[str, StreamPlan]
    runs: tuple[RunPlan, ...]
    budgets: tuple[Budget, ...]
    problems: tuple[Problem, ...] = ()

    def sizes(self, run: RunPlan) -> dict[Size, list[str]]:
        """The streams of a file by their size, the largest first."""
        by_size: dict[Size, list[str]] = {}
        for size in SIZES:
            names = [load.stream for load in run.loads if self.streams[load.stream].size == size]
            if names:
                by_size[size] = names
        return by_size


def figures(spec: Spec) -> Plan:
    """The architecture that a specification asks for, without a word on whether it can be met; see ``verdict``."""
    # How long a file runs depends on which streams are in it, and that on how old their data becomes: so first by
    # period alone, and then once more with the durations that came of it.
    slots = max(1, 100 // spec.limits.pod_share_percent)
    durations = {one.name: timedelta(0) for one in spec.schedules}
    for _ in range(2):
        chosen = {name: _files(spec, stream, durations) for name, stream in spec.streams.items()}
        runs = tuple(_run(spec, one, chosen, slots) for one in spec.schedules)
        durations = {run.schedule.name: run.duration for run in runs}
    runs = tuple(run for run in runs if run.loads)
    budgets = tuple(_budgets(spec, runs))
    ages = {name: _ages(spec, stream, chosen[name], durations) for name, stream in spec.streams.items()}
    streams = {
        name: _stream_plan(stream, chosen[name], ages[name], durations, ages.get(stream.told_by, {}))
        for name, stream in spec.streams.items()
    }
    return Plan(
        spec,
        Reason("P1", f"{count(slots, 'slot')}: a pod takes {spec.limits.pod_share_percent} % of the rate at most, and 100 // "
               f"{spec.limits.pod_share_percent} = {slots}"),
        slots,
        streams,
        runs,
        budgets,
    )  # fmt: skip


def _files(spec: Spec, stream: StreamSpec, durations: Mapping[str, timedelta]) -> tuple[str, ...]:
    """The files that load a stream: the least frequent that is fresh enough, and all less frequent ones."""
    slowest_first = sorted(spec.schedules, key=lambda one: one.period, reverse=True)
    usable = [one for one in slowest_first if not (stream.found_by and one.full)]
    enough = [one for one in usable if one.period + durations[one.name] <= stream.freshness]
    first = enough[0] if enough else (usable or slowest_first)[-1]
    if stream.found_by:
        names = [one.name for one in usable if one.period >= first.period] or [first.name]
        if stream.deletes == "hidden" and "full_refresh" not in stream.decisions:
            names += [one.name for one in spec.schedules if one.full]
    else:
        names = [first.name]
    names.append(stream.decisions.get("also_in", ("", ""))[0])
    return tuple(one.name for one in spec.schedules if one.name in names)


def _ages(
    spec: Spec, stream: StreamSpec, files: tuple[str, ...], durations: Mapping[str, timedelta]
) -> dict[str, timedelta]:
    """How old the stream's data becomes by each file alone; a full refresh counts where nothing else loads it."""
    ages = {one: one.period + durations[one.name] for one in spec.schedules if one.name in files}
    by_changes = {one.name: age for one, age in ages.items() if not (one.full and stream.found_by)}
    return by_changes or {one.name: age for one, age in ages.items()}


def _stream_plan(
    stream: StreamSpec,
    files: tuple[str, ...],
    ages: Mapping[str, timedelta],
    durations: Mapping[str, timedelta],
    told: Mapping[str, timedelta],
) -> StreamPlan:
    size, why = _size(stream)
    name = min(ages, key=lambda one: ages[one])
    age = ages[name]
    reasons = [
        why,
        Reason("S1", f"{name}: {human(age - durations[name])} between runs and {human(durations[name])} for one make data "
               f"{human(age)} old at worst, where {human(stream.freshness)} is wanted"),
    ]  # fmt: skip
    others = [one for one in ages if ages[one] != age]
    if others and stream.found_by:
        reasons.append(
            Reason(
                "S2",
                f"{', '.join(others)} as well: each closes what the more frequent one leaves open, at the cost of its look-back",
            )
        )
    if stream.deletes == "hidden" and stream.found_by:
        reasons.append(Reason("S3", "deletions leave no trace, so a full refresh has to find them"))
    if not stream.found_by:
        reasons.append(Reason("S4", "no field tells changes, so each load is a full one"))
    told_after = min(told.values(), default=None) if stream.deletes == "told" else None
    if told_after is not None:
        reasons.append(Reason("S5", f"{stream.told_by} tells of deletions, {human(told_after)} old at worst"))
    for what, (decision, reason) in stream.decisions.items():
        reasons.append(Reason("D", f"{what} is {decision}, by decision: {reason}"))
    return StreamPlan(stream.name, size, files, age, told_after, tuple(reasons))


def _size(stream: StreamSpec) -> tuple[Size, Reason]:
    whole = stream.rows * stream.bytes
    told = f"{count(stream.rows, 'row')} of {count(stream.bytes, 'byte')} are {whole / 1e6:,.1f} MB"
    if "size" in stream.decisions:
        size: Size = stream.decisions["size"][0]  # type: ignore[assignment]
        return size, Reason("Z1", f"{size}, by decision; {told}")
    if stream.transport == "export" or whole >= LARGE:
        why = "an export is waited for" if stream.transport == "export" else f"{LARGE / 1e6:.0f} MB or more are large"
        return "large", Reason("Z1", f"{told}; {why}: large")
    if whole >= MEDIUM:
        return "medium", Reason("Z1", f"{told}; {MEDIUM / 1e6:.0f} MB or more are medium")
    return "small", Reason("Z1", f"{told}; below {MEDIUM / 1e6:.0f} MB is small")


def _run(spec: Spec, schedule: Schedule, chosen: Mapping[str, tuple[str, ...]], slots: int) -> RunPlan:
    loads = tuple(
        _load(spec, spec.streams[name], schedule, files) for name, files in chosen.items() if schedule.name in files
    )
    calls = sum(load.calls for load in loads)
    by_pods = sum(load.seconds for load in loads) / slots
    longest = max((load.seconds for load in loads), default=0.0)
    # Not in whole calls: of one call a minute some is left, too.
    rate = (spec.limits.calls_per_minute or 0) * (100 - spec.limits.reserve_percent) / 100
    by_rate = calls / rate * 60 if rate else 0.0
    seconds = max(by_pods, longest, by_rate) + spec.dbt_minutes * 60 if loads else 0.0
    pods = (
        f"pods {by_pods * slots:,.0f} s / {count(slots, 'slot')} = {by_pods:,.0f} s; the longest pod {longest:,.0f} s"
    )
    calling = f"; {count(calls, 'call')} / {rate:g} a minute = {by_rate:,.0f} s" if rate else ""
    told = f"the greatest of: {pods}{calling}; and {spec.dbt_minutes:g} min of dbt"
    duration = timedelta(seconds=math.ceil(seconds))
    # Twice what is expected, in whole hours: one retry of everything is no emergency yet.
    within = timedelta(hours=max(1, math.ceil(2 * duration / timedelta(hours=1))))
    return RunPlan(schedule, loads, calls, sum(load.megabytes for load in loads), duration, within, told)


def _load(spec: Spec, stream: StreamSpec, schedule: Schedule, files: tuple[str, ...]) -> Load:
    full = schedule.full or not stream.found_by
    if full:
        records, told = stream.rows, f"all {count(stream.rows, 'row')}"
    else:
        span = _window(spec, schedule, files) + stream.look_back
        days = span / timedelta(days=1)
        records = math.ceil(stream.changes_per_day * days)
        told = f"{count(stream.changes_per_day, 'change')} a day x {days:.3g} day{'' if days == 1 else 's'}"
    calls, how = _calls(spec, stream, records, full)
    megabytes = records * stream.bytes / 1e6 if stream.transport == "export" else 0.0
    if stream.transport == "export":
        seconds = POD_SECONDS + spec.calls.export_minutes * 60
    else:
        seconds = POD_SECONDS + calls * spec.calls.seconds / UNDER_WAY
    parts = max(1, math.ceil(records / BATCH), math.ceil(records * stream.bytes / PART_BYTES))
    return Load(stream.name, schedule.name, full, records, calls, megabytes, seconds, parts, f"{told}; {how}")


def first_load(spec: Spec, stream: StreamSpec) -> Load:
    """The load that takes all that there is of a stream."""
    return _load(spec, stream, Schedule("first", None, None, "00:00", "", full=True), ("first",))


def _window(spec: Spec, schedule: Schedule, files: tuple[str, ...]) -> timedelta:
    """How much a run has to catch up with: a window begins where the last commit ended, whichever file's that was."""
    others = [one for one in spec.schedules if one.name in files and not one.full and one.period < schedule.period]
    if not others:
        return schedule.period
    often = min(others, key=lambda one: one.period)
    return max(often.period, timedelta(days=1) - often.runs_per_day * often.period)


def _calls(spec: Spec, stream: StreamSpec, records: int, full: bool) -> tuple[int, str]:
    if stream.transport == "export":
        polls = math.ceil(spec.calls.export_minutes)
        return polls + 3, f"make, start, {count(polls, 'poll')} and the file: {polls + 3} calls"
    gets = max(1 if spec.calls.ids is None else 0, math.ceil(records / spec.calls.records))
    if spec.calls.ids is None:
        return gets, f"{count(gets, 'call')} for {count(spec.calls.records, 'record')} each"
    fields = 1 if full else len(stream.found_by)
    searches = max(fields, math.ceil(records / spec.calls.ids))
    return (
        searches + gets,
        f"{count(searches, 'search', 'searches')} and {count(gets, 'get')} of {spec.calls.records:,}",
    )


def _budgets(spec: Spec, runs: tuple[RunPlan, ...]) -> Iterator[Budget]:
    for what, limit in (
        ("calls a day", spec.limits.calls_per_day),
        ("megabytes of export a day", spec.limits.megabytes_per_day),
    ):
        if limit is not None:
            parts = [(run.schedule, run.calls if what.startswith("calls") else run.megabytes) for run in runs]
            used = math.ceil(sum(one.runs_per_day * cost for one, cost in parts))
            told = " + ".join(f"{one.name} {one.runs_per_day} x {cost:,.0f}" for one, cost in parts)
            yield Budget(what, limit, spec.limits.ours(limit), used, f"{told}, on a day on which all of them run")
