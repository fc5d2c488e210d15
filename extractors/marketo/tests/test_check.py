"""``check``: whether the account is there, and which streams its API user can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketo.streams import STREAMS, Assets, Export
from transload.http_client import HttpClient

NAMES = [*(stream.name for stream in STREAMS), "custom_object_subscription_c"]
ASSETS = {stream.name for stream in STREAMS if isinstance(stream.detail, Assets)}
EXPORTS = {stream.name for stream in STREAMS if isinstance(stream.detail, Export)} | {"custom_object_subscription_c"}
EITHER = {"leads", "activities"}


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpClient, "pause", lambda self, seconds: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def check(run: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Returns a function that runs ``marketo check``."""
    return lambda *arguments: run("check", "--destination", tmp_path / "lake", "--retry-deadline", "0", *arguments)


def reasons(outcome: Any) -> dict[str, str]:
    """Why what cannot be read cannot."""
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)["streams"]
    assert all(one["readable"] == (one["reason"] is None) for one in found)
    return {one["name"]: one["reason"] for one in found if not one["readable"]}


def test_all_is_well(sandbox: Any, check: Any, tmp_path: Path) -> None:
    outcome = check()
    assert outcome.code == 0, outcome.err
    first, header, *rows, last = outcome.out.splitlines()
    calls = sum(one["kind"] != "identity" for one in sandbox.requests())
    assert first == f"Marketo: ok, 20 of 20 streams can be read; {calls} calls were made today by all integrations"
    assert header.split() == ["stream", "can", "be", "read"]
    assert [row.split() for row in rows] == [[name, "yes"] for name in NAMES]
    assert last == f"{tmp_path / 'lake'}: writable, and conditional writes hold"


def test_the_same_as_json(sandbox: Any, check: Any) -> None:
    found = json.loads(check("--json").out)
    assert found["source"].startswith("ok, 20 of 20 streams can be read")
    assert found["destination"] == "writable, and conditional writes hold"
    assert found["streams"] == [{"name": name, "readable": True, "reason": None} for name in NAMES]


def test_it_is_cheap(sandbox: Any, check: Any) -> None:
    assert check().code == 0
    asked = [one for one in sandbox.requests() if one["kind"] != "identity"]
    assert len(asked) == 29
    assert sandbox.jobs() == []
    # Of rows no more than one, where there are pages.
    paged = [
        one
        for one in asked
        if not one["path"].endswith(("describe.json", "types.json", "token.json", "usage.json", "objects.json"))
    ]
    sizes = [one["params"].get("maxReturn" if one["kind"] == "asset" else "batchSize") for one in paged]
    assert sizes == ["1"] * 20


MATCHES = {
    # Members are exported program by program, changes of leads asked for by the names of all fields.
    "/rest/asset/*": ASSETS | {"program_members"},
    "/rest/asset/v1/programs.json": {"programs", "program_members"},
    "/rest/asset/v1/forms.json": {"forms"},
    "/rest/v1/leads/describe.json": {"leads", "lead_changes"},
    "/rest/v1/activities/types.json": {"activity_types"},
    "/rest/v1/activities/deletedleads.json": {"deleted_leads"},
    "/rest/v1/activities/leadchanges.json": {"lead_changes"},
    "/rest/v1/activities/pagingtoken.json": {"deleted_leads", "lead_changes"},
    "/rest/v1/campaigns.json": {"campaigns"},
    "/rest/v1/lists.json": {"lists"},
    "/rest/v1/programs/members/describe.json": {"program_members"},
    "/bulk/*": EXPORTS,
    "/bulk/v1/leads/*": {"leads"},
    "/bulk/v1/activities/*": {"activities"},
    "/bulk/v1/program/members/*": {"program_members"},
    "/bulk/v1/customobjects/*": {"custom_object_subscription_c"},
}


@pytest.mark.parametrize("path", MATCHES)
def test_a_permission_that_is_missing_is_told_stream_by_stream(sandbox: Any, check: Any, path: str) -> None:
    sandbox.faults({"fault": "denied", "times": -1, "match": {"path": path}})
    found = reasons(check("--json"))
    assert found.keys() == MATCHES[path]
    # Leads and activities can be read all the same, where only exports are refused.
    slowly = "only over REST, slowly: " if path.startswith("/bulk") else ""
    for name, why in found.items():
        assert why == f"{slowly if name in EITHER else ''}not allowed (Access denied)"


# Those that more streams need than they belong to.
SHARED = ["programs.json", "leads/describe.json", "types.json", "pagingtoken.json", "/bulk/*"]


@pytest.mark.parametrize("path", [path for path in MATCHES if path.endswith(tuple(SHARED))])
def test_what_check_says_is_what_extract_finds(sandbox: Any, check: Any, extract: Any, path: str) -> None:
    sandbox.faults({"fault": "denied", "times": -1, "match": {"path": path}})
    # A short window, over REST: leads and activities need no exports for it, and where REST is refused they are exported.
    outcome = extract(*NAMES, "--since", "2026-10-01T14:50:00Z", "--until", "2026-10-01T15:00:00Z")
    refused = {load["stream"] for load in outcome.summary["loads"] if not load["committed"]}
    assert refused == MATCHES[path] - (EITHER if path.startswith("/bulk") else set())


def test_what_cannot_be_read_stands_in_the_table(sandbox: Any, check: Any) -> None:
    sandbox.faults(
        {"fault": "denied", "times": -1, "match": {"path": "/rest/asset/v1/emails.json"}},
        {"fault": "no_bulk_extract", "times": -1, "match": {"kind": "[lp]*"}},
        {"fault": "code", "code": "610", "times": -1, "match": {"path": "/rest/v1/lists.json"}},
    )
    outcome = check()
    assert outcome.code == 0
    assert "ok, 16 of 20 streams can be read" in outcome.out
    shown = {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1] for line in outcome.out.splitlines()}
    off = "not allowed (The feature is not enabled for the subscription)"
    assert shown["emails"] == "no: not allowed (Access denied)"
    assert shown["leads"] == f"no: only over REST, slowly: {off}"
    assert shown["program_members"] == f"no: {off}"
    assert shown["lists"] == "no: Requested resource not found (610)"
    assert shown["activities"] == "yes"


@pytest.mark.parametrize("code", ["603", "610"])
def test_custom_objects_that_cannot_be_listed_are_not_shown(sandbox: Any, check: Any, code: str) -> None:
    sandbox.faults({"fault": "code", "code": code, "times": -1, "match": {"path": "/rest/v1/customobjects.json"}})
    outcome = check("--json")
    assert reasons(outcome) == {}
    assert [one["name"] for one in json.loads(outcome.out)["streams"]] == NAMES[:-1]


def test_statistics_that_cannot_be_read_are_left_out(sandbox: Any, check: Any) -> None:
    sandbox.faults({"fault": "denied", "times": -1, "match": {"path": "/rest/v1/stats/*"}})
    outcome = check()
    assert outcome.code == 0
    assert outcome.out.splitlines()[0] == "Marketo: ok, 20 of 20 streams can be read"


def test_the_calls_of_others_are_noted(sandbox: Any, check: Any, tmp_path: Path) -> None:
    sandbox.server.api.limits._calls[sandbox.server.api.limits.today()] = {"others": 41_000}
    outcome = check()
    assert "41,0" in outcome.out.splitlines()[0]
    (ledger,) = (tmp_path / "lake" / "marketo" / "_quota").iterdir()
    assert json.loads(ledger.read_bytes())["used"]["calls"] > 41_000


def test_who_can_read_nothing_is_told_so(sandbox: Any, check: Any) -> None:
    sandbox.faults({"fault": "denied", "times": -1})
    outcome = check()
    assert outcome.code == 77
    assert (
        "took the client id and secret, but this API user can read nothing: give its role read permissions"
        in outcome.last
    )
    assert "Access denied" in outcome.last
    assert outcome.out == ""


WRONG = {
    "a wrong secret": ({"MARKETO_CLIENT_SECRET": "wrong"}, 77, ("client id or the client secret", "MARKETO_CLIENT_SECRET")),
    "an unknown id": ({"MARKETO_CLIENT_ID": "nobody"}, 77, ("client id or the client secret", "MARKETO_CLIENT_ID")),
    "no such address": ({"MARKETO_BASE_URL": "{url}/identity/elsewhere"}, 78, ("HTTP 404", "--base-url", "MUNCHKIN-ID")),
    "nobody there": ({"MARKETO_BASE_URL": "http://127.0.0.1:9"}, 69, ("127.0.0.1:9", "ConnectionError", "tries in")),
    "no scheme": ({"MARKETO_BASE_URL": "123-ABC-456.mktorest.com"}, 64, ("--base-url", "whole address")),
    "no account": ({"MARKETO_BASE_URL": ""}, 78, ("--base-url", "MARKETO_BASE_URL")),
    "no secret": ({"MARKETO_CLIENT_SECRET": ""}, 78, ("--client-secret", "MARKETO_CLIENT_SECRET_FILE")),
}  # fmt: skip


@pytest.mark.parametrize(("environment", "code", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_line(
    sandbox: Any,
    check: Any,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    code: int,
    says: tuple[str, ...],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(url=sandbox.url))
    outcome = check()
    assert outcome.code == code, outcome.err
    (line,) = outcome.err.splitlines()
    assert not [word for word in says if word not in line], line
    assert outcome.out == ""


@pytest.mark.parametrize("suffix", ["/", "/rest", "/rest/", "/identity", "/identity/"])
def test_the_address_may_be_as_the_console_shows_it(
    sandbox: Any, check: Any, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setenv("MARKETO_BASE_URL", f"{sandbox.url}{suffix}")
    assert check().code == 0
    assert all(not one["path"].startswith("//") for one in sandbox.requests())


def test_a_service_that_is_down_is_said_to_be_down(sandbox: Any, check: Any) -> None:
    sandbox.faults({"fault": "http_503", "times": -1})
    outcome = check()
    assert outcome.code == 69
    assert "HTTP 503" in outcome.last


def test_a_days_calls_that_are_used_up_are_said_to_be(marketo: Any, connect_to: Any, check: Any) -> None:
    connect_to(marketo(records=5, day_limit=3))
    outcome = check()
    assert outcome.code == 75
    assert "the day's API calls (607)" in outcome.last
