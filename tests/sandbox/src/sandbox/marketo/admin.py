"""The sandbox's own controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.admin import NO_QUERY, RequestLog
from sandbox.admin import Admin as SharedAdmin
from sandbox.marketo.api import Api
from sandbox.marketo.truth import Truth


class Admin(SharedAdmin):
    """Clock, truth, requests, faults; and the jobs and the quotas."""

    def __init__(self, api: Api) -> None:
        super().__init__(api.world.clock, api.faults, RequestLog())
        self.api = api
        self._truth = Truth(api)

    def advance(self, now: int, changes: bool = True) -> dict[str, dict[str, int]]:
        """Move the clock; jobs that are due by then are finished, too."""
        changed = self.api.world.advance(now, changes)
        self.api.jobs.quota()
        return changed

    def truth(self, name: str, query: Mapping[str, str] = NO_QUERY) -> Iterator[bytes] | None:
        """The records as they are now, one a line, in batches."""
        return self._truth.batches(name, query)

    def handle(self, method: str, name: str, query: Mapping[str, str], body: object) -> object:
        """Answer one call."""
        if name == "jobs":
            return self.api.jobs.all()
        if name == "quota":
            return self.api.limits.quota() | self.api.jobs.quota()
        return super().handle(method, name, query, body)
