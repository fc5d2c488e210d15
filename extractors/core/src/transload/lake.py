"""The lake: objects under keys, on S3 or in a directory, with the same semantics on both.

Keys are relative to the destination and use ``/``. An object is there whole or not at all. ``put`` can be conditional; an
object's version (``etag``) changes with every write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from transload.errors import ConfigError, LakeUnavailable


class PreconditionFailed(Exception):
    """A conditional write found another version of the object than it asked for. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A small object as read: its bytes and its version."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as listed: its key, its size in bytes, when it was last written."""

    key: str
    size: int
    modified: datetime


class ObjectWriter(Protocol):
    """Writes one object as a stream, in memory that does not grow with it."""

    def write(self, data: bytes) -> None:
        """Take some bytes; they may still be on their way when this returns."""

    def close(self) -> None:
        """Make the object visible, whole. Raises LakeUnavailable, and then there is no object."""

    def abort(self) -> None:
        """Leave nothing behind, as far as the store can be reached."""


class Lake(Protocol):
    """Objects under keys. Every method raises LakeUnavailable, AccessDenied or ConfigError where the store fails."""

    @property
    def url(self) -> str:
        """The destination as the user gave it."""

    def get(self, key: str) -> Stored | None:
        """Read a small object; None if there is none."""

    def put(self, key: str, data: bytes, *, match: str | None = None, absent: bool = False) -> str:
        """Write a small object.

        Args:
            key: where.
            data: all of it.
            match: write only over the version with this etag.
            absent: write only if there is no object.

        Returns:
            The new version's etag.

        Raises:
            PreconditionFailed: the condition did not hold.
        """

    def create(self, key: str) -> ObjectWriter:
        """Begin an object of any size."""

    def open(self, key: str) -> AbstractContextManager[Iterator[bytes]]:
        """Read an object of any size in pieces. Raises KeyError if there is none."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects whose keys start with ``prefix``, a folder that ends in ``/``."""

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders right below ``prefix``, a folder that ends in ``/``."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there are passed over."""

    def unfinished(self, prefix: str, before: datetime, *, remove: bool) -> int:
        """Count (and remove) what writers begun before a moment left unfinished below ``prefix``."""


def open_lake(destination: str, endpoint_url: str | None = None, *, connections: int = 4) -> Lake:
    """The lake at a destination.

    Args:
        destination: ``s3://bucket/prefix``, ``file:///path``, or a directory.
        endpoint_url: of a store other than AWS, for ``s3://``.
        connections: how many requests to S3 may be under way at once.

    Raises:
        ConfigError: the destination is of no known kind.
    """
    parts = urlsplit(destination)
    if parts.scheme == "s3":
        # Late: boto3 costs a third of a second at start, and a directory does without.
        from transload.lake_s3 import S3Lake

        return S3Lake(destination, endpoint_url, connections=connections)
    if "://" in destination and parts.scheme != "file":
        raise ConfigError(f"destination {destination!r}: give s3://bucket/prefix or a directory")
    from transload.lake_directory import DirectoryLake

    return DirectoryLake(parts.path if parts.scheme == "file" else destination)


def put_once(lake: Lake, key: str, data: bytes, *, etag: str | None, fencing: bool) -> str:
    """A conditional write that survives a lost answer.

    When a store's answer is lost, the retry finds the object changed: by ourselves. As no two attempts ever write the same
    bytes, finding exactly ours means that the write took place.

    Args:
        lake: where.
        key: of the object.
        data: bytes that no other attempt would write.
        etag: the version to replace; None to create.
        fencing: False writes unconditionally.

    Returns:
        The etag of what is now there.

    Raises:
        PreconditionFailed: somebody else wrote it since.
    """
    if not fencing:
        return lake.put(key, data)
    try:
        return lake.put(key, data, match=etag, absent=etag is None)
    except PreconditionFailed:
        found = lake.get(key)
        if found is not None and found.data == data:
            return found.etag
        raise


@contextmanager
def scratch(lake: Lake, key: str) -> Iterator[str]:
    """An object that is there as long as the context lasts: its key, which nobody else may use at the same time."""
    lake.put(key, b"probe\n")
    try:
        yield key
    finally:
        # Should this fail, what matters is known already.
        with suppress(LakeUnavailable):
            lake.delete([key])


def honours_conditions(lake: Lake, key: str) -> bool:
    """Whether the store refuses a conditional write whose condition does not hold.

    Args:
        lake: the store.
        key: of an object that is there, such as a ``scratch`` one; where the store ignores conditions it is overwritten.
    """
    for match in (None, '"00000000000000000000000000000000"'):
        try:
            lake.put(key, b"probe again\n", match=match, absent=match is None)
        except PreconditionFailed:
            continue
        return False
    return True
