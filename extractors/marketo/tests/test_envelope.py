"""Envelopes: taken apart as far as needed, whatever is in them (sources/marketo.md §2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketo.envelope import Problem, read_envelope
from transload.errors import ContractBroken
from transload.http_client import Transient
from transload.page import Look

CALL = "GET /rest/v1/x.json"
LOOK = Look(("id",), "updatedAt", "id")


def read(text: str | bytes) -> Any:
    return read_envelope(text if isinstance(text, bytes) else text.encode(), CALL)


def test_the_three_forms_of_an_answer() -> None:
    good = read(
        '{"requestId":"a1b2#19c0de","success":true,"result":[{"id":1}],"nextPageToken":"GIYDAO","moreResult":true}'
    )
    assert (good.success, bytes(good.result), good.next_page_token, good.more_result) == (
        True,
        b'[{"id":1}]',
        "GIYDAO",
        True,
    )
    assert (good.request_id, good.problems, good.warnings, good.marked) == ("a1b2#19c0de", (), (), False)
    bad = read('{"requestId":"a1b2#19c0df","success":false,"errors":[{"code":"602","message":"Access token expired"}]}')
    assert (bad.success, bad.result, bad.problems) == (False, None, (Problem("602", "Access token expired"),))
    empty = read(
        '{"requestId":"x","success":true,"errors":[],"warnings":["No assets found for the given search criteria."]}'
    )
    assert (empty.success, empty.result, empty.warnings) == (
        True,
        None,
        ("No assets found for the given search criteria.",),
    )
    assert (empty.next_page_token, empty.more_result) == (None, False)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ('{"success":true,"result":null}', "result", None),
        ('{"success":true,"nextPageToken":""}', "next_page_token", None),
        ('{"success":true,"nextPageToken":null,"moreResult":null}', "more_result", False),
        ('{"success":true,"errors":null,"warnings":null}', "problems", ()),
        ('{"success":true,"requestId":17}', "request_id", "17"),
        ('{"success":true,"requestId":null}', "request_id", ""),
        ('{"success":true,"warnings":[{"code":1},"two"]}', "warnings", ("{'code': 1}", "two")),
        ('{"success":false,"errors":[{"code":611,"message":null,"more":[]}]}', "problems", (Problem(611, None),)),
        ('{"success":false,"errors":[{}]}', "problems", (Problem("", None),)),
        ('  {"success" : true , "unknown" : {"a":[1]}}\r\n', "success", True),
    ],
)
def test_what_is_written_otherwise_is_read_all_the_same(text: str, name: str, value: Any) -> None:
    assert getattr(read(text), name) == value


def test_records_are_slices_of_the_answer() -> None:
    rows = '{"id":9007199254742066,"a":0.10000000000000000555, "text":"\\u65e5 日 \\/"},{"id":2,"a":1E400,"updatedAt":"2026-10-01"}'
    found = read(f'{{"success":true,"result":[{rows}]}}').records(LOOK)
    assert b",".join(map(bytes, found.records)).decode() == rows
    assert (found.ids, found.cursor_max, found.rejected) == ([9007199254742066, 2], "2026-10-01", [])


scalars = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
rows = st.lists(st.dictionaries(st.sampled_from(["id", "a", "updatedAt", "Id"]), values, max_size=4), max_size=5)


@settings(deadline=None, max_examples=50)
@given(rows=rows, ascii_only=st.booleans(), token=st.none() | st.text(max_size=5), more=st.booleans())
def test_whatever_the_rows_hold_they_come_out_as_they_went_in(
    rows: Any, ascii_only: bool, token: Any, more: bool
) -> None:
    sent = {"requestId": "1#2", "success": True, "result": rows, "nextPageToken": token, "moreResult": more}
    answer = read(json.dumps(sent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))
    assert (answer.next_page_token, answer.more_result) == (token or None, more)
    found = answer.records(LOOK)
    good = [row for row in rows if isinstance(row.get("id"), str | int) and not isinstance(row.get("id"), bool)]
    assert [json.loads(bytes(raw)) for raw in found.records] == good
    assert len(found.rejected) == len(rows) - len(good)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "0 bytes, empty"), (b"  \n", "3 bytes, empty"), (b"<html>x", "an HTML page"),
        (b"\n<!DOCTYPE HTML><p>", "an HTML page"),
        (b'{"success":true,"result":[{"id":1', "JSON cut short"), (b'{"success":"yes"}', "other JSON"), (b"[]", "other JSON"),
        (b'{"result":[]}', "other JSON"), (b"{}", "other JSON"), (b'{"success":true,"moreResult":"no"}', "other JSON"),
        (b'{"success":true}{', "other JSON"), (b"Service Unavailable", "something else"), (b"\xff\xfe{", "something else"),
        (b'{"success":true,"x":' + b"[" * 9000, "JSON"), (b"null", "something else"),
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_envelope_is_worth_another_try(body: bytes, kind: str) -> None:
    with pytest.raises(Transient) as raised:
        read(body)
    assert str(raised.value).startswith(f"{CALL}: the answer is no envelope of Marketo's")
    assert kind in str(raised.value)
    assert (raised.value.finally_raise, raised.value.tries) == (ContractBroken, 4)


def test_nothing_of_a_body_is_quoted() -> None:
    with pytest.raises(Transient) as raised:
        read(b'{"access_token":"0b5e2f5e-7a0c","success":"0b5e2f5e-7a0c"}')
    assert "0b5e" not in str(raised.value)


def test_half_a_character_is_marked_where_it_stands() -> None:
    answer = read(rb'{"success":true,"result":[{"id":1,"n":"\ud83d x"},{"id":2,"n":"\ud83d\ude00"},{"id":3}]}')
    assert answer.marked
    found = answer.records(LOOK)
    assert found.ids == [2, 3]
    assert [one.reason for one in found.rejected] == [r"an unpaired surrogate (shown as \uffff\ufffe\uffff)"]


@pytest.mark.parametrize("result", ['{"id":1}', '"text"', "1", "true"])
def test_rows_that_are_none_are_a_broken_contract_that_names_the_call(result: str) -> None:
    with pytest.raises(ContractBroken, match=r"^GET /rest/v1/x\.json: the rows of an answer cannot be read"):
        read(f'{{"success":true,"result":{result}}}').records(LOOK)
