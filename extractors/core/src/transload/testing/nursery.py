"""Processes that begin where imports end: a server that has imported everything forks each command that is asked for.

A command that is killed at a step is a process of its own, as in production; of its half second at start, nearly all is imports.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from transload.testing.launch import main as launch


class Child:
    """A command that the nursery has begun.

    Args:
        connection: to what watches over it.
        out: the file that takes its stdout.
        err: the same for stderr.
    """

    def __init__(self, connection: socket.socket, out: IO[bytes], err: IO[bytes]) -> None:
        self._answers = connection.makefile("r")
        connection.close()
        self._out, self._err = out, err
        self.pid = int(self._answers.readline())
        self._code: int | None = None

    def wait(self) -> int:
        """Wait for its end; its exit code, or minus the signal that killed it."""
        if self._code is None:
            self._code = int(self._answers.readline())
            self._answers.close()
        return self._code

    def printed(self) -> tuple[str, str]:
        """What it wrote to stdout and stderr until now."""
        texts = []
        for file in (self._out, self._err):
            file.seek(0)
            texts.append(file.read().decode())
        return texts[0], texts[1]

    def close(self) -> None:
        """Kill it if it still runs, and let go of its files."""
        if self._code is None:
            # Its watcher has not waited for it, so the number is still its own.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self._out.close()
        self._err.close()


class Nursery:
    """The server, from the tests' side: a context manager."""

    def __enter__(self) -> Nursery:
        self._folder = tempfile.TemporaryDirectory(prefix="nursery-")
        self._path = str(Path(self._folder.name, "socket"))
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self._path)
            listening.listen(16)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "transload.testing.nursery", str(listening.fileno())],
                pass_fds=(listening.fileno(),),
                stdin=subprocess.DEVNULL,
            )
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int] = ()) -> Child:
        """Begin a command.

        Args:
            arguments: of ``transload.testing.launch``.
            environment: all of it.
            descriptors: file descriptors that it gets, as numbers 3, 4 and so on.
        """
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - the child closes them
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._path)
        asked = json.dumps({"arguments": list(arguments), "environment": dict(environment)}).encode()
        socket.send_fds(connection, [len(asked).to_bytes(4)], [out.fileno(), err.fileno(), *descriptors])
        connection.sendall(asked)
        return Child(connection, out, err)


def _serve(listening: socket.socket) -> None:
    _warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the watchers are nobody's
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listening.close()
            _watch(connection)
            os._exit(0)
        connection.close()


def _watch(connection: socket.socket) -> None:
    """Begin one command, say its number, wait for it, and say how it ended."""
    head, descriptors, _, _ = socket.recv_fds(connection, 4, 8)
    with connection.makefile("rb") as asked:
        wanted = json.loads(asked.read(int.from_bytes(head)))
    pid = os.fork()
    if pid == 0:
        _become(wanted, connection, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    with contextlib.suppress(BrokenPipeError):  # nobody waits any more
        connection.sendall(b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(wanted: Mapping[str, Mapping[str, str]], connection: socket.socket, descriptors: Sequence[int]) -> None:
    """Take the place of a freshly started process."""
    connection.close()
    out, err, *others = descriptors
    os.dup2(out, 1)
    os.dup2(err, 2)
    # Out of the way first: a number may be in use by another of them.
    high = [os.dup2(one, 100 + n, inheritable=False) for n, one in enumerate(others)]
    for n, one in enumerate(high):
        os.dup2(one, 3 + n)
    os.closerange(3 + len(high), 128)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    launch(list(wanted["arguments"]))


# What commands import when they run.
_IMPORTED = """boto3 isal.isal_zlib pythonjsonlogger.json requests rich.progress tenacity transload.extract transload.http_client
    transload.lake_directory transload.lake_s3 transload.ledger transload.prune transload.running""".split()


def _warm_up() -> None:
    for module in _IMPORTED:
        importlib.import_module(module)
    remember_descriptions()
    # What a killed process has written, the kernel keeps: to wait for the disk proves nothing here.
    setattr(os, "fsync", lambda _descriptor: None)  # noqa: B010 - mypy forbids the assignment
    from transload.lake_s3 import S3Lake

    S3Lake("s3://nowhere", "http://127.0.0.1:9", connections=1)


def remember_descriptions() -> None:
    """Let boto3 read its descriptions of services once a process, not once a client."""
    from botocore.loaders import JSONFileLoader

    read = JSONFileLoader().load_file
    setattr(JSONFileLoader, "load_file", staticmethod(functools.cache(read)))  # noqa: B010 - mypy forbids the assignment


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
