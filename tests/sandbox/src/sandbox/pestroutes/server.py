"""The vendor's routes over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from sandbox.http import HTML, Handler, Server
from sandbox.pestroutes.admin import Admin
from sandbox.pestroutes.api import Answer, Api
from sandbox.pestroutes.encodings import decode

MAX_URL = 8000  # characters; long id lists do not fit a URL (sources/pestroutes.md §1)


class PestRoutesServer(Server):
    """One tenant."""

    def __init__(self, address: tuple[str, int], api: Api, latency: float = 0.0, gzipped: bool = False) -> None:
        super().__init__(address, PestRoutesHandler, Admin(api.world, api.faults))
        self.api = api
        self.latency = latency
        self.gzipped = gzipped


class PestRoutesHandler(Handler):
    """One connection."""

    server: PestRoutesServer

    def answer_vendor(self, path: str, query: str, body: bytes) -> None:
        """Answer `/api/{entity}/{action}`; parameters are read from the query and the body."""
        parts = [part for part in path.split("/") if part]
        if len(self.path) > MAX_URL:
            self.send_body(b"<html><body>Request-URI Too Large</body></html>", 414, HTML)
        elif parts[:1] == ["api"] and len(parts) == 3 and self.command != "DELETE":
            self._call(parts[1], parts[2], query, body)
        else:
            self.send_body(b"<html><body>Not Found</body></html>", 404, HTML)

    def _call(self, entity: str, action: str, query: str, body: bytes) -> None:
        began = time.monotonic()
        parameters = decode(query, body, self.headers.get("Content-Type", ""), _lower(self.headers.items()))
        answer = self.server.api.handle(entity, action, parameters)
        time.sleep(max(0.0, self.server.latency - (time.monotonic() - began)))
        self.note = partial(self._log, entity, action, answer)
        if not self.lost(answer.struck):
            # Content-Type is HTML though the body is JSON (sources/pestroutes.md §1).
            self.send_answer(answer.body, HTML, answer.struck, gzipped=self.server.gzipped)

    def _log(self, entity: str, action: str, answer: Answer, sent: int, status: int) -> None:
        """Status 0: no answer was sent."""
        self.server.admin.log.add(
            {
                "method": self.command,
                "entity": entity,
                "action": action,
                "ids": answer.ids,
                "filters": answer.filters,
                "office": answer.office,
                "status": status,
                "bytes": sent,
                "faults": list(answer.struck),
            }
        )


def _lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
