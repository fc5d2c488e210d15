"""Specifications: what is wrong in one is told by the field's name, each cause once, with what is allowed."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from transload_architect.design.example import EXAMPLE
from transload_architect.design.machine import as_json
from transload_architect.design.markdown import as_markdown
from transload_architect.design.reading import SpecError, parse_spec, read_spec
from transload_architect.design.verdict import make_plan

Make = Callable[..., dict[str, Any]]


def stream(**changes: Any) -> dict[str, Any]:
    """A stream of which nothing is wrong but what is changed."""
    whole = {"rows": 100_000, "bytes": 400, "changes_per_day": 2400, "found_by": "updatedAt", "freshness": "30 hours"}
    return {**whole, **changes}


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
        made = make_plan(parse_spec(whole))
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
