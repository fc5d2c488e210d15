"""Bad input, row by row: broken answers, spoilt files, wrong settings. The exit code, one clear line, no traceback, nothing
visible, and the truth as soon as the fault is gone. Refusals by code are in test_refusals.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from transload.errors import SourceUnavailable
from transload.http_client import HttpClient

SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"
SHORT = ("--retry-deadline", "0.02", "--transport", "bulk")
IMPATIENT = ("--job-deadline", "0.3")
Fault = dict[str, Any]
Extract = Callable[..., Any]
Read = Callable[[str], list[Any]]


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited out, nor is the disk."""
    monkeypatch.setattr(HttpClient, "pause", lambda self, seconds: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Returns a function after which the quotas are those of a new day."""
    later = datetime.now(UTC) + timedelta(days=1)
    return lambda: monkeypatch.setattr("transload.running.now", lambda: later)


@dataclass(frozen=True)
class Row:
    """One kind of bad input that ends a run.

    Args:
        code: the exit code.
        error: the class that the summary names.
        says: words of the one line.
        faults: of the sandbox.
        arguments: added to the command.
        stream: that is asked for.
        environment: changed variables; None removes one.
        spoilt: rows that the next run cannot read either: they are in the file that is there.
    """

    code: int
    error: str
    says: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    arguments: tuple[str, ...] = ()
    stream: str = "activities"
    environment: dict[str, str | None] = field(default_factory=dict)
    spoilt: int = 0


def for_ever(name: str, action: str | None = None, **options: Any) -> Fault:
    match = {"match": {"action": action, "kind": "[!i]*"}} if action else {}
    return {"fault": name, "times": -1, **match, **options}


def on_listing(name: str, **options: Any) -> Fault:
    return for_ever(name, "forms", **options)


def on_identity(name: str) -> Fault:
    return {"fault": name, "times": -1, "match": {"kind": "identity"}}


DOWN, BROKEN = (69, "SourceUnavailable"), (65, "ContractBroken")
FROM_WIRE = {
    "a page of HTML with 502": Row(*DOWN, ("asset/v1/forms.json", "HTTP 502"), (on_listing("html_502"),), stream="forms"),
    "an HTTP 500": Row(*DOWN, ("forms.json", "HTTP 500"), (on_listing("http_500"),), stream="forms"),
    "an HTTP 503": Row(*DOWN, ("forms.json", "HTTP 503"), (on_listing("http_503"),), stream="forms"),
    "an HTTP 429": Row(*DOWN, ("forms.json", "HTTP 429"), (on_listing("http_429", retry_after=30),), stream="forms"),
    "a page of HTML with 200": Row(*BROKEN, ("GET /rest/asset/v1/forms.json", "no envelope", "an HTML page"),
                                   (on_listing("html_200"),), stream="forms"),
    "a body that is no JSON": Row(*BROKEN, ("forms.json", "no envelope", "something else"), (on_listing("not_json"),),
                                  stream="forms"),
    "a truncated gzip": Row(*BROKEN, ("forms.json", "no envelope", "JSON cut short"), (on_listing("truncated_gzip"),),
                            stream="forms"),
    "a body that ends too early": Row(*DOWN, ("forms.json", "IncompleteRead"), (on_listing("truncated_body"),), stream="forms"),
    "a connection that is reset": Row(*DOWN, ("forms.json", "tries in"), (on_listing("reset"),), stream="forms"),
    "an answer that does not come": Row(*DOWN, ("forms.json", "timed out"), (on_listing("hang", seconds=1),), stream="forms"),
    "no JSON where an export is made": Row(*BROKEN, ("export/create.json", "no envelope"), (for_ever("not_json", "create"),)),
    "no JSON for a status": Row(*BROKEN, ("status.json", "no envelope"), (for_ever("html_200", "status"),)),
    "an HTML 502 for a file": Row(*DOWN, ("file.json", "HTTP 502"), (for_ever("html_502", "file"),)),
    "a file whose connection is reset": Row(*DOWN, ("file.json",), (for_ever("reset", "file"),)),
    "a page of HTML for a file": Row(*BROKEN, ("file.json", "text/html"), (for_ever("html_200", "file"),)),
}  # fmt: skip
FROM_IDENTITY = {
    "a wrong secret": Row(77, "AccessDenied", ("client id or the client secret", "HTTP 401", "MARKETO_CLIENT_SECRET"),
                          environment={"MARKETO_CLIENT_SECRET": "wrong"}),
    "an unknown client id": Row(77, "AccessDenied", ("No client with requested id", "MARKETO_CLIENT_ID", "127.0.0.1"),
                                environment={"MARKETO_CLIENT_ID": "nobody"}),
    "no token in an answer": Row(*DOWN, ("oauth/token", "without access_token"), (for_ever("no_access_token"),)),
    "no JSON instead of a token": Row(*DOWN, ("oauth/token", "cannot be read"), (on_identity("not_json"),)),
    "an HTML 502 instead of a token": Row(*DOWN, ("oauth/token", "HTTP 502"), (on_identity("html_502"),)),
}  # fmt: skip
FROM_USER = {
    "a missing secret": Row(78, "ConfigError", ("--client-secret", "MARKETO_CLIENT_SECRET", "MARKETO_CLIENT_SECRET_FILE"),
                            environment={"MARKETO_CLIENT_SECRET": None}),
    "an empty client id": Row(78, "ConfigError", ("--client-id",), environment={"MARKETO_CLIENT_ID": ""}),
    "no base URL": Row(78, "ConfigError", ("--base-url", "https://123-ABC-456.mktorest.com"),
                       environment={"MARKETO_BASE_URL": None}),
    "a base URL without its scheme": Row(64, "UsageError", ("--base-url", "whole address", "https://123-ABC-456.mktorest.com"),
                                         arguments=("--base-url", "123-ABC-456.mktorest.com")),
    "a base URL that leads elsewhere": Row(78, "ConfigError", ("HTTP 404", "--base-url", "MUNCHKIN-ID"),
                                           arguments=("--base-url", "{url}/identity/elsewhere")),
    "a base URL that is none": Row(78, "ConfigError", ("no URL",), arguments=("--base-url", "http://[")),
    "a source that is down": Row(*DOWN, ("ConnectionError",), arguments=("--base-url", "http://127.0.0.1:9")),
    "a transport that is none": Row(64, "UsageError", ("--transport", "auto, bulk or rest"), arguments=("--transport", "carrier")),
    "a stream that has no such transport": Row(64, "UsageError", ("program_members", "only be read by Bulk Extract"),
                                               arguments=("--transport", "rest"), stream="program_members"),
    "a percentage that is none": Row(64, "UsageError", ("--reserve", "0 to 99"), arguments=("--reserve", "100")),
    "a number that is none": Row(64, "UsageError", ("--daily-calls", "give a number"), arguments=("--daily-calls", "many")),
    "a rate of nothing": Row(64, "UsageError", ("--rate", "from 1"), arguments=("--rate", "0")),
    "seconds that are none": Row(64, "UsageError", ("--poll", "number of seconds"), arguments=("--poll", "nan")),
    "since after until": Row(64, "UsageError", ("since", "is not before until"), arguments=("--since", "2026-10-02T00:00:00Z")),
}  # fmt: skip
FROM_FILES = {
    "a file without a column": Row(*BROKEN, ("header is not as expected", "missing: 'attributes'"), (for_ever("missing_column"),)),
    "a file that is always damaged": Row(*BROKEN, ("SHA-256", "3 times", "nothing of it is committed"),
                                        (for_ever("corrupt_file"),)),
    "a checksum that is always wrong": Row(*BROKEN, ("SHA-256", "3 times"), (for_ever("wrong_checksum"),)),
    "a file that comes compressed": Row(*BROKEN, ("Content-Encoding gzip", "report it"), (for_ever("gzipped_file"),)),
    "a truncated gzip as a file": Row(*BROKEN, ("Content-Encoding gzip",), (for_ever("truncated_gzip", "file"),)),
    "a file that is an error's envelope": Row(*DOWN, ("file.json", "System error", "611"), (for_ever("file_is_json"),)),
    "a file that always breaks off": Row(*DOWN, ("bytes came", "5 further tries brought none"), (for_ever("cut_file", bytes=1000),
                                         for_ever("ignores_range"))),
    "ranges that lack their last byte": Row(*BROKEN, ("bytes came", "tries brought none"),
                                            ({"fault": "cut_file"}, for_ever("range_loses_last_byte"))),
    "a file that is never there": Row(*DOWN, ("number 3", "gives no file", "its file is not there"), (for_ever("file_missing"),)),
    "an export that always fails": Row(*DOWN, ("number 3", "gives no file", "it is Failed: out of luck"),
                                       (for_ever("failed_job", message="out of luck"),)),
    "an export that takes too long": Row(*DOWN, ("is still Processing", "--job-deadline", "run the same command again"),
                                         (for_ever("slow_job"),), IMPATIENT),
    "a status that is always old": Row(*DOWN, ("is still Created", "--job-deadline"), (for_ever("stale_status"),), IMPATIENT),
    "an export without an id": Row(*BROKEN, ("create.json gave no export id, 3 times",), (for_ever("create_without_result"),)),
    "a queue that is always full": Row(75, "QuotaExhausted", ("queue of exports has been full", "again after"),
                                       (for_ever("queue_full"),), IMPATIENT),
    "a day's megabytes used up": Row(75, "QuotaExhausted", ("megabytes of exports", "again after"), (for_ever("export_quota"),)),
    "an account without Bulk Extract": Row(77, "Denied", ("export/create.json", "feature", "marketo check"),
                                           (for_ever("no_bulk_extract"),)),
    "a filter that the account lacks": Row(77, "StreamDenied", ("lacks the filter", "1035"),
                                           (for_ever("filter_unsupported", filter="createdAt"),)),
    "key fields that are not exported": Row(*BROKEN, ("does not export the fields id",),
                                            (for_ever("invalid_fields", fields=["id"]),), stream="leads"),
    "rows with a quote out of place": Row(*BROKEN, ("--max-quarantined", "a quote is out of place", "_quarantine/"),
                                          (for_ever("ragged_quote"),), ("--max-quarantined", "0"), spoilt=1),
    "rows that are no UTF-8": Row(*BROKEN, ("3 records could not be read", "--max-quarantined 2", "not UTF-8"),
                                  (for_ever("invalid_utf8", count=3),), ("--max-quarantined", "2"), spoilt=3),
    "tokens that are too long for a form": Row(*BROKEN, ("HTTP 413", "too long", "report it"),
                                               (for_ever("long_token", length=1_100_000),), stream="deleted_leads"),
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
    assert (outcome.code, outcome.summary["error"]["type"]) == (row.code, row.error), outcome.err
    assert "Traceback" not in outcome.out + outcome.err
    (line,) = error_lines(outcome.err)
    assert not [word for word in row.says if word not in line], line
    assert outcome.summary["error"]["message"] in line
    assert outcome.summary["exit_code"] == row.code
    assert not any(load["committed"] for load in outcome.summary["loads"])
    assert (outcome.summary["retry_at"] is None) == (row.code != 75)
    assert not list(lake.glob("*/*/_loads/*"))
    assert not list(lake.rglob("*.tmp"))


def by_key(rows: Any) -> dict[Any, Any]:
    return {row.get("marketoGUID", row.get("id")): row for row in rows}


def truth(sandbox: Any, stream: str) -> list[Any]:
    """What is true of a stream in the window."""
    if stream in ("activities", "leads"):
        rows = sandbox.truth(stream, startAt=SINCE, endAt="2026-10-01T15:00:00Z", filter="updatedAt")
        return [{name: value for name, value in row.items() if name != "actionResult"} for row in rows]
    if stream == "deleted_leads":
        rows = sandbox.truth(stream, startAt=SINCE)
        return [{**row, "attributes": [], "activityDate": row["activityDate"].replace("Z", "+0000")} for row in rows]
    programs = ",".join(str(one["id"]) for one in sandbox.truth("programs"))
    return sandbox.truth(stream, programIds=programs, startAt=SINCE)


ROWS = {**FROM_WIRE, **FROM_IDENTITY, **FROM_USER, **FROM_FILES}
# Of what is wrong with a setting there is nothing to go on with.
GONE_ON_WITH = {**FROM_WIRE, **FROM_FILES}


@pytest.mark.parametrize("name", ROWS)
def test_bad_input_ends_the_run_with_one_clear_line_and_the_next_run_has_the_truth(
    sandbox: Any,
    extract: Extract,
    extracted: Read,
    tmp_path: Path,
    tomorrow: Any,
    name: str,
) -> None:
    row = ROWS[name]
    command = (row.stream, "--since", SINCE, "--until", UNTIL, *SHORT)
    sandbox.faults(*row.faults)
    with pytest.MonkeyPatch.context() as patch:
        if "timed out" in row.says:
            patch.setattr("transload.http_client.READ_SECONDS", 0.3)
        for variable, value in row.environment.items():
            patch.delenv(variable)
            if value is not None:
                patch.setenv(variable, value)
        outcome = extract(*command, *(one.format(url=sandbox.url) for one in row.arguments))
    assert_clear(outcome, row, tmp_path / "lake")
    if name not in GONE_ON_WITH:
        assert not list((tmp_path / "lake").glob("*/*/load_date*"))
        return
    sandbox.faults()
    sandbox.advance(seconds=4000, changes=False)
    tomorrow()
    outcome = extract(*command, "--max-quarantined", "100")
    assert outcome.code == 0, outcome.err
    found, expected = by_key(extracted(row.stream)), by_key(truth(sandbox, row.stream))
    assert len(expected) - len(found) == row.spoilt
    assert found == {key: one for key, one in expected.items() if key in found}


# What is gone through with


def in_turn(match: dict[str, str], *names: str) -> tuple[Fault, ...]:
    """Faults that strike one call after the other."""
    usual: dict[str, Fault] = {"http_429": {"retry_after": 0}, "slow_drip": {"pieces": 3, "seconds": 0.01}}
    return tuple({"fault": name, "match": match, "after": n, **usual.get(name, {})} for n, name in enumerate(names))


HICCUPS = (
    "not_json",
    "html_200",
    "html_502",
    "http_500",
    "http_503",
    "http_429",
    "reset",
    "truncated_body",
    "slow_drip",
)


@pytest.mark.parametrize("action", ["token", "forms", "create", "enqueue", "status", "file"])
def test_what_passes_on_the_wire_is_outlived(sandbox: Any, extract: Extract, extracted: Read, action: str) -> None:
    sandbox.faults(*in_turn({"action": action}, *HICCUPS))
    assert extract("activities", "forms", "--since", SINCE, "--until", UNTIL, "--transport", "bulk").code == 0
    # A file whose connection breaks is taken up where it was; the others are asked for again.
    struck = [one["faults"] for one in sandbox.requests() if one["action"] == action and one["faults"]]
    assert [one for names in struck for one in names] == list(HICCUPS[: len(struck)])
    assert len(struck) >= 8
    assert by_key(extracted("activities")) == by_key(truth(sandbox, "activities"))
    assert extracted("forms") == sandbox.truth("forms")


@dataclass(frozen=True)
class Passes:
    """What the run goes through with.

    Args:
        faults: of the sandbox.
        quarantined: records that cannot be read.
        says: words of the log.
        stream: that is asked for.
    """

    faults: tuple[Fault, ...]
    quarantined: int = 0
    says: tuple[str, ...] = ()
    stream: str = "activities"


PASSES = {
    "a quote out of place": Passes((for_ever("ragged_quote"),), 1, ("records go to quarantine", "a quote is out of place")),
    # Where one row ends and the next begins nobody can say of them, but Marketo has counted them.
    "quotes out of place in twenty rows in a row": Passes((for_ever("ragged_quote", count=20),), 20,
                                                          ("Marketo counted other rows",)),
    "quotes out of place among text of all kinds": Passes((for_ever("ragged_quote", count=3),), 3, stream="leads"),
    "rows that are no UTF-8": Passes((for_ever("invalid_utf8", count=3),), 3, ("not UTF-8",)),
    "a byte order mark": Passes((for_ever("bom"),)),
    "a byte order mark before text of all kinds": Passes((for_ever("bom"),), stream="leads"),
    "rows that end in CR LF": Passes((for_ever("crlf"),)),
    "text of all kinds in rows that end in CR LF": Passes((for_ever("crlf"),), stream="leads"),
    "rows that come twice": Passes((for_ever("duplicate_rows", count=5),)),
    "a file that breaks off": Passes(({"fault": "cut_file"},), says=("the download broke off, and goes on from there",)),
    "a file that breaks off three times": Passes(({"fault": "cut_file", "times": 3},)),
    "a file that breaks off before it begins": Passes(({"fault": "cut_file", "bytes": 0},)),
    "a range that lacks its last byte": Passes(({"fault": "cut_file"}, {"fault": "range_loses_last_byte"})),
    "a range that is not heeded": Passes(({"fault": "cut_file"}, for_ever("ignores_range"))),
    "a damaged file": Passes(({"fault": "corrupt_file"},), says=("a file is damaged", "SHA-256")),
    "a damaged file whose header is whole and whose rows are not": Passes(({"fault": "corrupt_file", "at": 400},)),
    "a checksum that is wrong once": Passes(({"fault": "wrong_checksum", "after": 1},), says=("a file is damaged",)),
    "a size that is wrong": Passes((for_ever("wrong_size"),)),
    "neither checksum nor size": Passes((for_ever("no_checksum"),), says=("only the size of the file could be checked",)),
    "an envelope in place of a file": Passes(({"fault": "file_is_json"},)),
    "a page of HTML in place of the rest of a file": Passes(
        (for_ever("no_checksum"), {"fault": "cut_file"}, {"fault": "html_200", "after": 1, "match": {"action": "file"}}),
    ),
    "a file of another type": Passes((for_ever("wrong_content_type", "file"),)),
    "a file that is not there at first": Passes(({"fault": "file_missing", "times": 2},)),
    "an export whose file is gone": Passes(({"fault": "file_missing", "times": 3},), says=("another export must be made",)),
    "an export that fails": Passes(({"fault": "failed_job"},), says=("another export must be made", "it is Failed")),
    "a status that is old": Passes(({"fault": "stale_status", "times": 3},)),
    "an export without an id": Passes(({"fault": "create_without_result", "times": 2},)),
    "an export that was queued already": Passes(({"fault": "job_already_queued"},)),
    "a full queue": Passes(({"fault": "queue_full", "times": 3},), says=("the queue of exports is full",)),
    "another spelling": Passes((for_ever("canceled_spelling"),)),
    "short tokens": Passes((for_ever("short_token", seconds=0.05),)),
}  # fmt: skip


@pytest.mark.parametrize("row", PASSES.values(), ids=PASSES)
def test_a_run_goes_through_with_what_it_can_make_good(
    sandbox: Any, extract: Extract, extracted: Read, quarantined: Read, row: Passes
) -> None:
    sandbox.faults(*row.faults)
    outcome = extract(row.stream, "--since", SINCE, "--until", UNTIL, "--transport", "bulk")
    assert outcome.code == 0, outcome.err
    (load,) = outcome.summary["loads"]
    assert load["quarantined"] == row.quarantined
    assert not [words for words in row.says if words not in outcome.err]
    found, expected = by_key(extracted(row.stream)), by_key(truth(sandbox, row.stream))
    missing = expected.keys() - found.keys()
    assert {key: found.get(key) for key in expected.keys() - missing} == {
        key: one for key, one in expected.items() if key not in missing
    }
    # What cannot be read is kept as it came, with its line and its fault.
    rejected = quarantined(row.stream)
    assert len(rejected) == len(missing) == row.quarantined
    assert all(one["reason"].startswith("line ") for one in rejected if one["record"])
    text = "\n".join(one["record"] for one in rejected)
    assert all(str(key) in text for key in missing)


def test_a_file_that_was_read_to_its_end_is_over_even_where_nobody_says_how_long_it_is(
    sandbox: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.faults(for_ever("no_checksum"))
    from marketo.bulk import _Digest

    damage = _Digest.damage

    def lost(self: Any, status: Any) -> Any:
        monkeypatch.setattr(_Digest, "damage", damage)
        raise SourceUnavailable("killed just behind the last row")

    monkeypatch.setattr(_Digest, "damage", lost)
    command = ("activities", "--since", SINCE, "--until", UNTIL, "--transport", "bulk")
    assert extract(*command).code == 69
    outcome = extract(*command)
    assert outcome.code == 0, outcome.err
    # Bytes that are not there are asked for: HTTP 416.
    assert [one["status"] for one in sandbox.requests() if one["action"] == "file"] == [200, 416]
    assert by_key(extracted("activities")) == by_key(truth(sandbox, "activities"))
    assert outcome.summary["loads"][0]["records"] == len(truth(sandbox, "activities"))


def test_nul_bytes_cost_no_row(sandbox: Any, extract: Extract, extracted: Read) -> None:
    sandbox.faults(for_ever("nul_bytes", count=3))
    assert extract("activities", "--since", SINCE, "--until", UNTIL, "--transport", "bulk").code == 0
    found, expected = by_key(extracted("activities")), by_key(truth(sandbox, "activities"))
    # They stand among the digits of a number, and are no part of it.
    assert found == expected


def test_the_traps_of_text_are_in_what_is_read(sandbox: Any, extract: Extract, extracted: Read) -> None:
    assert extract("leads", "--full-refresh", "--until", UNTIL).code == 0
    found = by_key(extracted("leads"))
    assert found == by_key(sandbox.truth("leads"))
    texts = [text for row in found.values() for text in row.values() if isinstance(text, str)]
    for trap in ("\n", "\r\n", "\u2028", "\x85", '"', ",", "日本語", "🏡"):
        assert any(trap in text for text in texts), trap
    assert max(found) > 2**53
    # Names that are one and the same where capitals do not count.
    assert all(row.keys() >= {"regionCode_c", "RegionCode_c"} for row in found.values())
