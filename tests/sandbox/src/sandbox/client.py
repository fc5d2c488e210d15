"""A sandbox in another process, and its controls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import msgspec

TIMEOUT = 600


class Controls:
    """The `/_sandbox/...` endpoints of a running sandbox."""

    def __init__(self, admin: str) -> None:
        self.admin = admin

    @property
    def now(self) -> str:
        """The moment of the data."""
        clock = self._call("GET", "clock")
        return str(clock["now"]) if isinstance(clock, dict) else ""

    def advance(self, *, days: float = 0, seconds: int = 0, changes: bool = True) -> object:
        """Move the clock."""
        return self._call("POST", "clock", {"advance_seconds": int(days * 86_400) + seconds, "changes": changes})

    def faults(self, *faults: dict[str, object]) -> object:
        """Switch faults on; without any, all off."""
        return self._call("POST", "faults", list(faults)) if faults else self._call("DELETE", "faults")

    def requests(self, since: int = 0) -> list[dict[str, object]]:
        """What clients asked."""
        found = self._call("GET", f"requests?since={since}")
        return found if isinstance(found, list) else []

    def clear_requests(self) -> None:
        """Forget what clients asked."""
        self._call("DELETE", "requests")

    def truth(self, kind: str, **query: object) -> Iterator[bytes]:
        """All records of a kind now, one JSON text each, as they come."""
        with urlopen(f"{self.admin}/truth/{kind}?{urlencode(query)}", timeout=TIMEOUT) as answer:
            for line in answer:
                yield line.rstrip(b"\n")

    def jobs(self) -> list[dict[str, object]]:
        """Bulk jobs as they really are, of a sandbox that has them."""
        found = self._call("GET", "jobs")
        return found if isinstance(found, list) else []

    def quota(self) -> dict[str, object]:
        """What has been used of the day's quotas, of a sandbox that has them."""
        found = self._call("GET", "quota")
        return found if isinstance(found, dict) else {}

    def _call(self, method: str, path: str, body: object = None) -> object:
        data = None if body is None else msgspec.json.encode(body)
        request = Request(f"{self.admin}/{path}", data=data, method=method)
        with urlopen(request, timeout=TIMEOUT) as answer:
            return msgspec.json.decode(answer.read())


class SandboxProcess(Controls):
    """`with SandboxProcess("pestroutes", records=100_000) as sandbox:` starts it as a process of its own.

    Options are those of the command line: `minute_limit=60` is `--minute-limit 60`, `gzip=True` is `--gzip`.
    """

    def __init__(self, name: str, **options: object) -> None:
        super().__init__("")
        self.url = ""
        self._command = [sys.executable, "-m", "sandbox", name, *_flags(options)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, to measure it; 0 before it is started."""
        return self._process.pid if self._process else 0

    def __enter__(self) -> Self:
        """Start, and wait until it is ready."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise RuntimeError(f"the sandbox did not start: exit code {self._process.wait()}")
        ready = msgspec.json.decode(line)
        self.url, self.admin = ready["url"], ready["admin"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()


def _flags(options: dict[str, object]) -> list[str]:
    flags: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        flags += [flag] if value is True else [] if value is False else [flag, str(value)]
    return flags
