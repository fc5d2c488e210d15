"""`architect design`: the arithmetic, what it says when it can't be, and that our DAGs are what their specifications ask for."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from transload_architect.design.agreement import differences
from transload_architect.design.plan import Plan, make_plan
from transload_architect.design.spec import Schedule, SpecError, parse_spec, read_spec

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


@given(
    rows=st.integers(0, 10**8), changes=st.integers(0, 10**6), minutes=st.integers(5, 60 * 24 * 20),
    limit=st.integers(1, 10**6), found=st.booleans(), deletes=st.sampled_from(["none", "hidden", "told"]),
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
    assert order.worst_age is not None
    late = order.worst_age > timedelta(minutes=minutes)
    slow = any(run.duration > run.schedule.period for run in made.runs)
    dear = any(not one.is_met for one in made.budgets)
    assert len(made.problems) == late + dear + sum(run.duration > run.schedule.period for run in made.runs)
    assert bool(made.problems) == (late or slow or dear)
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
        "order becomes 36 min old, where 10 min is wanted. Possible with a schedule every 5 min or less" in done.output
    )
    assert "and 80 of 100 are ours. Possible with a limit of " in done.output
    assert "or without item in daily, which takes 200 of them" in done.output


@pytest.mark.parametrize(
    ("schedule", "cron", "runs"),
    [
        (Schedule("a", timedelta(minutes=15), None, "", "", full=False), "*/15 * * * *", 96),
        (Schedule("a", timedelta(minutes=30), (6, 20), "", "", full=False), "*/30 6-20 * * *", 30),
        (Schedule("a", timedelta(hours=1), None, "00:15", "", full=False), "15 * * * *", 24),
        (Schedule("a", timedelta(hours=4), None, "00:10", "", full=False), "10 */4 * * *", 6),
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
        ("streams", {}, "streams must name one at least"),
        ("streams", ["order"], "streams must be a table of tables"),
        ("streams.order.rows", "many", "streams.order.rows is 'many': it must be a whole number from 0"),
        ("streams.order.freshness", "soon", "streams.order.freshness is 'soon': it must be a time such as 30 minutes"),
        ("streams.order.freshness", None, "streams.order.freshness is missing"),
        ("streams.order.deletes", "some", "streams.order.deletes is 'some': it must be one of none, hidden, told"),
        ("streams.order.changes_per_day", 200_000, "changes_per_day (200,000) is more than rows (100,000)"),
        ("streams.order.transport", "export", "transport is export, and limits.megabytes_per_day is missing"),
        ("streams.shop.look_back", "1 hour", "streams.shop look_back is for windows, and found_by is nothing"),
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


def test_deletions_that_leave_no_trace_need_a_full_load_or_a_decision(spec: Make) -> None:
    data = copy.deepcopy(spec())
    data["schedules"] = {"daily": {"at": "03:00"}}
    order = data["streams"]["order"]
    order["deletes"] = "hidden"
    with pytest.raises(
        SpecError, match=r"streams\.order deletions leave no trace, and none of schedules has full: true"
    ):
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


@pytest.mark.parametrize("text", ["", "[]", "a: [", "source: acme", "\0"])
def test_a_file_that_is_no_specification_says_so(tmp_path: Path, command: Callable[..., Any], text: str) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    done = command("design", "spec.yaml")
    assert (done.exit_code, "spec.yaml" in done.output) == (2, True)
    assert command("design", "nowhere.yaml").exit_code == 2


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
    next(one for one in daily["tasks"] if one["stream"] == "customer")["execution_timeout"] = 60
    assert [text.partition(": ")[2][:24] for text in differences(made, dags, {})][:4] == [
        "runs at 0 5 * * * in Ame",
        "has a deadline of 60 s, ",
        "office is asked for, and",
        "customer has a pod for 0",
    ]
