"""Fixtures of the Marketo extractor's tests: what was extracted, beside what the sandbox knows to be true."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from transload.http_client import HttpClient
from transload.lake_directory import DirectoryLake
from transload.layout import StreamKeys, commit_records

# The sandbox's clock stands here, and nothing is older than SINCE.
UNTIL, SINCE = "2026-10-01T15:00:00Z", "2026-04-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """Every test here begins without settings from outside."""


@pytest.fixture
def source_name() -> str:
    return "marketo"


@pytest.fixture
def connect_to(monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> Callable[..., None]:
    """Returns a function that points the ``marketo`` command at a sandbox; it polls, and calls, as fast as it can."""

    def connect(sandbox: Any, client_id: str = "id", secret: str = "secret") -> None:
        monkeypatch.setenv("MARKETO_BASE_URL", sandbox if isinstance(sandbox, str) else sandbox.url)
        monkeypatch.setenv("MARKETO_CLIENT_ID", client_id)
        monkeypatch.setenv("MARKETO_CLIENT_SECRET", secret)
        monkeypatch.setenv("MARKETO_POLL", "0.05")
        monkeypatch.setenv("MARKETO_RATE", "1000000")
        monkeypatch.setenv("TRANSLOAD_START", SINCE)

    return connect


@pytest.fixture
def sandbox(marketo: Any, connect_to: Any) -> Any:
    """A sandbox of 60 leads, and 20 activities and 60 events of leads a day, to which the command is pointed."""
    found = marketo(records=60, activities_per_day=20, changes_per_day=60)
    connect_to(found)
    return found


@pytest.fixture
def extract(run: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Returns a function that runs ``marketo extract`` into ``tmp_path / "lake"``."""

    def command(*arguments: object) -> Any:
        return run("extract", *arguments, "--destination", tmp_path / "lake", "--json")

    return command


@pytest.fixture
def committed(tmp_path: Path) -> Callable[[str], list[Any]]:
    """Returns a function that gives the commit records of a stream, by the ends of their windows."""

    def read(stream: str) -> list[Any]:
        lake = DirectoryLake(str(tmp_path / "lake"))
        return sorted(commit_records(lake, StreamKeys("marketo", stream)), key=lambda record: record.until)

    return read


@pytest.fixture
def extracted(
    committed: Callable[[str], list[Any]], tmp_path: Path, read_part: Callable[[Any, str], bytes]
) -> Callable[[str], list[Any]]:
    """Returns a function that reads the records of all committed loads of a stream, in their order."""

    def read(stream: str) -> list[Any]:
        lake = DirectoryLake(str(tmp_path / "lake"))
        parts = [part for record in committed(stream) for part in record.parts]
        return [json.loads(line) for part in parts for line in read_part(lake, part.key).splitlines()]

    return read


@pytest.fixture
def quarantined(tmp_path: Path, read_part: Callable[[Any, str], bytes]) -> Callable[[str], list[Any]]:
    """Returns a function that reads what went to quarantine of a stream."""

    def read(stream: str) -> list[Any]:
        lake = DirectoryLake(str(tmp_path / "lake"))
        found = lake.list(f"marketo/{stream}/_quarantine/")
        return [json.loads(line) for one in found for line in read_part(lake, one.key).splitlines()]

    return read


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str], list[str]]:
    """Returns a function that lists what stands in a folder of the lake."""
    return lambda folder: [one.key for one in DirectoryLake(str(tmp_path / "lake")).list(folder)]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for; none is waited out, nor is the disk."""
    asked: list[float] = []
    monkeypatch.setattr(HttpClient, "pause", lambda self, seconds: asked.append(seconds))
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    return asked


@pytest.fixture
def feed(extract: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that loads a stream over REST: the last day of it, unless told otherwise."""
    day = ("--since", "2026-09-30T15:00:01Z", "--until", "2026-10-01T15:00:01Z")
    return lambda stream, *arguments: extract(stream, "--transport", "rest", *(arguments or day))


@pytest.fixture
def asked(sandbox: Any) -> Callable[..., list[tuple[Any, ...]]]:
    """Returns a function that gives parameters of the answered calls of an action, in order."""

    def parameters(action: str, *names: str) -> list[tuple[Any, ...]]:
        return [
            tuple(one["params"].get(name) for name in names)
            for one in sandbox.requests()
            if one["action"] == action and one["status"] == 200 and not one["code"]
        ]

    return parameters


@pytest.fixture
def lake_bytes(committed: Any, tmp_path: Any, read_part: Callable[[Any, str], bytes]) -> Callable[..., bytes]:
    """Returns a function that reads the committed parts of some streams, as they are."""

    def read(*streams: str) -> bytes:
        lake = DirectoryLake(str(tmp_path / "lake"))
        parts = [part.key for stream in streams for record in committed(stream) for part in record.parts]
        return b"".join(read_part(lake, key) for key in parts)

    return read


class Scripted:
    """An account whose answers are what a test says: a real HTTP server over a socket.

    ``answers`` has a function for a path. It takes the query, and gives rows, rows and the next token, or a status and a body.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[dict[str, str]], Any]] = {}
        self.asked: list[str] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = vendor.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        if parts.path == "/identity/oauth/token":
            return 200, b'{"access_token":"0b5e2f5e-7a0c-4c3e-9b53-5f0b6d2d1c11:ab","expires_in":3599}'
        self.asked.append(parts.path)
        found = self.answers[parts.path](dict(parse_qsl(parts.query)))
        if isinstance(found, tuple) and isinstance(found[0], int):
            return found
        rows, token = found if isinstance(found, tuple) else (found, None)
        more = b',"nextPageToken":"%s"' % token.encode() if token else b""
        return 200, b'{"requestId":"a1#2","success":true,"result":[%s]%s}' % (b",".join(rows), more)


@pytest.fixture
def vendor(connect_to: Any) -> Iterator[Scripted]:
    """A scripted account, to which the command is pointed."""
    scripted = Scripted()
    thread = Thread(target=scripted.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    connect_to(scripted.url)
    yield scripted
    scripted.server.shutdown()
    scripted.server.server_close()
    thread.join()
