"""A proxy that goes wrong on demand, in front of a vendor's API or an S3 server: real sockets, real HTTP.

::

    with Proxy("http://127.0.0.1:8091/api") as proxy:  # point the client at proxy.url
        rule = proxy.add(reset("within"), path="/customer/get", first=2, times=3)
        ...
        assert rule.struck == 3

A request goes on as the client sent it, Host included, so what is signed stays signed. Bodies are held in memory, whole.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

UPSTREAM_SECONDS = 120.0
_HOP = {"connection", "keep-alive", "expect", "transfer-encoding", "proxy-connection"}

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server, or one in its place.

    Args:
        status: of HTTP.
        headers: in their order, Content-Length among them or not.
        body: as it goes over the wire.
        whole: False where the server itself broke off.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    whole: bool = True

    def with_body(self, body: bytes, *more: tuple[str, str]) -> Reply:
        """The same with another body, of which Content-Length tells truly."""
        names = {"content-length", *(name.lower() for name, _ in more)}
        return replace(self, headers=[*(one for one in self.headers if one[0].lower() not in names), *more], body=body)

    def encoded(self, *, length: int | None = None, bodiless: bool = False) -> tuple[bytes, bytes]:
        """Head and body. ``length`` is what Content-Length is to say; ``bodiless`` is for answers to HEAD."""
        names = [name.lower() for name, _ in self.headers]
        headers = list(self.headers)
        if length is not None or "content-length" not in names:
            headers = [one for one in headers if one[0].lower() != "content-length"]
            if self.status not in (204, 304):
                headers.append(("Content-Length", str(len(self.body) if length is None else length)))
        reason = http.client.responses.get(self.status, "")
        lines = [f"HTTP/1.1 {self.status} {reason}", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1"), b"" if bodiless else self.body


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that has come whole, and the means to deal with it.

    Args:
        method: of HTTP.
        path: with its query string.
        headers: as the client sent them.
        body: whole.
        proxy: that it came to.
    """

    method: str
    path: str
    headers: Headers
    body: bytes
    proxy: Proxy
    _handler: _Handler

    def header(self, name: str) -> str:
        """A header's value; empty if it was not sent."""
        return next((value for one, value in self.headers if one.lower() == name.lower()), "")

    def ask(self) -> Reply:
        """Let the server do the work. Raises OSError or HTTPException where it does not answer."""
        return self.proxy.ask(self)

    def answer(self, reply: Reply) -> None:
        """Send an answer; a connection on which it was not whole is closed."""
        self.write(b"".join(reply.encoded(bodiless=self.method == "HEAD")))
        if not reply.whole:
            self.close()

    def write(self, data: bytes) -> None:
        """Send raw bytes."""
        self._handler.wfile.write(data)

    def pause(self, seconds: float) -> None:
        """Wait; the proxy's end ends it."""
        self.proxy.ended.wait(seconds)

    def close(self, *, reset: bool = False) -> None:
        """End the client's connection, properly or by a TCP reset."""
        self._handler.drop(reset=reset)


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a request.

    Args:
        name: under which it is counted.
        act: deals with an exchange in full.
    """

    name: str
    act: Callable[[Exchange], None]


@dataclass(slots=True)
class Rule:
    """Which requests a fault strikes.

    Args:
        fault: what happens to them.
        method: of HTTP; None for any.
        path: a regular expression that is found somewhere in path and query.
        where: a further condition.
        first: the number of the matching request, from 1, that is struck first.
        times: how many in a row are struck from there on; None for ever.
        struck: how many were.
    """

    fault: Fault
    method: str | None = None
    path: str = ""
    where: Callable[[Exchange], bool] | None = None
    first: int = 1
    times: int | None = 1
    struck: int = 0
    seen: int = field(default=0, repr=False)

    def strikes(self, exchange: Exchange) -> bool:
        """Count a request, and say whether it is struck."""
        if (self.method not in (None, exchange.method)) or not re.search(self.path, exchange.path):
            return False
        if self.where is not None and not self.where(exchange):
            return False
        self.seen += 1
        if self.seen < self.first or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


class Proxy:
    """Listens on a port of the loopback while its context lasts.

    Args:
        upstream: the server's base URL; ``url`` is the same one by way of the proxy.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._bound = 0
        self.refuses = False
        self.ended = threading.Event()
        self.requests = 0
        self.counts: Counter[str] = Counter()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._bound

    @property
    def url(self) -> str:
        """The base URL for the client."""
        return f"http://127.0.0.1:{self._bound}{self._path}"

    def add(self, fault: Fault, **which: Any) -> Rule:
        """Let requests be struck from now on; of several rules that match, the first added strikes.

        Args:
            fault: what happens to them.
            which: the further arguments of ``Rule``.
        """
        rule = Rule(fault, **which)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """No faults any more; counts stay."""
        with self._lock:
            self._rules.clear()

    @contextmanager
    def during(self, *rules: Rule) -> Iterator[None]:
        """Only these rules, none for no faults at all, for as long as the context lasts."""
        with self._lock:
            before, self._rules = self._rules, list(rules)
        try:
            yield
        finally:
            with self._lock:
                self._rules = before

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse connections, and end those that are open at their next request, for as long as the context lasts."""
        self.refuses = True
        self._stop()
        try:
            yield
        finally:
            self.refuses = False
            self._start()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._stop()

    def _start(self) -> None:
        self._server = _Server(("127.0.0.1", self._bound), _Handler)
        self._server.proxy = self
        self._bound = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="proxy", daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def deal(self, exchange: Exchange) -> None:
        """What becomes of one request: a fault, or the server's answer."""
        if self.refuses:
            exchange.close(reset=True)
            return
        with self._lock:
            self.requests += 1
            rule = next((one for one in self._rules if one.strikes(exchange)), None)
            if rule is not None:
                self.counts[rule.fault.name] += 1
        if rule is not None:
            rule.fault.act(exchange)
            return
        exchange.answer(exchange.ask())

    def ask(self, exchange: Exchange) -> Reply:
        """Send a request on to the server."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=UPSTREAM_SECONDS)
        try:
            connection.putrequest(exchange.method, exchange.path, skip_host=True, skip_accept_encoding=True)
            for name, value in exchange.headers:
                if name.lower() not in _HOP and name.lower() != "content-length":
                    connection.putheader(name, value)
            if exchange.body or exchange.header("content-length"):
                connection.putheader("Content-Length", str(len(exchange.body)))
            connection.endheaders(exchange.body or None)
            answer = connection.getresponse()
            headers = [one for one in answer.getheaders() if one[0].lower() not in _HOP]
            try:
                return Reply(answer.status, headers, answer.read())
            except http.client.IncompleteRead as error:
                return Reply(answer.status, headers, error.partial, whole=False)
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    proxy: Proxy
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave, and servers that do not answer, are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _deal(self) -> None:
        exchange = Exchange(self.command, self.path, self.headers.items(), self._body(), self.server.proxy, self)
        try:
            self.server.proxy.deal(exchange)
        except (OSError, http.client.HTTPException):
            # The server broke off, or the client left: either way the client sees a connection that ends.
            self.drop(reset=True)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _deal  # noqa: N815 - the base class looks for these names

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        whole = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return bytes(whole)

    def drop(self, *, reset: bool) -> None:
        """Close the connection under whatever still holds it."""
        self.close_connection = True
        with suppress(OSError):
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.connection.shutdown(socket.SHUT_WR)
            socket.close(self.connection.detach())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""
