"""Reads a specification as somebody wrote it down, and says all that is wrong with it at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from transload_architect.design.contradictions import note_contradictions
from transload_architect.design.fields import Problems, Table, whole
from transload_architect.design.spec import Calls, Limits, Schedule, Spec, StreamSpec


class SpecError(ValueError):
    """A specification that cannot be worked with; each line of the message says where, and what is allowed there."""


class _Loader(yaml.SafeLoader):
    """YAML in which no key may be given twice (the one before would be gone without a word), and 13:00 is a text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key} is given twice", node.value[number][0].start_mark
                )
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 13:00 as 780, counted in sixties.
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_Loader.yaml_implicit_resolvers = {
    first: [("tag:yaml.org,2002:str", _SIXTIES), *known] if any(tag in _NUMBERS for tag, _ in known) else known
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_spec(path: Path) -> Spec:
    """Reads a file.

    Raises:
        SpecError: it is not a specification.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe one
    except FileNotFoundError:
        raise SpecError(f"there is no file {path}: `architect example` prints one to begin with") from None
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise SpecError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    return parse_spec(data, str(path))


_STREAM = r"[A-Za-z][A-Za-z0-9_]*"
_STREAMS = (_STREAM, "letters, digits and underscores, a letter first")
_FILE = (r"[a-z][a-z_]*", "lower case and underscores: a DAG file has it")
_DECIDED = {"size": "one of small, medium, large", "full_refresh": "never", "also_in": "the name of a schedule"}
_FIELD = r"[\w.-]+"
# A title stands in code, in Markdown and in YAML that `new` writes.
_TITLE = r"[^\"\\{}|`$\n]{1,60}"


def parse_spec(data: Any, name: str = "spec") -> Spec:
    """Reads what a file holds.

    Raises:
        SpecError: it is not a specification; all that is wrong is said at once.
    """
    problems = Problems(name)
    if data is None:
        raise SpecError(f"{name}: the file is empty; `architect example` prints a specification to begin with")
    top = Table(data, "", problems)
    source = top.word(
        "source",
        r"[a-z][a-z0-9]*",
        "lower case and digits, such as acme: it names a command, a module, a table and a Secret",
    )
    limits = _limits(top.table("limits", "a table such as {calls_per_day: 10000}, {} where there are no limits"))
    streams = dict(_streams(top))
    schedules = tuple(
        _schedule(key, table)
        for key, table in top.tables("schedules", _FILE, 'a table such as daily: {at: "03:00"}', required=False)
    )
    spec = Spec(
        source=source,
        title=top.word("title", _TITLE, 'a text of up to 60 characters, without any of " \\ { } | ` $', source),
        folder=top.word("folder", r"[a-z][a-z0-9_]*", "lower case, digits and underscores", source),
        time_zone=_zone(top),
        limits=limits,
        calls=_calls(top.table("call", "a table such as {records: 1000, seconds: 0.5}")),
        dbt_minutes=top.number("dbt_minutes", 5, least=0, most=1440),
        environments=dict(_environments(top)),
        consumers=tuple(top.list_of_texts("consumers", "a text or a list of texts: who reads the result")),
        schedules=schedules or default_schedules(streams.values()),
        streams=streams,
    )
    top.no_others()
    note_contradictions(spec, problems)
    if problems.lines:
        raise SpecError("\n".join(problems.lines))
    return spec


def _streams(top: Table) -> Iterator[tuple[str, StreamSpec]]:
    for key, table in top.tables("streams", _STREAMS, "a table with a stream at least, by its name"):
        yield key, _stream(key, table)


def _environments(top: Table) -> Iterator[tuple[str, Mapping[str, str]]]:
    words = "local, staging, production"  # as the DAGs' settings have them
    names = words.replace(", ", "|"), f"one of {words}"
    for key, table in top.tables(
        "environments", names, f"a table with one at least of {words}, such as production: {{}}"
    ):
        yield key, table.texts()


_MOST = 1_000_000_000


def _limits(table: Table) -> Limits:
    limits = Limits(
        table.integer("calls_per_day", None, least=1, most=_MOST),
        table.integer("calls_per_minute", None, least=1, most=_MOST),
        table.integer("megabytes_per_day", None, least=1, most=_MOST),
        whole(table.integer("reserve_percent", 20, least=0, most=99)),
        whole(table.integer("pod_share_percent", 50, least=1, most=100)),
    )
    table.no_others()
    return limits


def _calls(table: Table) -> Calls:
    calls = Calls(
        whole(table.integer("records", least=1, most=1_000_000)),
        table.number("seconds", least=0, most=600),
        table.integer("ids", None, least=1, most=_MOST),
        table.number("export_minutes", 5, least=0, most=1440),
    )
    table.no_others()
    return calls


def _stream(name: str, table: Table) -> StreamSpec:
    fields = "a field's name or a list of them"
    found_by = table.list_of_texts(
        "found_by", f"{fields}, by which changes are searched for, or nothing", pattern=_FIELD, nothing="nothing"
    )
    stream = StreamSpec(
        name=name,
        rows=whole(table.integer("rows", least=0, most=_MOST * 10)),
        bytes=whole(table.integer("bytes", least=1, most=_MOST)),
        changes_per_day=whole(table.integer("changes_per_day", least=0, most=_MOST)),
        found_by=tuple(found_by),
        deletes=table.choice("deletes", ("none", "hidden", "told"), "none"),
        told_by=table.word("told_by", _STREAM, "the name of a stream", ""),
        freshness=table.duration("freshness"),
        transport=table.choice("transport", ("pages", "export"), "pages"),
        look_back=table.duration("look_back", timedelta(0)),
        primary_key=tuple(table.list_of_texts("primary_key", fields, pattern=_FIELD, default=["id"])),
        decisions=dict(_decisions(table)),
    )
    table.no_others()
    return stream


def _decisions(table: Table) -> Iterator[tuple[str, tuple[str, str]]]:
    allowed = "a table such as size: {is: small, why: its windows are small}"
    names = "|".join(_DECIDED), f"one of {', '.join(_DECIDED)}"
    for key, one in table.tables("decided", names, allowed, required=False):
        yield key, (one.text("is", _DECIDED[key]), one.text("why", "a text: the reason"))
        one.no_others()


_AN_HOUR = timedelta(hours=1)


def _schedule(name: str, table: Table) -> Schedule:
    every = table.duration("every", None)
    hours = table.word("hours", r"([01]?\d|2[0-3])-([01]?\d|2[0-3])", "the first hour and the last, such as 6-20", "")
    on = table.word(
        "day", r"SUN|MON|TUE|WED|THU|FRI|SAT|[1-9]|1\d|2[0-8]", "a day such as SUN, or of the month, from 1 to 28", ""
    )
    at = table.word("at", r"([01]\d|2[0-3]):[0-5]\d", "a time of day such as 03:00", "")
    full = table.boolean("full", False)
    table.no_others()
    first, _, last = hours.partition("-")
    if every is None:
        if not table.has("at"):
            table.wrong("every", "is missing, and so is at: give one of them, such as every: 1 hour or at: 03:00")
        if hours:
            table.wrong("hours", "is for schedules with every: one that runs once a day has at")
    else:
        _demand_cron_can(table, every, at, on)
    if hours and int(first) > int(last):
        table.wrong("hours", f"is {hours!r}: the first hour must not be behind the last, such as 6-20")
    return Schedule(name, every, (int(first), int(last)) if hours else None, at or ("" if every else "00:00"), on, full)


def _demand_cron_can(table: Table, every: timedelta, at: str, on: str) -> None:
    """Notes what a schedule asks for that cron cannot say."""
    if not timedelta(minutes=5) <= every < timedelta(days=1):
        table.wrong("every", "must be from 5 minutes to less than a day; for days give at, and day")
    elif _AN_HOUR % every and (every % _AN_HOUR or timedelta(days=1) % every):
        table.wrong("every", "must divide an hour, or be whole hours that divide a day: cron begins anew with each")
    elif at and (every < _AN_HOUR or not at.startswith("00:")):
        table.wrong("at", f"is {at!r}: with every it must be the minute, such as 00:15, and every whole hours")
    if on:
        table.wrong("day", "is for schedules with at: one with every runs on every day")


def _zone(top: Table) -> str:
    zone = top.word("time_zone", r"\S+", _A_ZONE, "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        top.wrong("time_zone", f"is {zone!r}: it must be {_A_ZONE}")
    return zone


_A_ZONE = "an IANA time zone such as America/Chicago"


def default_schedules(streams: Iterable[StreamSpec]) -> tuple[Schedule, ...]:
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
