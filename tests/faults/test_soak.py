"""A minute of ``make soak``, and that it would notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.soak.reconcile import compared

ROOT = Path(__file__).parents[2]


@pytest.mark.fault(table="Soak", step="half a minute of faults and kills", mode="missing, doubled, stale: 0", lake="s3")
@pytest.mark.exhaustive
@pytest.mark.timeout(500)
def test_half_a_minute_of_faults_and_kills_loses_doubles_and_ages_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.soak", "--minutes", "0.5", "--records", "150", "--folder", tmp_path / "soak", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    report = json.loads(done.stdout)
    assert [check["title"] for check in report["checks"]] == ["after incremental loads", "after full loads"]
    assert all(stream["records"] for check in report["checks"] for stream in check["streams"])
    assert sum(check["wrong"] for check in report["checks"]) == 0
    assert report["runs"] >= 1
    assert sum(report["requests"].values()) > 0


def test_what_is_missing_doubled_or_stale_is_told_apart() -> None:
    truth = {("1",): {"a": 1}, ("2",): {"a": 2}, ("3",): {"a": 3}, ("4",): {"a": 4}}
    held = [(("1",), {"a": 1}), (("2",), {"a": 1}), (("4",), {"a": 4}), (("4",), {"a": 4}), (("9",), {"a": 9})]
    found = compared("vendor", "stream", truth, held, {("load", "1"): 1, ("load", "2"): 2})
    assert (found.records, found.missing, found.doubled, found.stale, found.deleted) == (4, 1, 2, 1, 1)
    assert found.wrong == 4
    assert "missing ('3',)" in found.examples
    assert compared("vendor", "stream", truth, list(truth.items()), {}).wrong == 0
