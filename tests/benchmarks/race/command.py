"""``python -m tests.benchmarks race``: a race of one's own choice, or the published one, and the page that is made of it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.race import measures, page
from tests.benchmarks.race.contestants import CONTESTANTS, PACKAGES
from tests.benchmarks.race.environments import ROOT, version
from tests.benchmarks.race.run import Case, Result, as_json, race, room, shown
from tests.benchmarks.report import report
from tools.services import s3

_ALL = tuple(CONTESTANTS)
_YARD = ("ours", "floor", "loop")


def published(records: int) -> list[Case]:
    """The cases of docs/performance.md: all contestants from a tenth of ``records`` to five times as many.

    A million records of 10 KB would cost the rivals half an hour and show what a tenth shows: there ours and the yardsticks go on.
    """
    return [
        Case(100, 1_000, 0, _ALL),
        *(Case(records // 10, size, 0, _ALL) for size in (500, 1_000, 10_000)),
        Case(records // 10, 1_000, 50, _ALL),
        *(Case(records, size, 0, _ALL) for size in (500, 1_000)),
        Case(records, 10_000, 0, _YARD),
        Case(records * 5, 1_000, 0, _ALL),
    ]


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.benchmarks race", description=__doc__)
    parser.add_argument("--records", type=int, default=None, help="of a case; 100,000, or 1,000,000 with --publish")
    parser.add_argument("--size", type=int, nargs="+", default=[1_000], help="bytes of a record")
    parser.add_argument("--latency", type=int, nargs="+", default=[0], help="milliseconds before each answer")
    parser.add_argument("--rivals", nargs="+", choices=_ALL, default=list(_ALL), help="who takes part")
    parser.add_argument(
        "--publish", action="store_true", help="the cases of docs/performance.md and all else in it: about an hour"
    )
    parser.add_argument("--page", action="store_true", help="only write docs/performance.md anew from its results")
    parser.add_argument("--check", action="store_true", help="only say whether it is as its results would have it")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Do what the arguments ask for; returns the exit code."""
    asked = _arguments(given)
    if asked.page or asked.check:
        return page.write(check=asked.check)
    if asked.publish:
        publish(asked.records or 1_000_000)
        return page.write()
    run([Case(asked.records or 100_000, size, latency, tuple(asked.rivals))
         for size in asked.size for latency in asked.latency])  # fmt: skip
    return 0


def run(cases: Sequence[Case]) -> list[Result]:
    """Race, and print each result as it comes."""
    results = []
    with tempfile.TemporaryDirectory() as name, s3(Path(name), memory="4GiB") as endpoint:
        room(Path(name), cases)
        for result in race(cases, endpoint, Path(name)):
            print(shown(result), flush=True)
            results.append(result)
    return results


def brief(records: int) -> list[bool]:
    """The race of ``make bench``: one case, and whether ours is as much faster than each rival as promised.

    With few records the start weighs more, on all.
    """
    results = run([Case(records, 1_000, 0, _ALL)])
    if failed := [shown(result) for result in results if result.failed]:
        raise SystemExit("\n".join(failed))
    runs = {result.contestant: result.records / result.cpu for result in results}
    ratios = {rival: runs["ours"] / runs[rival] for rival in page.TARGETS}
    return [
        report(
            f"records per CPU second, times {page.NAMES[rival]}",
            f"{ratio:.1f}",
            f">= {page.BRIEF:.0f}",
            met=ratio >= page.BRIEF,
        )
        for rival, ratio in ratios.items()
    ]


def publish(records: int) -> None:
    """Run all that docs/performance.md shows, and keep the results beside it."""
    about: dict[str, Any] = {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z", "processor": _processor(), "cores": os.cpu_count(),
        "system": platform.system(), "python": platform.python_version(), "load_before": round(os.getloadavg()[0], 1),
        "versions": {rival: f"{package} {version(rival, package)}" for rival, package in PACKAGES.items()},
    }  # fmt: skip
    about["versions"]["singer"] += f", target-s3-jsonl {version('singer', 'target-s3-jsonl')}"
    # First what is short: should it fail, the race is not lost.
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, s3(Path(name), memory="4GiB") as endpoint:
        folder = Path(name)
        measured["checkpoints"] = measures.checkpoints(endpoint, folder)
        measured["many_loads"] = measures.many_loads(endpoint, folder)
        measured["stages"] = measures.stages(folder)
    measured["staging"] = measures.staging(ROOT)
    results = run(published(records))
    about["load_after"] = round(os.getloadavg()[0], 1)
    kept = {"about": about, "records": records, "results": as_json(results), "measures": measured}
    page.RESULTS.parent.mkdir(exist_ok=True)
    page.RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    print(f"{page.RESULTS.relative_to(ROOT)} is written", file=sys.stderr)


def _processor() -> str:
    """Its name, where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
