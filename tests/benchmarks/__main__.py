"""``make bench``: speed against the floor and other tools, memory against the number of records, start-up, images' budgets,
dbt in DuckDB.

All numbers are of whole processes on this machine in this run; only ratios and memory mean anything elsewhere.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import marketo
from tests.benchmarks.images import images
from tests.benchmarks.measure import Measured, extract, extractor
from tests.benchmarks.race import command
from tests.benchmarks.report import report
from tests.benchmarks.warehouse.command import run as warehouse
from tools.services import s3, sandbox

SOURCES = ("pestroutes", "marketo")
SHARE, MEMORY_MIB = 0.60, 120.0


def extract_all(url: str, endpoint: str, *options: str) -> Measured:
    """Run one extraction of all customers."""
    settings = {
        "PESTROUTES_BASE_URL": url, "PESTROUTES_AUTHENTICATION_KEY": "key", "PESTROUTES_AUTHENTICATION_TOKEN": "token",
    }  # fmt: skip
    return extract([extractor("pestroutes"), "extract", "customer", "--full-refresh", *options], endpoint, settings)


def floor(url: str) -> dict[str, float]:
    """The bare loop, as a process of its own."""
    output = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.floor", url, "customer"], check=True, capture_output=True
    )
    return dict(json.loads(output.stdout))


def start_up(*command: str) -> float:
    """The shortest wall time of a command, of five."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(list(command), check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times)


def speed(url: str, endpoint: str) -> bool:
    """Records a second against the floor: the best of three each, as another process on the machine only ever slows one down."""
    extract_all(url, endpoint)  # the sandbox makes its records when they are first asked for
    bare = min((floor(url) for _ in range(3)), key=lambda run: run["seconds"])
    ours = min((extract_all(url, endpoint) for _ in range(3)), key=lambda run: run.load)
    rate, bare_rate = ours.records / ours.load, bare["records"] / bare["seconds"]
    print(f"floor: {bare_rate:,.0f} records/s, {bare['bytes'] / bare['seconds'] / 1e6:.0f} MB/s (bodies thrown away)")
    print(
        f"ours:  {rate:,.0f} records/s, {ours.raw_bytes / ours.load / 1e6:.0f} MB/s to S3, commit included "
        f"({ours.records / ours.wall:,.0f} records/s with the process's start); "
        f"{ours.records / ours.cpu:,.0f} records per CPU second; {ours.raw_bytes / ours.records:.0f} bytes a record"
    )
    return report("share of the floor", f"{rate / bare_rate:.2f}", f">= {SHARE:.2f}", met=rate / bare_rate >= SHARE)


def memory(url: str, endpoint: str, name: str, *options: str) -> bool:
    """The greatest resident memory of an extraction."""
    run = extract_all(url, endpoint, *options)
    text = f"{run.mib:.0f} MiB, {run.records / run.wall:,.0f} records/s"
    return report(name, text, f"<= {MEMORY_MIB:.0f} MiB", met=run.mib <= MEMORY_MIB)


def parsing() -> list[bool]:
    """How long a DAG file takes to parse: the slowest file, of the best of a few each, as the DAGs' own tests measure it."""
    command = [".venv-airflow/bin/python", "-m", "pytest", "-s", "tests/dags/test_dag_files.py", "-k", "parses"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    met = []
    for place, which, limit in (("the dag-processor", " in the dag-processor", 0.3), ("a warm process", "", 0.05)):
        words = f"seconds to parse{which}: "
        line = next(line for line in ended.stdout.splitlines() if words in line)
        slowest = max(ast.literal_eval(line.partition(words)[2]).values())
        met.append(report(f"a DAG file parsed in {place}", f"{slowest:.3f} s", f"<= {limit} s", met=slowest <= limit))
    return met


def main() -> int:
    """Run all of it; exit code 1 when a target is missed. With ``race`` first, the race alone (``--help`` says how)."""
    if sys.argv[1:2] == ["race"]:
        return command.main(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=250_000)
    parser.add_argument("--many", type=int, default=2_500_000, help="records of the memory run; 0 leaves it out")
    parser.add_argument("--exported", type=int, default=1_000_000, help="rows of each of Marketo's exports")
    parser.add_argument("--days", type=int, default=30, help="of Marketo's hourly windows")
    parser.add_argument("--raced", type=int, default=100_000, help="records of the race; 0 leaves it out")
    parser.add_argument("--customers", type=int, default=1_000_000, help="that dbt stages in DuckDB; 0 leaves it out")
    asked = parser.parse_args()
    met = []
    for source in SOURCES:
        for word, limit in (("--help", 0.25), ("streams", 0.35)):
            seconds = start_up(extractor(source), word)
            met.append(report(f"{source} {word}", f"{seconds:.2f} s", f"<= {limit} s", met=seconds <= limit))
    met += parsing()
    met += images()
    with tempfile.TemporaryDirectory() as name, s3(Path(name), memory="4GiB") as endpoint:
        folder = Path(name)
        with sandbox(folder, "--records", str(asked.records), "--seed", "1") as url:
            met.append(speed(url, endpoint))
            met.append(memory(url, endpoint, f"peak memory, {asked.records:,} records"))
        if asked.many:
            with sandbox(folder, "--records", str(asked.many), "--seed", "1") as url:
                met.append(memory(url, endpoint, f"peak memory, {asked.many:,} records"))
                name = f"peak memory, {asked.many:,} records, batches of 1,000,000"
                met.append(memory(url, endpoint, name, "--batch-size", "1000000"))
        met += marketo.exports(endpoint, asked.exported)
    met += marketo.month(asked.days)
    if asked.customers:
        met += warehouse(asked.customers)
    if asked.raced:
        met += command.brief(asked.raced)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
