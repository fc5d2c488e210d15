"""HTTP/1.1 for every sandbox: connections, bodies, controls, and the faults of the wire."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import msgspec

from sandbox.admin import Admin
from sandbox.faults import Fault

HTML = "text/html; charset=UTF-8"

# What any server, and whatever stands before it, may do. A sandbox adds its vendor's own.
WIRE_FAULTS: Mapping[str, str] = {
    "html_502": "HTTP 502 with an HTML body",
    "http_500": "HTTP 500, empty JSON",
    "http_503": "HTTP 503, text",
    "http_429": "HTTP 429 with Retry-After `retry_after` (seconds or a date; default 1) (hypothetical)",
    "html_200": "HTTP 200 with an HTML page",
    "not_json": "HTTP 200 with text that is no JSON",
    "truncated_gzip": "a gzip body that ends too early",
    "truncated_body": "Content-Length is longer than the body, then the connection closes",
    "reset": "the connection is reset",
    "hang": "no answer for `seconds` (60), then the connection closes",
    "slow_drip": "the body comes in `pieces` (10), `seconds` (0.1) apart",
    "wrong_content_type": "Content-Type `value` (application/pdf)",
}


class Server(ThreadingHTTPServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], handler: type[Handler], admin: Admin) -> None:
        # First what closing needs: an address that is taken closes the server at once.
        self.admin = admin
        self._open: set[socket.socket] = set()
        self._guard = threading.Condition()
        super().__init__(address, handler)

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
                self._guard.notify_all()
        super().shutdown_request(request)

    def wait_until_left(self, seconds: float = 30) -> None:
        """Wait until every client has gone, and what it had asked for is counted. Raises TimeoutError if one stays."""
        with self._guard:
            if not self._guard.wait_for(lambda: not self._open, seconds):
                raise TimeoutError(f"{len(self._open)} connections are still open after {seconds:.0f} s")

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


class Handler(BaseHTTPRequestHandler, ABC):
    """One connection. A sandbox's own handler answers what is not for the controls."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "Sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 0
    note: Callable[[int, int], None] | None = None  # logs an answer: bytes of its body, and its status

    def do_GET(self) -> None:
        """Read."""
        self._route()

    def do_POST(self) -> None:
        """Read with parameters in the body, or write."""
        self._route()

    def do_DELETE(self) -> None:
        """For the sandbox's own controls."""
        self._route()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: request lines may hold credentials."""

    @abstractmethod
    def answer_vendor(self, path: str, query: str, body: bytes) -> None:
        """Answer a request to the vendor's API."""

    def _route(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = [part for part in url.path.split("/") if part]
        if parts[:1] == ["_sandbox"] and len(parts) > 1:
            self._control(parts[1:], dict(parse_qsl(url.query)), body)
        else:
            self.answer_vendor(url.path, url.query, body)
            self.note = None

    # --- the sandbox's own part

    def _control(self, parts: list[str], query: dict[str, str], body: bytes) -> None:
        admin = self.server.admin
        try:
            if parts[0] == "truth":
                records = admin.truth("/".join(parts[1:]), query)
                if records is None:
                    raise ValueError(f"no such records: {'/'.join(parts[1:])}")
                self._stream(records)
                return
            given = msgspec.json.decode(body) if body else {}
            result = admin.handle(self.command, parts[0], query, given)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.send_body(msgspec.json.encode({"error": str(error)}), 400, "application/json")
            return
        self.send_body(msgspec.json.encode(result), 200, "application/json")

    def _stream(self, pieces: Iterator[bytes]) -> None:
        self.send_head(200, "application/x-ndjson", None, {"Transfer-Encoding": "chunked"})
        for piece in pieces:
            if piece:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    # --- faults

    def lost(self, struck: Mapping[str, Fault]) -> bool:
        """Whether a fault took the place of any answer at all."""
        if "reset" in struck:
            self._noted(0, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif "hang" in struck:
            self._noted(0, 0)
            time.sleep(struck["hang"].number("seconds", 60))
        else:
            return False
        self.close_connection = True
        return True

    def send_answer(self, body: bytes, content_type: str, struck: Mapping[str, Fault], *, gzipped: bool) -> None:
        """Send an answer with the faults that need a whole one."""
        if replaced := _replaced(struck):
            self.send_body(*replaced)
            return
        if "wrong_content_type" in struck:
            content_type = struck["wrong_content_type"].text("value", "application/pdf")
        if "truncated_gzip" in struck:
            cut = gzip.compress(body, 1)
            self.send_body(cut[: len(cut) // 2], 200, content_type, {"Content-Encoding": "gzip"})
        elif "truncated_body" in struck:
            half = body[: len(body) // 2]
            self.send_head(200, content_type, len(body), {}, sent=len(half))
            self.wfile.write(half)
            self.close_connection = True
        elif "slow_drip" in struck:
            self.drip(body, 200, content_type, {}, struck["slow_drip"])
        elif gzipped and "gzip" in self.headers.get("Accept-Encoding", ""):
            self.send_body(gzip.compress(body, 1), 200, content_type, {"Content-Encoding": "gzip"})
        else:
            self.send_body(body, 200, content_type)

    def drip(self, body: bytes, status: int, content_type: str, headers: Mapping[str, str], fault: Fault) -> None:
        """Send an answer slowly."""
        self.send_head(status, content_type, len(body), headers)
        size = max(1, -(-len(body) // int(fault.number("pieces", 10))))
        for start in range(0, len(body), size):
            self.wfile.write(body[start : start + size])
            time.sleep(fault.number("seconds", 0.1))

    # --- bytes

    def _noted(self, sent: int, status: int) -> None:
        if self.note:
            self.note(sent, status)

    def send_head(
        self, status: int, content_type: str, length: int | None, headers: Mapping[str, str], sent: int | None = None
    ) -> None:
        """Log first: who has the answer finds it in the log."""
        self._noted((length or 0) if sent is None else sent, status)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send_body(self, body: bytes, status: int, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer."""
        self.send_head(status, content_type, len(body), headers or {})
        self.wfile.write(body)


def _replaced(struck: Mapping[str, Fault]) -> tuple[bytes, int, str, dict[str, str]] | None:
    """The faults that put something else in the answer's place."""
    if "html_502" in struck:
        return b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", 502, HTML, {}
    if "http_500" in struck:
        return b"{}", 500, HTML, {}
    if "http_503" in struck:
        return b"Service Unavailable", 503, "text/plain", {}
    if "http_429" in struck:
        return b"Too Many Requests", 429, "text/plain", {"Retry-After": struck["http_429"].text("retry_after", "1")}
    if "html_200" in struck:
        return b"<!DOCTYPE html><html><body>Down for maintenance</body></html>", 200, HTML, {}
    if "not_json" in struck:
        return b'Warning: something failed in line 7{"params":', 200, HTML, {}
    return None
