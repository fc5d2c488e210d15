"""Keeping the process small and quick: one heap for all threads, which keeps what pages of records need over and over."""

from __future__ import annotations

import ctypes

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# Larger than any page of records should be, and small beside what Python takes.
_KEPT = 16 << 20


def share_heap() -> None:
    """Make glibc serve all threads from one heap, and keep what is freed; does nothing where the C library is another.

    By default each thread gets a heap of its own, and each keeps the largest page that ever passed through it. And memory for a
    page is given back to the system each time, which then clears it anew. Call it before threads start.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
