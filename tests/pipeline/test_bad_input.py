"""Bad input, row by row: the exit code, one clear line that says what to do, no traceback, and nothing visible."""

from __future__ import annotations

import json
import resource
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from transload.lake_directory import DirectoryLake

SINCE, UNTIL = "2026-09-01T00:00:00Z", "2026-10-02T00:00:00Z"
Fault = dict[str, Any]


def for_ever(name: str, **options: Any) -> Fault:
    return {"fault": name, "times": -1, **options}


def on_get(name: str, **options: Any) -> Fault:
    return for_ever(name, match={"entity": "customer", "action": "get"}, **options)


@dataclass(frozen=True)
class Row:
    """One kind of bad input.

    Args:
        code: the exit code.
        error: the class that the summary names.
        says: words of the one line.
        arguments: added to the command.
        faults: of the sandbox.
        environment: changed variables; None removes one.
        sandbox: settings of the sandbox.
    """

    code: int
    error: str
    says: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    environment: dict[str, str | None] = field(default_factory=dict)
    sandbox: dict[str, Any] = field(default_factory=dict)


FROM_SOURCE = {
    "a wrong key": Row(77, "AccessDenied", ("key", "token", "PESTROUTES_AUTHENTICATION_KEY"),
                       environment={"PESTROUTES_AUTHENTICATION_KEY": "wrong"}),
    "a wrong token": Row(77, "AccessDenied", ("key", "token"), environment={"PESTROUTES_AUTHENTICATION_TOKEN": "wrong"}),
    # Or a limit that does not say so: the next run tells which, before it has fetched anything.
    "a key that is revoked on the way": Row(69, "SourceUnavailable", ("took the same key before",),
                                            faults=(for_ever("bad_key", after=1),)),
    "a missing secret": Row(
        78, "ConfigError",
        ("--authentication-key", "PESTROUTES_AUTHENTICATION_KEY", "PESTROUTES_AUTHENTICATION_KEY_FILE"),
        environment={"PESTROUTES_AUTHENTICATION_KEY": None}),
    "an empty secret": Row(78, "ConfigError", ("--authentication-token",), environment={"PESTROUTES_AUTHENTICATION_TOKEN": ""}),
    "a secret's file that is not there": Row(
        78, "ConfigError", ("PESTROUTES_AUTHENTICATION_KEY_FILE", "/nowhere/key", "cannot be read"),
        environment={"PESTROUTES_AUTHENTICATION_KEY": None, "PESTROUTES_AUTHENTICATION_KEY_FILE": "/nowhere/key"}),
    "since equal to until": Row(64, "UsageError", ("since", "is not before until"), ("--since", UNTIL)),
    "since after until": Row(64, "UsageError", ("since", "is not before until"), ("--since", "2026-10-03T00:00:00Z")),
    "a naive timestamp": Row(64, "UsageError", ("--since", "no time zone", "2026-09-01T00:00:00Z"),
                             ("--since", "2026-09-01T00:00:00")),
    "no timestamp at all": Row(64, "UsageError", ("--since", "ISO 8601"), ("--since", "yesterday")),
    "an end that is still to come": Row(64, "UsageError", ("ahead of this machine's clock",), ("--until", "2999-01-01T00:00:00Z")),
    "an HTML 502": Row(69, "SourceUnavailable", ("customer/get", "HTTP 502"), faults=(on_get("html_502"),)),
    "an HTTP 500": Row(69, "SourceUnavailable", ("HTTP 500",), faults=(on_get("http_500"),)),
    "an HTTP 503": Row(69, "SourceUnavailable", ("HTTP 503",), faults=(on_get("http_503"),)),
    "an HTTP 429": Row(69, "SourceUnavailable", ("HTTP 429",), faults=(on_get("http_429", retry_after=30),)),
    "a 200 with success:false": Row(65, "ContractBroken", ("customer/get", "Something went wrong"),
                                    faults=(on_get("success_false"),)),
    "a truncated gzip": Row(65, "ContractBroken", ("customer/get", "no JSON object"), faults=(on_get("truncated_gzip"),)),
    "a body that ends too early": Row(69, "SourceUnavailable", ("customer/get", "IncompleteRead"),
                                      faults=(on_get("truncated_body"),)),
    "a body that is not JSON": Row(65, "ContractBroken", ("customer/get", "no JSON object", "bytes"), faults=(on_get("not_json"),)),
    "a page of HTML with 200": Row(65, "ContractBroken", ("no JSON object", "an HTML page"), faults=(on_get("html_200"),)),
    "an entity the account lacks": Row(65, "ContractBroken", ("leave the stream out",),
                                       faults=(for_ever("unknown_entity_for_account", match={"entity": "customer"}),)),
    "a connection that is reset": Row(69, "SourceUnavailable", ("customer/get",), faults=(on_get("reset"),)),
    "an answer that does not come": Row(69, "SourceUnavailable", ("customer/get", "timed out"),
                                       faults=(on_get("hang", seconds=2),)),
    "a filter the API does not know": Row(65, "ContractBroken", ("ignored", "dateUpdated"),
                                          faults=(for_ever("ignored_params", params=["dateUpdated"]),)),
    "records without a key": Row(65, "ContractBroken", ("--max-quarantined", "customerID is missing", "_quarantine/"),
                                 ("--max-quarantined", "0"), (on_get("record_without_key"),)),
    "records that are no objects": Row(65, "ContractBroken", ("--max-quarantined", "not a record"),
                                       ("--max-quarantined", "0"), (on_get("record_not_object"),)),
    "ids in no order, and more than fit": Row(65, "ContractBroken", ("ascending", "--since"),
                                              faults=(for_ever("unsorted_ids"),), sandbox={"cap": 20}),
    "a day's quota used up": Row(75, "QuotaExhausted", ("quota", "again after"), sandbox={"day_limit": 4}),
    "a base URL that leads elsewhere": Row(78, "ConfigError", ("HTTP 404", "--base-url"), ("--base-url", "{root}/elsewhere")),
    "a source that is down": Row(69, "SourceUnavailable", ("ConnectionError",), ("--base-url", "http://127.0.0.1:9/api")),
}  # fmt: skip


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


def assert_clear(outcome: Any, row: Row, lake: Path) -> None:
    assert outcome.code == row.code, outcome.err
    assert "Traceback" not in outcome.out + outcome.err
    (line,) = error_lines(outcome.err)
    for word in row.says:
        assert word in line
    summary = outcome.summary
    assert (summary["exit_code"], summary["error"]["type"]) == (row.code, row.error)
    assert summary["error"]["message"] in line
    assert "\n" not in line
    assert not any(load["committed"] for load in summary["loads"])
    assert_nothing_visible(lake)


def assert_nothing_visible(lake: Path) -> None:
    assert not list(lake.glob("*/*/_loads/*"))
    assert not list(lake.rglob("*.tmp"))
    assert not list(lake.rglob("_probe*"))


def set_up(row: Row, pestroutes: Any, connect_to: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the sandbox and the environment what the row says; returns the arguments."""
    sandbox = pestroutes(**{"records": 50} | row.sandbox)
    monkeypatch.setattr("pestroutes.client.SEARCH_CAP", sandbox.api.settings.cap)
    monkeypatch.setattr("transload.http_client.READ_SECONDS", 1.5)
    connect_to(sandbox)
    for name, value in row.environment.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    sandbox.faults(*row.faults)
    return [one.format(root=sandbox.url.removesuffix("/api")) for one in row.arguments]


@pytest.mark.parametrize("row", FROM_SOURCE.values(), ids=FROM_SOURCE)
def test_bad_input_from_user_or_source(
    run: Callable[..., Any], pestroutes: Any, connect_to: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    arguments = set_up(row, pestroutes, connect_to, monkeypatch)
    lake = tmp_path / "lake"
    outcome = run(
        "extract", "customer", "--until", UNTIL, "--destination", lake, "--batch-size", 10, "--retry-deadline", 0.3, "--json",
        *arguments,
    )  # fmt: skip
    assert_clear(outcome, row, lake)


def test_after_bad_input_the_same_command_ends_well(
    run: Callable[..., Any], pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    sandbox = pestroutes(records=200)
    connect_to(sandbox)
    where = (
        "--destination",
        tmp_path / "lake",
        "--batch-size",
        10,
        "--concurrency",
        1,
        "--retry-deadline",
        0,
        "--json",
    )
    command = ("extract", "customer", "--until", UNTIL, *where)
    for name in ("html_502", "not_json", "success_false", "reset", "truncated_body"):
        sandbox.faults(on_get(name, after=1))
        assert run(*command).code in (65, 69)
        sandbox.faults()
    (load,) = run(*command).summary["loads"]
    assert (load["committed"], load["records"]) == (True, 200)


@pytest.mark.parametrize(
    "name", ["html_502", "http_500", "http_503", "http_429", "success_false", "truncated_gzip", "truncated_body", "not_json",
             "html_200", "reset", "wrong_content_type", "slow_drip", "extra_whitespace"]
)  # fmt: skip
@pytest.mark.parametrize("action", ["search", "get"])
def test_a_fault_that_passes_is_outlived(
    run: Callable[..., Any], pestroutes: Any, connect_to: Any, tmp_path: Path, name: str, action: str
) -> None:
    sandbox = pestroutes(records=30)
    connect_to(sandbox)
    options = {"retry_after": 0} if name == "http_429" else {"seconds": 0.01} if name == "slow_drip" else {}
    sandbox.faults({"fault": name, "times": 1, "match": {"entity": "customer", "action": action}, **options})
    outcome = run("extract", "customer", "--until", UNTIL, "--destination", tmp_path / "lake", "--json")
    assert (outcome.code, outcome.summary["loads"][0]["records"]) == (0, 30)
    assert any(name in request["faults"] for request in sandbox.requests())


def test_a_record_of_50_megabytes_goes_through(
    run: Callable[..., Any], pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    sandbox = pestroutes(records=5)
    connect_to(sandbox)
    sandbox.faults({"fault": "huge_record", "megabytes": 50, "match": {"action": "get"}})
    outcome = run(
        "extract", "customer", "--until", UNTIL, "--destination", tmp_path / "lake", "--part-bytes", 1_000_000, "--json"
    )
    assert outcome.code == 0
    (load,) = outcome.summary["loads"]
    assert load["records"] == 5
    assert load["raw_bytes"] > 50_000_000
    assert run("verify", "customer", "--until", UNTIL, "--destination", tmp_path / "lake").code == 0


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Writing beyond ``size`` fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


TO_DIRECTORY = {
    "without permission": (Row(77, "AccessDenied", ("right to write",)), "/sys/transload"),
    "that is a file": (Row(78, "ConfigError", ("must be a directory",)), "{tmp}/file"),
    "of no known kind": (Row(78, "ConfigError", ("s3://bucket/prefix", "directory")), "gs://raw/x"),
    "without a bucket": (Row(78, "ConfigError", ("names no bucket",)), "s3://"),
    "that is full": (Row(69, "LakeUnavailable", ("make room", "same command again")), "{tmp}/lake"),
}


@pytest.mark.parametrize(("row", "destination"), TO_DIRECTORY.values(), ids=TO_DIRECTORY)
def test_a_bad_destination(
    run: Callable[..., Any], pestroutes: Any, connect_to: Any, tmp_path: Path, row: Row, destination: str
) -> None:
    connect_to(pestroutes(records=200))
    (tmp_path / "file").touch()
    where = ("--destination", destination.format(tmp=tmp_path))
    command = ("extract", "customer", "--until", UNTIL, *where, "--compression", "none", "--json")
    with no_file_larger_than(50_000) if destination == "{tmp}/lake" else nullcontext():
        outcome = run(*command)
    assert_clear(outcome, row, tmp_path / "lake")


TO_S3 = {
    "a wrong secret": Row(77, "AccessDenied", ("s3://raw", "refused"), environment={"AWS_SECRET_ACCESS_KEY": "wrong" * 8}),
    "an unknown access key": Row(77, "AccessDenied", ("refused",), environment={"AWS_ACCESS_KEY_ID": "nobody"}),
    "no credentials": Row(78, "ConfigError", ("AWS_ACCESS_KEY_ID",),
                          environment={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}),
    "no such bucket": Row(78, "ConfigError", ("no such bucket", "--destination"), ("--destination", "s3://nowhere/x")),
    "an endpoint that is no URL": Row(78, "ConfigError", ("S3",), ("--endpoint-url", "nowhere")),
}  # fmt: skip


@pytest.mark.parametrize("row", TO_S3.values(), ids=TO_S3)
@pytest.mark.parametrize("lake_url", ["s3"], indirect=True)
def test_a_bad_s3_destination(
    run: Callable[..., Any],
    pestroutes: Any,
    connect_to: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lake_url: str,
    row: Row,
) -> None:
    arguments = set_up(row, pestroutes, connect_to, monkeypatch)
    outcome = run("extract", "customer", "--until", UNTIL, "--destination", lake_url, "--json", *arguments)
    assert_clear(outcome, row, tmp_path)
    checked = run("check", "--destination", lake_url, *arguments)
    assert checked.code == row.code
    assert all(word in checked.last for word in row.says)


def test_a_store_that_ignores_conditions_is_refused_unless_that_is_accepted(
    run: Callable[..., Any], pestroutes: Any, connect_to: Any, careless_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_to(pestroutes(records=5))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.token_hex())
    where = ("--destination", "s3://raw", "--endpoint-url", careless_store.endpoint_url)
    command = ("extract", "office", "--until", UNTIL, "--json", *where)
    outcome = run(*command)
    assert (outcome.code, outcome.summary["error"]["type"]) == (78, "ConfigError")
    assert "--no-fencing" in error_lines(outcome.err)[0]
    assert careless_store.objects == {}
    checked = run("check", *where)
    assert (checked.code, "--no-fencing" in checked.last) == (78, True)
    assert run(*command, "--no-fencing").summary["loads"][0]["committed"]


def test_a_clock_that_jumps_back_and_forth_leaves_no_gap_and_loses_no_change(
    run: Callable[..., Any],
    pestroutes: Any,
    connect_to: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read_part: Callable[[Any, str], bytes],
) -> None:
    sandbox = pestroutes(records=60)
    connect_to(sandbox)
    where = ("--destination", tmp_path / "lake")
    begin = datetime.fromisoformat(sandbox.now)
    windows: list[dict[str, Any]] = []
    # How many days pass before a run, and by how many the machine's clock is then wrong.
    for days, wrong in ((0, 0), (1, 0), (2, -2), (0.5, -3), (0.5, 0), (8, 0)):
        sandbox.advance(days=days)
        shown = datetime.fromisoformat(sandbox.now) + timedelta(days=wrong)
        monkeypatch.setattr("transload.running.now", lambda shown=shown: shown)
        windows += run("extract", "customer", *where, "--json").summary["loads"]
    assert all(one["committed"] for one in windows)
    assert datetime.fromisoformat(sandbox.now) == begin + timedelta(days=12)

    covered = ""
    for since, until in sorted((one["since"], one["until"]) for one in windows):
        assert since <= (covered or since)
        covered = max(covered, until)

    lake = DirectoryLake(str(tmp_path / "lake"))
    states: dict[str, set[Any]] = {}
    for record in json.loads(run("loads", "customer", "--json", *where).out):
        for part in record["parts"]:
            for row in map(json.loads, read_part(lake, part["key"]).splitlines()):
                states.setdefault(row["customerID"], set()).add(row["dateUpdated"])
    for row in sandbox.truth("customer"):
        assert row["dateUpdated"] in states[row["customerID"]]
