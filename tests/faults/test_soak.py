"""A minute of ``make soak``, and that it would notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
