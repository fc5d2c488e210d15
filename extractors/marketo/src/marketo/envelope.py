"""The envelope of an answer (sources/marketo.md §2): taken apart just as far as needed; records stay raw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from transload.errors import ContractBroken
from transload.http_client import Transient
from transload.page import Look, Records, mark_unpaired, split

TRIES = 4  # of a call whose answers cannot be read


class Problem(msgspec.Struct, gc=False):
    """One of an answer's errors. The code is a string (§2); a number is taken as well."""

    code: str | int = ""
    message: str | None = None


class _Wire(msgspec.Struct, gc=False, rename="camel"):
    success: bool
    request_id: Any = None
    errors: list[Problem] | None = None
    warnings: list[Any] | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    next_page_token: str | None = None
    more_result: bool | None = None


_DECODER = msgspec.json.Decoder(_Wire)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One answer.

    Args:
        call: method and path, for messages.
        success: what it says of itself.
        result: a JSON array, undecoded; None if there is none, as past the end of assets or in an empty page of activities.
        next_page_token: for the page behind; None if there is none.
        more_result: whether activities go on behind the token.
        problems: the errors.
        warnings: as text.
        request_id: for the vendor's support.
        marked: whether escapes that stand for no character were marked in it.
    """

    call: str
    success: bool
    result: msgspec.Raw | None
    next_page_token: str | None
    more_result: bool
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    request_id: str
    marked: bool = False

    def records(self, look: Look) -> Records:
        """The records of ``result``.

        Raises:
            ContractBroken: it is no array of records.
        """
        try:
            return split(self.result or b"[]", look, marked=self.marked)
        except ContractBroken as error:
            raise ContractBroken(f"{self.call}: {error}") from error


EMPTY = Envelope("", True, None, None, False, (), (), "")


def read_envelope(body: bytes, call: str) -> Envelope:
    """Take an answer apart.

    Args:
        body: as received.
        call: method and path, for messages.

    Raises:
        Transient: it is no envelope (an error page, a body cut short).
    """
    try:
        return _read(body, call, marked=False)
    except Transient:
        marked = mark_unpaired(body)
        if marked == body:
            raise
        # Only the records that hold them are unreadable, not the answer.
        return _read(marked, call, marked=True)


def _read(body: bytes, call: str, *, marked: bool) -> Envelope:
    try:
        wire = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Transient(
            f"{call}: the answer is no envelope of Marketo's ({error}): {len(body)} bytes, {_kind(body, error)}",
            finally_raise=ContractBroken,
            tries=TRIES,
        ) from error
    result = None if wire.result is msgspec.UNSET or bytes(wire.result) == b"null" else wire.result
    return Envelope(
        call, wire.success, result, wire.next_page_token or None, bool(wire.more_result), tuple(wire.errors or ()),
        tuple(map(str, wire.warnings or ())), str(wire.request_id or ""), marked,
    )  # fmt: skip


def _kind(body: bytes, error: Exception) -> str:
    """What a body that is no envelope looks like. None of it is quoted: it may echo credentials, in any form."""
    start = body[:1000].strip().lower()
    if not start:
        return "empty"
    if start.startswith(b"<!doctype html") or b"<html" in start:
        return "an HTML page"
    if start.startswith((b"{", b"[")):
        return "JSON cut short" if "truncated" in str(error) else "other JSON"
    return "something else"
