"""prune: removes what no commit record and no open load needs any more."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from transload.lake import Lake, PreconditionFailed
from transload.layout import StreamKeys, commit_records, load_id_of, open_checkpoints
from transload.records import Checkpoint, read, write
from transload.steps import Step, reached

# How long one write to the lake may take, retries included: a run that has noted something since may commit at any moment.
AT_WORK = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed of one stream, or would be."""

    stream: str
    objects: int
    bytes: int
    checkpoints: int
    uploads: int


@dataclass(frozen=True, slots=True)
class _Needed:
    """Loads that are open, or were superseded so lately that somebody may still read them; committed loads; their parts."""

    open: set[str]
    committed: set[str]
    parts: set[str]

    def covers(self, key: str, keys: StreamKeys) -> bool:
        load_id = load_id_of(key)
        if load_id is None or load_id in self.open:
            return True
        return load_id in self.committed if key.startswith(keys.quarantine) else key in self.parts


def prune_stream(
    lake: Lake, keys: StreamKeys, before: datetime, *, idle: datetime | None = None, dry_run: bool
) -> Pruned:
    """Remove a stream's uncommitted and superseded objects that are older than a moment.

    An open load that was at work lately keeps all of its objects. The checkpoint of one that was not is taken over
    first, so that an attempt that still holds it is fenced before its parts go.

    Args:
        lake: where.
        keys: of the stream.
        before: what was written, or superseded, later stays: a run or a reader may still need it.
        idle: a load that was at work since then is open, and an object begun since then may still become whole; give
            ``AT_WORK`` before now at least, wherever runs may be under way. By default the same as ``before``.
        dry_run: only count.
    """
    idle = before if idle is None else min(idle, before)
    stale: list[str] = []
    open_loads: set[str] = set()
    for key, checkpoint in open_checkpoints(lake, keys):
        if checkpoint.updated_at < idle and (dry_run or _fenced(lake, key, idle)):
            stale.append(key)
        else:
            open_loads.add(checkpoint.load_id)
    # Read after the fence: a load that committed before it is found by its record. A commit begins by rewriting its checkpoint,
    # so none comes later, unless that age is less than the moment between those two writes: see AT_WORK.
    needed = _Needed(open_loads, set(), set())
    for record in commit_records(lake, keys):
        needed.committed.add(record.load_id)
        needed.parts.update(part.key for part in record.parts)
        if record.replaces and record.committed_at >= before:
            needed.open.add(record.replaces)
    removed = [
        found for found in lake.list(keys.root) if found.modified < before and not needed.covers(found.key, keys)
    ]
    if not dry_run:
        lake.delete(_removing([*stale, *(found.key for found in removed)]))
    uploads = lake.unfinished(keys.root, idle, remove=not dry_run)
    return Pruned(keys.stream, len(removed), sum(found.size for found in removed), len(stale), uploads)


def _removing(keys: list[str]) -> Iterator[str]:
    for key in keys:
        reached(Step.DURING_PRUNE)
        yield key


def _fenced(lake: Lake, key: str, idle: datetime) -> bool:
    """Take an idle load over, so that an attempt that holds it cannot commit it; False if one went to work just now."""
    found = lake.get(key)
    if found is None:
        return False  # committed or removed just now
    checkpoint = read(found.data, Checkpoint, key)[-1]
    if checkpoint.updated_at >= idle:
        return False
    try:
        lake.put(key, write(replace(checkpoint, owner=secrets.token_hex(8))), match=found.etag)
    except PreconditionFailed:
        return False
    return True
