"""Every code of Marketo (sources/marketo.md §2), at a call of REST and at the calls of an export: the exit code, the line that the
user reads, that nothing is visible, and that the next run has the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from marketo.pace import Pace
from transload.http_client import HttpClient

SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"
WINDOW = ("--since", SINCE, "--until", UNTIL)
BULK = ("activities", *WINDOW, "--transport", "bulk", "--retry-deadline", "0.02", "--job-deadline", "0.2")
PATIENT = ("--job-deadline", "100")
LISTING = "/rest/asset/v1/forms.json"
Extract = Callable[..., Any]
Read = Callable[[str], list[Any]]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries that were asked for; none is waited out, nor is the disk."""
    asked: list[float] = []
    monkeypatch.setattr(HttpClient, "pause", lambda self, seconds: asked.append(seconds))
    monkeypatch.setattr(Pace, "pause", lambda self, seconds: asked.append(-seconds))
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    return asked


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Returns a function after which the quotas are those of a new day."""
    later = datetime.now(UTC) + timedelta(days=1)
    return lambda: monkeypatch.setattr("transload.running.now", lambda: later)


@dataclass(frozen=True)
class End:
    """How a run ends.

    Args:
        code: the exit code.
        error: the class that the summary names.
        says: words of the one line, beside the call, the code and Marketo's message.
    """

    code: int
    error: str
    says: tuple[str, ...] = ()


DOWN = End(69, "SourceUnavailable", ("tries in",))
REFUSED = End(65, "Refusal", ("request", "report it"))
DENIED = End(77, "Denied", ("role", "feature", "allowed IP", "marketo check"))
TOKEN = End(77, "AccessDenied", ("fresh tokens are refused as well", "custom service"))
OURS = End(70, "TransloadError", ("a bug of Transload", "report it"))
CALLS = End(75, "QuotaExhausted", ("the day's API calls", "by all integrations together", "again after"))
MEGABYTES = End(75, "QuotaExhausted", ("the day's megabytes of exports", "again after"))
FULL = End(75, "QuotaExhausted", ("queue of exports has been full", "--job-deadline", "again after"))

# What each code means when it comes for ever.
CODES = {
    "601": TOKEN, "602": TOKEN, "603": DENIED, "604": End(69, "TimedOut", ("tries in",)), "605": OURS, "606": DOWN, "607": CALLS,
    "608": DOWN, "609": OURS, "610": REFUSED, "611": DOWN, "612": OURS, "613": OURS,
    "614": End(77, "AccessDenied", ("subscription", "--base-url")), "615": DOWN,
    "502": DOWN, "713": DOWN, "718": DOWN, "719": DOWN,
    **dict.fromkeys(("701", "704", "709", "710", "711"), REFUSED), "703": DENIED,
    **dict.fromkeys(("1001", "1002", "1003", "1004", "1006", "1011", "1013"), REFUSED),
    "1029": REFUSED, "1035": REFUSED, "9999": REFUSED,
}  # fmt: skip
# Where an export is made, the last three have a meaning of their own; of codes that are dealt with alike one is enough here.
AT_CREATE = {
    **{
        code: CODES[code]
        for code in ("601", "603", "604", "606", "607", "610", "611", "612", "614", "615", "703", "1003", "1013")
    },
    "702": REFUSED,
    "1029": FULL,
    "1035": End(77, "StreamDenied", ("lacks the filter that finds what has changed",)),
}


def error_lines(err: str) -> list[str]:
    """What stderr says has gone wrong: lines for people, and messages of the log's errors."""
    found = []
    for line in err.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            found.append(line)
            continue
        if entry["level"] == "ERROR":
            found.append(entry["message"])
    return found


def assert_ends(outcome: Any, end: End, lake: Path, *words: str) -> None:
    assert (outcome.code, outcome.summary["error"]["type"]) == (end.code, end.error), outcome.err
    assert "Traceback" not in outcome.out + outcome.err
    (line,) = error_lines(outcome.err)
    assert not [word for word in (*end.says, *words) if word not in line], line
    assert outcome.summary["error"]["message"] in line
    assert not list(lake.glob("*/*/_loads/*"))
    assert not list(lake.rglob("*.tmp"))


def guids(rows: Any) -> list[str]:
    return sorted(row["marketoGUID"] for row in rows)


def activities(sandbox: Any) -> list[str]:
    return guids(sandbox.truth("activities", startAt=SINCE, endAt="2026-10-01T15:00:00Z"))


@pytest.mark.parametrize("code", CODES)
def test_a_code_at_a_call_of_rest(
    sandbox: Any, extract: Extract, extracted: Read, tmp_path: Path, tomorrow: Any, code: str
) -> None:
    sandbox.faults({"fault": "code", "code": code, "times": -1, "match": {"path": LISTING}, "message": "It said so"})
    command = ("forms", "--until", UNTIL, "--retry-deadline", "0.02")
    words = () if code == "607" else (f"GET {LISTING}", "It said so", code)
    assert_ends(extract(*command), CODES[code], tmp_path / "lake", *words)
    sandbox.faults()
    tomorrow()
    assert extract(*command).code == 0
    assert extracted("forms") == sandbox.truth("forms")


@pytest.mark.parametrize("code", AT_CREATE)
def test_a_code_where_an_export_is_made(
    sandbox: Any, extract: Extract, extracted: Read, tmp_path: Path, tomorrow: Any, code: str
) -> None:
    sandbox.faults({"fault": "code", "code": code, "times": -1, "match": {"action": "create"}})
    assert_ends(extract(*BULK), AT_CREATE[code], tmp_path / "lake")
    sandbox.faults()
    tomorrow()
    assert extract(*BULK, *PATIENT).code == 0
    assert guids(extracted("activities")) == activities(sandbox)
    assert [job["status"] for job in sandbox.jobs()] == ["Completed"]


@pytest.mark.parametrize(
    ("action", "code"),
    [
        *(("enqueue", code) for code in ("601", "606", "607", "1003")),
        *(("status", code) for code in ("601", "603", "611", "612", "615", "607")),
        *(("file", code) for code in ("602", "603", "606", "607", "611", "1003")),
    ],
)
def test_a_code_at_the_later_calls_of_an_export(
    sandbox: Any, extract: Extract, extracted: Read, tmp_path: Path, tomorrow: Any, action: str, code: str
) -> None:
    sandbox.faults({"fault": "code", "code": code, "times": -1, "match": {"action": action, "kind": "activities"}})
    assert_ends(extract(*BULK, *PATIENT), CODES[code], tmp_path / "lake")
    sandbox.faults()
    tomorrow()
    assert extract(*BULK, *PATIENT).code == 0
    assert guids(extracted("activities")) == activities(sandbox)
    # What was made for the first run is what the second one reads.
    assert [job["status"] for job in sandbox.jobs()] == ["Completed"]


@pytest.mark.parametrize(
    ("message", "end"),
    [
        ("Export daily quota 500MB exceeded", MEGABYTES),
        ("DAILY QUOTA of 2 GB has been used up", MEGABYTES),
        ("Too many jobs in queue", FULL),
    ],
)
@pytest.mark.parametrize("action", ["create", "enqueue"])
def test_1029_means_what_its_message_says_and_leaves_rest_alone(
    sandbox: Any, extract: Extract, extracted: Read, tomorrow: Any, action: str, message: str, end: End
) -> None:
    sandbox.faults({"fault": "code", "code": "1029", "message": message, "times": -1, "match": {"action": action}})
    outcome = extract("activities", "forms", *BULK[1:])
    summary = outcome.summary
    assert (outcome.code, summary["error"]["type"]) == (end.code, end.error), outcome.err
    assert not [word for word in end.says if word not in summary["error"]["message"]]
    assert summary["retry_at"] > summary["started_at"]
    assert [load["committed"] for load in summary["loads"]] == [False, True]
    sandbox.faults()
    tomorrow()
    assert extract("activities", "forms", *BULK[1:], *PATIENT).code == 0
    assert guids(extracted("activities")) == activities(sandbox)


# Codes that pass


PASSING = ["604", "614", "601", "602", "606", "608", "611", "615", "502", "713", "718", "719"]
CALLS_OF_A_LOAD = ["forms", "create", "enqueue", "status", "file"]


@pytest.mark.parametrize("action", CALLS_OF_A_LOAD)
def test_a_code_that_passes_costs_one_try_more(
    sandbox: Any, extract: Extract, extracted: Read, action: str, waits: list[float]
) -> None:
    for code in PASSING:
        sandbox.faults({"fault": "code", "code": code, "times": 1, "match": {"action": action, "kind": "a*"}})
    assert extract("activities", "forms", *BULK[1:-4]).code == 0
    asked = [one for one in sandbox.requests() if one["action"] == action]
    assert [one["code"] for one in asked if one["code"]] == PASSING
    assert guids(extracted("activities")) == activities(sandbox)
    assert extracted("forms") == sandbox.truth("forms")


@pytest.mark.parametrize(("fault", "code"), [("token_invalid", "601"), ("token_expired", "602")])
@pytest.mark.parametrize("action", CALLS_OF_A_LOAD)
def test_a_token_that_ends_is_renewed_and_the_call_repeated_at_once(
    sandbox: Any, extract: Extract, waits: list[float], action: str, fault: str, code: str
) -> None:
    sandbox.faults({"fault": fault, "match": {"action": action, "kind": "a*"}})
    assert extract("activities", "forms", *BULK[1:-4]).code == 0
    calls = [(one["action"], one["code"]) for one in sandbox.requests()]
    at = calls.index((action, code))
    assert calls[at + 1 : at + 3] == [("token", None), (action, None)]
    assert [one["action"] for one in sandbox.requests()].count("token") == 2
    assert waits.count(0.0) == 1


def test_a_token_that_ends_again_and_again_is_not_asked_for_at_once_more_than_once(
    sandbox: Any, extract: Extract, waits: list[float]
) -> None:
    sandbox.faults({"fault": "token_expired", "times": 4, "match": {"action": "forms"}})
    assert extract("forms", "--until", UNTIL).code == 0
    assert len(waits) == 4
    assert waits[0] == 0.0
    assert all(waits[1:])


def test_a_rate_that_others_used_up_is_waited_out_by_all_of_us_and_never_to_the_same_moment(
    sandbox: Any, extract: Extract, waits: list[float]
) -> None:
    sandbox.faults({"fault": "rate_limit", "times": 6, "match": {"action": "forms"}})
    assert extract("forms", "--until", UNTIL).code == 0
    ours, everybodys = [one for one in waits if one > 0], [-one for one in waits if one < 0]
    assert ours == everybodys
    assert all(20 <= one <= 30 for one in ours)
    assert len(set(ours)) == 6


def test_too_many_at_once_is_waited_out_with_jitter(sandbox: Any, extract: Extract, waits: list[float]) -> None:
    sandbox.faults({"fault": "concurrency", "times": 3, "match": {"action": "forms"}})
    assert extract("forms", "--until", UNTIL).code == 0
    assert len(set(waits)) == 3
    assert all(1 <= one <= 5 for one in waits)


def test_a_subscription_that_cannot_be_reached_is_tried_a_few_times(sandbox: Any, extract: Extract) -> None:
    sandbox.faults({"fault": "code", "code": "614", "times": -1, "match": {"action": "forms"}})
    assert extract("forms", "--until", UNTIL).code == 77
    assert [one["code"] for one in sandbox.requests() if one["action"] == "forms"] == ["614"] * 4


def test_what_was_waited_for_before_takes_no_tries_from_another_refusal(sandbox: Any, extract: Extract) -> None:
    sandbox.faults({"fault": "rate_limit", "times": 4, "match": {"action": "forms"}},
                   {"fault": "code", "code": "614", "after": 4, "match": {"action": "forms"}})  # fmt: skip
    assert extract("forms", "--until", UNTIL).code == 0


def test_no_data_found_is_a_listing_without_rows(sandbox: Any, extract: Extract, committed: Any) -> None:
    sandbox.faults({"fault": "code", "code": "702", "times": -1, "match": {"method": "GET"}})
    for stream in ("programs", "lists"):
        assert extract(stream, "--until", UNTIL).code == 0
        assert [record.records for record in committed(stream)] == [0]
    assert extract("deleted_leads", "--until", UNTIL).code == 65


# What ends a run, and what only a stream


@pytest.mark.parametrize(
    ("code", "ends"), [("603", False), ("703", False), ("610", False), ("611", False), ("601", True), ("614", True), ("607", True)]
)  # fmt: skip
def test_a_refusal_of_one_stream_leaves_the_others_alone_and_one_of_all_does_not(
    sandbox: Any, extract: Extract, code: str, ends: bool
) -> None:
    sandbox.faults({"fault": "code", "code": code, "times": -1, "match": {"path": LISTING}})
    outcome = extract("channels", "forms", "folders", "--until", UNTIL, "--retry-deadline", "0.02")
    assert outcome.code == CODES[code].code
    assert [load["committed"] for load in outcome.summary["loads"]] == [True, False, not ends]
