"""Bulk Extract or REST: which of the two reads leads or activities, by the window and what is left of each quota."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Transport = Literal["bulk", "rest"]

SMALL = timedelta(minutes=15)  # a window that is read over REST sooner than an export would be done
RECORDS_A_CALL = 300
FRACTION = 10  # of the calls that are left, a load over REST may take this part


@dataclass(frozen=True, slots=True)
class Load:
    """What is known of a load before it begins.

    Args:
        length: of its window; None for everything there is.
        bytes: of its exports, by the rate of the last load; None if unknown.
        records: that it will have, likewise.
        fixed_calls: that REST takes whatever there is to read.
    """

    length: timedelta | None
    bytes: int | None
    records: int | None
    fixed_calls: int


def decide(load: Load, left: Mapping[str, int]) -> tuple[Transport, str]:
    """The transport, and why, as a person reads it.

    Args:
        load: what is to be read.
        left: ``calls`` and ``export_bytes`` of our share today.
    """
    if load.length is None:
        return "bulk", "everything is asked for"
    calls = load.fixed_calls + (load.records or 0) // RECORDS_A_CALL
    affordable = calls * FRACTION <= left["calls"]
    about = f"about {calls:,} calls, of {left['calls']:,} that are left today"
    if load.length <= SMALL and affordable:
        return "rest", f"the window is short, and over REST it takes {about}"
    needed = max(1, load.bytes or 0)
    megabytes = f"{left['export_bytes'] / 1e6:,.1f} MB of exports are left today"
    if left["export_bytes"] >= needed:
        return "bulk", megabytes
    if load.records is not None and affordable:
        return "rest", f"{megabytes}, {needed / 1e6:,.1f} MB would be needed, and over REST it takes {about}"
    return "bulk", f"{megabytes}, too few, but over REST it would take too many calls"
