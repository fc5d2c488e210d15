"""Every entity of the vendor's list is a stream, and gives exactly the records that are there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from pestroutes.cli import SOURCE

UNTIL = "2026-10-01T15:00:01Z"  # a second after the sandbox's moment
A_DAY_LATER = "2026-10-02T15:00:01Z"
# sources/pestroutes.md §6, in the vendor's spelling.
DOCUMENTED = """customer subscription appointment employee office payment appliedPayment ticket ticketItem route spot note task
    contract document form changelog genericFlag genericFlagAssignment paymentProfile chemicalUse appointmentReminder disbursement
    disbursementItem chargeback door knock timeClock timeClockCategory servicePlan servicePlanRound review employeeLocation group
    diagram serviceType region team customerFlag customerSource cancellationReason reserviceReason
    appointmentCancellationReason appointmentRescheduleReason routeTemplate accessControl compassCustomer applicationMethod
    product unit glAccount skill insect chemical location additionalContact""".split()
STREAMS = [stream.name for stream in SOURCE.streams]
INCREMENTAL = [stream.name for stream in SOURCE.streams if "incremental" in stream.modes]


def as_set(rows: Iterable[Any]) -> set[str]:
    return {json.dumps(row, sort_keys=True) for row in rows}


def test_every_documented_entity_is_a_stream() -> None:
    assert sorted(STREAMS) == sorted(DOCUMENTED)


@pytest.fixture
def sandbox(pestroutes: Any, connect_to: Any) -> Any:
    found = pestroutes(records=40)
    connect_to(found)
    return found


@pytest.mark.parametrize("stream", STREAMS)
def test_a_full_load_has_every_record_once(
    sandbox: Any, extract: Callable[..., Any], extracted: Callable[..., list[Any]], stream: str
) -> None:
    outcome = extract(stream, "--until", UNTIL, "--full-refresh")
    assert outcome.code == 0, outcome.err
    rows, truth = extracted(stream), sandbox.truth(stream)
    assert as_set(rows) == as_set(truth)
    assert len(rows) == len(truth) > 0
    key = SOURCE.by_name[stream].primary_key
    assert len({tuple(str(row[name]) for name in key) for row in rows}) == len(rows)
    assert outcome.summary["loads"][0]["quarantined"] == 0


@pytest.mark.parametrize("stream", INCREMENTAL)
def test_changes_of_a_day_bring_the_lake_up_to_the_truth(
    sandbox: Any, extract: Callable[..., Any], extracted: Callable[..., list[Any]], stream: str
) -> None:
    assert extract(stream, "--until", UNTIL).code == 0
    before = {json.dumps(row, sort_keys=True) for row in extracted(stream)}
    assert before >= as_set(sandbox.truth(stream))
    changes = sandbox.advance(days=1)
    assert sum(count for kind, count in changes[stream].items() if kind != "deleted") > 0
    outcome = extract(stream, "--until", A_DAY_LATER)
    assert outcome.code == 0
    (load,) = outcome.summary["loads"]
    assert load["since"] == "2026-10-01T14:45:01Z"  # a quarter of an hour of look-back
    after = as_set(extracted(stream))
    assert as_set(sandbox.truth(stream)) <= after
    assert load["records"] < len(before) or len(before) < 10


def test_every_stream_at_once(sandbox: Any, extract: Callable[..., Any]) -> None:
    outcome = extract("--all", "--until", UNTIL)
    assert outcome.code == 0
    assert [load["stream"] for load in outcome.summary["loads"]] == STREAMS
    assert all(load["committed"] and load["records"] for load in outcome.summary["loads"])


@pytest.mark.parametrize(
    ("stream", "field", "hidden"),
    [
        ("appointment", "status", {"2", "-1", "-2"}),
        ("subscription", "active", {"-3"}),
        ("ticket", "active", {"-1"}),
        ("employee", "active", {"0"}),
        ("team", "type", {"0", "1"}),
    ],
)
def test_hidden_default_filters_leave_nothing_out(
    pestroutes: Any,
    connect_to: Any,
    extract: Callable[..., Any],
    extracted: Callable[..., list[Any]],
    stream: str,
    field: str,
    hidden: set[str],
) -> None:
    sandbox = pestroutes(records=200)
    connect_to(sandbox)
    there = {str(row[field]) for row in sandbox.truth(stream)}
    assert hidden & there
    for refresh in (["--full-refresh"], []):
        assert extract(stream, "--until", UNTIL, *refresh).code == 0
    assert {str(row[field]) for row in extracted(stream, "full")} == there
    if "incremental" in SOURCE.by_name[stream].modes:
        assert {str(row[field]) for row in extracted(stream, "incremental")} == there


@pytest.mark.parametrize("cap", [7, 20, 40, 41])
def test_searches_go_on_beyond_the_cap(
    pestroutes: Any,
    connect_to: Any,
    extract: Callable[..., Any],
    extracted: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    cap: int,
) -> None:
    sandbox = pestroutes(records=40, cap=cap)
    connect_to(sandbox)
    monkeypatch.setattr("pestroutes.client.SEARCH_CAP", cap)
    for stream in ("customer", "servicePlanRound", "customerFlag"):
        assert extract(stream, "--until", UNTIL, "--full-refresh").code == 0
        assert as_set(extracted(stream)) == as_set(sandbox.truth(stream))
    searches = [one for one in sandbox.requests() if (one["entity"], one["action"]) == ("customer", "search")]
    assert len(searches) == 40 // cap + 1
    assert all("customerIDs" in str(one["filters"]) for one in searches[1:])


def test_a_get_asks_for_at_most_a_thousand_ids(
    pestroutes: Any, connect_to: Any, extract: Callable[..., Any], extracted: Callable[..., list[Any]]
) -> None:
    sandbox = pestroutes(records=2100)
    connect_to(sandbox)
    assert extract("customer", "--until", UNTIL, "--full-refresh").code == 0
    assert sorted(one["ids"] for one in sandbox.requests() if one["action"] == "get") == [100, 1000, 1000]
    assert len(extracted("customer")) == 2100
