"""A call as the routes see it, and the tokens by which pages follow one another."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.faults import Fault
from sandbox.marketo.envelope import Refused
from sandbox.marketo.fields import Column
from sandbox.marketo.timeline import read_instant

MAX_BATCH = 300  # of the lead database (sources/marketo.md §2)


@dataclass
class Call:
    """One call that has been let in."""

    method: str
    path: str
    params: Mapping[str, Sequence[str]]
    content_type: str
    body: bytes
    user: str
    struck: Mapping[str, Fault] = field(default_factory=dict)
    noted: dict[str, object] = field(default_factory=dict)

    def one(self, name: str) -> str | None:
        """A parameter; empty is absent."""
        values = self.params.get(name)
        return values[-1] or None if values else None

    def needed(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.one(name)
        if value is None:
            raise Refused("1002", f"Missing value for required parameter '{name}'")
        return value

    def many(self, name: str) -> list[str]:
        """A list: comma text, or the parameter repeated (sources/marketo.md §3)."""
        return [part.strip() for value in self.params.get(name, ()) for part in value.split(",") if part.strip()]

    def ids(self, name: str) -> list[int]:
        """A list of whole numbers."""
        return [_whole(name, part) for part in self.many(name)]

    def number(self, name: str, usual: int, most: int) -> int:
        """A whole number; more than the most counts as the most (inferred)."""
        value = self.one(name)
        return usual if value is None else max(0, min(_whole(name, value), most))

    def batch(self) -> int:
        """How many rows."""
        return self.number("batchSize", MAX_BATCH, MAX_BATCH) or MAX_BATCH

    def instant(self, name: str) -> int | None:
        """A moment."""
        value = self.one(name)
        return None if value is None else instant_of(name, value)


Handle = Callable[..., Mapping[str, object]]
Route = tuple[str, str, Handle]  # method, pattern of the path, what answers


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refused("1001", f"Invalid value '{text}'. Required of type 'Integer' ({name})") from None


def instant_of(name: str, text: object) -> int:
    """A moment that a client gave."""
    try:
        return read_instant(str(text).replace(" ", "+"))  # a plus that was not escaped in a query
    except ValueError:
        raise Refused("704", f"Invalid date '{text}' for {name}") from None


def token_of(*numbers: int, longer: int = 0) -> str:
    """A paging token; they look like base32 (sources/marketo.md §3)."""
    text = base64.b32encode(".".join(map(str, numbers)).encode()).decode().rstrip("=")
    return text + ("0" * longer)


def read_token(text: str, count: int) -> tuple[int, ...]:
    """The numbers in a paging token. The zeros that a fault adds are no base32."""
    text = text.rstrip("0=")
    try:
        numbers = tuple(int(part) for part in base64.b32decode(text + "=" * (-len(text) % 8)).decode().split("."))
    except (binascii.Error, ValueError):
        numbers = ()
    if len(numbers) != count:
        raise Refused("1003", "Invalid nextPageToken")
    return numbers


def paged(call: Call, rows: Sequence[object], size: int) -> dict[str, object]:
    """A page of rows, with nextPageToken unless it is the last (sources/marketo.md §4)."""
    token = call.one("nextPageToken")
    offset = read_token(token, 1)[0] if token else 0
    page: dict[str, object] = {"result": list(rows[offset : offset + size])}
    if offset + size < len(rows):
        page["nextPageToken"] = token_of(offset + size, longer=longer(call))
    return page


def longer(call: Call) -> int:
    """By how much a fault lengthens paging tokens."""
    return int(call.struck["long_token"].number("length", 7000)) if "long_token" in call.struck else 0


def pick_fields(names: Sequence[str], known: Mapping[str, Column]) -> list[Column]:
    """The columns that REST is asked for."""
    for name in names:
        if name not in known or not known[name].readable:
            raise Refused("1006", f"Field '{name}' not found")
    return [known[name] for name in names]


def compiled(routes: Sequence[Route]) -> list[tuple[str, re.Pattern[str], Handle]]:
    """`{x}` in a pattern stands for a part of the path, `{x:path}` for several."""
    made = []
    for method, pattern, handle in routes:
        text = re.escape(pattern).replace(r"\{", "{").replace(r"\}", "}")
        text = re.sub(r"\{(\w+):path\}", r"(?P<\1>.+)", text)
        made.append((method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", text)), handle))
    return made
