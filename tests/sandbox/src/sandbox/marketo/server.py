"""The vendor's API over HTTP: sizes, compression, files and ranges (sources/marketo.md §2 and §6)."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sandbox.http import HTML, Handler, Server
from sandbox.marketo.admin import Admin
from sandbox.marketo.api import Api, classify
from sandbox.marketo.bulk import PLAIN
from sandbox.marketo.envelope import Answer

MAX_URI, MAX_BODY = 8192, 1 << 20
WORTH_COMPRESSING = 1024
_ALTERING = {"corrupt_file", "gzipped_file", "truncated_gzip", "slow_drip"}
_REPLACING = {"html_502", "http_500", "http_503", "http_429", "html_200", "not_json"}  # a file as a whole
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class MarketoServer(Server):
    """One tenant."""

    def __init__(self, address: tuple[str, int], api: Api) -> None:
        super().__init__(address, MarketoHandler, Admin(api))
        self.api = api


class MarketoHandler(Handler):
    """One connection."""

    server: MarketoServer

    def answer_vendor(self, path: str, query: str, body: bytes) -> None:
        """Answer; a call is in flight until its answer has been sent."""
        began = time.monotonic()
        too_large = 414 if len(self.path) > MAX_URI else 413 if len(body) > MAX_BODY else 0
        if too_large:
            kind, action = classify(path)
            self.note = partial(self._log, path, Answer(noted={"kind": kind, "action": action, "method": self.command}))
            self.send_body(b"<html><body>Too Large</body></html>", too_large, HTML)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        api = self.server.api
        answer = api.handle(self.command, path, query, body, headers)
        try:
            time.sleep(max(0.0, api.settings.latency - (time.monotonic() - began)))
            self.note = partial(self._log, path, answer)
            if not self.lost(answer.struck):
                self._send(answer, headers)
        finally:
            if answer.noted.get("counted"):
                api.limits.leave()

    def _send(self, answer: Answer, headers: Mapping[str, str]) -> None:
        replaced = bool(_REPLACING & set(answer.struck))
        if answer.path and not replaced:
            self._send_file(answer, headers.get("range", ""))
        elif answer.status != 200 and not replaced:
            self.send_body(answer.body, answer.status, answer.content_type)
        else:
            large = answer.compressible and len(answer.body) >= WORTH_COMPRESSING
            self.send_answer(answer.body, answer.content_type, answer.struck, gzipped=large)

    def _log(self, path: str, answer: Answer, sent: int, status: int) -> None:
        """Status 0: no answer was sent. The entry is written before the last byte, so who has it finds it."""
        entry = {**answer.noted, "path": path, "status": status, "code": answer.code, "bytes": sent}
        entry.pop("counted", None)
        if "Range" in self.headers:
            entry["range"] = self.headers["Range"]
        self.server.admin.log.add(entry | {"faults": list(answer.struck)})

    # --- files

    def _send_file(self, answer: Answer, asked: str) -> None:
        """The whole file, or a range of it."""
        assert answer.path
        if "wrong_content_type" in answer.struck:
            answer.content_type = answer.struck["wrong_content_type"].text("value", "application/pdf")
        with Path(answer.path).open("rb") as file:
            total = file.seek(0, 2)
            low, high = 0, total
            headers = {"Accept-Ranges": "bytes", "Content-Disposition": "attachment;filename=export.csv"}
            status = 200
            if asked and "ignores_range" not in answer.struck:
                span = _range(asked, total)
                if span is None:
                    self.send_body(b"", 416, PLAIN, {"Content-Range": f"bytes */{total}"})
                    return
                low, high = span
                status, headers["Content-Range"] = 206, f"bytes {low}-{high - 1}/{total}"
                if "range_loses_last_byte" in answer.struck:
                    high -= 1
            if _ALTERING & set(answer.struck):
                file.seek(low)
                self._send_altered(answer, status, headers, file.read(high - low))
                return
            stop = high
            if cut := answer.struck.get("cut_file") or answer.struck.get("truncated_body"):
                stop = low + int(cut.number("bytes", (high - low) // 2))
            stop = min(stop, high)
            self.send_head(status, answer.content_type, high - low, headers, sent=stop - low)
            if stop > low:
                self.connection.sendfile(file, low, stop - low)
            if stop < high:
                self.close_connection = True

    def _send_altered(self, answer: Answer, status: int, headers: dict[str, str], data: bytes) -> None:
        """The faults that change a file on its way."""
        if "corrupt_file" in answer.struck and data:
            at = min(int(answer.struck["corrupt_file"].number("at", len(data) // 2)), len(data) - 1)
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        if {"gzipped_file", "truncated_gzip"} & set(answer.struck):
            data, headers["Content-Encoding"] = gzip.compress(data, 1), "gzip"
        if "truncated_gzip" in answer.struck:
            data = data[: len(data) // 2]
        if "slow_drip" in answer.struck:
            self.drip(data, status, answer.content_type, headers, answer.struck["slow_drip"])
        else:
            self.send_body(data, status, answer.content_type, headers)


def _range(asked: str, total: int) -> tuple[int, int] | None:
    """The first byte and the one after the last; None if there are none such."""
    match = _RANGE.fullmatch(asked.replace(" ", ""))
    if not match or not (match[1] or match[2]):
        return 0, total
    if not match[1]:
        low, high = max(0, total - int(match[2])), total
    else:
        low, high = int(match[1]), min(int(match[2]) + 1 if match[2] else total, total)
    return (low, high) if low < high else None
