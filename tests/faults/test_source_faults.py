"""Whatever goes wrong between a source and us: once and in a burst it is got over, for ever it ends the run with the right code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from transload.testing.faults import (
    answered,
    closed_within,
    drip,
    hang,
    reset,
    too_many,
    truncated_gzip,
    wrong_length,
)
from transload.testing.proxy import Fault

from .conftest import BULK, PESTROUTES, REST, Bench

JSON = [("Content-Type", "application/json")]
READ_SECONDS = 0.4


def marketo_error(code: str, message: str) -> Fault:
    body = f'{{"requestId":"1#1","success":false,"errors":[{{"code":"{code}","message":"{message}"}}]}}'
    return answered(200, body.encode(), JSON, name=f"200 with code {code}")


def pestroutes_error(message: str) -> Fault:
    body = f'{{"success":false,"errorMessage":"{message}"}}'
    return answered(200, body.encode(), JSON, name="200 with success false")


@dataclass(frozen=True)
class Case:
    """A fault, and what a run ends with that meets nothing else.

    Args:
        fault: which.
        forever: the exit code; 0 for what only costs time.
        at: the requests that are struck, where they are not those that bring records.
        burst: how many in a row are got over; 0 where one is all (a key that worked and is refused twice is left alone a minute).
        first: the first of these requests that is struck once; for ever it is the one behind.
    """

    fault: Fault
    forever: int = 69
    at: str | None = None
    burst: int = 2
    first: int = 2


COMMON = (
    Case(too_many()),
    Case(too_many(1)),
    Case(too_many(1, as_date=True)),
    *(Case(answered(status)) for status in (500, 502, 503, 504)),
    Case(reset("before")),
    Case(reset("within")),
    Case(reset("after"), 0),
    Case(reset("lost")),
    Case(closed_within()),
    Case(drip(0.3), 0),
    Case(hang(30)),
)
# So much less that it is not only the checksum behind a compressed body that is cut off.
READ_WHOLE = (Case(wrong_length(7)), Case(wrong_length(-64), 65), Case(truncated_gzip(), 65))
HTML = Case(answered(200, b"<html>busy</html>", [("Content-Type", "text/html")], name="200 with an HTML page"), 65)
CASES: dict[str, tuple[Case, ...]] = {
    PESTROUTES.name: (
        *COMMON, *READ_WHOLE, HTML,
        Case(pestroutes_error("try later"), 65),
        # The key worked: the run waits for it, and ends as if the vendor were down; the next one ends with 77.
        Case(replace(pestroutes_error("Bad key"), name="token that dies now"), at="/c|/office/", burst=0),
    ),
    REST.name: (
        *COMMON, *READ_WHOLE, HTML,
        Case(marketo_error("611", "System error")),
        Case(replace(marketo_error("602", "Access token expired"), name="token that dies now"), 77),
        Case(marketo_error("601", "Access token invalid"), 77),
        Case(answered(503, name="503 of identity"), at="/identity/", first=1),
    ),
    BULK.name: (
        *COMMON, HTML,
        Case(replace(marketo_error("602", "Access token expired"), name="token that dies now"), 77),
        # A file that ends before its length, or behind it, is asked for the rest.
        Case(wrong_length(7), 0),
        # One that is no more than a header is of no use without its end: the next run has another export made.
        Case(wrong_length(-7), 65, burst=0),
        *(Case(fault, at=f"/{action}.json") for action in ("create", "enqueue", "status")
          for fault in (answered(503), reset("lost"), reset("within"))),
    ),
}  # fmt: skip


def cases(mode: str) -> list[Any]:
    """All of them; a few are cheap and telling enough to run with every other test."""
    found = []
    for way in (PESTROUTES, REST, BULK):
        for case in CASES[way.name]:
            if mode == "in a burst" and not case.burst:
                continue
            marks = [pytest.mark.fault(step=case.fault.name, mode=mode, source=way.name)]
            if mode == "in a burst" or case.at or case.fault.name not in ("503", "reset within", "token that dies now"):
                marks.append(pytest.mark.exhaustive)
            found.append(pytest.param(way, case, id=f"{way.name}-{case.fault.name}-{case.at or 'data'}", marks=marks))
    return found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs is given up after a moment, not after a minute."""
    monkeypatch.setattr("transload.http_client.READ_SECONDS", READ_SECONDS)
    monkeypatch.setattr("transload.download._BACK_OFF", (0.01,))


@pytest.mark.fault(table="Source faults")
@pytest.mark.parametrize(("way", "case"), cases("once"))
def test_once_it_costs_nothing_but_time(bench: Bench, case: Case) -> None:
    _got_over(bench, case, 1)


@pytest.mark.fault(table="Source faults")
@pytest.mark.parametrize(("way", "case"), cases("in a burst"))
def test_in_a_burst_too(bench: Bench, case: Case) -> None:
    _got_over(bench, case, case.burst)


def _got_over(bench: Bench, case: Case, times: int) -> None:
    expected = bench.undisturbed()
    rule = bench.proxy.add(case.fault, path=case.at or bench.way.data, first=case.first, times=times)
    outcome = bench.extract("--retry-deadline", 30)
    assert outcome.code == 0, outcome.err
    assert rule.struck == times
    assert bench.visible() == expected


@pytest.mark.fault(table="Source faults")
@pytest.mark.parametrize(("way", "case"), cases("for ever"))
def test_for_ever_it_ends_the_run_with_its_code_and_the_next_one_goes_on(bench: Bench, case: Case) -> None:
    expected = bench.undisturbed()
    bench.proxy.add(case.fault, path=case.at or bench.way.data, first=2 * case.first - 1, times=None)
    outcome = bench.extract()
    assert outcome.code == case.forever, outcome.err[-3000:]
    if case.forever:
        assert bench.visible() == {}
        kept = bench.checkpoint()
        assert kept is not None
        _says_what_to_do(outcome.summary["error"]["message"])
        bench.proxy.clear()
        outcome = bench.extract()
        assert outcome.code == 0, outcome.err
        (load,) = outcome.summary["loads"]
        assert load["resumed"]
        assert load["load_id"] == kept.load_id
    assert bench.visible() == expected


def _says_what_to_do(message: str) -> None:
    assert any(word in message.lower() for word in ("run", "check", "leave", "see whether", "report")), message


@pytest.mark.fault(table="Source faults", mode="for ever")
@pytest.mark.parametrize(
    "way", [PESTROUTES, pytest.param(REST, marks=pytest.mark.exhaustive)], ids=lambda way: way.name
)
@pytest.mark.parametrize(
    ("address", "says"),
    [
        pytest.param("https://127.0.0.1:{port}", "SSL", marks=pytest.mark.fault(step="TLS failure")),
        pytest.param("http://no-such-host.invalid", "resolve", marks=pytest.mark.fault(step="DNS failure")),
    ],
)
def test_an_address_that_gives_no_connection_is_named_and_the_next_run_is_right(
    bench: Bench, address: str, says: str
) -> None:
    expected = bench.undisturbed()
    wrong = address.format(port=bench.proxy.port) + ("/api" if bench.way is PESTROUTES else "")
    bench.point_at(wrong)
    outcome = bench.extract("--retry-deadline", 0.5)
    assert outcome.code == 69, outcome.err[-3000:]
    message = outcome.summary["error"]["message"]
    assert wrong in message
    assert says in message
    _says_what_to_do(message)
    assert bench.visible() == {}
    bench.point_at(bench.proxy.url)
    assert bench.extract().code == 0
    assert bench.visible() == expected


@pytest.mark.fault(table="Source faults", step="connections refused")
@pytest.mark.parametrize(
    "way", [pytest.param(PESTROUTES, marks=pytest.mark.fault(mode="for ever", source="pestroutes"))]
)
def test_a_vendor_that_refuses_connections_in_the_middle(bench: Bench) -> None:
    expected = bench.undisturbed()

    def stop_listening(exchange: Any) -> None:
        exchange.proxy.refuses = True
        exchange.close(reset=True)

    bench.proxy.add(Fault("refused", stop_listening), path=bench.way.data, first=3)
    outcome = bench.extract()
    assert outcome.code == 69, outcome.err[-3000:]
    _says_what_to_do(outcome.summary["error"]["message"])
    assert bench.visible() == {}
    bench.proxy.refuses = False
    outcome = bench.extract()
    assert outcome.summary["loads"][0]["resumed"]
    assert bench.visible() == expected
