"""What is required of a pipeline: what `spec.yaml` beside its DAGs says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Deletes = Literal["none", "hidden", "told"]
Transport = Literal["pages", "export"]
Size = Literal["small", "medium", "large"]


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
        at: hour and minute; with ``every``, which has whole hours then, the minute only.
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
        return math.ceil(timedelta(hours=last - first + 1) / self.every)

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
        told_by: which; empty where none does.
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
    told_by: str
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
