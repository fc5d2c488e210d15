"""A sandbox for each test, and a client that speaks plain HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import pytest

from sandbox.pestroutes import PestRoutesSandbox

HEADERS = {"authenticationKey": "key", "authenticationToken": "token"}


class Client:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)

    def raw(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] = HEADERS
    ) -> tuple[int, dict[str, str], bytes]:
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()

    def form(self, path: str, text: str, headers: dict[str, str] = HEADERS) -> dict[str, Any]:
        """POST a form that is given as it goes over the wire, but for brackets, quotes and blanks."""
        body = quote(text, safe="=&,%").encode()
        given = {"Content-Type": "application/x-www-form-urlencoded"} | headers
        return msgspec.json.decode(self.raw("POST", f"/api/{path}", body, given)[2])

    def query(self, path: str, text: str = "", headers: dict[str, str] = HEADERS) -> dict[str, Any]:
        """GET with a query."""
        return msgspec.json.decode(self.raw("GET", f"/api/{path}?{quote(text, safe='=&,%')}", headers=headers)[2])

    def call(self, path: str, headers: dict[str, str] = HEADERS, **parameters: Any) -> dict[str, Any]:
        """POST JSON."""
        given = {"Content-Type": "application/json"} | headers
        return msgspec.json.decode(self.raw("POST", f"/api/{path}", msgspec.json.encode(parameters), given)[2])

    def ids(self, entity: str, **parameters: Any) -> list[int]:
        """The ids of a search over all offices."""
        answer = self.call(f"{entity}/search", **{"officeIDs": 0} | parameters)
        assert answer["success"], answer
        return answer[answer.get("idName") or answer["propertyName"]]


Start = Callable[..., tuple[PestRoutesSandbox, Client]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a sandbox with options; it and its client are closed after the test."""
    with ExitStack() as stack:

        def run(**options: Any) -> tuple[PestRoutesSandbox, Client]:
            sandbox = stack.enter_context(PestRoutesSandbox(**{"records": 60, "seed": 7} | options))
            client = Client(sandbox.url)
            stack.callback(client.connection.close)
            return sandbox, client

        yield run
