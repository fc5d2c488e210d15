"""Downloads over a connection that breaks: every byte once, and in its order."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transload.download import STALLS, download
from transload.errors import ContractBroken, SourceUnavailable
from transload.http_client import Body, HttpClient, Transient

FILE = bytes(range(256)) * 40


@dataclass
class Server:
    """Serves ``FILE``. ``cuts`` are the bytes that each answer in turn gives before it breaks off; behind them all come whole."""

    url: str = ""
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    encoding: str = ""
    shift: int = 0
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            found.asked.append(asked)
            begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and found.ranges else 0
            content = FILE[begin + found.shift :]
            # Ahead of the first byte: a client that does not want the rest is gone before it is written.
            cut = found.cuts.pop(0) if found.cuts else len(content)
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(content)))
            if begin:
                self.send_header("Content-Range", f"bytes {begin + found.shift}-{len(FILE) - 1}/{len(FILE)}")
            if found.encoding:
                self.send_header("Content-Encoding", found.encoding)
            self.end_headers()
            self.wfile.write(content[:cut])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    found = Server()
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{listening.server_address[1]}/file"
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def fetch(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., bytes]]:
    """Returns a function that sets the server up anew and downloads; waits between tries are passed over."""
    client = HttpClient(headers={}, connections=1, retry_seconds=0, stop=threading.Event(), redact=str)
    monkeypatch.setattr(client, "pause", lambda seconds: None)

    def run(offset: int = 0, accept: Callable[[Body], None] = lambda body: None, **how: Any) -> bytes:
        fresh = Server(server.url, **how)
        for name in ("cuts", "ranges", "encoding", "shift", "asked"):
            setattr(server, name, getattr(fresh, name))
        return b"".join(download(client, server.url, accept, offset=offset))

    yield run
    client.close()


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(1, len(FILE) // 2), max_size=4),
    offset=st.integers(0, len(FILE) - 1),
    ranges=st.booleans(),
)
def test_every_byte_comes_once_wherever_it_breaks_off(
    server: Server, cuts: list[int], offset: int, ranges: bool
) -> None:
    client = HttpClient(headers={}, connections=1, retry_seconds=0, stop=threading.Event(), redact=str)
    client.pause = lambda seconds: None  # type: ignore[method-assign]
    server.cuts, server.ranges, server.encoding, server.shift = list(cuts), ranges, "", 0
    assert b"".join(download(client, server.url, lambda body: None, offset=offset)) == FILE[offset:]
    client.close()


def test_what_has_come_is_not_asked_for_again(fetch: Callable[..., bytes], server: Server) -> None:
    assert fetch(100, cuts=[1000, 50]) == FILE[100:]
    assert server.asked == ["bytes=100-", "bytes=1100-", "bytes=1150-"]


def test_a_server_that_gives_no_byte_more_is_given_up(fetch: Callable[..., bytes], server: Server) -> None:
    with pytest.raises(SourceUnavailable, match=rf"500 of {len(FILE)} bytes came, and {STALLS} further tries"):
        fetch(cuts=[500] + [0] * 20)
    assert len(server.asked) == 1 + STALLS


def test_a_compressed_file_is_refused(fetch: Callable[..., bytes]) -> None:
    with pytest.raises(ContractBroken, match="Content-Encoding gzip"):
        fetch(encoding="gzip")


def test_bytes_from_elsewhere_are_refused(fetch: Callable[..., bytes]) -> None:
    with pytest.raises(ContractBroken, match="from 100 on, and gave 'bytes 101-"):
        fetch(100, shift=1)


def test_what_the_caller_does_not_accept_is_no_file(fetch: Callable[..., bytes]) -> None:
    def refuse(body: Body) -> None:
        raise Transient("not yet", finally_raise=ContractBroken)

    with pytest.raises(ContractBroken, match="not yet"):
        fetch(accept=refuse)
