"""The proxy of the fault tests: what it lets pass is as it was, and each fault is what it says to a plain client."""

from __future__ import annotations

import gzip
import http.client
import http.server
import threading
import time
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest

from transload.testing import faults
from transload.testing.proxy import Fault, Proxy

BODY = bytes(range(256)) * 400


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what came, behind it ``BODY``; in chunks where the path says so."""

    protocol_version = "HTTP/1.1"
    served: list[str]

    def _answer(self) -> None:
        type(self).served.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))) + BODY
        self.send_response(200)
        self.send_header("X-Host", self.headers["Host"])
        if "chunked" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy before a running server."""
    Handler.served = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    with Proxy(f"http://127.0.0.1:{server.server_address[1]}/base") as found:
        yield found
    server.shutdown()
    server.server_close()
    thread.join()


def ask(
    proxy: Proxy, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request on a connection of its own."""
    parts = urlsplit(proxy.url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
    try:
        connection.request(method, parts.path + path, body, headers)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/x?y=%3D", "/chunked"])
def test_what_passes_is_as_it_was(proxy: Proxy, path: str) -> None:
    answer, body = ask(proxy, path, "PUT", b"\x00sent", Host="bucket.example:1")
    assert (answer.status, answer.headers["X-Host"], body) == (200, "bucket.example:1", b"\x00sent" + BODY)
    assert Handler.served == [f"PUT /base{path}"]
    assert ask(proxy, method="HEAD")[0].headers["Content-Length"] == str(len(BODY))


def test_a_rule_strikes_the_requests_it_names_and_no_others(proxy: Proxy) -> None:
    rule = proxy.add(
        faults.answered(503), method="GET", path="/a", where=lambda one: one.header("X-Mark") == "1", first=2, times=2
    )
    struck = [ask(proxy, "/a", **{"X-Mark": "1"})[0].status for _ in range(5)]
    assert struck == [200, 503, 503, 200, 200]
    assert [ask(proxy, "/a")[0].status, ask(proxy, "/b", **{"X-Mark": "1"})[0].status] == [200, 200]
    assert (rule.struck, proxy.counts["503"], proxy.requests) == (2, 2, 7)
    assert len(Handler.served) == 5
    proxy.add(faults.answered(500), times=None)
    with proxy.during():
        assert ask(proxy)[0].status == 200
    assert [ask(proxy)[0].status for _ in range(3)] == [500, 500, 500]
    proxy.clear()
    assert ask(proxy)[0].status == 200


def test_a_retry_after_is_seconds_or_a_moment_ahead(proxy: Proxy) -> None:
    proxy.add(faults.too_many(3))
    proxy.add(faults.too_many(3, as_date=True))
    assert ask(proxy)[0].headers["Retry-After"] == "3"
    ahead = parsedate_to_datetime(ask(proxy)[0].headers["Retry-After"]).timestamp() - time.time()
    assert 2 < ahead <= 4


@pytest.mark.parametrize(
    ("fault", "error", "served"),
    [
        (faults.reset("before"), ConnectionResetError, 0),
        (faults.reset("within"), (ConnectionResetError, http.client.IncompleteRead), 1),
        (faults.reset("lost"), ConnectionResetError, 1),
        (faults.closed_within(), http.client.IncompleteRead, 1),
        (faults.hang(0.05), http.client.RemoteDisconnected, 0),
        (faults.wrong_length(5), http.client.IncompleteRead, 1),
    ],
    ids=lambda one: one.name if isinstance(one, Fault) else "",
)
def test_a_connection_breaks_where_the_fault_says(
    proxy: Proxy, fault: Fault, error: type[Exception] | tuple[type[Exception], ...], served: int
) -> None:
    proxy.add(fault)
    with pytest.raises(error):
        ask(proxy)
    assert len(Handler.served) == served
    assert ask(proxy)[1] == BODY


def test_bodies_that_are_whole_late_or_less_than_they_should_be(proxy: Proxy) -> None:
    proxy.add(faults.reset("after"))
    proxy.add(faults.drip(0.1, 4))
    assert ask(proxy)[1] == ask(proxy)[1] == BODY
    proxy.add(faults.wrong_length(-5))
    assert ask(proxy)[1] == BODY[:-5]
    proxy.add(faults.truncated_gzip())
    answer, body = ask(proxy)
    assert answer.headers["Content-Encoding"] == "gzip"
    unpacking = zlib.decompressobj(wbits=31)
    assert BODY.startswith(unpacking.decompress(body))
    assert not unpacking.eof
    with pytest.raises(EOFError):
        gzip.decompress(body)


def test_an_error_of_s3_comes_before_or_behind_the_work(proxy: Proxy) -> None:
    proxy.add(faults.s3_error(503, "SlowDown"))
    proxy.add(faults.s3_error(500, "InternalError", served=True))
    assert b"<Code>SlowDown</Code>" in ask(proxy, method="PUT")[1]
    assert Handler.served == []
    assert ask(proxy, method="PUT")[0].status == 500
    assert Handler.served == ["PUT /base/"]


def test_connections_are_refused_and_then_taken_again(proxy: Proxy) -> None:
    before = proxy.url
    with proxy.refusing(), pytest.raises(ConnectionRefusedError):
        ask(proxy)
    assert proxy.url == before
    assert ask(proxy)[1] == BODY
