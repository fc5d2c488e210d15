"""The race against other tools: a process that fails is never a quick one, and a rival that fails is a row of the page."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.benchmarks.race import page
from tests.benchmarks.race.processes import CommandFailed, measure

FAILS = ("sh", "-c", "echo no room >&2; exit 3")
KILLED = ("sh", "-c", "kill -9 $$")
ENDLESS = ("sh", "-c", "exec cat /dev/zero")


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ([FAILS], "exit code 3: no room"),
        ([FAILS, ("cat",)], "exit code 3: no room"),
        ([ENDLESS, KILLED], "ended by SIGKILL: "),  # and the one before it by its pipe
    ],
)
def test_a_process_that_fails_is_not_measured_as_one_that_ended(commands: list[tuple[str, ...]], said: str) -> None:
    with pytest.raises(CommandFailed) as raised:
        measure(commands, os.environ)
    assert raised.value.said == said
    assert raised.value.spent.wall > 0


def test_a_pipeline_that_ends_well_is_measured() -> None:
    assert measure([("echo", "one"), ("cat",)], os.environ).wall > 0


def test_a_rival_that_failed_is_a_row_and_no_figure_is_made_of_it() -> None:
    kept: Any = json.loads(page.RESULTS.read_text())
    whole = page.files_of(kept)[page.PAGE]
    for run in kept["results"]:
        if (
            run["contestant"] == "singer"
            and run["size"] == 1_000
            and run["latency_ms"] == 0
            and run["records"] > 100_000
        ):
            run.update(failed="ended by SIGKILL: its words", wall=77.0, mib=20_000.0)
    text = page.files_of(kept)[page.PAGE]
    assert text.count("| Singer SDK (ended by SIGKILL) | after 77 | – | – | – | 20,000 | – | – | – |") == 2
    assert "| records per CPU second, times Singer SDK | it failed | ≥ 12 | – |" in text
    assert "its words" not in text
    # All the rest stands as it was.
    assert len(text.splitlines()) == len(whole.splitlines())
    assert [line for line in text.splitlines() if "Singer" not in line] == [
        line for line in whole.splitlines() if "Singer" not in line
    ]
