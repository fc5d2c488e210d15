"""`architect design`: the arithmetic, what it says when it can't be, and that our DAGs are what their specifications ask for."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from transload_architect.design.agreement import differences
from transload_architect.design.example import EXAMPLE
from transload_architect.design.machine import as_json
from transload_architect.design.markdown import RULES, as_markdown
from transload_architect.design.names import RESERVED, external_table, snake_case
from transload_architect.design.plan import Plan, Problem
from transload_architect.design.reading import SpecError, parse_spec, read_spec
from transload_architect.design.spec import Schedule
from transload_architect.design.verdict import make_plan

ROOT = Path(__file__).parents[2]
SPECS = sorted(ROOT.glob("dags/*/spec.yaml"))
# Importing Airflow takes eight seconds, and on a busy machine minutes.
pytestmark = pytest.mark.timeout(400)
Make = Callable[..., dict[str, Any]]


def plan(data: dict[str, Any]) -> Plan:
    return make_plan(parse_spec(data))


def stream(**changes: Any) -> dict[str, Any]:
    return {
        "rows": 100_000,
        "bytes": 400,
        "changes_per_day": 2400,
        "found_by": "updatedAt",
        "freshness": "30 hours",
        **changes,
    }


# Arithmetic


def test_a_stream_goes_into_the_least_frequent_file_that_is_fresh_enough(spec: Make) -> None:
    data = spec(
        streams={
            "visit": stream(freshness="1 hour"),
            "order": stream(),
            "invoice": stream(deletes="hidden"),
            "shop": stream(rows=50, changes_per_day=1, found_by="nothing", freshness="8 days"),
        },
        schedules={
            "intraday": {"every": "30 minutes", "hours": "6-20"},
            "daily": {"at": "03:00"},
            "weekly": {"at": "04:00", "day": "SUN", "full": True},
        },
    )
    made = plan(data)
    assert {name: one.schedules for name, one in made.streams.items()} == {
        "visit": ("intraday", "daily"),
        "order": ("daily",),
        "invoice": ("daily", "weekly"),
        "shop": ("weekly",),
    }
    assert made.problems == ()
    assert {run.schedule.name: run.schedule.cron for run in made.runs} == {
        "intraday": "*/30 6-20 * * *",
        "daily": "0 3 * * *",
        "weekly": "0 4 * * SUN",
    }


def test_calls_and_megabytes_are_counted_as_they_will_be_made(spec: Make) -> None:
    data = spec(
        limits={"calls_per_day": 1000, "megabytes_per_day": 100, "calls_per_minute": 60},
        call={"records": 100, "seconds": 1, "ids": 1000, "export_minutes": 10},
        schedules={"hourly": {"every": "1 hour", "at": "00:15"}, "daily": {"at": "03:00"}},
        streams={
            # In an hour and the hour before: 200 records, by 2 searches and 2 gets; the daily run has an hour to catch up with.
            "order": stream(found_by=["updatedAt", "createdAt"], look_back="1 hour", freshness="3 hours"),
            "event": stream(
                transport="export", rows=10_000_000, changes_per_day=24_000, bytes=1000, freshness="30 hours"
            ),
        },
    )
    made = plan(data)
    loads = {(load.schedule, load.stream): load for run in made.runs for load in run.loads}
    assert (loads["hourly", "order"].records, loads["hourly", "order"].calls) == (200, 4)
    assert (loads["daily", "order"].records, loads["daily", "order"].calls) == (200, 4)
    assert (loads["daily", "event"].records, loads["daily", "event"].megabytes) == (24_000, 24.0)
    calls, megabytes = made.budgets
    assert calls.used == 24 * 4 + 4 + loads["daily", "event"].calls
    assert (megabytes.used, megabytes.ours, megabytes.is_met) == (24, 80, True)


@pytest.mark.parametrize(("rows", "size"), [(2499, "small"), (2500, "medium"), (149_999, "medium"), (150_000, "large")])
def test_a_pods_size_follows_from_the_bytes_of_the_stream(spec: Make, rows: int, size: str) -> None:
    made = plan(spec(streams={"order": stream(rows=rows, changes_per_day=1)}))
    assert made.streams["order"].size == size


def test_a_decision_against_a_rule_is_kept_with_its_reason(spec: Make) -> None:
    decided = {
        "size": {"is": "small", "why": "windows are small"},
        "full_refresh": {"is": "never", "why": "days of quota"},
    }
    made = plan(spec(streams={"order": stream(deletes="hidden", decided=decided)}))
    assert (made.streams["order"].size, made.streams["order"].schedules) == ("small", ("daily",))
    assert "full_refresh is never, by decision: days of quota" in [
        reason.text for reason in made.streams["order"].reasons
    ]


@settings(deadline=None)
@given(
    rows=st.integers(0, 10**8), changes=st.integers(0, 10**6), minutes=st.integers(5, 60 * 24 * 20),
    limit=st.integers(1, 10**6), found=st.booleans(), deletes=st.sampled_from(["none", "hidden"]),
)  # fmt: skip
def test_every_stream_is_loaded_and_nothing_that_cannot_be_met_is_kept_quiet(
    rows: int, changes: int, minutes: int, limit: int, found: bool, deletes: str
) -> None:
    data = {
        "source": "acme",
        "limits": {"calls_per_day": limit},
        "call": {"records": 1000, "seconds": 1},
        "environments": {"production": {}},
        "consumers": ["us"],
        "streams": {
            "order": stream(
                rows=max(rows, changes, 1), changes_per_day=changes, freshness=f"{minutes} minutes", deletes=deletes,
                found_by="updatedAt" if found else "nothing",
            )
        },
    }  # fmt: skip
    made = plan(data)
    order = made.streams["order"]
    assert order.schedules
    late = order.worst_age > timedelta(minutes=minutes)
    slow = sum(run.duration > run.schedule.period for run in made.runs)
    dear = sum(not one.is_met for one in made.budgets)
    assert len(made.problems) == late + dear + slow
    assert as_markdown(made).count("\n- ") == len(made.problems)
    assert json.loads(json.dumps({run.schedule.name: made.sizes(run) for run in made.runs}))


def test_what_cannot_be_met_says_what_would_make_it_possible(
    spec: Make, tmp_path: Path, command: Callable[..., Any]
) -> None:
    data = spec(limits={"calls_per_day": 100, "reserve_percent": 20}, streams={"order": stream(freshness="10 minutes"), "item": stream(rows=200_000, found_by="nothing")})  # fmt: skip
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(data))
    done = command("design", "spec.yaml")
    assert done.exit_code == 1
    assert "**Some of it cannot be met:**" in done.output
    assert (
        "order becomes 36 min old, where 10 min is wanted. Possible with a schedule every 5 min and 4 min of dbt at most, "
        "or with a freshness of 36 min." in done.output
    )
    assert (
        "and 80 of 100 are ours. Possible with a limit of 312, or without item in daily, which takes 200" in done.output
    )


def minutes(human: str) -> str:
    """A time as a specification has it: ``1 d 6 min`` is ``1446 minutes``."""
    units = {"d": 1440, "h": 60, "min": 1}
    return f"{sum(int(n) * units[unit] for n, unit in re.findall(r'([0-9]+) (d|h|min)', human))} minutes"


def tried(data: dict[str, Any], problem: Problem) -> list[Plan]:
    """The plans of a specification changed as each remedy of a problem says."""
    found = []
    for remedy in problem.possible:
        changed = copy.deepcopy(data)
        if match := re.match(r"with a schedule every (.+?)(?: and (\d+) min of dbt at most)?$", remedy):
            changed["schedules"]["often"] = {"every": minutes(match[1])}
            changed["dbt_minutes"] = int(match[2] or changed["dbt_minutes"])
        elif match := re.match(r"with (\d+) min of dbt at most$", remedy):
            changed["dbt_minutes"] = int(match[1])
        elif match := re.match(r"with a freshness of (.+)$", remedy):
            changed["streams"]["order"]["freshness"] = minutes(match[1])
        elif match := re.match(r"with a limit of ([\d,]+)$", remedy):
            changed["limits"]["calls_per_day"] = int(match[1].replace(",", ""))
        elif match := re.match(r"with (\w+) every (.+)$", remedy):
            changed["schedules"][match[1]]["every"] = minutes(match[2])
        elif remedy.startswith("without "):
            for name in set(re.findall(r"(\w+) in \w+, which takes", remedy)):
                del changed["streams"][name]
        else:
            raise AssertionError(remedy)
        found.append(plan(changed))
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"streams": {"order": stream(freshness="1 hour")}, "schedules": {"daily": {"at": "03:00"}}},
        {"streams": {"order": stream(freshness="20 minutes")}, "schedules": {"a": {"every": "30 minutes"}}, "dbt_minutes": 18},
        {"streams": {"order": stream(freshness="1 hour")}, "schedules": {"a": {"every": "5 minutes"}, "daily": {"at": "03:00"}}, "dbt_minutes": 15},
        {"streams": {"order": stream(freshness="4 hours"), "item": stream(changes_per_day=50_000), "shop": stream()}, "limits": {"calls_per_day": 70},
         "schedules": {"a": {"every": "30 minutes"}, "daily": {"at": "03:00"}}},
    ],
    ids=["too rare", "dbt too slow", "overtakes itself", "too many calls"],
)  # fmt: skip
def test_what_would_make_it_possible_does(spec: Make, changes: dict[str, Any]) -> None:
    data = {**spec(limits={}, dbt_minutes=5), **changes}
    (problem,) = plan(data).problems
    assert problem.possible
    assert [made.problems for made in tried(data, problem)] == [()] * len(problem.possible)


def test_a_run_of_one_full_file_makes_data_as_old_as_its_period(spec: Make) -> None:
    """It once had no age at all, and so was never too old."""
    data = spec(
        streams={"order": stream(freshness="1 day")}, schedules={"weekly": {"at": "03:00", "day": "SUN", "full": True}}
    )
    (problem,) = plan(data).problems
    assert problem.what.startswith("order becomes 7 d")


def test_of_a_rate_below_one_call_a_minute_something_is_left(spec: Make) -> None:
    made = plan(spec(limits={"calls_per_minute": 1, "reserve_percent": 20}))
    assert any("/ 0.8 a minute" in run.arithmetic for run in made.runs)


def test_the_design_has_six_parts_each_with_rules_and_arithmetic(spec: Make) -> None:
    made = plan({**yaml.safe_load(EXAMPLE)})
    parts = re.split(r"^## ", as_markdown(made), flags=re.MULTILINE)[1:]
    assert [part[0] for part in parts] == ["1", "2", "3", "4", "5", "6", "T"]
    known = set(RULES)
    for part in parts[:6]:
        assert known & set(re.findall(r"\b([A-Z]\d?)\b", part)), part[:30]
    for number in ("0", "1", "2", "3", "5"):
        assert re.search(r"\d", parts[int(number)])
    page = as_markdown(made)
    for text in (
        "deletions leave no trace, so a full refresh has to find them",
        "deletedVisit tells of deletions,",
        "1 + 2 + 4 + 8 + 16 = 31 min of trouble are waited out",
        "`raw_acme.deleted_visit`",
        "2 slots: a pod takes 50 % of the rate at most",
        "MB a day are new, and copies would store them twice",
    ):
        assert text in page, text
    assert (
        re.search(r"\b1 (?:streams|slots|tasks|calls|rows|builds|parts|days|records|changes|searches|gets)\b", page)
        is None
    )
    machine = json.loads(as_json(made))
    rows = [*machine["operators"], *machine["errors"], machine["warehouse"]]
    assert {one["rule"] for one in rows} <= known
    assert all(one["why"] for one in rows)
    assert {"files", "streams", "pool", "environments", "variables", "tables", "budgets", "problems"} <= machine.keys()
    assert {one["table"] for one in machine["tables"]} == {
        "raw_acme.customer",
        "raw_acme.visit",
        "raw_acme.deleted_visit",
        "raw_acme.shop",
    }


def test_tables_are_named_as_dbt_names_them() -> None:
    names = importlib.util.spec_from_file_location("dbt_names", ROOT / "dbt" / "generation" / "names.py")
    assert names is not None
    assert names.loader is not None
    dbt = importlib.util.module_from_spec(names)
    names.loader.exec_module(dbt)
    assert dbt.RESERVED == RESERVED
    for name in ("customer", "ticketItem", "officeIDs", "GLAccount", "order_item", "HTTPServer2", "customerID", "A1b"):
        assert snake_case(name) == dbt.snake_case(name)
    assert (external_table("acme", "order"), external_table("acme", "ticketItem")) == (
        "raw_acme.acme_order",
        "raw_acme.ticket_item",
    )


@pytest.mark.parametrize(
    ("schedule", "cron", "runs"),
    [
        (Schedule("a", timedelta(minutes=15), None, "", "", full=False), "*/15 * * * *", 96),
        (Schedule("a", timedelta(minutes=30), (6, 20), "", "", full=False), "*/30 6-20 * * *", 30),
        (Schedule("a", timedelta(hours=1), None, "00:15", "", full=False), "15 * * * *", 24),
        (Schedule("a", timedelta(hours=4), None, "00:10", "", full=False), "10 */4 * * *", 6),
        (Schedule("a", timedelta(hours=4), (6, 20), "", "", full=False), "0 6-20/4 * * *", 4),
        (Schedule("a", None, None, "04:00", "1", full=True), "0 4 1 * *", 1),
        (Schedule("a", None, None, "23:30", "SUN", full=True), "30 23 * * SUN", 1),
    ],
)
def test_schedules_are_written_as_cron_has_them(schedule: Schedule, cron: str, runs: int) -> None:
    assert (schedule.cron, schedule.runs_per_day) == (cron, runs)


# Bad specifications


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("source", "Acme Shop", "source is 'Acme Shop': it must be lower case and digits, such as acme"),
        ("source", None, "source is missing"),
        ("time_zone", "Mars/Base", "it must be an IANA time zone"),
        ("colour", "red", "colour is unknown here: there may be call, consumers,"),
        ("limits.reserve_percent", 120, "limits.reserve_percent is 120: it must be a whole number from 0 to 99"),
        ("limits", None, "limits is missing"),
        ("call.records", None, "call.records is missing"),
        ("call.seconds", "fast", "call.seconds is 'fast': it must be a number from 0"),
        ("streams", {}, "streams is {}: it must be a table with a stream at least"),
        ("streams", ["order"], "streams is ['order']: it must be a table with a stream at least"),
        ("streams.order.rows", "many", "streams.order.rows is 'many': it must be a whole number from 0"),
        ("streams.order.freshness", "soon", "streams.order.freshness is 'soon': it must be a time such as 30 minutes"),
        ("streams.order.freshness", None, "streams.order.freshness is missing"),
        ("streams.order.deletes", "some", "streams.order.deletes is 'some': it must be one of none, hidden, told"),
        ("streams.order.changes_per_day", 200_000, "streams.order.changes_per_day is 200,000, more than rows (100,000)"),
        ("streams.order.transport", "export", "limits.megabytes_per_day is missing, and streams.order.transport is export"),
        ("streams.shop.look_back", "1 hour", "streams.shop.look_back is for windows, and found_by is nothing"),
        ("streams.order.decided", {"size": {"is": "huge", "why": "x"}}, "it must be one of small, medium, large"),
        ("streams.order.decided", {"size": {"is": "small"}}, "streams.order.decided.size.why is missing"),
        ("streams.order.decided", {"also_in": {"is": "yearly", "why": "x"}}, "it must be one of daily"),
        ("schedules", {"daily": {}}, "schedules.daily.every is missing, and so is at: give one of them"),
        ("schedules", {"daily": {"every": "2 days"}}, "must be from 5 minutes to less than a day"),
        ("schedules", {"hourly": {"every": "45 minutes"}}, "must divide an hour, or be whole hours that divide a day"),
        ("schedules", {"hourly": {"every": "90 minutes"}}, "must divide an hour, or be whole hours that divide a day"),
        ("schedules", {"hourly": {"every": "5 hours"}}, "must divide an hour, or be whole hours that divide a day"),
        ("schedules", {"daily": {"at": "25:00"}}, "schedules.daily.at is '25:00'"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_with_what_is_allowed(spec: Make, path: str, value: Any, says: str) -> None:
    data = copy.deepcopy(spec())
    table = data
    *folders, last = path.split(".")
    for one in folders:
        table = table[one]
    table[last] = value
    with pytest.raises(SpecError) as raised:
        parse_spec(data)
    assert says in str(raised.value)


GOOD = stream(deletes="none")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source": None}, ["source is missing: it must be lower case and digits"]),
        ({"call": None}, ["call is missing: it must be a table such as {records: 1000, seconds: 0.5}"]),
        ({"limits": 5}, ["limits is 5: it must be a table"]),
        ({"streams": {"order": 5}}, ["streams.order is 5: it must be a table"]),
        ({"streams": {"order": stream(rows=None)}}, ["streams.order.rows is missing: it must be a whole number from 0"]),
        ({"streams": {"order": stream(rows="many")}}, ["streams.order.rows is 'many': it must be a whole number from 0"]),
        ({"streams": {"order": stream(found_by=None, look_back="1 hour")}}, ["streams.order.found_by is missing"]),
        ({"streams": {"order": stream(freshness="9999999999999 weeks")}}, ["streams.order.freshness is '99999"]),
        ({"streams": {"order": stream(bytes=float("nan"))}}, ["streams.order.bytes is nan: it must be a whole number"]),
        ({"call": {"records": 1, "seconds": float("inf")}}, ["call.seconds is inf: it must be a number from 0 to 600"]),
        ({"streams": {"order": stream(primary_key='a"b')}}, ["streams.order.primary_key is 'a\"b': it must be a field's"]),
        ({"streams": {"my-order": GOOD}}, ["streams.my-order is no name that can be here: it must be letters, digits"]),
        ({"streams": {"orderItem": GOOD, "order_item": GOOD}}, ["streams.order_item has the table order_item"]),
        ({"environments": {"test": {}}}, ["environments.test is no name that can be here: it must be one of local,"]),
        ({"environments": {}}, ["environments is {}: it must be a table with one at least of local, staging, production"]),
        ({"title": 'Acme "Corp"'}, ["title is 'Acme \"Corp\"': it must be a text of up to 60 characters, without any of"]),
        ({"folder": "../up"}, ["folder is '../up': it must be lower case, digits and underscores"]),
        ({"schedules": {"daily": {"at": 780}}}, ["schedules.daily.at is 780: it must be a time of day such as 03:00"]),
        ({"schedules": {"a": {"every": "30 minutes", "at": "00:10"}}}, ["schedules.a.at is '00:10': with every it must"]),
        ({"schedules": {"a": {"every": "4 hours", "at": "02:10"}}}, ["schedules.a.at is '02:10': with every it must be"]),
        ({"schedules": {"a": {"every": "1 hour", "hours": "20-6"}}}, ["schedules.a.hours is '20-6': the first hour"]),
        ({"schedules": {"a": {"every": "1 hour", "day": "SUN"}}}, ["schedules.a.day is for schedules with at"]),
        ({"schedules": {"a": {"at": "03:00", "hours": "6-20"}}}, ["schedules.a.hours is for schedules with every"]),
        ({"schedules": {"a": {"at": "03:00", "day": 31}}}, ["schedules.a.day is 31: it must be a day such as SUN, or of"]),
        (
            {"source": "A", "streams": {"order": stream(rows=None, deletes="some")}},
            ["source is 'A'", "streams.order.rows is missing", "streams.order.deletes is 'some': it must be one of none,"],
        ),
    ],
)  # fmt: skip
def test_each_cause_is_one_error_that_names_its_field(spec: Make, changes: dict[str, Any], says: list[str]) -> None:
    with pytest.raises(SpecError) as raised:
        parse_spec(spec(**changes))
    lines = str(raised.value).splitlines()
    assert [line.startswith(f"spec: {one}") for line, one in zip(lines, says, strict=True)] == [True] * len(says), lines


@pytest.mark.parametrize(
    ("order", "others", "says"),
    [
        ({"deletes": "told"}, {}, "streams.order.deletes is told, and there is no other stream that could tell"),
        ({"deletes": "told"}, {"gone": GOOD}, "streams.order.told_by is missing, and deletes is told: it must be the stream that lists deletions, one of gone"),
        ({"deletes": "told", "told_by": "x"}, {"gone": GOOD}, "streams.order.told_by is 'x': it must be another stream, one of gone"),
        ({"deletes": "told", "told_by": "order"}, {"gone": GOOD}, "streams.order.told_by is 'order': it must be another stream"),
        ({"told_by": "gone"}, {"gone": GOOD}, "streams.order.told_by is for deletes: told, and deletes is none"),
    ],
)  # fmt: skip
def test_deletions_are_told_by_a_stream_that_is_there(
    spec: Make, order: dict[str, Any], others: dict[str, Any], says: str
) -> None:
    with pytest.raises(SpecError) as raised:
        parse_spec(spec(streams={"order": stream(**order), **others}))
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"spec: {says}")


def test_deletions_that_are_told_are_as_fresh_as_the_stream_that_tells(spec: Make) -> None:
    told = stream(freshness="2 hours", deletes="told", told_by="gone")
    made = plan(spec(limits={}, streams={"order": told, "gone": stream(freshness="30 hours")}))
    assert "S5" in {one.rule for one in made.streams["order"].reasons}
    (problem,) = made.problems
    assert str(problem).startswith("order has deletions that gone tells, 1 d 6 min old, where 2 h is wanted.")
    assert problem.possible == ("with a freshness of 2 h for gone",)
    assert plan(spec(limits={}, streams={"order": told, "gone": stream(freshness="2 hours")})).problems == ()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1 day", "nothing", "told", "export"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.sampled_from(["order", "every", "at"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_field_is_refused_by_its_name_or_makes_a_plan(spec: Make, data: st.DataObject) -> None:
    whole = copy.deepcopy({**yaml.safe_load(EXAMPLE), "source": "acme"})
    tables: list[tuple[str, dict[str, Any]]] = [("", whole)]
    for at, table in tables:
        tables += [(f"{at}{key}.", value) for key, value in table.items() if isinstance(value, dict)]
    _, table = data.draw(st.sampled_from(tables))
    if table:
        table[data.draw(st.sampled_from(sorted(table)))] = data.draw(ANYTHING)
    said = ""
    try:
        made = plan(whole)
        assert json.loads(as_json(made))["format"] == 1
        assert as_markdown(made)
    except SpecError as error:
        said = str(error)
    assert [line for line in said.splitlines() if not re.match(r"spec: .+ (?:is|has|must)\b", line)] == []


def test_the_example_is_a_specification_that_can_be_met(tmp_path: Path, command: Callable[..., Any]) -> None:
    (tmp_path / "acme.yaml").write_text(command("example").output)
    done = command("design", "acme.yaml")
    assert done.exit_code == 0, done.output
    assert "All of it can be met." in done.output


def test_a_time_of_day_needs_no_quotes(tmp_path: Path) -> None:
    """YAML 1.1 reads 13:00 as 780."""
    (tmp_path / "spec.yaml").write_text(EXAMPLE.replace('at: "03:00"', "at: 13:00"))
    assert "0 13 * * *" in {one.cron for one in read_spec(tmp_path / "spec.yaml").schedules}


def test_deletions_that_leave_no_trace_need_a_full_load_or_a_decision(spec: Make) -> None:
    data = copy.deepcopy(spec())
    data["schedules"] = {"daily": {"at": "03:00"}}
    order = data["streams"]["order"]
    order["deletes"] = "hidden"
    with pytest.raises(SpecError, match=r"streams\.order\.deletes is hidden, and none of schedules has full: true"):
        parse_spec(data)
    order["decided"] = {"full_refresh": {"is": "never", "why": "it is too large"}}
    parse_spec(data)
    del order["decided"]
    data["schedules"]["weekly"] = {"at": "04:00", "day": "SUN", "full": True}
    parse_spec(data)


def test_a_key_that_is_given_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("source: acme\ntitle: one\ntitle: two\n")
    with pytest.raises(SpecError, match="title is given twice"):
        read_spec(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "source: acme", "\0", "a: 2026-13-45", "[" * 1200, "{? [a] : b}", "a: " + "9" * 5000]
)
def test_a_file_that_is_no_specification_says_so(tmp_path: Path, command: Callable[..., Any], text: str) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    done = command("design", "spec.yaml")
    assert (done.exit_code, "spec.yaml" in done.output) == (2, True)


def test_a_file_that_is_not_there_is_told_without_an_errno(tmp_path: Path, command: Callable[..., Any]) -> None:
    done = command("design", "nowhere.yaml")
    assert (done.exit_code, done.output) == (
        2,
        "Error: there is no file nowhere.yaml: `architect example` prints one to begin with\n",
    )
    assert command("new", "nowhere.yaml").output == done.output
    assert "Error: . cannot be read: Is a directory" in command("design", ".").output


# Our own


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name)
def test_our_dags_are_what_their_specification_asks_for(path: Path, real_dags: dict[str, Any]) -> None:
    made = make_plan(read_spec(path))
    pools = json.loads((ROOT / "dags" / "pools.json").read_text())
    assert made.problems == ()
    assert list(differences(made, real_dags["dags"], pools)) == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name)
def test_our_specifications_name_the_streams_that_the_extractors_have(path: Path) -> None:
    spec = read_spec(path)
    program = Path(sys.executable).with_name(spec.source)
    said = json.loads(subprocess.run([program, "streams", "--json"], capture_output=True, check=True, text=True).stdout)
    assert {name: list(one.primary_key) for name, one in spec.streams.items()} == {
        one["name"]: one["primary_key"] for one in said
    }
    changes = {one["name"] for one in said if "incremental" in one["modes"]}
    assert {name for name, one in spec.streams.items() if one.found_by} == changes


def test_a_dag_that_differs_from_its_specification_is_told(real_dags: dict[str, Any]) -> None:
    made = make_plan(read_spec(ROOT / "dags" / "pestroutes" / "spec.yaml"))
    dags = copy.deepcopy(real_dags["dags"])
    daily = next(one for one in dags if one["id"] == "pestroutes_daily")
    daily["schedule"] = "0 5 * * *"
    daily["deadline"] = 60
    daily["tasks"] = [one for one in daily["tasks"] if one["stream"] != "office"]
    next(one for one in daily["tasks"] if one["stream"] == "customer").update(execution_timeout=60, retries=1)
    assert [text.partition(": ")[2][:24] for text in differences(made, dags, {})][:5] == [
        "runs at 0 5 * * * in Ame",
        "has a deadline of 60 s, ",
        "office is asked for, and",
        "customer is tried 1 time",
        "customer has a pod for 0",
    ]
