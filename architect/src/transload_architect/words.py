"""Numbers and times as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta


def count(number: int, one: str, many: str = "") -> str:
    """A number of things: ``1 stream``, ``1,200 streams``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """A few of these names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def human(time: timedelta) -> str:
    """A time for people, such as ``1 h 30 min``, rounded up to minutes; below one of them in seconds."""
    if timedelta(0) < time < timedelta(minutes=1):
        return f"{math.ceil(time.total_seconds())} s"
    minutes = math.ceil(time.total_seconds() / 60)
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(part for part in parts if part) or "0 min"
