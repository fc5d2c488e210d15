"""Made-up values: hashes and moments. Everything follows from a number; nothing is random."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta

MASK = (1 << 64) - 1
DAY = 86_400

_EPOCH = date(1970, 1, 1)
_MINUTES = tuple(f" {m // 60:02d}:{m % 60:02d}:" for m in range(1440))
_SECONDS = tuple(f"{s:02d}" for s in range(60))
_days: dict[int, str] = {}


def salt(seed: int, name: str) -> int:
    """A 64-bit start value for the hashes of one entity."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")


def mix(start: int, k: int) -> int:
    """A 64-bit hash of row `k`."""
    x = (k * 0x9E3779B97F4A7C15 + start) & MASK
    x = ((x ^ (x >> 31)) * 0xBF58476D1CE4E5B9) & MASK
    return x ^ (x >> 29)


def day_text(wall: int) -> str:
    """`YYYY-MM-DD` of a wall-clock second."""
    n = wall // DAY
    text = _days.get(n)
    if text is None:
        text = _days[n] = (_EPOCH + timedelta(days=n)).isoformat()
    return text


def time_text(wall: int) -> str:
    """`HH:MM:SS` of a wall-clock second."""
    second = wall % DAY
    return _MINUTES[second // 60][1:] + _SECONDS[second % 60]


def stamp(wall: int) -> str:
    """`YYYY-MM-DD HH:MM:SS`, without zone."""
    n = wall // DAY
    second = wall % DAY
    text = _days.get(n) or day_text(wall)
    return text + _MINUTES[second // 60] + _SECONDS[second % 60]


def pick(values: Sequence[str], h: int) -> str:
    """One of `values`."""
    return values[h % len(values)]
