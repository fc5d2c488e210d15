"""HTTP/1.1 around the API: connections, bodies, and the faults of the wire."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import msgspec

from sandbox.pestroutes.admin import Admin, RequestLog
from sandbox.pestroutes.api import Answer, Api
from sandbox.pestroutes.encodings import decode

MAX_URL = 8000  # characters; long id lists do not fit a URL (sources/pestroutes.md §1)
HTML = "text/html; charset=UTF-8"  # of every answer (sources/pestroutes.md §1)


class Server(ThreadingHTTPServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], api: Api, latency: float = 0.0, gzipped: bool = False) -> None:
        super().__init__(address, Handler)
        self.api = api
        self.log = RequestLog()
        self.admin = Admin(api.world, api.faults, self.log)
        self.latency = latency
        self.gzipped = gzipped
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Remember the connection, so that closing the server closes it."""
        connection, peer = super().get_request()
        with self._guard:
            self._open.add(connection)
        return connection, peer

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Forget the connection."""
        if isinstance(request, socket.socket):
            with self._guard:
                self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no event; anything else is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def server_close(self) -> None:
        """Close the port and every connection."""
        super().server_close()
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "PestRoutesSandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 0
    _note: Callable[[int, int], None] | None = None  # logs an answer: bytes of its body, and its status

    def do_GET(self) -> None:
        """Read the parameters from the query."""
        self._route()

    def do_POST(self) -> None:
        """Read the parameters from the body, too."""
        self._route()

    def do_DELETE(self) -> None:
        """For the sandbox's own controls."""
        self._route()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: request lines may hold credentials."""

    def _route(self) -> None:
        url = urlsplit(self.path)
        body = self._body()
        parts = [part for part in url.path.split("/") if part]
        if parts[:1] == ["_sandbox"] and len(parts) > 1:
            self._control(parts[1:], url.query, body)
        elif len(self.path) > MAX_URL:
            self._send(b"<html><body>Request-URI Too Large</body></html>", 414, HTML)
        elif parts[:1] == ["api"] and len(parts) == 3 and self.command != "DELETE":
            self._call(parts[1], parts[2], url.query, body)
        else:
            self._send(b"<html><body>Not Found</body></html>", 404, HTML)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    # --- the vendor's part

    def _call(self, entity: str, action: str, query: str, body: bytes) -> None:
        began = time.monotonic()
        parameters = decode(query, body, self.headers.get("Content-Type", ""), _lower(self.headers.items()))
        answer = self.server.api.handle(entity, action, parameters)
        time.sleep(max(0.0, self.server.latency - (time.monotonic() - began)))
        self._note = partial(self.server.log.add, entity, action, self.command, answer)
        if "reset" in answer.struck:
            self._note(0, 0)
            self._reset()
        elif "hang" in answer.struck:
            self._note(0, 0)
            time.sleep(answer.struck["hang"].number("seconds", 60))
            self.close_connection = True
        else:
            self._answer(answer)
        self._note = None

    def _answer(self, answer: Answer) -> None:
        """Send, with the faults that need a whole answer."""
        struck = answer.struck
        if replaced := _replaced(answer):
            body, status, content_type, headers = replaced
            self._send(body, status, content_type, headers)
            return
        content_type = HTML  # though it is JSON
        if "wrong_content_type" in struck:
            content_type = str(struck["wrong_content_type"].options.get("value", "application/pdf"))
        if "truncated_gzip" in struck:
            cut = gzip.compress(answer.body, 1)
            self._send(cut[: len(cut) // 2], 200, content_type, {"Content-Encoding": "gzip"})
        elif "truncated_body" in struck:
            half = answer.body[: len(answer.body) // 2]
            self._head(200, content_type, len(answer.body), {}, sent=len(half))
            self.wfile.write(half)
            self.close_connection = True
        elif "slow_drip" in struck:
            fault = struck["slow_drip"]
            self._drip(answer, content_type, int(fault.number("pieces", 10)), fault.number("seconds", 0.1))
        elif self.server.gzipped and "gzip" in self.headers.get("Accept-Encoding", ""):
            self._send(gzip.compress(answer.body, 1), 200, content_type, {"Content-Encoding": "gzip"})
        else:
            self._send(answer.body, 200, content_type)

    def _drip(self, answer: Answer, content_type: str, pieces: int, seconds: float) -> None:
        self._head(200, content_type, len(answer.body), {})
        size = -(-len(answer.body) // pieces)
        for start in range(0, len(answer.body), size):
            self.wfile.write(answer.body[start : start + size])
            time.sleep(seconds)

    def _reset(self) -> None:
        """Close with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    # --- the sandbox's own part

    def _control(self, parts: list[str], query: str, body: bytes) -> None:
        if parts[0] == "truth" and len(parts) == 2 and parts[1] in self.server.api.world.tables:
            self._stream(self.server.admin.truth(parts[1]))
            return
        try:
            given = msgspec.json.decode(body) if body else {}
            result = self.server.admin.handle(self.command, parts[0], dict(parse_qsl(query)), given)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._send(msgspec.json.encode({"error": str(error)}), 400, "application/json")
            return
        self._send(msgspec.json.encode(result), 200, "application/json")

    def _stream(self, pieces: Iterator[bytes]) -> None:
        self._head(200, "application/x-ndjson", None, {"Transfer-Encoding": "chunked"})
        for piece in pieces:
            if piece:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    # --- bytes

    def _head(
        self, status: int, content_type: str, length: int | None, headers: dict[str, str], sent: int | None = None
    ) -> None:
        """Log first: who has the answer finds it in the log."""
        if self._note:
            self._note((length or 0) if sent is None else sent, status)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, body: bytes, status: int, content_type: str, headers: dict[str, str] | None = None) -> None:
        self._head(status, content_type, len(body), headers or {})
        self.wfile.write(body)


def _lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _replaced(answer: Answer) -> tuple[bytes, int, str, dict[str, str]] | None:
    """The faults that put something else in the answer's place."""
    struck = answer.struck
    if "html_502" in struck:
        return b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", 502, HTML, {}
    if "http_500" in struck:
        return b"{}", 500, HTML, {}
    if "http_503" in struck:
        return b"Service Unavailable", 503, "text/plain", {}
    if "http_429" in struck:
        wait = str(struck["http_429"].options.get("retry_after", 1))
        return b"Too Many Requests", 429, "text/plain", {"Retry-After": wait}
    if "html_200" in struck:
        return b"<!DOCTYPE html><html><body>Down for maintenance</body></html>", 200, HTML, {}
    if "not_json" in struck:
        return b'Warning: mysqli::query() in line 7{"params":', 200, HTML, {}
    return None
