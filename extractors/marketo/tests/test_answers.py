"""What an answer of REST becomes: records as they were sent, and envelopes that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from marketo.envelope import read_envelope

pytestmark = pytest.mark.usefixtures("waits")
SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"
WINDOW = ("--since", SINCE, "--until", UNTIL)
Extract = Callable[..., Any]
Read = Callable[[str], list[Any]]


# Records as they were sent


ODD = [
    b'{"id": 1, "big": 9007199254742066, "bigger": 123456789012345678901234567890, "decimal": 0.10000000000000000555111512312}',
    '{"id":2,"unicode":"日本語 🏡 \u2028\x85","escaped":"\\u65e5\\u672c \\ud83c\\udfe1 \\/ \\u0000"}'.encode(),
    b'{"id":9007199254742067,"empty":{},"none":null,"twice":1,"twice":2,"nested":{"list":[1, 2,  {"a" : [ ]}]}}',
    b'{"updatedAt":"2026-11-18T15:25:35Z+0000","id":4,"exponent":1E+2,"zero":-0.0,"unknownField":"kept"}',
]


def test_records_stay_the_bytes_that_were_sent(vendor: Any, extract: Extract, lake_bytes: Callable[..., bytes]) -> None:
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: ODD
    extract("forms", "--until", UNTIL).loaded()
    assert lake_bytes("forms") == b"\n".join(ODD) + b"\n"


def test_white_space_between_tokens_is_all_that_a_record_loses(
    vendor: Any, extract: Extract, lake_bytes: Callable[..., bytes]
) -> None:
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: [
        b'{\r\n "id" : 1.50 ,\n\t"text":"a  b\\n"\n}',
        b'{"id":2}',
    ]
    extract("forms", "--until", UNTIL).loaded()
    assert lake_bytes("forms") == b'{"id":1.50,"text":"a  b\\n"}\n{"id":2}\n'


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (rb'{"id":3,"name":"\ud83d x"}', "an unpaired surrogate"),
        (b'{"id":3,"name":"\xff"}', "not UTF-8"),
        (b'{"name":"no id"}', "no primary key: id"),
        (b'{"id":null}', "no primary key: id"),
        (b"[3]", "not a record"),
        (b"null", "not a record"),
    ],
)
def test_a_record_that_cannot_be_read_goes_to_quarantine_and_no_other(
    vendor: Any, extract: Extract, extracted: Read, quarantined: Read, row: bytes, reason: str
) -> None:
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: [b'{"id":1}', row, b'{"id":2}']
    load = extract("forms", "--until", UNTIL).loaded()
    assert (load["records"], load["quarantined"]) == (2, 1)
    assert extracted("forms") == [{"id": 1}, {"id": 2}]
    assert reason in quarantined("forms")[0]["reason"]
    assert extract("forms", "--until", UNTIL, "--max-quarantined", "0").code == 65


def test_activities_and_leads_of_rest_are_raw_as_well(
    sandbox: Any, feed: Any, lake_bytes: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    read = read_envelope
    monkeypatch.setattr("marketo.api.read_envelope", lambda body, call: bodies.append(body) or read(body, call))
    feed("activities").loaded()
    feed("leads").loaded()
    lines = lake_bytes("activities", "leads").split(b"\n")
    assert len(lines) > 80
    sent = b"\n".join(bodies)
    assert all(line in sent for line in lines)
    assert any(b'"id":2147484' in line for line in lines)


# HTTP statuses, and envelopes that are none


STATUSES = {
    "401": (401, b"", 77, "AccessDenied", ("HTTP 401", "--base-url")),
    "403": (403, b"<html>", 77, "AccessDenied", ("HTTP 403", "--base-url")),
    "404": (404, b"Not Found", 65, "Missing", ("HTTP 404", "--base-url")),
    "413": (413, b"", 65, "ContractBroken", ("HTTP 413", "too long", "report it")),
    "414": (414, b"", 65, "ContractBroken", ("HTTP 414", "too long", "report it")),
    "302": (302, b"", 78, "ConfigError", ("HTTP 302", "--base-url")),
    "400": (400, b"", 78, "ConfigError", ("HTTP 400", "--base-url")),
    "502 of JSON": (502, b'{"success":true,"result":[]}', 69, "SourceUnavailable", ("HTTP 502",)),
    "nothing": (200, b"", 65, "ContractBroken", ("no envelope", "empty")),
    "a list": (200, b"[]", 65, "ContractBroken", ("no envelope", "other JSON")),
    "no success": (200, b'{"result":[]}', 65, "ContractBroken", ("no envelope", "`success`")),
    "JSON cut short": (200, b'{"success":true,"result":[{"id":1', 65, "ContractBroken", ("JSON cut short",)),
    "JSON that is too deep": (200, b'{"success":true,"result":' + b"[" * 5000, 65, "ContractBroken", ("no envelope",)),
    "no rows": (200, b'{"success":true,"result":{"id":1}}', 65, "ContractBroken", ("rows of an answer cannot be read",)),
    "a refusal without errors": (200, b'{"success":false}', 65, "Refusal", ("code none", "no reason given")),
    "a refusal with an empty list": (200, b'{"success":false,"errors":[]}', 65, "Refusal", ("no reason given",)),
    "a code that is a number": (200, b'{"success":false,"errors":[{"code":603,"message":null}]}', 77, "Denied", ("code 603",)),
    "a message of many lines": (200, b'{"success":false,"errors":[{"code":"610","message":"a\\nb\\r\\nc"}]}', 65, "Refusal",
                                ("'a b c'",)),
}  # fmt: skip


@pytest.mark.parametrize("name", STATUSES)
def test_what_is_no_good_answer_ends_in_one_clear_line(
    vendor: Any, extract: Extract, committed: Any, name: str
) -> None:
    status, body, code, error, words = STATUSES[name]
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: (status, body)
    outcome = extract("forms", "--until", UNTIL, "--retry-deadline", "0")
    assert (outcome.code, outcome.summary["error"]["type"]) == (code, error), outcome.err
    message = outcome.summary["error"]["message"]
    assert "/rest/asset/v1/forms.json" in message
    assert not [word for word in words if word not in message], message
    assert "\n" not in message
    assert committed("forms") == []


@pytest.mark.parametrize("result", [b"", b',"result":null', b',"result":[]'])
def test_a_success_without_rows_has_none(vendor: Any, extract: Extract, committed: Any, result: bytes) -> None:
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: (200, b'{"success":true' + result + b"}")
    extract("forms", "--until", UNTIL).loaded()
    assert committed("forms")[0].records == 0


@pytest.mark.parametrize("action", ["pagingtoken", "deletedleads"])
def test_a_feed_without_a_token_is_broken(vendor: Any, extract: Extract, committed: Any, action: str) -> None:
    vendor.answers["/rest/v1/activities/pagingtoken.json"] = lambda query: (
        [],
        None if action == "pagingtoken" else "a",
    )
    vendor.answers["/rest/v1/activities/deletedleads.json"] = lambda query: [b'{"marketoGUID":"1","activityDate":"x"}']
    outcome = extract("deleted_leads", *WINDOW)
    assert outcome.code == 65
    assert f"{action}.json" in outcome.summary["error"]["message"]
    assert "nextPageToken" in outcome.summary["error"]["message"]
    assert committed("deleted_leads") == []


@pytest.mark.parametrize(
    ("written", "inside"),
    [
        ("2026-10-01T15:00:00Z", True), ("2026-10-01T15:00:00+0000", True), ("2026-10-01T15:00:00Z+0000", True),
        ("2026-10-01T10:00:00-0500", True), ("2026-10-01T15:00:01Z", False), ("2026-10-01T17:00:01+02:00", False),
        ("", True), ("soon", True), ("2026-10-01T15:00:01", True), (None, True), (7, True),
    ],
)  # fmt: skip
def test_a_moment_of_a_feed_is_read_however_it_is_written_and_what_is_none_costs_no_row(
    vendor: Any, extract: Extract, extracted: Read, written: Any, inside: bool
) -> None:
    row = json.dumps({"marketoGUID": "1", "activityDate": written}).encode()
    vendor.answers["/rest/v1/activities/pagingtoken.json"] = lambda query: ([], "a")
    vendor.answers["/rest/v1/activities/deletedleads.json"] = lambda query: ([row], "b")
    extract("deleted_leads", *WINDOW).loaded()
    assert len(extracted("deleted_leads")) == inside
