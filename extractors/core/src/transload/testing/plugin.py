"""The pytest plugin of the kit: marks of fault tests, their dice, and how a failure is repeated.

``@pytest.mark.fault(table=..., step=..., mode=...)`` puts a test into a table of the report, ``@pytest.mark.exhaustive`` leaves it
to ``make faults``.
"""

from __future__ import annotations

import json
import os
import random
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

SEED = "TRANSLOAD_FAULT_SEED"
_seed = pytest.StashKey[str]()
WORDS = ("table", "step", "mode", "source", "lake")

# Their assertions are explained like those of test modules.
for _module in ("cases", "declarations", "doubles", "kills", "resources", "runs", "under_test"):
    pytest.register_assert_rewrite(f"transload.testing.{_module}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--faults``, and where the report wants the list of cases."""
    parser.addoption("--faults", action="store_true", help="run the whole fault matrix, not only its cheap share")
    parser.addoption("--fault-cases", metavar="FILE", help="write where each collected fault test stands in the report")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks, and draw the seed of this run: its workers are given the same."""
    config.addinivalue_line(
        "markers", "fault(table, step, mode, source, lake): where a test stands in the report of faults"
    )
    config.addinivalue_line("markers", "exhaustive: left to --faults")
    config.stash[_seed] = os.environ.setdefault(SEED, str(random.SystemRandom().randrange(1 << 32)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is exhaustive, and tell the report of the rest."""
    if not config.getoption("--faults"):
        left = [item for item in items if item.get_closest_marker("exhaustive")]
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
        config.hook.pytest_deselected(items=left)
    cases = [{"id": item.nodeid, "place": where} for item in items if (where := place(item))]
    for item in items:
        if item.get_closest_marker("fault"):
            item.user_properties.append(("fault_id", item.nodeid))
    if listed := config.getoption("--fault-cases"):
        Path(listed).write_text(json.dumps(cases))


def place(item: pytest.Item) -> dict[str, str]:
    """Where a test stands in the report; empty for one that is not marked. The nearest mark has the last word."""
    found: dict[str, str] = {}
    for mark in reversed(list(item.iter_markers("fault"))):
        found |= {word: str(mark.kwargs[word]) for word in WORDS if word in mark.kwargs}
    under = getattr(getattr(item, "cls", None), "under", None)
    if found and under is not None:
        found.setdefault("source", under.title)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say below a failure how to have it again."""
    report = yield
    if report.failed and item.get_closest_marker("fault"):
        command = f"{SEED}={item.config.stash[_seed]} .venv/bin/python -m pytest --faults '{item.nodeid}'"
        report.sections.append(("to repeat it", command))
    return report


@pytest.fixture(scope="session")
def nursery() -> Iterator[Any]:
    """Begins the processes of fault tests, one a test process."""
    from transload.testing.nursery import Nursery, remember_descriptions

    remember_descriptions()
    # The commands that tests run in their own process need not wait for the disk either.
    with pytest.MonkeyPatch.context() as patch, Nursery() as nursery:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield nursery


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """What a fault test is random by: the same for the same seed and test, whatever runs beside it."""
    return random.Random(f"{request.config.stash[_seed]} {zlib.crc32(request.node.nodeid.encode())}")
