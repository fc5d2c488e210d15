"""Keeping the process small: one heap for all threads."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # of glibc's malloc.h


def share_heap() -> None:
    """Make glibc serve all threads from one heap; does nothing where the C library is another.

    By default each thread gets a heap of its own, and each keeps the largest page that ever passed through it. Measured on 250,000
    records to S3: 136 MiB resident at most without this, 102 MiB with it, at the same CPU time. Call it before threads start.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
