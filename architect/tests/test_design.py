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
from transload_architect.design.reading import parse_spec, read_spec
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


def test_deletions_that_are_told_are_as_fresh_as_the_stream_that_tells(spec: Make) -> None:
    told = stream(freshness="2 hours", deletes="told", told_by="gone")
    made = plan(spec(limits={}, streams={"order": told, "gone": stream(freshness="30 hours")}))
    assert "S5" in {one.rule for one in made.streams["order"].reasons}
    (problem,) = made.problems
    assert str(problem).startswith("order has deletions that gone tells, 1 d 6 min old, where 2 h is wanted.")
    assert problem.possible == ("with a freshness of 2 h for gone",)
    assert plan(spec(limits={}, streams={"order": told, "gone": stream(freshness="2 hours")})).problems == ()


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
