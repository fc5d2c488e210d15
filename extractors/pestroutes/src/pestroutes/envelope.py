"""The envelope of an answer (sources/pestroutes.md §3): taken apart just as far as needed; rows stay raw.

``params`` echoes the request and is never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from pestroutes.pace import Usage
from transload.errors import ContractBroken
from transload.http_client import Transient

_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NUMBERS = msgspec.json.Decoder(dict[str, int | None], strict=False)
_IDS = msgspec.json.Decoder(list[int], strict=False)
_NAMES = msgspec.json.Decoder(list[str])
_HEAD = ("success", "errorMessage", "ignoredParams", "tokenUsage", "tokenLimits", "propertyName")


@lru_cache
def _expecting(name: str) -> msgspec.json.Decoder[Any]:
    """A decoder of answers whose rows stand under a name: it reads the rows' bytes once, where two decoders would twice."""
    fields: list[Any] = [(part, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for part in _HEAD]
    fields.append(("rows", list[msgspec.Raw] | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.json.Decoder(msgspec.defstruct("Expected", fields, rename={"rows": name}))


@dataclass(frozen=True, slots=True)
class Envelope:
    """One answer.

    Args:
        call: the URL, for messages.
        parts: the answer's members, undecoded.
        success: what it says of itself.
        message: the error's text, if any.
        usage: what was used of the quota; None if it does not say.
        ignored: parameters that the API did not know.
        marked: whether escapes that stand for no character were marked in it.
        taken: the rows, where they stood under the expected name.
    """

    call: str
    parts: Mapping[str, msgspec.Raw]
    success: bool
    message: str
    usage: Usage | None
    ignored: tuple[str, ...]
    marked: bool = False
    taken: list[msgspec.Raw] | None = None

    def ids(self) -> list[int]:
        """The ids that a search found: under what ``idName``, else ``propertyName``, names (§3)."""
        try:
            return _IDS.decode(self._named("idName", "propertyName"))
        except msgspec.MsgspecError as error:
            raise ContractBroken(f"{self.call}: the ids cannot be read: {error}") from error

    def rows(self) -> msgspec.Raw | list[msgspec.Raw]:
        """The rows that a get gave, a JSON array or its elements: under what ``propertyName`` names (§3)."""
        return self._named("propertyName") if self.taken is None else self.taken

    @property
    def rows_name(self) -> str:
        """Under which name the rows stand, for the next answer of this kind to be expected there."""
        return _text(self.parts.get("propertyName"))

    def _named(self, *pointers: str) -> msgspec.Raw:
        for pointer in pointers:
            name = self.parts.get(pointer)
            if name is None:
                continue
            found = self.parts.get(_text(name))
            if found is not None:
                return found
        raise ContractBroken(f"{self.call}: the answer names no rows (no {' or '.join(pointers)} that leads to any)")


def read_envelope(body: bytes, call: str, *, expected: str = "") -> Envelope:
    """Take an answer apart.

    Args:
        body: as received.
        call: the URL, for messages.
        expected: under which name the rows will probably stand; anything else is read as well, only slower.

    Raises:
        Transient: it is no JSON object (an error page, a body cut short).
        ContractBroken: a member is not what it should be.
    """
    parts, taken = _expected(body, expected) if expected and expected not in _HEAD else ({}, None)
    if taken is None:
        parts = _members(body, call)
    success = bytes(parts.get("success", b"false")) == b"true"
    try:
        ignored = tuple(_NAMES.decode(parts["ignoredParams"])) if "ignoredParams" in parts else ()
        usage = _usage(parts)
    except msgspec.MsgspecError as error:
        raise ContractBroken(f"{call}: the answer's head cannot be read: {error}") from error
    return Envelope(call, parts, success, _text(parts.get("errorMessage")), usage, ignored, taken=taken)


def _expected(body: bytes, name: str) -> tuple[dict[str, msgspec.Raw], list[msgspec.Raw] | None]:
    """The head's members, and the rows if they stand where they are expected."""
    try:
        found = _expecting(name).decode(body)
        parts = {part: raw for part in _HEAD if (raw := getattr(found, part)) is not msgspec.UNSET}
        if found.rows is not msgspec.UNSET and _text(parts.get("propertyName")) == name:
            return parts, found.rows
    except (msgspec.MsgspecError, RecursionError):
        pass  # read the other way, it tells what is wrong
    return {}, None


def _members(body: bytes, call: str) -> dict[str, msgspec.Raw]:
    try:
        parts = _ENVELOPE.decode(body)
        wrapped = bytes(parts.get("result", b""))
        if wrapped.startswith(b"{") and not parts.keys() & {"idName", "propertyName"}:
            # Some payloads come wrapped (§3); the head may stand outside or inside.
            parts |= _ENVELOPE.decode(wrapped)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Transient(
            f"{call}: the answer is no JSON object ({error}): {len(body)} bytes, {_kind(body, error)}",
            finally_raise=ContractBroken,
            tries=4,
        ) from error
    return parts


def _kind(body: bytes, error: Exception) -> str:
    """What a body that is no envelope looks like. None of it is quoted: it may echo credentials, in any form."""
    start = body[:1000].strip().lower()
    if not start:
        return "empty"
    if start.startswith(b"<!doctype html") or b"<html" in start:
        return "an HTML page"
    if start.startswith((b"{", b"[")) and "truncated" in str(error):
        return "JSON cut short"
    return "something else"


def _usage(parts: Mapping[str, msgspec.Raw]) -> Usage | None:
    used, limits = _numbers(parts.get("tokenUsage")), _numbers(parts.get("tokenLimits"))
    if not used or not limits:
        return None
    return Usage(
        day_used=used.get("requestsReadToday") or 0,
        day_limit=limits.get("limitReadRequestsPerDay") or 0,
        minute_used=used.get("requestsReadInLastMinute") or 0,
        minute_limit=limits.get("limitReadRequestsPerMinute") or 0,
    )


def _numbers(raw: msgspec.Raw | None) -> dict[str, int | None]:
    """Numbers that older answers gave as strings (§3); an empty PHP map comes as an empty list (§5)."""
    if raw is None or bytes(raw).strip() in (b"[]", b"null"):
        return {}
    return _NUMBERS.decode(raw)


def _text(raw: msgspec.Raw | None) -> str:
    if raw is None:
        return ""
    value: Any = msgspec.json.decode(raw)
    return value if isinstance(value, str) else "" if value is None else str(value)
