"""What is required of a pipeline, as somebody wrote it down: `spec.yaml`, beside the DAGs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from transload_architect.design.fields import Problems, Table, whole

Deletes = Literal["none", "hidden", "told"]
Transport = Literal["pages", "export"]
Size = Literal["small", "medium", "large"]


class SpecError(ValueError):
    """A specification that cannot be worked with; each line of the message says where, and what is allowed there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the vendor allows, all integrations together.

    Args:
        calls_per_day: None where there is no such limit; so of the others.
        calls_per_minute: on average over a minute.
        megabytes_per_day: of exported files.
        reserve_percent: of it all, what is left to others.
        pod_share_percent: how much of the rate one pod takes for itself at most.
    """

    calls_per_day: int | None
    calls_per_minute: int | None
    megabytes_per_day: int | None
    reserve_percent: int
    pod_share_percent: int

    def ours(self, limit: int) -> int:
        """What of a limit is ours."""
        return limit * (100 - self.reserve_percent) // 100


@dataclass(frozen=True, slots=True)
class Calls:
    """How the vendor answers.

    Args:
        records: in an answer at most.
        seconds: that an answer takes.
        ids: in the answer of a search at most, where records are searched for first; None where they are not.
        export_minutes: that an export takes from asking to its file, queue and all.
    """

    records: int
    seconds: float
    ids: int | None
    export_minutes: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """A file of the DAG folder: when it runs, and whether it loads what changed or all.

    Args:
        name: of the file.
        every: the time between runs, below a day; None: once a day, or on one day.
        hours: first and last hour in which it runs, with ``every``.
        at: hour and minute, without ``every``.
        on: a day of the week or of the month, as cron has it; empty: every day.
        full: whether everything is loaded anew.
    """

    name: str
    every: timedelta | None
    hours: tuple[int, int] | None
    at: str
    on: str
    full: bool

    @property
    def period(self) -> timedelta:
        """The time between two runs, within its hours."""
        if self.every is not None:
            return self.every
        return timedelta(days=1 if not self.on else 31 if self.on.isdecimal() else 7)

    @property
    def runs_per_day(self) -> int:
        """The most runs that a day has."""
        if self.every is None:
            return 1
        first, last = self.hours or (0, 23)
        return int(timedelta(hours=last - first + 1) / self.every)

    @property
    def cron(self) -> str:
        """The schedule as cron has it."""
        if self.every is None:
            hour, minute = (int(part) for part in self.at.split(":"))
            day = ("* *", self.on) if self.on and not self.on.isdecimal() else (f"{self.on or '*'} *", "*")
            return f"{minute} {hour} {day[0]} {day[1]}"
        minutes = int(self.every / timedelta(minutes=1))
        hours = f"{self.hours[0]}-{self.hours[1]}" if self.hours else "*"
        if minutes < 60:
            return f"*/{minutes} {hours} * * *"
        start = int(self.at.split(":")[1]) if self.at else 0
        return f"{start} {hours}{f'/{minutes // 60}' if minutes > 60 else ''} * * *"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream, as it is required.

    Args:
        name: of the stream.
        rows: that it has.
        bytes: of a record, as sent.
        changes_per_day: records that are new or other than the day before.
        found_by: the fields by which changes are searched for, a search each; empty: only a full load finds them.
        deletes: ``none``; ``hidden``: only a full load shows them; ``told``: another stream tells of them.
        freshness: how old its data may become in the warehouse.
        transport: by pages, or by export.
        look_back: how far each window reaches behind the one before.
        primary_key: its fields.
        decisions: what people decided against the rules, with the reason: of ``size``, ``full_refresh``, ``also_in``.
    """

    name: str
    rows: int
    bytes: int
    changes_per_day: int
    found_by: tuple[str, ...]
    deletes: Deletes
    freshness: timedelta
    transport: Transport
    look_back: timedelta
    primary_key: tuple[str, ...]
    decisions: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Spec:
    """A specification.

    Args:
        source: its name.
        title: the vendor's.
        folder: of its DAGs.
        time_zone: of its schedules.
        limits: of the vendor.
        calls: how it answers.
        dbt_minutes: that building its models takes.
        environments: settings of each, as text.
        consumers: who reads the result.
        schedules: the files that there may be, the most frequent first.
        streams: by name.
    """

    source: str
    title: str
    folder: str
    time_zone: str
    limits: Limits
    calls: Calls
    dbt_minutes: float
    environments: Mapping[str, Mapping[str, str]]
    consumers: tuple[str, ...]
    schedules: tuple[Schedule, ...]
    streams: Mapping[str, StreamSpec]


class _Loader(yaml.SafeLoader):
    """YAML in which no key may be given twice: the one before would be gone without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key} is given twice", node.value[number][0].start_mark
                )
        return super().construct_mapping(node, deep)


def read_spec(path: Path) -> Spec:
    """Reads a file.

    Raises:
        SpecError: it is not a specification.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe one
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: {' '.join(str(error).split())}") from None
    return parse_spec(data, str(path))


def parse_spec(data: Any, name: str = "spec") -> Spec:
    """Reads what a file holds.

    Raises:
        SpecError: it is not a specification; all that is wrong is said at once.
    """
    problems = Problems(name)
    top = Table(data, "", problems)
    source = top.word(
        "source",
        r"[a-z][a-z0-9]*",
        "lower case and digits, such as acme: it names a command, a module, a table and a Secret",
    )
    limits = _limits(top.table("limits"))
    streams = {key: _stream(key, table) for key, table in top.tables("streams", r"[A-Za-z][A-Za-z0-9_]*")}
    schedules = tuple(_schedule(key, table) for key, table in top.tables("schedules", r"[a-z][a-z_]*", required=False))
    spec = Spec(
        source=source,
        title=top.text("title", source),
        folder=top.text("folder", source),
        time_zone=_zone(top),
        limits=limits,
        calls=_calls(top.table("call")),
        dbt_minutes=top.number("dbt_minutes", 5, least=0),
        environments={key: table.texts() for key, table in top.tables("environments", r"[a-z]+")},
        consumers=tuple(top.list_of_texts("consumers")),
        schedules=schedules or default_schedules(streams.values()),
        streams=streams,
    )
    top.no_others()
    _contradictions(spec, problems)
    if problems.lines:
        raise SpecError("\n".join(problems.lines))
    return spec


def _limits(table: Table) -> Limits:
    limits = Limits(
        table.integer("calls_per_day", None, least=1),
        table.integer("calls_per_minute", None, least=1),
        table.integer("megabytes_per_day", None, least=1),
        whole(table.integer("reserve_percent", 20, least=0, most=99)),
        whole(table.integer("pod_share_percent", 50, least=1, most=100)),
    )
    table.no_others()
    return limits


def _calls(table: Table) -> Calls:
    calls = Calls(
        whole(table.integer("records", least=1)),
        table.number("seconds", least=0),
        table.integer("ids", None, least=1),
        table.number("export_minutes", 5, least=0),
    )
    table.no_others()
    return calls


def _stream(name: str, table: Table) -> StreamSpec:
    found_by = table.list_of_texts("found_by", "nothing")
    stream = StreamSpec(
        name=name,
        rows=whole(table.integer("rows", least=0)),
        bytes=whole(table.integer("bytes", least=1)),
        changes_per_day=whole(table.integer("changes_per_day", least=0)),
        found_by=tuple(found_by),
        deletes=table.choice("deletes", ("none", "hidden", "told"), "none"),
        freshness=table.duration("freshness"),
        transport=table.choice("transport", ("pages", "export"), "pages"),
        look_back=table.duration("look_back", timedelta(0)),
        primary_key=tuple(table.list_of_texts("primary_key", default=["id"])),
        decisions={
            key: _decision(one) for key, one in table.tables("decided", r"size|full_refresh|also_in", required=False)
        },
    )
    table.no_others()
    return stream


def _decision(table: Table) -> tuple[str, str]:
    decision = table.text("is"), table.text("why")
    table.no_others()
    return decision


_AN_HOUR = timedelta(hours=1)


def _schedule(name: str, table: Table) -> Schedule:
    every = table.duration("every", None)
    hours = table.word("hours", r"\d{1,2}-\d{1,2}", "such as 6-20", "")
    on = table.word("day", r"SUN|MON|TUE|WED|THU|FRI|SAT|\d{1,2}", "a day such as SUN, or of the month", "")
    at = table.word("at", r"([01]\d|2[0-3]):[0-5]\d", "a time of day such as 03:00", "")
    full = table.boolean("full", False)
    table.no_others()
    if every is None and not at:
        table.wrong("every", "is missing, and so is at: give one of them")
        at = "00:00"
    if every is not None and not timedelta(minutes=5) <= every < timedelta(days=1):
        table.wrong("every", "must be from 5 minutes to less than a day; for days give at, and day")
    elif every is not None and _AN_HOUR % every and (every % _AN_HOUR or timedelta(days=1) % every):
        table.wrong("every", "must divide an hour, or be whole hours that divide a day: cron begins anew with each")
    first, _, last = hours.partition("-")
    return Schedule(name, every, (int(first), int(last)) if hours else None, at, on, full)


def _zone(top: Table) -> str:
    zone = top.text("time_zone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        top.wrong("time_zone", f"is {zone!r}: it must be an IANA time zone such as America/Chicago")
    return zone


def default_schedules(streams: Any) -> tuple[Schedule, ...]:
    """The files that streams ask for where a specification names none."""
    found = []
    streams = list(streams)
    shortest = min((one.freshness for one in streams), default=timedelta(days=1))
    if shortest < timedelta(hours=2):
        found.append(Schedule("intraday", timedelta(minutes=30), None, "", "", full=False))
    elif shortest < timedelta(hours=25):
        found.append(Schedule("hourly", timedelta(hours=1), None, "00:15", "", full=False))
    found.append(Schedule("daily", None, None, "03:00", "", full=False))
    if any(one.deletes == "hidden" or one.freshness >= timedelta(days=8) for one in streams):
        found.append(Schedule("weekly", None, None, "04:00", "SUN", full=True))
    return tuple(found)


def _contradictions(spec: Spec, problems: Problems) -> None:
    for name, stream in spec.streams.items():
        at = f"streams.{name}"
        if stream.changes_per_day > max(stream.rows, 1):
            problems.add(
                at,
                f"changes_per_day ({stream.changes_per_day:,}) is more than rows ({stream.rows:,}): rows counts all there are",
            )
        if stream.transport == "export" and spec.limits.megabytes_per_day is None:
            problems.add(
                at, "transport is export, and limits.megabytes_per_day is missing: give what may be exported a day"
            )
        if stream.look_back and not stream.found_by:
            problems.add(at, "look_back is for windows, and found_by is nothing: a full load has none")
        if stream.deletes == "hidden" and stream.found_by and not _has_full_loads(spec, stream):
            problems.add(
                at,
                "deletions leave no trace, and none of schedules has full: true: give one, or decide full_refresh: never",
            )
        names = {one.name for one in spec.schedules}
        wanted = stream.decisions.get("also_in", ("", ""))[0]
        if wanted and wanted not in names:
            problems.add(f"{at}.decided.also_in", f"is {wanted!r}: it must be one of {', '.join(sorted(names))}")
        size = stream.decisions.get("size", ("small", ""))[0]
        if size not in ("small", "medium", "large"):
            problems.add(f"{at}.decided.size", f"is {size!r}: it must be one of small, medium, large")
        if stream.decisions.get("full_refresh", ("never", ""))[0] != "never":
            problems.add(f"{at}.decided.full_refresh", "can only be never")
    if not spec.streams:
        problems.add("streams", "must name one at least")


def _has_full_loads(spec: Spec, stream: StreamSpec) -> bool:
    """Whether a file loads the stream anew, or somebody has decided that none shall."""
    return "full_refresh" in stream.decisions or any(one.full for one in spec.schedules)
