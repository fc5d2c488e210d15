"""The API of the race: plain pages over HTTP, sent straight from a file, so that the clients are what is measured.

``GET /records?page=1`` gives ``{"page", "pages", "records": [..], "next": URL or null}``; with ``&office=1`` only that office's.
``GET /_count`` gives what was asked and sent since the last time.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import socketserver
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.benchmarks.race.records import Slot, write_pages


class Server(socketserver.ThreadingTCPServer):
    """A thread a connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, file: int, slots: list[Slot], latency: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.file, self.latency = file, latency
        self.pages = {"": slots, **{str(slot.office): [] for slot in slots}}
        for slot in slots:
            self.pages[str(slot.office)].append(slot)
        self.requests = self.sent = 0
        self.guard = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no event; anything else is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(socketserver.BaseRequestHandler):
    """One connection."""

    server: Server
    request: socket.socket

    def handle(self) -> None:
        """Answer until the client goes."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read = b""
        while True:
            while b"\r\n\r\n" not in read:
                piece = self.request.recv(65_536)
                if not piece:
                    return
                read += piece
            head, _, read = read.partition(b"\r\n\r\n")
            url = urlsplit(head.split(b" ", 2)[1].decode())
            if url.path == "/_count":
                with self.server.guard:
                    counted = {"requests": self.server.requests, "bytes": self.server.sent}
                    self.server.requests = self.server.sent = 0
                self._send(json.dumps(counted).encode())
            else:
                self._page({name: values[0] for name, values in parse_qs(url.query).items()})

    def _page(self, query: dict[str, str]) -> None:
        server = self.server
        time.sleep(server.latency)
        office = query.get("office", "")
        pages, number = server.pages.get(office, []), int(query.get("page", "1"))
        slot = pages[number - 1] if number <= len(pages) else Slot(0, 0, 2, 0)
        following = f"{server.url}/records?page={number + 1}" + (f"&office={office}" if office else "")
        with server.guard:
            server.requests += 1
            server.sent += slot.length
        tail = b',"next":%s}' % json.dumps(following if number < len(pages) else None).encode()
        self._send(b'{"page":%d,"pages":%d,"records":' % (number, len(pages)), slot if slot.records else None, tail)

    def _send(self, head: bytes, slot: Slot | None = None, tail: bytes = b"") -> None:
        if slot is None and tail:
            head += b"[]"
        length = len(head) + (slot.length if slot else 0) + len(tail)
        first = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length
        self.request.sendall(first + head, socket.MSG_MORE)
        if slot is not None:
            offset, end = slot.offset, slot.offset + slot.length
            while offset < end:
                offset += os.sendfile(self.request.fileno(), self.server.file, offset, end - offset)
        self.request.sendall(tail)


def main() -> None:
    """Make the records, say where the server is, and serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    asked = parser.parse_args()
    with tempfile.TemporaryFile() as file:
        slots = write_pages(Path(f"/proc/self/fd/{file.fileno()}"), asked.records, asked.size)
        with Server(file.fileno(), slots, asked.latency) as server:
            print(json.dumps({"url": server.url, "bytes": sum(slot.length for slot in slots)}), flush=True)
            server.serve_forever(60)


if __name__ == "__main__":
    main()
