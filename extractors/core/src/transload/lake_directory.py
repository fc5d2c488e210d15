"""A lake in a directory: the embedded default, with the semantics of S3."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from transload.errors import AccessDenied, ConfigError, LakeUnavailable
from transload.lake import ObjectInfo, PreconditionFailed, Stored
from transload.steps import Step, reached

_TEMPORARY = ".tmp"
_PIECE = 1 << 20
# How often a folder is made that other processes remove, empty, before anything is in it.
_TRIES = 20

Made = TypeVar("Made")


class DirectoryLake:
    """Objects as files: each is written beside its place, flushed to the disk, and renamed into it.

    Conditional writes hold between processes of one machine, by a lock on the folder that the kernel drops when a process dies.
    On a network file system they hold as far as its ``flock`` does.

    Args:
        root: the directory; made when something is first written.
    """

    def __init__(self, root: str) -> None:
        self.url = root
        self._root = Path(root).expanduser().resolve()

    def get(self, key: str) -> Stored | None:
        try:
            data = self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _explained(error, "read", key) from error
        return Stored(data, _etag(data))

    def put(self, key: str, data: bytes, *, match: str | None = None, absent: bool = False) -> str:
        path = self._path(key)

        def write() -> str:
            with _locked(path.parent):
                found = self.get(key)
                if (absent and found is not None) or (match is not None and (found is None or found.etag != match)):
                    raise PreconditionFailed(key)
                writer = _FileWriter(path, key)
                try:
                    writer.store(data)
                    writer.close()
                except BaseException:
                    writer.abort()
                    raise
            return _etag(data)

        with _explaining("write", key):
            return _in_folder(path.parent, write)

    def create(self, key: str) -> _FileWriter:
        path = self._path(key)
        with _explaining("write", key):
            return _in_folder(path.parent, lambda: _FileWriter(path, key))

    @contextmanager
    def open(self, key: str) -> Iterator[Iterator[bytes]]:
        try:
            file = self._path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(key) from None
        except OSError as error:
            raise _explained(error, "read", key) from error
        with file:
            yield iter(lambda: file.read(_PIECE), b"")

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for path in self._files(prefix):
            if path.name.endswith(_TEMPORARY):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # removed between listing and looking
            yield ObjectInfo(self._key(path), status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def folders(self, prefix: str) -> Iterator[str]:
        with _explaining("list", prefix), suppress(FileNotFoundError):
            yield from sorted(entry.name for entry in os.scandir(self._path(prefix)) if entry.is_dir())

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self._path(key)
            with _explaining("remove", key):
                path.unlink(missing_ok=True)
                self._remove_empty(path.parent)

    def unfinished(self, prefix: str, before: datetime, *, remove: bool) -> int:
        count = 0
        for path in self._files(prefix):
            if not path.name.endswith(_TEMPORARY):
                continue
            with _explaining("remove", self._key(path)), suppress(FileNotFoundError):  # its writer may end just now
                if path.stat().st_mtime < before.timestamp():
                    count += 1
                    if remove:
                        path.unlink(missing_ok=True)
        return count

    def _path(self, key: str) -> Path:
        return self._root / key

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _files(self, prefix: str) -> Iterator[Path]:
        top = self._path(prefix)
        with _explaining("list", prefix):
            if top.exists() and not os.access(top, os.R_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(top))
            for folder, folders, names in os.walk(top):
                folders.sort()
                for name in sorted(names):
                    yield Path(folder, name)

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._root and folder.is_relative_to(self._root):
            try:
                with _locked(folder):  # a writer that holds the lock relies on the folder
                    folder.rmdir()
            except OSError:
                return  # not empty, or somebody else removed it
            folder = folder.parent


class _FileWriter:
    """One object on its way into a directory. It becomes visible by a rename, whole."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{_TEMPORARY}")
        # Unbuffered: a buffer would be flushed once more, and fail once more, when a full disk has already been reported.
        self._file = self._temporary.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        self.store(data)
        reached(Step.MID_UPLOAD)

    def store(self, data: bytes) -> None:
        with _explaining("write", self._key):
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        with _explaining("write", self._key):
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._path)
            _sync_folder(self._path.parent)

    def abort(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _in_folder(folder: Path, make: Callable[[], Made]) -> Made:
    """Do what needs a folder, which is made; once more when another process removed it, empty, in between."""
    for left in range(_TRIES - 1, -1, -1):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return make()
        except (FileNotFoundError, FileExistsError):
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. Raises FileNotFoundError if it was removed, or made anew, while waiting for that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(descriptor), folder.stat()):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explaining(verb: str, key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _explained(error, verb, key) from error


def _explained(error: OSError, verb: str, key: str) -> AccessDenied | LakeUnavailable | ConfigError:
    what = f"cannot {verb} {error.filename or key}: {error.strerror}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return AccessDenied(f"{what}; give this user the right to write to the destination")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return LakeUnavailable(f"{what}; make room and run the same command again, it goes on from its checkpoint")
    if error.errno == errno.ENOENT:
        return LakeUnavailable(
            f"{what}: such a folder cannot be made, or another process removed it; name another destination, or run "
            "the same command again, which goes on from its checkpoint"
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
        return ConfigError(f"{what}; the destination must be a directory")
    return LakeUnavailable(what)
