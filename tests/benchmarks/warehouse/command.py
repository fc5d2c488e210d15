"""The warehouse's part of ``make bench``: ``python -m tests.benchmarks.warehouse`` runs it alone."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.report import report
from tests.benchmarks.warehouse import lakes

ROOT = Path(__file__).parents[3]
TIMES, GROWTH, PARSE = 2.0, 1.5, 5.0
RUNS = 3


def run(customers: int) -> list[bool]:
    """All of it; whether each target is met."""
    with tempfile.TemporaryDirectory() as name:
        return [*against_a_bare_read(Path(name), customers), *one_load_more(Path(name)), parsing(Path(name))]


def _measured(*arguments: str) -> dict[str, Any]:
    """What ``staging`` measures, in dbt's environment."""
    command = [".venv-dbt/bin/python", "-m", "tests.benchmarks.warehouse.staging", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{command} ended with {ended.returncode}: {ended.stderr[-3000:]}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def against_a_bare_read(folder: Path, customers: int) -> list[bool]:
    """The staging model of 100 loads against DuckDB's read of the same fields of the same parts into a table."""
    lake = folder / "speed"
    lakes.write(lake, 100, customers // 100)
    took = _measured("against-a-bare-read", str(lake), str(RUNS))
    print(
        f"{customers:,} customers of 100 loads, medians of {RUNS}: read_json of the model's fields as texts into a table "
        f"{took['bare']:.1f} s; the staging model {took['model']:.1f} s; before it, commit records read and every part counted, "
        f"{took['staged']:.1f} s; CPU seconds of read and model {took['bare_cpu']:.1f} and {took['model_cpu']:.1f}"
    )
    # Beside other work the wall clock favours whoever waits less for a core: CPU seconds are the steadier measure.
    met = []
    for name, model, bare in (("time", "model", "bare"), ("CPU", "model_cpu", "bare_cpu")):
        times = took[model] / took[bare]
        met.append(
            report(
                f"the staging model, times the bare read's {name}",
                f"{times:.2f}",
                f"<= {TIMES:.1f}",
                met=times <= TIMES,
            )
        )
    return met


def one_load_more(folder: Path) -> list[bool]:
    """What one more load of 1,000 customers costs an incremental model that knows 10, and 1,000."""
    took = {}
    for loads in (10, 1_000):
        lake = folder / f"{loads}-loads"
        withheld = lakes.write(lake, loads + RUNS + 1, 1_000)[loads:]
        away = [file.rename(folder / file.name) for file in withheld]
        took[loads] = one = _measured("one-load-more", str(lake), *map(str, away))
        print(
            f"one load more than {loads:,}, each of 1,000 customers, medians of {RUNS}: model {one['model']:.2f} s "
            f"(of all loads {one['whole_model']:.2f} s), staged in {one['staged']:.2f} s; opened: {one['parts']} part and "
            f"{one['commit_records']:,} commit records"
        )
    times = took[1_000]["model"] / took[10]["model"]
    return [
        report(
            "parts read for one load more than 1,000", str(took[1_000]["parts"]), "1", met=took[1_000]["parts"] == 1
        ),
        report(
            "the model then, times that of one more than 10", f"{times:.2f}", f"<= {GROWTH:.1f}", met=times <= GROWTH
        ),
    ]


def parsing(folder: Path) -> bool:
    """``dbt parse`` of all sources as a command, when nothing has changed: the shortest of a few."""
    command = [
        ".venv-dbt/bin/dbt", "--quiet", "parse", "--project-dir", "dbt", "--profiles-dir", "dbt",
        "--target-path", str(folder / "target"), "--log-path", str(folder / "target"),
    ]  # fmt: skip
    environment = {**os.environ, "DBT_TARGET": "duckdb", "TRANSLOAD_DESTINATION": str(folder)}
    times = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    shortest = min(times[1:])
    print(f"dbt parse: {times[0]:.1f} s from nothing")
    return report("dbt parse of all sources, warm", f"{shortest:.1f} s", f"<= {PARSE:.0f} s", met=shortest <= PARSE)
