"""What the kit must know of a source, a handful of facts, to put one of its streams to the test."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from transload.layout import StreamKeys
from transload.source import Source, Stream


@dataclass(frozen=True)
class SourceUnderTest:
    """One stream of a source, and how to run it against a sandbox.

    Args:
        command: ``module:NAME`` of the ``Source``, such as ``pestroutes.cli:SOURCE``.
        stream: the stream that is loaded.
        sandbox: starts the vendor's sandbox, the same one each time; it has a ``url``.
        environment: of a sandbox, the variables that point the command at it.
        since: where the window begins.
        until: where it ends; a full refresh is of this moment too.
        options: more options of ``extract``, such as a ``--batch-size`` that makes a load of five parts or more.
        bill: what the vendor has charged for so far, where that is more than requests: no kill may make it more.
        sent: how many records the vendor has sent so far: after a kill, what is noted is not asked for again.
        piece_bytes: of uploads to S3, for sources whose parts are written in one piece; None for the real size.
        rss_mib: what the processes of one run may hold in memory, at most.
        title: as reports name it; by default the source and the stream.
    """

    command: str
    stream: str
    sandbox: Callable[[], AbstractContextManager[Any]]
    environment: Callable[[Any], Mapping[str, str]]
    since: str
    until: str
    options: tuple[str, ...] = ()
    bill: Callable[[Any], int] | None = None
    sent: Callable[[Any], int] | None = None
    piece_bytes: int | None = None
    rss_mib: int = 120
    title: str = ""

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", f"{self.source.name} {self.stream}")

    @property
    def source(self) -> Source:
        """The declaration."""
        module, _, name = self.command.partition(":")
        found: Source = getattr(importlib.import_module(module), name)
        return found

    @property
    def declared(self) -> Stream:
        """The stream's declaration."""
        found = self.source.stream(self.stream)
        assert found is not None, f"{self.command} has no stream {self.stream}"
        return found

    @property
    def keys(self) -> StreamKeys:
        """Where the stream stands in a lake."""
        return StreamKeys(self.source.name, self.stream)
