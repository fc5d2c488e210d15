"""Makes the lake of a release, to be kept: ``.venv/bin/python extractors/core/tests/releases/make.py VERSION``.

Run it once, when the release is made, and never again: later releases are tested to read what this one wrote.
"""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from transload.flow import Limits, flow
from transload.lake_directory import DirectoryLake
from transload.layout import StreamKeys
from transload.load import Load, LoadSettings
from transload.page import Page, Rejected
from transload.state import Chosen
from transload.window import Window

KEYS = StreamKeys("source", "stream")
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in (29, 30, 31)]
COMMITTED, OPEN = (Window("incremental", since, until) for since, until in itertools.pairwise(DAYS))
IDENTITY = "0123456789abcdef"


def pages(first: int) -> list[Page]:
    """Two pages of two records, the second with one more that cannot be read."""
    made = []
    for start in (first, first + 2):
        records = [b'{"id":%d,"changed":"2026-01-%02d","name":"\xe6\x9d\x8e"}' % (n, n) for n in (start, start + 1)]
        made.append(Page(records, {"after": start + 1}, f"2026-01-{start + 1:02d}", notes={"vanished": 1}))
    made[-1] = Page(made[-1].records, made[-1].token, made[-1].cursor_max, [Rejected('{"id":null}', "no primary key")])
    return made


def load(lake: DirectoryLake, window: Window, version: str) -> Load:
    """An attempt on a window, not begun."""
    settings = LoadSettings(
        "changed", "fedcba9876543210", IDENTITY, version, "gzip", True, lambda: window.until + timedelta(hours=1),
        {"office_ids": "1,2"},
    )  # fmt: skip
    return Load(lake, KEYS, Chosen(window, implicit=False), settings)


def pour(into: Load, given: list[Page]) -> None:
    """Take pages into a begun load, a part each."""
    flow(given, into, Limits(2, 1 << 20, 100), frozenset({"id", "changed"}), lambda _records, _size: None)


def make(folder: Path, version: str) -> None:
    """Write a lake with a committed load and an open one, both with quarantine."""
    lake = DirectoryLake(str(folder))
    for window, first in ((COMMITTED, 1), (OPEN, 5)):
        one = load(lake, window, version)
        one.begin()
        pour(one, pages(first))
        if window is COMMITTED:
            one.commit()


if __name__ == "__main__":
    make(Path(__file__).with_name(sys.argv[1]), sys.argv[1])
