"""docs/performance.md and its plots, made of the results that are kept beside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.race import plots
from tests.benchmarks.race.environments import ROOT
from tests.benchmarks.race.words import METHOD, Figures

PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "docs" / "performance" / "results.json"
NAMES = {
    "ours": "Transload", "floor": "floor, 4 at once", "loop": "floor, one by one", "naive": "naive script",
    "airbyte": "Airbyte CDK", "singer": "Singer SDK", "dlt": "dlt",
}  # fmt: skip
# Times as many records per CPU second as each, and the share of the floor: what issue and page promise.
TARGETS = {"airbyte": 8.0, "singer": 12.0, "dlt": 15.0}
BRIEF = 5.0  # of each, with a tenth of the records, where the start weighs more
MEANT = 1_000_000  # records that the targets are for
FLOOR_SHARE, MEMORY_MIB = 0.70, 100.0

Run = Mapping[str, Any]


class Results:
    """The kept results, found by case."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self.about, self.records, self.measures = kept["about"], kept["records"], kept["measures"]
        self.runs: list[Run] = kept["results"]

    def case(self, records: int, size: int, latency: int, *, failed: bool = False) -> dict[str, Run]:
        """Its runs by contestant, in their order; with those that failed only if asked for."""
        return {run["contestant"]: run for run in self.runs
                if (run["records"], run["size"], run["latency_ms"]) == (records, size, latency)
                and (failed or not run["failed"])}  # fmt: skip

    def slow(self) -> dict[str, Run]:
        """Of the cases with latency, the one with most records."""
        return self.case(*max(case for case in self.cases() if case[2]))

    def start(self) -> float:
        """The CPU seconds of ours with the fewest records: those of the start."""
        return float(self.case(*min(self.cases()))["ours"]["cpu"])

    def cases(self) -> list[tuple[int, int, int]]:
        """All, in their order."""
        return list(dict.fromkeys((run["records"], run["size"], run["latency_ms"]) for run in self.runs))


def _per_cpu(run: Run) -> float:
    return float(run["records"] / run["cpu"])


def _per_second(run: Run) -> float:
    return float(run["records"] / run["wall"])


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _targets(results: Results) -> str:
    case = results.case(results.records, 1_000, 0)
    ours = case["ours"]
    rows = []
    for rival, times in TARGETS.items():
        label, target = f"records per CPU second, times {NAMES[rival]}", f"≥ {times:.0f}"
        if rival not in case:
            rows.append([label, "it failed", target, "–"])
            continue
        ratio = _per_cpu(ours) / _per_cpu(case[rival])
        rows.append([label, f"{ratio:.1f}", target, _met(ratio >= times)])
    share = _per_second(ours) / max(_per_second(case[name]) for name in ("floor", "loop"))
    rows.append(
        ["records per second, share of the floor", f"{share:.2f}", f"≥ {FLOOR_SHARE:.2f}", _met(share >= FLOOR_SHARE)]
    )
    rows.append(
        [
            "peak memory, the most of the runs",
            f"{ours['mib']:.1f} MiB",
            f"≤ {MEMORY_MIB:.0f} MiB",
            _met(ours["mib"] <= MEMORY_MIB),
        ]
    )
    memory = {run["records"]: run["mib"] for run in results.runs if run["contestant"] == "ours" and run["size"] == 1_000
              and run["latency_ms"] == 0 and run["records"] >= results.records // 10}  # fmt: skip
    flat = max(memory.values()) / min(memory.values())
    counts = " and ".join(f"{records:,}" for records in sorted(memory))
    rows.append([f"peak memory, most over least, of {counts} records", f"{flat:.2f}", "≤ 1.15", _met(flat <= 1.15)])
    table = _table([f"{results.records:,} records of 1 KB, no latency", "measured", "target", ""], rows)
    if results.records < MEANT:
        table += (
            f"\n\nTargets are meant for {MEANT:,} records: with fewer, the start weighs more, and most on the quickest."
        )
    return table


def _met(met: bool) -> str:
    return "met" if met else "**not met**"


def _case(results: Results, records: int, size: int, latency: int) -> str:
    head = [
        f"{records:,} × {size:,} bytes, {latency} ms", "wall s", "CPU s", "records/s", "records/CPU s", "peak MiB", "requests",
        "MB stored", "runs",
    ]  # fmt: skip
    rows = []
    for name, run in results.case(records, size, latency, failed=True).items():
        if run["failed"]:
            how = run["failed"].partition(":")[0]
            rows.append(
                [f"{NAMES[name]} ({how})", f"after {run['wall']:,.0f}", *("–",) * 3, f"{run['mib']:,.0f}", *("–",) * 3]
            )
            continue
        label = f"**{NAMES[name]}**" if name == "ours" else NAMES[name]
        stored = f"{run['stored_bytes'] / 1e6:,.1f}" if run["stored_bytes"] else "–"
        rows.append([
            label, f"{run['wall']:,.1f}", f"{run['cpu']:,.1f}", f"{_per_second(run):,.0f}", f"{_per_cpu(run):,.0f}",
            f"{run['mib']:,.0f}" if run["mib"] else "–", f"{run['requests']:,}", stored, str(run["runs"]),
        ])  # fmt: skip
    return _table(head, rows)


def _figures(results: Results) -> dict[str, str]:
    """The plots, by file name."""
    case, slow = results.case(results.records, 1_000, 0), results.slow()
    what, waited = (f"{one['ours']['records']:,} records of 1 KB" for one in (case, slow))
    sizes: dict[str, list[tuple[float, float]]] = {}
    for run in results.runs:
        memory_kept = run["mib"] and run["size"] == 1_000 and run["latency_ms"] == 0 and not run["failed"]
        if memory_kept and run["contestant"] in ("ours", *TARGETS, "naive"):
            sizes.setdefault(NAMES[run["contestant"]], []).append((run["records"], run["mib"]))
    ours = NAMES["ours"]
    return {
        "cpu.svg": plots.bars(
            f"Records per CPU second, {what}", {NAMES[n]: _per_cpu(r) for n, r in case.items()}, ours
        ),
        "wall.svg": plots.bars(
            f"Records per second, {what}", {NAMES[n]: _per_second(r) for n, r in case.items()}, ours
        ),
        "latency.svg": plots.bars(
            f"Records per second, {waited}, 50 ms before each answer",
            {NAMES[n]: _per_second(r) for n, r in slow.items()},
            ours,
        ),
        "memory.svg": plots.curves("Peak memory of all processes, MiB", "records of 1 KB", sizes),
    }


def _text(results: Results) -> str:
    about, measures = results.about, results.measures
    many = _table(
        ["committed loads", "the next load, s", "`verify` of one, s", "`loads` of all, s"],
        [
            [f"{one['loads']:,}", *(f"{one[key]:.2f}" for key in ("extract", "verify", "list"))]
            for one in measures["many_loads"]
        ],
    )
    staging = _table(
        ["loads of 1,000 records", "tables for dbt, s", "with the staging model, s"],
        [[f"{one['loads']:,}", f"{one['views']:.1f}", f"{one['seconds']:.1f}"] for one in measures["staging"]],
    )
    ours = results.case(results.records, 1_000, 0)["ours"]
    whole, start = ours["cpu"] * 1e6 / results.records, results.start()
    per_million = [*measures["stages"].items()]
    other = whole - start * 1e6 / results.records - sum(seconds for _, seconds in per_million)
    per_million += [("start, once", start), ("the rest: upload, threads, queues", max(0.0, other))]
    stages = _table(["step", "CPU s a million records"], [[name, f"{seconds:.2f}"] for name, seconds in per_million])
    return METHOD.format(
        f=Figures(about, measures),
        targets=_targets(results),
        tables="\n\n".join(_case(results, *case) for case in results.cases()),
        stages=stages, many=many, staging=staging,
    )  # fmt: skip


def files() -> dict[Path, str]:
    """What the kept results make."""
    return files_of(json.loads(RESULTS.read_text()))


def files_of(kept: Mapping[str, Any]) -> dict[Path, str]:
    """What results make: the page and its plots, by path."""
    results = Results(kept)
    plotted = {RESULTS.with_name(name): svg for name, svg in _figures(results).items()}
    return {PAGE: _text(results), **plotted}


def write(*, check: bool = False) -> int:
    """Write the page and its plots, or only say whether they are as they should be; returns the exit code."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is stale: python -m tests.benchmarks race --page", file=sys.stderr)
        else:
            path.write_text(files()[path])
    return 1 if check and stale else 0
