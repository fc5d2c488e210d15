"""The load: a transaction of parts, made visible by one commit record.

Its life: ``begin`` takes the window (a fresh load, or the open one of an earlier attempt), ``add`` takes each finished part
with the token to go on behind it, ``commit`` makes all of it visible. Each of them is one conditional write, so of two
attempts at once exactly one commits: a later ``begin`` rewrites the checkpoint, and the earlier attempt's next write fails.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from transload.errors import AccessDenied, LakeUnavailable, WindowTaken
from transload.lake import Lake, PreconditionFailed, put_once
from transload.layout import StreamKeys, new_load_id
from transload.part import Compression
from transload.records import (
    Checkpoint,
    CommitRecord,
    Cursor,
    Part,
    UnknownFields,
    read,
    total,
    write,
)
from transload.state import Chosen
from transload.steps import Step, reached

log = logging.getLogger(__name__)

SAMPLED = "the first record of every page"


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What a load is made with.

    Args:
        cursor: the stream's cursor field, or None.
        schema: the fingerprint of the stream's schema.
        identity: stands for all that must be unchanged for a resume (schema, masking, the source's options).
        version: the extractor's.
        compression: of new parts.
        fencing: whether writes are conditional.
        clock: gives the aware present.
        options: of the source, those that its records depend on.
    """

    cursor: str | None
    schema: str
    identity: str
    version: str
    compression: Compression
    fencing: bool
    clock: Callable[[], datetime]
    options: Mapping[str, str] = field(default_factory=dict)


class Load:
    """One attempt on one window of one stream.

    Args:
        lake: the destination.
        keys: of the stream.
        chosen: the window.
        settings: how to write.
    """

    def __init__(self, lake: Lake, keys: StreamKeys, chosen: Chosen, settings: LoadSettings) -> None:
        self.lake, self.keys, self.window, self.settings = lake, keys, chosen.window, settings
        self._implicit = chosen.implicit
        self._checkpoint: Checkpoint | None = None
        self._checkpoint_etag: str | None = None
        self._commit_etag: str | None = None
        self._replaces: str | None = None
        self.resumed = False

    @property
    def has_checkpoint(self) -> bool:
        """Whether ``begin`` has taken the window (False also when there was nothing left to do)."""
        return self._checkpoint is not None

    @property
    def checkpoint(self) -> Checkpoint:
        """The open load, as last written."""
        assert self._checkpoint is not None, "begin comes first"
        return self._checkpoint

    def begin(self) -> CommitRecord | None:
        """Take the window over.

        Returns:
            None when there is work to do. The commit record when an earlier attempt was killed behind its commit, before it could
            remove the checkpoint: then nothing is left to do.

        Raises:
            WindowTaken: other attempts keep taking the window at the same time.
        """
        commit_key, checkpoint_key = self.keys.commit(self.window), self.keys.checkpoint(self.window)
        for _ in range(5):
            committed = self.lake.get(commit_key)
            found = self.lake.get(checkpoint_key)
            record = read(committed.data, CommitRecord, commit_key)[-1] if committed else None
            old = read(found.data, Checkpoint, checkpoint_key)[-1] if found else None
            if record is not None and old is not None and record.load_id == old.load_id:
                self._remove_checkpoint()
                self.resumed = True
                return record
            try:
                self._write_checkpoint(self._opened(old), found.etag if found else None)
            except PreconditionFailed:
                continue  # another attempt began between the look and the write: look again
            self._commit_etag = committed.etag if committed else None
            self._replaces = record.load_id if record else None
            self.resumed = old is not None and self.checkpoint.load_id == old.load_id
            return None
        raise self._taken("other attempts keep taking it over")

    def _opened(self, old: Checkpoint | None) -> Checkpoint:
        now = self.settings.clock()
        attempt = old.attempt + 1 if old else 1
        if old is not None and old.identity == self.settings.identity:
            log.info("an open load goes on", extra={"window": self.window.name, "load_id": old.load_id, "attempt": attempt,
                     "parts": len(old.parts), "records": total(old.parts)[0]})  # fmt: skip
            return replace(
                old,
                attempt=attempt,
                owner=secrets.token_hex(8),
                updated_at=now,
                implicit=old.implicit and self._implicit,
            )
        if old is not None:
            log.warning(
                "the open load was begun with other options or another schema: it is given up for a new one",
                extra={"window": self.window.name, "load_id": old.load_id},
            )
        return replace(self._fresh(now), attempt=attempt)

    def _fresh(self, now: datetime) -> Checkpoint:
        return Checkpoint(
            source=self.keys.source, stream=self.keys.stream, mode=self.window.mode, window=self.window.name,
            since=self.window.since, until=self.window.until, load_id=new_load_id(now), attempt=1, owner=secrets.token_hex(8),
            identity=self.settings.identity, implicit=self._implicit, started_at=now, updated_at=now, parts=[],
            quarantine_parts=0, token=None, raw_bytes=0, quarantined=0, cursor_max=None, unknown_fields=[],
        )  # fmt: skip

    def part_key(self, number: int) -> str:
        """The key of the load's part of this number, counted from 0 over all attempts."""
        opened = self.checkpoint
        return self.keys.part(opened.load_id, number, opened.attempt, self.settings.compression)

    def quarantine_key(self) -> str:
        """The key of the next object of rejected records."""
        opened = self.checkpoint
        return self.keys.quarantine_part(opened.load_id, opened.quarantine_parts, opened.attempt)

    def add(self, parts: list[Part], token: Any, **progress: Any) -> None:
        """Note finished parts, and the token behind them, in the checkpoint.

        Args:
            parts: in their order; all that the stream gave up to ``token`` is in them and in those before.
            token: what the stream needs to go on.
            progress: further fields of the checkpoint that have changed.

        Raises:
            WindowTaken: another attempt has taken the window over, or committed it; or prune has removed the load.
        """
        opened = self.checkpoint
        grown = replace(
            opened, parts=[*opened.parts, *parts], token=token, updated_at=self.settings.clock(), **progress
        )
        try:
            self._write_checkpoint(grown, self._checkpoint_etag)
        except PreconditionFailed:
            raise self._taken("another attempt took it over, or prune removed it") from None

    def restart(self, token: Any) -> None:
        """Begin anew on the same window, with none of the parts so far; prune removes them.

        Raises:
            WindowTaken: another attempt has taken the window over, or committed it.
        """
        now, opened = self.settings.clock(), self.checkpoint
        # It began when it began: a load that was begun since has newer states of records.
        anew = replace(
            self._fresh(now), attempt=opened.attempt, owner=opened.owner, started_at=opened.started_at, token=token
        )
        log.warning(
            "what was written so far is given up: the load begins anew",
            extra={"window": self.window.name, "load_id": self.checkpoint.load_id, "parts": len(self.checkpoint.parts)},
        )
        try:
            self._write_checkpoint(anew, self._checkpoint_etag)
        except PreconditionFailed:
            raise self._taken("another attempt took it over, or prune removed it") from None

    def commit(self) -> CommitRecord:
        """Make the load visible, and with the same write its predecessor on this window invisible.

        Raises:
            WindowTaken: another attempt took the window over, or committed it first; or prune has removed the load.
        """
        # A load that was idle may have lost its parts to prune: its checkpoint went first. From here on it is at work again.
        self.add([], self.checkpoint.token)
        record = self._record()
        key = self.keys.commit(self.window)
        reached(Step.BEFORE_COMMIT)
        try:
            put_once(self.lake, key, write(record), etag=self._commit_etag, fencing=self.settings.fencing)
        except PreconditionFailed:
            raise self._taken("another attempt committed it first") from None
        reached(Step.AFTER_COMMIT)
        self._remove_checkpoint()
        return record

    def _remove_checkpoint(self) -> None:
        """Of a committed load: when that fails, the load is committed all the same."""
        key = self.keys.checkpoint(self.window)
        try:
            self.lake.delete([key])
        except (LakeUnavailable, AccessDenied) as error:
            log.warning(
                "committed, but the checkpoint could not be removed: prune removes it, or the next load of this window",
                extra={"key": key, "reason": str(error)},
            )

    def _record(self) -> CommitRecord:
        opened, settings = self.checkpoint, self.settings
        records, size = total(opened.parts)
        return CommitRecord(
            source=opened.source, stream=opened.stream, mode=opened.mode, window=opened.window, since=opened.since,
            until=opened.until, load_id=opened.load_id, attempt=opened.attempt, started_at=opened.started_at,
            committed_at=settings.clock(), records=records, bytes=size, raw_bytes=opened.raw_bytes,
            quarantined=opened.quarantined, parts=opened.parts,
            cursor=Cursor(settings.cursor, opened.cursor_max) if settings.cursor else None,
            schema=settings.schema, version=settings.version,
            unknown_fields=UnknownFields(SAMPLED, opened.unknown_fields),
            dropped_fields=opened.dropped_fields, notes=opened.notes, options=dict(settings.options),
            replaces=self._replaces,
        )  # fmt: skip

    def _write_checkpoint(self, checkpoint: Checkpoint, etag: str | None) -> None:
        self._checkpoint_etag = put_once(
            self.lake,
            self.keys.checkpoint(self.window),
            write(checkpoint),
            etag=etag,
            fencing=self.settings.fencing,
        )
        self._checkpoint = checkpoint
        reached(Step.CHECKPOINT_WRITTEN)

    def _taken(self, why: str) -> WindowTaken:
        return WindowTaken(
            f"{self.keys.stream} {self.window.name}: {why}; this attempt stops and has made nothing visible. "
            "Run the same command again if the other attempt is not at work any more"
        )
