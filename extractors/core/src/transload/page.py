"""Pages: what a stream yields. Records stay the vendor's bytes; only the primary key and the cursor are looked into."""

from __future__ import annotations

import re
from codecs import utf_8_decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any, overload

import msgspec

from transload.errors import ContractBroken


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be read: its text as received, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some records in their order, and the token to go on behind them.

    Args:
        records: each one JSON object on one line, as bytes or ``msgspec.Raw``.
        token: what the stream needs to go on after this page; JSON.
        cursor_max: the greatest cursor among the records, as the vendor writes it.
        rejected: what goes to quarantine.
        notes: counts for the commit record, added up over pages.
        joined: the same records as ``lines`` joins them, where the stream has that at hand.
        barrier: ask for no page after this one until its token stands in the checkpoint. For what must never be done twice, such as
            starting a paid export: its id is the token of a page without records, and the export is started behind it.
        restart: forget all that the load has taken so far, of earlier attempts too, and begin it anew behind this page's token.
            For what turns out to have been damaged, such as a file whose checksum is wrong at its end.
        dropped_fields: for the commit record: fields that the source has, but would not give.
    """

    records: Sequence[bytes | msgspec.Raw]
    token: Any
    cursor_max: str | None = None
    rejected: Sequence[Rejected] = ()
    notes: dict[str, int] = field(default_factory=dict)
    joined: bytes | None = None
    barrier: bool = False
    restart: bool = False
    dropped_fields: Sequence[str] = ()


class Lines(Sequence[bytes]):
    """Records that are joined already, for a page whose stream writes them itself: taken apart only where somebody looks at one.

    Args:
        joined: newline-delimited JSON that ends in a newline, or nothing.
        count: how many records it is.
    """

    def __init__(self, joined: bytes, count: int) -> None:
        self._joined, self._count = joined, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        begin = 0
        while begin < len(self._joined):
            end = self._joined.index(b"\n", begin)
            yield self._joined[begin:end]
            begin = end + 1

    @overload
    def __getitem__(self, at: int) -> bytes: ...

    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...

    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if at == 0 and self._count:
            return self._joined[: self._joined.index(b"\n")]
        return list(self)[at]


Scalar = str | int | float | None


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a JSON array, with what was looked up in each.

    ``ids`` has the value of the id field of each record as sent, in the order of ``records``; ``joined`` is the records as
    ``lines`` joins them.
    """

    records: Sequence[bytes | msgspec.Raw]
    ids: list[Scalar]
    cursor_max: str | None
    rejected: list[Rejected]
    joined: bytes


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_COMPARABLE = frozenset('"-0123456789')


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked up in each record.

    Args:
        primary_key: a record that lacks one of these fields, or has null there, is rejected.
        cursor: the field whose greatest value is wanted; None for none.
        id_field: the field by which records are asked for.
    """

    primary_key: tuple[str, ...]
    cursor: str | None
    id_field: str


@dataclass(frozen=True, slots=True)
class _Probe:
    """Decoders of just the fields that are looked up, and under which attribute each is found.

    ``many`` takes cursors that are text, numbers or null, and is quicker than ``one``, which takes any.
    """

    many: Any
    one: Any
    keys: tuple[attrgetter[Any], ...]
    id: attrgetter[Any]
    cursor: attrgetter[Any] | None


@lru_cache
def _probe(look: Look) -> _Probe:
    # An attribute a field: one that serves twice (a key that is the id) is decoded once.
    fields = dict.fromkeys((*look.primary_key, look.id_field, *([look.cursor] if look.cursor else [])))
    places = {name: f"field{n}" for n, name in enumerate(fields)}
    keys = {*look.primary_key, look.id_field}

    def struct(cursor: Any) -> Any:
        return msgspec.defstruct(
            "Probe",
            [(place, Scalar if name in keys else cursor, None) for name, place in places.items()],
            rename={place: name for name, place in places.items()},
            gc=False,
        )

    return _Probe(
        msgspec.json.Decoder(struct(Scalar)),
        # The cursor may be anything (PHP sends [] for nothing); a record is not rejected for it.
        msgspec.json.Decoder(struct(msgspec.Raw)),
        tuple(attrgetter(places[name]) for name in look.primary_key),
        attrgetter(places[look.id_field]),
        attrgetter(places[look.cursor]) if look.cursor else None,
    )


def split(array: bytes | msgspec.Raw | list[msgspec.Raw], look: Look, *, marked: bool = False) -> Records:
    """Take a JSON array of records apart without decoding them.

    Args:
        array: the array's bytes, or its elements.
        look: what to look up in each record.
        marked: whether it has been through ``mark_unpaired``.

    Raises:
        ContractBroken: it is not a JSON array of objects nested less deeply than 900 levels.
    """
    raws = array if isinstance(array, list) else _elements(array)
    probe = _probe(look)
    # To join them once more is quicker than to count the newlines of ``lines``.
    sent = b"".join(raws)
    if b"\n" in sent or b"\r" in sent:
        # Sent over several lines: a record loses its white space between tokens, and nothing else.
        raws = [msgspec.Raw(msgspec.json.format(bytes(raw), indent=-1)) for raw in raws]
    del sent
    joined = lines(raws)
    if not marked and _is_utf8(joined):
        try:
            found = probe.many.decode_lines(joined)
            if not any(None in map(key, found) for key in probe.keys):
                # As lines, which let go of the answer that the raw slices hold on to.
                return _records(Lines(joined, len(raws)), found, [], probe, joined)
        except msgspec.MsgspecError:
            pass  # one of them is no record: find out which
    return _split_one_by_one(raws, probe, look)


def _elements(array: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _RAWS.decode(array)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ContractBroken(f"the rows of an answer cannot be read: {error}") from error


def _split_one_by_one(raws: list[msgspec.Raw], probe: _Probe, look: Look) -> Records:
    good: list[msgspec.Raw] = []
    found: list[Any] = []
    rejected: list[Rejected] = []
    for raw in raws:
        one, reason = _read_one(raw, probe, look)
        if reason is None:
            good.append(raw)
            found.append(one)
        else:
            rejected.append(Rejected(_text(raw), reason))
    return _records(good, found, rejected, probe, lines(good))


def _read_one(raw: msgspec.Raw, probe: _Probe, look: Look) -> tuple[Any, str | None]:
    """What was looked up in one record, and why it is rejected, if it is."""
    if not _is_utf8(raw):
        return None, "not UTF-8"
    if _MARK in bytes(raw):
        return None, "an unpaired surrogate (shown as \\uffff\\ufffe\\uffff)"
    try:
        one = probe.one.decode(raw)
    except msgspec.MsgspecError as error:
        return None, f"not a record: {error}"
    missing = [name for name, key in zip(look.primary_key, probe.keys, strict=True) if key(one) is None]
    return one, f"no primary key: {', '.join(missing)} is missing or null" if missing else None


def _records(
    raws: Sequence[bytes | msgspec.Raw], found: list[Any], rejected: list[Rejected], probe: _Probe, joined: bytes
) -> Records:
    newest = _newest(list(map(probe.cursor, found))) if probe.cursor else None
    return Records(raws, list(map(probe.id, found)), newest, rejected, joined)


def _newest(cursors: list[Any]) -> str | None:
    """The greatest of the cursors that are a string or a number, as the vendor writes it."""
    if set(map(type, cursors)) <= {str}:
        return max(cursors, default=None) or None
    texts = [one if isinstance(one, str) else _cursor_text(one) for one in cursors if one is not None]
    return max((text for text in texts if text), default=None)


def _cursor_text(cursor: int | float | msgspec.Raw) -> str:
    text = str(cursor) if isinstance(cursor, int | float) else bytes(cursor).decode("utf-8", "replace")
    return text.strip('"') if text[:1] in _COMPARABLE else ""


# As much as is decoded at once to see that it is UTF-8: what comes of it takes up to four times its size.
_DECODED = 1 << 18


def _is_utf8(data: bytes | msgspec.Raw) -> bool:
    if isinstance(data, bytes) and data.isascii():
        return True
    view, at = memoryview(data), 0
    try:
        while at < len(view):
            # A block may end within a character: that one is the next block's.
            at += utf_8_decode(view[at : at + _DECODED], "strict", at + _DECODED >= len(view))[1]
    except UnicodeDecodeError:
        return False
    return True


# Half of a surrogate pair without the other half: an escape that stands for no character.
_UNPAIRED = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
# Nobody writes these three: none is a character.
_MARK = rb"\uffff\ufffe\uffff"


def mark_unpaired(body: bytes) -> bytes:
    """A body that JSON parsers refuse for such an escape, with each replaced by a mark of three that are no characters either.

    ``split`` sends records with that mark to quarantine: neither DuckDB nor Snowflake would read them.
    """
    return _UNPAIRED.sub(lambda _: _MARK, body)


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode("utf-8", "backslashreplace")


def lines(records: Sequence[bytes | msgspec.Raw]) -> bytes:
    """Records as newline-delimited JSON, ending in a newline; empty for none."""
    return b"\n".join((*records, b""))


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def unknown_fields(record: bytes | msgspec.Raw, known: frozenset[str]) -> set[str]:
    """The top-level fields of one record that are not among the known ones."""
    return set(_FIELDS.decode(record)) - known
