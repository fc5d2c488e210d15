"""Sources and lakes behind a proxy that goes wrong, and what a disturbed load is held against: an undisturbed one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from transload.lake import Lake, open_lake
from transload.layout import StreamKeys, commit_records, open_checkpoints
from transload.records import Checkpoint
from transload.testing.proxy import Proxy

RETRY_SECONDS = 2
_UNDISTURBED: dict[str, Counter[bytes]] = {}


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """Every test here begins without settings from outside."""


@dataclass(frozen=True)
class Way:
    """A stream of a source, by one of the ways in which it is read.

    Args:
        name: of the way.
        source: whose command is run.
        stream: that is extracted.
        sandbox: settings.
        data: the requests that bring records: enough of them that some are behind a part.
        options: of the command.
        environment: beside what every run of the source needs.
    """

    name: str
    source: str
    stream: str
    sandbox: Mapping[str, object]
    data: str
    options: tuple[object, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


_MARKETO = {
    "MARKETO_CLIENT_ID": "id",
    "MARKETO_CLIENT_SECRET": "secret",
    "MARKETO_POLL": "0.02",
    "MARKETO_RATE": "1000000",
}
_WINDOW = ("--since", "2026-07-01T00:00:00Z", "--until", "2026-10-01T15:00:01Z")
PESTROUTES = Way(
    "pestroutes", "pestroutes", "customer", {"records": 120}, "/customer/get",
    ("--since", "2020-01-01T00:00:00Z", "--until", "2026-10-02T00:00:00Z", "--batch-size", 20, "--concurrency", 2),
    {"PESTROUTES_AUTHENTICATION_KEY": "key", "PESTROUTES_AUTHENTICATION_TOKEN": "token"},
)  # fmt: skip
BULK = Way(
    "marketo bulk", "marketo", "activities", {"records": 40, "activities_per_day": 10, "job_polls": 0}, "/file.json",
    (*_WINDOW, "--transport", "bulk", "--batch-size", 50), _MARKETO,
)  # fmt: skip
REST = Way(
    "marketo rest", "marketo", "activities", {"records": 40, "activities_per_day": 25}, r"/v1/activities\.json",
    (*_WINDOW, "--transport", "rest", "--batch-size", 200), _MARKETO,
)  # fmt: skip


@dataclass
class Bench:
    """A way with its sandbox, a proxy before it, and the runs.

    Args:
        way: which.
        sandbox: of the vendor.
        proxy: before it.
        run: runs the source's command in this process.
        read_part: reads a part.
        folder: for lakes.
        monkeypatch: sets the environment.
    """

    way: Way
    sandbox: Any
    proxy: Proxy
    run: Callable[..., Any]
    read_part: Callable[[Lake, str], bytes]
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    destination: str = ""
    endpoint_url: str | None = None

    def point_at(self, url: str) -> None:
        """Let the command talk to this base URL."""
        self.monkeypatch.setenv(self.base_url, url)

    @property
    def base_url(self) -> str:
        """The variable."""
        return f"{self.way.source.upper()}_BASE_URL"

    def extract(self, *more: object, destination: str | None = None) -> Any:
        """One run of the window."""
        return self.run(
            "extract", self.way.stream, *self.way.options, "--retry-deadline", RETRY_SECONDS,
            "--destination", destination or self.destination, "--json", *more,
        )  # fmt: skip

    def undisturbed(self) -> Counter[bytes]:
        """What a run gives that nothing disturbs, each once; the same from every sandbox of a way."""
        if self.way.name in _UNDISTURBED:
            return _UNDISTURBED[self.way.name]
        where = str(self.folder / "undisturbed")
        base_url = os.environ[self.base_url]
        self.point_at(self.sandbox.url)
        outcome = self.extract(destination=where)
        assert outcome.code == 0, outcome.err
        self.point_at(base_url)
        found = self.visible(open_lake(where))
        assert found
        assert set(found.values()) == {1}
        _UNDISTURBED[self.way.name] = found
        return found

    def visible(self, lake: Lake | None = None) -> Counter[bytes]:
        """The committed records, and how often each is there."""
        lake = lake or self.lake()
        return Counter(
            line
            for record in commit_records(lake, self.keys)
            for part in record.parts
            for line in self.read_part(lake, part.key).splitlines()
        )

    def checkpoint(self) -> Checkpoint | None:
        """The open load."""
        return next((found for _, found in open_checkpoints(self.lake(), self.keys)), None)

    def lake(self) -> Lake:
        """The destination, past any proxy."""
        return open_lake(self.destination, self.endpoint_url)

    @property
    def keys(self) -> StreamKeys:
        """Of the stream."""
        return StreamKeys(self.way.source, self.way.stream)


@pytest.fixture
def source_name(request: pytest.FixtureRequest) -> str:
    """Whose command ``run`` runs."""
    way: Way = request.getfixturevalue("way")
    return way.source


@pytest.fixture
def bench(way: Way, run: Any, read_part: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The way under test, on a directory lake."""
    from sandbox.marketo import MarketoSandbox
    from sandbox.pestroutes import PestRoutesSandbox

    for name, value in way.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TRANSLOAD_START", "2026-04-01T00:00:00Z")
    with ExitStack() as stack:
        kind: Any = PestRoutesSandbox if way.source == "pestroutes" else MarketoSandbox
        sandbox = stack.enter_context(kind(**way.sandbox))
        proxy = stack.enter_context(Proxy(sandbox.url))
        bench = Bench(way, sandbox, proxy, run, read_part, tmp_path, monkeypatch, str(tmp_path / "lake"))
        bench.point_at(proxy.url)
        yield bench
