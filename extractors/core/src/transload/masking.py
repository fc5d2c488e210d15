"""Masking: sensitive fields are hashed or dropped before a record is written anywhere."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import msgspec

from transload.page import Page, Rejected

Mask = Literal["none", "hash", "drop"]

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EMPTY = {b"null", b'""'}


def mask_record(record: bytes | msgspec.Raw, sensitive: frozenset[str], mask: Mask, salt: bytes) -> bytes:
    """One record with its sensitive top-level fields masked; the others keep their bytes.

    Args:
        record: one JSON object.
        sensitive: the names of the fields.
        mask: ``hash`` puts in HMAC-SHA-256 of the value's JSON text, in hex, so that equal values can still be joined
            (null and the empty string stay); ``drop`` leaves the field out.
        salt: the key of the hash. Without a secret one, short values such as telephone numbers can be guessed.
    """
    fields = _FIELDS.decode(record)
    for name in sensitive & fields.keys():
        if mask == "drop":
            del fields[name]
        elif bytes(fields[name]) not in _EMPTY:
            digest = hmac.new(salt, bytes(fields[name]), hashlib.sha256).hexdigest()
            fields[name] = msgspec.Raw(msgspec.json.encode(digest))
    return msgspec.json.encode(fields)


def mask_pages(pages: Iterable[Page], sensitive: frozenset[str], mask: Mask, salt: bytes) -> Iterator[Page]:
    """Pages with their records masked. Of a rejected record, which cannot be taken apart, only size and reason stay."""
    for page in pages:
        yield replace(
            page,
            records=[mask_record(record, sensitive, mask, salt) for record in page.records],
            joined=None,
            rejected=[Rejected(f"[masked: {len(one.text)} characters]", one.reason) for one in page.rejected],
        )
