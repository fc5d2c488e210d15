"""A sandbox for each test, and a client that speaks plain HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import pytest

from sandbox.marketo import MarketoSandbox
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


class Marketo:
    """A client of the Marketo sandbox that knows no more than paths."""

    def __init__(self, url: str, user: str = "id", secret: str = "secret") -> None:
        parts = urlsplit(url)
        self.connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        self.credentials = {"grant_type": "client_credentials", "client_id": user, "client_secret": secret}
        self.token = ""

    def raw(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request with the token."""
        given = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        self.connection.request(method, path, body, given)
        answer = self.connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()

    def log_in(self) -> dict[str, Any]:
        """Get a token."""
        answer = msgspec.json.decode(self.raw("GET", f"/identity/oauth/token?{urlencode(self.credentials)}")[2])
        self.token = answer.get("access_token", "")
        return answer

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """GET of JSON."""
        query = f"?{urlencode(params)}" if params else ""
        return msgspec.json.decode(self.raw("GET", f"{path}.json{query}")[2])

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        """POST of JSON."""
        data = b"" if body is None else msgspec.json.encode(body)
        return msgspec.json.decode(self.raw("POST", f"{path}.json", data, {"Content-Type": "application/json"})[2])

    def created(self, kind: str, **body: Any) -> str:
        """The id of a new job."""
        answer = self.post(f"/bulk/v1/{kind}/export/create", body)
        assert answer["success"], answer
        return answer["result"][0]["exportId"]

    def finished(self, kind: str, export: str) -> dict[str, Any]:
        """Enqueue a job and wait for its end."""
        assert self.post(f"/bulk/v1/{kind}/export/{export}/enqueue")["success"]
        status: dict[str, Any] = {"status": ""}
        while status["status"] not in ("Completed", "Failed"):
            status = self.get(f"/bulk/v1/{kind}/export/{export}/status")["result"][0]
        return status

    def file(self, kind: str, export: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """The file of a job."""
        return self.raw("GET", f"/bulk/v1/{kind}/export/{export}/file.json", headers=headers)

    def export(self, kind: str, **body: Any) -> bytes:
        """The file of a new job."""
        export = self.created(kind, **body)
        assert self.finished(kind, export)["status"] == "Completed"
        return self.file(kind, export)[2]


StartMarketo = Callable[..., tuple[MarketoSandbox, Marketo]]


@pytest.fixture
def marketo() -> Iterator[StartMarketo]:
    """Start a Marketo sandbox with settings, and a client that has logged in."""
    with ExitStack() as stack:

        def run(**settings: Any) -> tuple[MarketoSandbox, Marketo]:
            usual: dict[str, Any] = {"records": 120, "seed": 7, "history_days": 20, "job_polls": 0}
            sandbox = stack.enter_context(MarketoSandbox(**usual | settings))
            client = Marketo(sandbox.url)
            stack.callback(client.connection.close)
            client.log_in()
            return sandbox, client

        yield run


@pytest.fixture
def second_user() -> Iterator[Callable[..., Marketo]]:
    """Another client of a sandbox that is running."""
    with ExitStack() as stack:

        def log_in(sandbox: MarketoSandbox, user: str = "id", secret: str = "secret") -> Marketo:
            client = Marketo(sandbox.url, user, secret)
            stack.callback(client.connection.close)
            client.log_in()
            return client

        yield log_in


TEXT = {"string", "text", "textarea", "email", "phone", "url", "array"}
ACTIVITY = {
    "marketoGUID": "string",
    "leadId": "integer",
    "activityDate": "datetime",
    "activityTypeId": "integer",
    "campaignId": "integer",
    "primaryAttributeValueId": "integer",
    "primaryAttributeValue": "string",
    "attributes": "json",
    "actionResult": "string",
}


def _value(text: str, type_: str) -> Any:
    """A field of a file with its type."""
    if text == "null":
        return None
    if type_ in TEXT:
        return text
    if text == "":
        return None
    if type_ in ("integer", "score", "percent", "reference"):
        number = Decimal(text)
        assert number == int(number)
        return int(number)
    if type_ in ("float", "currency"):
        return float(text)
    if type_ == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}[text]
    return msgspec.json.decode(text) if type_ == "json" else text


@pytest.fixture(scope="session")
def table() -> Callable[..., list[list[str]]]:
    """Header and rows of a bulk file, as a careful client reads it (sources/marketo.md §7)."""
    return _table


@pytest.fixture(scope="session")
def records() -> Callable[..., list[dict[str, Any]]]:
    """Typed records of a bulk file; without types they are those of activities."""
    return _records


def _table(data: bytes, separator: str = ",") -> list[list[str]]:
    csv.field_size_limit(1 << 24)
    return list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator, strict=True))


def _records(data: bytes, types: Mapping[str, str] = ACTIVITY) -> list[dict[str, Any]]:
    header, *rows = _table(data)
    assert all(len(row) == len(header) for row in rows)
    return [{name: _value(text, types[name]) for name, text in zip(header, row, strict=True)} for row in rows]
