"""verify: whether a window is committed, and every part of it there as recorded."""

from __future__ import annotations

import hashlib
from datetime import datetime

from transload.errors import NotVerified
from transload.lake import Lake
from transload.layout import StreamKeys, commit_records
from transload.records import CommitRecord, Part
from transload.window import Mode, Window, iso


def verify_window(lake: Lake, keys: StreamKeys, mode: Mode, since: datetime | None, until: datetime) -> CommitRecord:
    """Check one committed window against the objects in the lake.

    Args:
        lake: where.
        keys: of the stream.
        mode: ``incremental`` or ``full``.
        since: the window's beginning; None takes the newest committed window with this end.
        until: its end.

    Returns:
        Its commit record.

    Raises:
        NotVerified: no commit record, or a part that is missing, of another size, or of another checksum.
    """

    def wanted(one: Window | CommitRecord) -> bool:
        return one.mode == mode and one.until == until and (since is None or one.since == since)

    found = [record for record in commit_records(lake, keys, wanted) if wanted(record)]
    if not found:
        span = f"[{iso(since)}, {iso(until)})" if since else f"a window that ends at {iso(until)}"
        raise NotVerified(f"{keys.stream}: no {mode} load of {span} is committed; extract it")
    record = max(found, key=lambda one: one.committed_at)
    for part in record.parts:
        _verify_part(lake, part)
    return record


def _verify_part(lake: Lake, part: Part) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with lake.open(part.key) as pieces:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
    except KeyError:
        raise NotVerified(f"{part.key} is missing; extract its window again") from None
    if size != part.bytes:
        raise NotVerified(f"{part.key} has {size} bytes, {part.bytes} are recorded; extract its window again")
    if digest.hexdigest() != part.sha256:
        raise NotVerified(f"{part.key} is not what was written: its SHA-256 differs; extract its window again")
