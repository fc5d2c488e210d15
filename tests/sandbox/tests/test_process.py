"""The command and its helper; the request log."""

from __future__ import annotations

import time
from http.client import HTTPConnection

import msgspec
from click.testing import CliRunner

from sandbox.cli import main
from sandbox.client import SandboxProcess

HEADERS = {"authenticationKey": "k1", "authenticationToken": "t1"}


def test_as_a_process():
    with SandboxProcess("pestroutes", records=20, seed=2, key="k1", token="t1", gzip=True) as sandbox:
        connection = HTTPConnection(sandbox.url.split("/")[2], timeout=10)
        connection.request("POST", "/api/customer/search", b'{"officeIDs":0,"authenticationToken":"t1"}', HEADERS)
        assert msgspec.json.decode(connection.getresponse().read())["count"] == 20
        connection.close()
        assert len(list(sandbox.truth("customer"))) == 20
        sandbox.advance(days=1)
        assert sandbox.now.startswith("2026-10-02")
        sandbox.faults({"fault": "reset"})
        assert sandbox.faults() == []
        assert sandbox.requests()[0]["entity"] == "customer"
        sandbox.clear_requests()
        assert sandbox.requests() == []


def test_every_option_is_explained():
    text = CliRunner().invoke(main, ["pestroutes", "--help"]).output
    for option in (
        "records",
        "seed",
        "port",
        "host",
        "offices",
        "key",
        "token",
        "cap",
        "page-limit",
        "latency",
        "gzip",
    ):
        assert f"--{option}" in text
    for option in ("now", "minute-limit", "day-limit", "timezone"):
        assert f"--{option}" in text


def test_the_log_knows_what_was_asked_but_no_secret(start):
    sandbox, client = start()
    client.form("customer/search", "officeIDs=0&lname=Test&authenticationKey=key&authenticationToken=token", headers={})
    client.query("customer/get", "customerIDs=10000&authenticationKey=key&authenticationToken=token", headers={})
    sandbox.faults({"fault": "http_500"})
    client.raw("POST", "/api/office/search")
    first, second, third = sandbox.requests()
    assert (first["entity"], first["action"], first["office"]) == ("customer", "search", "0")
    assert first["filters"] == {"officeIDs": "0", "lname": "Test"}
    assert (second["action"], second["ids"], second["filters"]) == ("get", 1, {})
    assert second["bytes"] > 500
    assert (third["status"], third["faults"], third["bytes"]) == (500, ["http_500"], 2)
    assert sandbox.requests(since=first["n"]) == [second, third]
    assert "authentication" not in str(sandbox.requests())
    client.raw("DELETE", "/_sandbox/requests")
    assert sandbox.requests() == []


def test_latency(start):
    _, client = start(latency=0.1)
    began = time.monotonic()
    client.call("office/search")
    assert time.monotonic() - began >= 0.1
