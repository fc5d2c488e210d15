"""Masked fields: no personal value is written anywhere, and all else stays as it was."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from pestroutes.cli import SOURCE

UNTIL = "2026-10-01T15:00:01Z"
MASK_KEY = "a secret key of the mask"
SENSITIVE = [stream.name for stream in SOURCE.streams if stream.sensitive]


@pytest.fixture
def sandbox(pestroutes: Any, connect_to: Any) -> Any:
    found = pestroutes(records=40)
    connect_to(found)
    return found


def rows_by_key(stream: str, rows: list[Any]) -> dict[tuple[Any, ...], Any]:
    return {tuple(row[name] for name in SOURCE.by_name[stream].primary_key): row for row in rows}


def hashed(value: Any) -> Any:
    if value in (None, ""):
        return value
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hmac.new(MASK_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("mask", ["hash", "drop"])
@pytest.mark.parametrize("stream", SENSITIVE)
def test_every_sensitive_field_is_masked_and_no_other(
    sandbox: Any, extract: Callable[..., Any], extracted: Callable[..., list[Any]], stream: str, mask: str
) -> None:
    outcome = extract(stream, "--until", UNTIL, "--full-refresh", "--mask", mask, "--mask-key", MASK_KEY)
    assert outcome.code == 0
    fields = SOURCE.by_name[stream].sensitive
    written = rows_by_key(stream, extracted(stream))
    truth = rows_by_key(stream, sandbox.truth(stream))
    assert written.keys() == truth.keys()
    for key, row in truth.items():
        if mask == "drop":
            expected = {name: value for name, value in row.items() if name not in fields}
        else:
            expected = {name: hashed(value) if name in fields else value for name, value in row.items()}
        assert written[key] == expected
        assert list(written[key]) == list(expected)


def test_what_is_personal_is_marked_in_the_streams_that_hold_people() -> None:
    for stream, fields in {
        "customer": "fname lname companyName email phone1 phone2 address zip lat lng billingFName billingEmail",
        "employee": "fname lname phone email username startAddress",
        "paymentProfile": "billingName lastFour email primaryPhone",
        "additionalContact": "fname lname email phone",
        "note": "notes customerName",
        "payment": "lastFour",
    }.items():
        assert set(fields.split()) <= SOURCE.by_name[stream].sensitive


def test_a_rejected_record_is_not_written_when_masking(
    sandbox: Any, extract: Callable[..., Any], lake_bytes: Callable[[], bytes]
) -> None:
    sandbox.faults({"fault": "record_without_key", "match": {"action": "get"}})
    outcome = extract("customer", "--until", UNTIL, "--mask", "drop")
    assert outcome.summary["loads"][0]["quarantined"] == 1
    data = lake_bytes()
    assert b"[masked: " in data
    assert b'"fname"' not in data


def test_an_open_load_that_was_masked_otherwise_is_begun_anew(sandbox: Any, extract: Callable[..., Any]) -> None:
    command = ("customer", "--until", UNTIL, "--batch-size", 10, "--retry-deadline", 0)
    sandbox.faults({"fault": "http_500", "times": -1, "after": 2, "match": {"action": "get"}})
    assert extract(*command).code == 69
    sandbox.faults()
    outcome = extract(*command, "--mask", "drop")
    assert (outcome.code, outcome.summary["loads"][0]["resumed"]) == (0, False)
