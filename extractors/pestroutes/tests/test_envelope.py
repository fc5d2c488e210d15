"""Answers that are no envelope: what is said of them, and what never is."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pestroutes.client import _form
from pestroutes.envelope import read_envelope
from transload.http_client import Transient

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (f"<!DOCTYPE html><title>{SECRET}</title>".encode(), "an HTML page"),
        (f"\n<HTML>{SECRET}".encode(), "an HTML page"),
        (f'{{"params":{{"authenticationKey":"{SECRET}'.encode(), "JSON cut short"),
        (f'["{SECRET}"]'.encode(), "something else"),
        (f'{{"authenticationKey": {SECRET}}}'.encode(), "something else"),
        (f"Fatal error: {SECRET}".encode(), "something else"),
        (b"\xff\xfe", "something else"),
    ],
)
def test_what_is_no_envelope_is_named_by_its_size_and_kind_and_never_quoted(body: bytes, kind: str) -> None:
    with pytest.raises(Transient, match=f"^customer/get: .*{len(body)} bytes, {kind}") as caught:
        read_envelope(body, "customer/get")
    assert SECRET[:8] not in str(caught.value)


ROWS = [{"customerID": "1"}, {"customerID": "2", "propertyName": "x"}]
HEAD = {"success": True, "tokenUsage": {"requestsReadToday": "7"}, "tokenLimits": {"limitReadRequestsPerDay": 9}}


@pytest.mark.parametrize(
    "answer",
    [
        {**HEAD, "propertyName": "customers", "customers": ROWS},
        {**HEAD, "propertyName": "customers", "customers": []},
        {**HEAD, "propertyName": "others", "others": ROWS},
        {**HEAD, "propertyName": "others", "customers": [], "others": ROWS},
        {**HEAD, "result": {"propertyName": "customers", "customers": ROWS}},
        {**HEAD, "success": False, "errorMessage": "no", "propertyName": "customers", "customers": []},
    ],
)
def test_an_answer_reads_the_same_whether_its_rows_stand_where_expected_or_not(answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    plain = read_envelope(body, "customer/get")
    for expected in ("customers", "success"):
        quick = read_envelope(body, "customer/get", expected=expected)
        rows = quick.rows()
        found = [json.loads(bytes(row)) for row in rows] if isinstance(rows, list) else json.loads(bytes(rows))
        assert found == json.loads(bytes(plain.rows()))  # type: ignore[arg-type]
        assert (quick.success, quick.message, quick.usage, quick.ignored, quick.rows_name) == (
            plain.success, plain.message, plain.usage, plain.ignored, plain.rows_name,
        )  # fmt: skip


# All that forms and JSON treat in their own way. (All of Unicode would first be tabulated, for seconds where nothing is cached.)
words = st.text(alphabet='aZ9 %&=+,;[]{}"\\/\n\x00é明🐜', max_size=8)
values = words | st.lists(st.integers(), max_size=5) | st.lists(words, max_size=3)


@given(
    st.dictionaries(
        st.sampled_from(["officeIDs", "customerIDs", "x"]), values | st.dictionaries(words, values, max_size=3)
    )
)
def test_a_form_gives_back_what_was_put_in(parameters: dict[str, Any]) -> None:
    found = dict(parse_qsl(_form(parameters).decode(), keep_blank_values=True, strict_parsing=bool(parameters)))
    assert {
        name: text if isinstance(parameters[name], str) else json.loads(text) for name, text in found.items()
    } == parameters
