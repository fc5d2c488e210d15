"""Answers that the contract rules out. The vendor here is scripted, as the sandbox keeps to the contract: a real HTTP server
over a socket, whose answers to get are what each test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest

UNTIL = "2026-10-01T15:00:00Z"
IDS = list(range(1, 31))
Get = Callable[[list[int], int], bytes]


def rows(ids: list[Any]) -> bytes:
    """Good records, by id."""
    return json.dumps([{"customerID": str(one), "dateUpdated": "2026-09-01 00:00:00"} for one in ids]).encode()


class Scripted:
    """A vendor with thirty customers. ``get`` makes the rows of an answer from the ids and the number of the call."""

    def __init__(self) -> None:
        self.get: Get = lambda ids, call: rows(ids)
        self.refusals: dict[int, dict[str, Any]] = {}
        self.calls = 0
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                body = vendor.answer(self.path, form)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api"

    def answer(self, path: str, form: dict[str, list[str]]) -> bytes:
        self.calls += 1
        if self.calls in self.refusals:
            return json.dumps({"success": False, **self.refusals[self.calls]}).encode()
        entity, action = path.split("/")[2:4]
        if action == "search":
            ids = IDS if entity == "customer" else [1]
            return json.dumps({"success": True, "idName": f"{entity}IDs", f"{entity}IDs": ids}).encode()
        asked = json.loads(form["customerIDs"][0])
        return b'{"success":true,"propertyName":"customers","customers":' + self.get(asked, self.calls) + b"}"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    scripted = Scripted()
    thread = Thread(target=scripted.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    monkeypatch.setenv("PESTROUTES_BASE_URL", scripted.url)
    monkeypatch.setenv("PESTROUTES_AUTHENTICATION_KEY", "key")
    monkeypatch.setenv("PESTROUTES_AUTHENTICATION_TOKEN", "token")
    yield scripted
    scripted.server.shutdown()
    scripted.server.server_close()
    thread.join()


def committed(outcome: Any) -> Any:
    assert outcome.code == 0, outcome.err
    (load,) = outcome.summary["loads"]
    return load


@pytest.mark.parametrize(
    ("get", "said"),
    [
        (lambda ids, call: b"[]", "gave 0 of 30 records"),
        (lambda ids, call: rows([9_999, *ids]), "not asked for"),
        (lambda ids, call: b'{"1":{}}', "cannot be read"),
    ],
    ids=["nothing", "strangers", "no list"],
)
def test_a_get_that_does_not_answer_what_was_asked_is_never_committed(
    vendor: Scripted, extract: Callable[..., Any], extracted: Callable[..., list[Any]], get: Get, said: str
) -> None:
    vendor.get = get
    outcome = extract("customer", "--until", UNTIL, "--full-refresh")
    assert outcome.code == 65
    assert said in outcome.summary["error"]["message"]
    assert extracted("customer") == []


def test_a_rejected_record_does_not_keep_the_others_from_being_asked_for_again(
    vendor: Scripted, extract: Callable[..., Any], extracted: Callable[..., list[Any]]
) -> None:
    first: list[int] = []

    def get(ids: list[int], call: int) -> bytes:
        good = [one for one in ids if one not in (3, 4)]
        if not first:
            first.append(call)
            return rows(good)[:-1] + b',{"name":"no id"}]'
        return rows([one for one in ids if one != 3])

    vendor.get = get
    load = committed(extract("customer", "--until", UNTIL, "--full-refresh"))
    assert (load["records"], load["quarantined"], load["notes"]) == (29, 1, {})
    assert {row["customerID"] for row in extracted("customer")} == {str(one) for one in IDS if one != 3}


@pytest.mark.parametrize("written", [" 7", "7 ", "7.0"])
def test_an_id_written_oddly_is_the_id_that_was_asked_for(
    vendor: Scripted, extract: Callable[..., Any], extracted: Callable[..., list[Any]], written: str
) -> None:
    vendor.get = lambda ids, call: rows([written if one == 7 else one for one in ids])
    load = committed(extract("customer", "--until", UNTIL, "--full-refresh"))
    assert (load["records"], load["notes"]) == (30, {})
    assert len(extracted("customer")) == 30


def test_half_a_character_sends_its_record_to_quarantine_and_no_other(
    vendor: Scripted, extract: Callable[..., Any], extracted: Callable[..., list[Any]]
) -> None:
    half, whole = rb'{"customerID":"3","fname":"\ud83d x"}', rb'{"customerID":"4","fname":"\ud83d\ude00"}'
    odd = {3: half, 4: whole}
    vendor.get = lambda ids, call: b"[" + b",".join(odd.get(one, rows([one])[1:-1]) for one in ids) + b"]"
    load = committed(extract("customer", "--until", UNTIL, "--full-refresh"))
    assert (load["records"], load["quarantined"]) == (29, 1)
    assert {"customerID": "4", "fname": "\U0001f600"} in extracted("customer")


@pytest.mark.parametrize("cursor", [b"[]", b"false", b"{}", b"null"])
def test_a_cursor_that_is_none_does_not_cost_the_record(
    vendor: Scripted, extract: Callable[..., Any], extracted: Callable[..., list[Any]], cursor: bytes
) -> None:
    vendor.get = lambda ids, call: rows(ids[:-1])[:-1] + b',{"customerID":"30","dateUpdated":' + cursor + b"}]"
    load = committed(extract("customer", "--until", UNTIL, "--full-refresh"))
    assert (load["records"], load["quarantined"]) == (30, 0)


def test_a_key_that_was_taken_is_not_called_wrong_when_the_vendor_refuses_everything(
    vendor: Scripted, extract: Callable[..., Any]
) -> None:
    # A limit whose answer does not say what was used: the search went well, then everything is refused.
    vendor.refusals = {call: {"errorMessage": "Rate limit exceeded", "tokenUsage": {}} for call in range(2, 100)}
    outcome = extract("customer", "--until", UNTIL, "--full-refresh", "--retry-deadline", "1")
    assert outcome.code == 69
    assert "took the same key before" in outcome.summary["error"]["message"]
