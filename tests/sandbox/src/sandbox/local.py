"""A sandbox inside a Python process."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import msgspec

from sandbox.http import Server


class LocalSandbox:
    """A server in a thread, and its controls: the same as `/_sandbox/...`."""

    path = ""  # of the base URL

    def __init__(self, server: Server, host: str) -> None:
        self.server = server
        self._host = host
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server.server_address[1])

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{self._host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"{self.origin}{self.path}"

    @property
    def admin_url(self) -> str:
        """The base URL of the controls."""
        return f"{self.origin}/_sandbox"

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.server.shutdown()
        self.close()
        if self._thread:
            self._thread.join()

    def close(self) -> None:
        """Give back the port and whatever else is held."""
        self.server.server_close()

    @property
    def now(self) -> str:
        """The moment of the data."""
        return self.server.admin.clock.iso()

    def advance(self, *, days: float = 0, seconds: int = 0, changes: bool = True) -> dict[str, dict[str, int]]:
        """Move the clock; what changed by entity."""
        admin = self.server.admin
        return admin.advance(admin.clock.now + int(days * 86_400) + seconds, changes)

    def faults(self, *faults: dict[str, object]) -> None:
        """Switch faults on; without any, all off."""
        if faults:
            self.server.admin.faults.add(faults)
        else:
            self.server.admin.faults.clear()

    def requests(self, since: int = 0) -> list[dict[str, object]]:
        """What clients asked."""
        return self.server.admin.log.since(since)

    def clear_requests(self) -> None:
        """Forget what clients asked."""
        self.server.admin.log.clear()

    def truth(self, kind: str, **query: object) -> list[dict[str, object]]:
        """All records of a kind now."""
        batches = self.server.admin.truth(kind, {name: str(value) for name, value in query.items()})
        if batches is None:
            raise ValueError(f"no such records: {kind} {urlencode(query)}")
        return [msgspec.json.decode(line) for batch in batches for line in batch.split(b"\n") if line]
