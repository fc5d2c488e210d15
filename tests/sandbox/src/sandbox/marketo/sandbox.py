"""The sandbox inside a Python process."""

from __future__ import annotations

from sandbox.local import LocalSandbox
from sandbox.marketo.api import Api
from sandbox.marketo.server import MarketoServer
from sandbox.marketo.settings import Settings


class MarketoSandbox(LocalSandbox):
    """A server in a thread: `with MarketoSandbox(records=100) as sandbox: ... sandbox.url`.

    Settings are those of `sandbox.marketo.settings.Settings`.
    """

    def __init__(
        self, records: int = 1000, seed: int = 1, *, host: str = "127.0.0.1", port: int = 0, **settings: object
    ) -> None:
        self.api = Api(Settings(records=records, seed=seed, **settings))  # type: ignore[arg-type]
        super().__init__(MarketoServer((host, port), self.api), host)

    def close(self) -> None:
        """Give back the port, and remove the files."""
        super().close()
        self.api.files.close()

    def jobs(self) -> list[dict[str, object]]:
        """Every bulk job as it really is."""
        return self.api.jobs.all()

    def quota(self) -> dict[str, object]:
        """What has been used of the day's quotas."""
        return self.api.limits.quota() | self.api.jobs.quota()
