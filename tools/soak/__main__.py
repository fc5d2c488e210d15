"""The command line of the soak, and its report."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from tools.soak.reconcile import Compared, Comparison, build
from tools.soak.worker import Worker
from tools.soak.world import ROOT, World, trouble, world
from transload.lake import open_lake
from transload.layout import StreamKeys, commit_records
from transload.tables import table

SCRATCH = ROOT / ".soak"
A_SECOND = timedelta(seconds=1)


def soak(arguments: argparse.Namespace) -> dict[str, Any]:
    """The whole of it; gives the report."""
    dice = random.Random(arguments.seed)
    began = time.monotonic()
    with world(arguments.folder, arguments.records, arguments.seed, dice) as found:
        workers = [Worker(one, arguments.folder, random.Random(dice.random())) for one in found.vendors]
        trouble(found, dice)
        for one in found.vendors:
            one.clock.start()
        checks: list[dict[str, Any]] = []
        comparison = Comparison(found)
        while not checks or (time.monotonic() - began < arguments.minutes * 60 and not _wrong(checks, workers)):
            left = arguments.minutes * 60 - (time.monotonic() - began)
            _chaos(workers, found, began, min(left, arguments.check * 60))
            checks.append(_calm(found, workers, comparison, "after incremental loads"))
        if not _wrong(checks, workers):
            checks.append(_calm(found, workers, comparison, "after full loads", full=True))
        return _report(found, workers, checks, time.monotonic() - began, arguments)


def _chaos(workers: list[Worker], found: World, began: float, seconds: float) -> None:
    """Runs, kills and faults for a while."""
    for worker in workers:
        worker.start()
    end, told = time.monotonic() + seconds, time.monotonic()
    while time.monotonic() < end and all(worker.alive for worker in workers):
        time.sleep(0.2)
        if time.monotonic() - told > 15:
            told = time.monotonic()
            faults = sum(sum(proxy.counts.values()) for proxy in found.proxies().values())
            say(
                f"{told - began:5.0f} s: {sum(sum(one.tally.codes.values()) for one in workers)} runs, "
                f"{sum(one.tally.windows for one in workers)} windows, {sum(one.tally.kills for one in workers)} kills, "
                f"{faults} faults; it is {found.vendors[0].clock.now():%Y-%m-%d %H:%M} at the vendor"
            )
    for worker in workers:
        worker.pause()


def _calm(
    found: World, workers: list[Worker], comparison: Comparison, title: str, *, full: bool = False
) -> dict[str, Any]:
    """Nothing goes wrong and no time passes; what is there is held against the truth."""
    with ExitStack() as stack:
        for proxy in found.proxies().values():
            stack.enter_context(proxy.during())
        for one in found.vendors:
            stack.enter_context(one.clock.standing())
        for worker in workers:
            worker.extract_calmly(worker.running.clock.now() + A_SECOND, full=full)
        build(found)
        compared = comparison.streams()
    if full:
        # Whatever the vendor has deleted is gone from the warehouse as well.
        compared = [Compared(**(asdict(one) | {"stale": one.stale + one.deleted})) for one in compared]
    wrong = sum(one.wrong for one in compared)
    say(f"       {title}: {sum(one.records for one in compared):,} records held against the truth, {wrong} wrong")
    return {"title": title, "wrong": wrong, "streams": [asdict(one) | {"wrong": one.wrong} for one in compared]}


def _wrong(checks: list[dict[str, Any]], workers: list[Worker]) -> bool:
    return any(one["wrong"] for one in checks) or any(one.tally.unexpected for one in workers)


def _report(
    found: World, workers: list[Worker], checks: list[dict[str, Any]], seconds: float, arguments: argparse.Namespace
) -> dict[str, Any]:
    lake = open_lake(found.environment["TRANSLOAD_DESTINATION"], found.endpoint)
    records = [
        record
        for one in found.vendors
        for stream in one.vendor.streams
        for record in commit_records(lake, StreamKeys(one.vendor.name, stream))
    ]
    codes: Counter[int] = sum((one.tally.codes for one in workers), Counter())
    return {
        "seed": arguments.seed, "seconds": round(seconds), "again": _again(arguments),
        "ok": not _wrong(checks, workers),
        "loads": len(records), "loads_of_several_attempts": sum(one.attempt > 1 for one in records),
        "records_loaded": sum(one.records for one in records),
        "runs": sum(codes.values()), "runs_by_exit_code": {str(code): count for code, count in sorted(codes.items())},
        "runs_by_kind": dict(sum((one.tally.kinds for one in workers), Counter())),
        "kills": sum(one.tally.kills for one in workers),
        "requests": {name: proxy.requests for name, proxy in found.proxies().items()},
        "faults": {name: dict(proxy.counts.most_common()) for name, proxy in found.proxies().items()},
        "unexpected": [line for one in workers for line in one.tally.unexpected],
        "checks": checks,
    }  # fmt: skip


def _again(arguments: argparse.Namespace) -> str:
    return f"make soak MINUTES={arguments.minutes:g} SEED={arguments.seed}"


def show(report: dict[str, Any]) -> None:
    """The report for people."""
    right = frozenset({"records", "missing", "doubled", "stale", "deleted", "count"})
    for check in report["checks"][-2:]:
        print(f"\n== Warehouse beside the vendors' truth, {check['title']}")
        names = ["source", "stream", "records", "missing", "doubled", "stale", "deleted"]
        shown = [[f"{one[name]:,}" if name in right else one[name] for name in names] for one in check["streams"]]
        print(table(names, shown, right=right))
    print("\n== What went wrong on purpose")
    rows = [[name, kind, f"{count:,}"] for name, kinds in report["faults"].items() for kind, count in kinds.items()]
    print(table(["before", "fault", "count"], rows, right=right))
    compared = sum(one["records"] for check in report["checks"] for one in check["streams"])
    faults = sum(sum(kinds.values()) for kinds in report["faults"].values())
    codes = ", ".join(f"{count} with {code}" for code, count in report["runs_by_exit_code"].items())
    print(
        f"\n{report['seconds'] / 60:.1f} minutes: {report['loads']:,} loads ({report['loads_of_several_attempts']:,} of several "
        f"attempts) of {report['records_loaded']:,} records; {report['runs']:,} runs ended ({codes}); {report['kills']:,} kills, "
        f"{faults:,} faults in {sum(report['requests'].values()):,} requests; {compared:,} records compared in "
        f"{len(report['checks'])} checks"
    )
    for line in report["unexpected"]:
        print(line)
    for one in (stream for check in report["checks"] for stream in check["streams"] if stream["wrong"]):
        print(f"{one['source']} {one['stream']}: {', '.join(one['examples'])}")
    if report["ok"]:
        print("missing 0, doubled 0, stale 0")
    else:
        print(f"FAILED. The same data and dice again: {report['again']}")


def say(line: str) -> None:
    """Progress, beside what a machine reads."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (30)")
    parser.add_argument("--check", type=float, default=5, help="minutes between two reconciliations (5)")
    parser.add_argument("--records", type=int, default=2000, help="PestRoutes customers, and Marketo leads (2000)")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="of data, faults and kills"
    )
    parser.add_argument(
        "--folder", type=Path, default=SCRATCH, help="for logs, lake and warehouse; emptied first (.soak)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    shutil.rmtree(arguments.folder, ignore_errors=True)
    arguments.folder.mkdir(parents=True)
    say(f"seed {arguments.seed}; again: {_again(arguments)}")
    try:
        report = soak(arguments)
    except BaseException:
        say(f"FAILED. The same data and dice again: {_again(arguments)}; logs are in {arguments.folder}")
        raise
    if arguments.json:
        print(json.dumps(report, indent=1))
    else:
        show(report)
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
