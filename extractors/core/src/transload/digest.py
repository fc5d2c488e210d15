"""SHA-256 that can be put down and taken up again, for files whose download goes on in another process.

Python's hashlib keeps its state to itself, so a resumed download could only be checked by fetching what was there once more.
OpenSSL's ``SHA256_*`` functions work on a plain structure of 112 bytes, which can be stored in a checkpoint.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
from functools import cache
from typing import Any

_STATE_BYTES = (
    112  # SHA256_CTX of OpenSSL's sha.h: eight words, a count of two, a block of sixteen, and two small numbers
)


class ResumableSha256:
    """A SHA-256 under way.

    Args:
        state: what ``state`` gave at the place where this one begins; None for the beginning.

    Raises:
        ValueError: the state is none, or cannot be taken up here (``resumable`` says whether any can).
    """

    def __init__(self, state: str | None = None) -> None:
        self._library = _library()
        self._plain = None if self._library else hashlib.sha256()
        self._context = ctypes.create_string_buffer(_STATE_BYTES)
        if state is not None:
            data = bytes.fromhex(state)
            if self._library is None or len(data) != _STATE_BYTES:
                raise ValueError("this SHA-256 cannot be taken up here")
            self._context.raw = data
        elif self._library is not None:
            self._library.SHA256_Init(self._context)

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._library is not None:
            self._library.SHA256_Update(self._context, data, len(data))
        elif self._plain is not None:
            self._plain.update(data)

    def hexdigest(self) -> str:
        """The digest of what was taken so far; more can follow."""
        if self._library is None:
            return self._plain.hexdigest() if self._plain is not None else ""
        last = ctypes.create_string_buffer(self._context.raw, _STATE_BYTES)
        digest = ctypes.create_string_buffer(32)
        self._library.SHA256_Final(digest, last)
        return digest.raw.hex()

    def state(self) -> str | None:
        """What another process goes on from, as text; None where that cannot be had."""
        return None if self._library is None else self._context.raw.hex()


@cache
def _library() -> Any:
    """OpenSSL's library, if there is one that does what its header says; else None."""
    for name in ("libcrypto.so.3", ctypes.util.find_library("crypto")):
        if name is None:
            continue
        try:
            library = ctypes.CDLL(name)
            for function in (library.SHA256_Init, library.SHA256_Update, library.SHA256_Final):
                function.restype = ctypes.c_int
            library.SHA256_Update.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        except (OSError, AttributeError):
            continue
        if _works(library):
            return library
    return None


def _works(library: Any) -> bool:
    """Whether a digest taken up in the middle equals hashlib's: guards against another layout of the structure."""
    text = b"transload" * 50
    first = ctypes.create_string_buffer(_STATE_BYTES + 64)  # more than it may need, should the structure be larger
    library.SHA256_Init(first)
    library.SHA256_Update(first, text[:100], 100)
    second = ctypes.create_string_buffer(first.raw[:_STATE_BYTES], _STATE_BYTES + 64)
    library.SHA256_Update(second, text[100:], len(text) - 100)
    digest = ctypes.create_string_buffer(32)
    library.SHA256_Final(digest, second)
    return digest.raw == hashlib.sha256(text).digest()


def resumable() -> bool:
    """Whether a SHA-256 can be put down and taken up on this machine."""
    return _library() is not None
