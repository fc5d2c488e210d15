"""Answers and refusals (sources/marketo.md §2)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from sandbox.faults import Fault

MESSAGES: Mapping[str, str] = {
    "502": "Bad Gateway",
    "601": "Access token invalid",
    "602": "Access token expired",
    "603": "Access denied",
    "604": "Request time-out",
    "605": "HTTP Method not supported",
    "606": "Max rate limit '100' exceeded with in '20' secs",
    "607": "Daily quota reached",
    "608": "API Temporarily Unavailable",
    "609": "Invalid JSON",
    "610": "Requested resource not found",
    "611": "System error",
    "612": "Invalid Content Type",
    "613": "Invalid Multipart Request",
    "614": "Unreachable subscription",
    "615": "Concurrent access limit reached",
    "701": "Field cannot be blank",
    "702": "No data found for a given search scenario",
    "703": "The feature is not enabled for the subscription",
    "704": "Invalid date format",
    "709": "Business rule violation",
    "713": "Transient Error",
    "718": "Lock wait timeout",
    "1001": "Invalid value",
    "1002": "Missing value for required parameter",
    "1003": "Invalid data",
    "1004": "Lead not found",
    "1006": "Field not found",
    "1011": "Field not supported",
    "1013": "Object not found",
    "1029": "Too many jobs in queue",
    "1035": "Unsupported filter type for target subscription",
}
FREE = frozenset({"601", "602", "604", "605", "608", "611"})  # not counted (sources/marketo.md §2)
NO_ASSETS = "No assets found for the given search criteria."
JSON = "application/json;charset=UTF-8"

_numbers = itertools.count(1)


class Refused(Exception):
    """success:false with a code; HTTP is 200 all the same."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message or MESSAGES.get(code, "Error"))
        self.code = code


@dataclass
class Answer:
    """What goes back."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    code: str | None = None  # of a refusal
    path: str | None = None  # of a file to send instead of the body
    struck: Mapping[str, Fault] = field(default_factory=dict)
    noted: dict[str, object] = field(default_factory=dict)  # for the request log
    compressible: bool = True


def request_id() -> str:
    """`a1b2#19c0de`."""
    n = next(_numbers)
    return f"{n & 0xFFFF:x}#{0x19C0DE + n:x}"


def encode(content: Mapping[str, object]) -> bytes:
    """A body."""
    return msgspec.json.encode({"requestId": request_id(), "success": True, **content})


def refusal(code: str, message: str) -> bytes:
    """The body of a refusal; the code is a string."""
    return encode({"success": False, "errors": [{"code": code, "message": message}]})
