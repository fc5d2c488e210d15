"""``make demo``: two days of PestRoutes and Marketo to S3 to dbt, by the DAG files that production runs, on embedded parts.

Everything stands in one scratch folder, ``.demo``. ``--airflow`` opens the real Airflow on the same DAGs and data.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tools.services import ACCESS_KEY, BUCKET, SECRET_KEY, free_ports, s3, sandbox

ROOT = Path(__file__).parents[1]
SCRATCH = ROOT / ".demo"


@dataclass(frozen=True)
class Source:
    """A source: its sandbox, and what is shown of its loads and of what dbt made of them."""

    name: str
    title: str
    sandbox: tuple[str, ...]
    streams: tuple[str, ...]
    mart: str
    query: str


SOURCES = (
    Source(
        "pestroutes",
        "PestRoutes (2,000 customers)",
        ("--records", "2000"),
        ("customer", "subscription", "appointment", "ticket", "payment", "employee", "office", "route"),
        "Recurring revenue, the last months (marts.recurring_revenue_by_month)",
        """
        select strftime(month, '%Y-%m') as month, office_id as office, active_subscriptions as active,
               recurring_revenue as revenue, started_subscriptions as started, cancelled_subscriptions as cancelled
        from marts.recurring_revenue_by_month
        order by month desc, office limit 9
        """,
    ),
    Source(
        "marketo",
        "Marketo (1,000 leads)",
        ("--records", "1000", "--activities-per-day", "300"),
        ("leads", "activities", "program_members", "deleted_leads", "lead_changes", "programs", "campaigns", "emails"),
        "Engagement, the last weeks (marts.engagement_by_week)",
        """
        select iso_week as week, active_leads as active, web_visits as visits, emails_sent as sent,
               emails_opened as opened, emails_clicked as clicked, unsubscribes, leads_created as "new"
        from marts.engagement_by_week
        order by iso_week desc limit 9
        """,
    ),
)

# Two days of schedules: 00:30 in Chicago, 03:00 in Los Angeles, and one of Marketo's hours, a quarter past ten.
RUNS = (
    ("marketo_nightly", datetime(2026, 10, 2, 5, 30, tzinfo=UTC)),
    ("pestroutes_daily", datetime(2026, 10, 2, 10, tzinfo=UTC)),
    ("marketo_hourly", datetime(2026, 10, 2, 15, 15, tzinfo=UTC)),
    ("marketo_nightly", datetime(2026, 10, 3, 5, 30, tzinfo=UTC)),
    ("pestroutes_daily", datetime(2026, 10, 3, 10, tzinfo=UTC)),
)

# What `airflow dags test` does, for one run after the other: Airflow takes as long to start as a DAG's extraction.
RUNNER = """
import json, os, sys
from datetime import datetime
from pathlib import Path

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
from airflow.dag_processing.dagbag import BundleDagBag

folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
for line in sys.stdin:
    dag, moment = json.loads(line)
    bag = BundleDagBag(str(folder), bundle_path=folder, bundle_name="dags-folder")
    print(bag.dags[dag].test(logical_date=datetime.fromisoformat(moment)).state, file=answers)
"""


@dataclass(frozen=True)
class Demo:
    """The addresses of the sandboxes, and the environment that every command of the demo runs in."""

    sandboxes: tuple[str, ...]
    environment: dict[str, str]

    def at(self, moment: datetime) -> None:
        """Let time pass at the vendors: records change, are added, and vanish."""
        for url in self.sandboxes:
            request = urllib.request.Request(
                url.removesuffix("/api") + "/_sandbox/clock", data=json.dumps({"now": moment.isoformat()}).encode()
            )
            with urllib.request.urlopen(request) as answer:
                answer.read()


def environment(pestroutes: str, marketo: str, endpoint: str) -> dict[str, str]:
    """What the DAGs' local environment reads; production gets the same from Variables and Secrets."""
    airflow_home = SCRATCH / "airflow"
    folders = [ROOT / name / "bin" for name in (".venv", ".venv-dbt", ".venv-airflow")]
    return {
        **os.environ,
        "PATH": os.pathsep.join([*(str(folder) for folder in folders), os.environ.get("PATH", "")]),
        "TRANSLOAD_ENVIRONMENT": "local", "TRANSLOAD_RUNNER": "process",
        "TRANSLOAD_DESTINATION": f"s3://{BUCKET}", "TRANSLOAD_ENDPOINT_URL": endpoint,
        "TRANSLOAD_DUCKDB_PATH": str(SCRATCH / "warehouse.duckdb"),
        # Before this there is nothing in the sandboxes, and each month that Marketo is asked for is an export.
        "TRANSLOAD_START": "2023-10-01T00:00:00Z",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1",
        "PESTROUTES_BASE_URL": pestroutes,
        "PESTROUTES_AUTHENTICATION_KEY": "key", "PESTROUTES_AUTHENTICATION_TOKEN": "token",
        "MARKETO_BASE_URL": marketo, "MARKETO_CLIENT_ID": "id", "MARKETO_CLIENT_SECRET": "secret",
        # The sandbox's exports are done at once, and it allows a million calls.
        "MARKETO_POLL": "0.1", "MARKETO_RATE": "10000",
        "DBT_TARGET_PATH": str(SCRATCH / "dbt"), "DBT_LOG_PATH": str(SCRATCH / "dbt"),
        "AIRFLOW_HOME": str(airflow_home), "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home}/airflow.db",
    }  # fmt: skip


@contextmanager
def parts() -> Iterator[Demo]:
    """The vendors' sandboxes at the first run's moment and the S3 server, for as long as the context lasts."""
    start = ("--seed", "1", "--now", RUNS[0][1].isoformat())
    with ExitStack() as stack:
        endpoint = stack.enter_context(s3(SCRATCH, memory="1GiB"))
        pestroutes, marketo = (
            stack.enter_context(sandbox(SCRATCH, *one.sandbox, *start, source=one.name)) for one in SOURCES
        )
        yield Demo((pestroutes, marketo), environment(pestroutes, marketo, endpoint))


@contextmanager
def group(demo: Demo, log: Path, *command: str, answers: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A command in a group of its own, which ends with the context: Airflow's parts outlive their parent unless all are told.

    With ``answers`` its stdin and stdout are pipes; all else that it prints goes to a file.
    """
    pipe = subprocess.PIPE if answers else None
    with log.open("w") as output:
        leader = subprocess.Popen(
            command, env=demo.environment, stdin=pipe, stdout=pipe or output, stderr=output, text=True,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield leader
    finally:
        for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
            try:
                os.killpg(leader.pid, number)
                leader.wait(timeout=patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def run(demo: Demo, name: str, *command: str) -> None:
    """Run a command with its output in a log of the scratch folder."""
    log = SCRATCH / f"{name}.log"
    with group(demo, log, *command) as running:
        code = running.wait()
    if code:
        raise failure(" ".join(command), log)


def failure(what: str, log: Path) -> SystemExit:
    """The end of the demo, which shows the end of a log and says where the rest is."""
    print("".join(log.read_text().splitlines(keepends=True)[-30:]), file=sys.stderr)
    return SystemExit(f"{what} failed; its whole output is in {log}")


def run_dags(demo: Demo) -> dict[str, str]:
    """All runs, without a scheduler, each for the data interval that ends at its moment. Gives what dbt last did for each DAG."""
    built: dict[str, str] = {}
    log = SCRATCH / "dags.log"
    with group(demo, log, str(ROOT / ".venv-airflow/bin/python"), "-c", RUNNER, answers=True) as airflow:
        for dag, moment in RUNS:
            demo.at(moment)
            began = time.monotonic()
            print(f"== {moment:%Y-%m-%d %H:%M} UTC: the DAG {dag} runs, up to a minute or so", flush=True)
            if _answer(airflow, json.dumps([dag, moment.isoformat()])) != "success":
                raise failure(dag, log)
            print(f"   done in {time.monotonic() - began:.0f} s", flush=True)
            built[dag] = dbt_results()
    return built


def _answer(process: subprocess.Popen[str], line: str) -> str:
    """What a process says to a line; nothing if it has ended."""
    assert process.stdin
    assert process.stdout
    with suppress(BrokenPipeError):
        process.stdin.write(line + "\n")
        process.stdin.flush()
    return process.stdout.readline().strip()


def show_loads(demo: Demo, source: Source) -> None:
    """The committed loads: a line a load of the streams that the marts stand on, and the sum of all."""
    output = subprocess.run([source.name, "loads", "--json"], env=demo.environment, check=True, capture_output=True)
    loads = json.loads(output.stdout)
    print(f"\n== Loads committed ({source.name} loads shows all)")
    print(f"{'stream':<16}{'window':<36}{'records':>9}{'bytes':>12}{'seconds':>9}")
    for load in sorted(loads, key=lambda one: one["started_at"]):
        if load["stream"] in source.streams:
            print(
                f"{load['stream']:<16}{load['window']:<36}{load['records']:>9,}{load['bytes']:>12,}{_seconds(load):>9.1f}"
            )
    records, size = (sum(load[name] for load in loads) for name in ("records", "bytes"))
    seconds = sum(map(_seconds, loads))
    print(f"{f'all {len(loads)} loads':<52}{records:>9,}{size:>12,}{seconds:>9.1f}")


def _seconds(load: dict[str, str]) -> float:
    began, ended = (datetime.fromisoformat(load[name]) for name in ("started_at", "committed_at"))
    return (ended - began).total_seconds()


def dbt_results() -> str:
    """What dbt built and tested in the run just ended, in one line."""
    results = json.loads((SCRATCH / "dbt" / "run_results.json").read_text())
    counts = Counter(
        f"{one['unique_id'].split('.')[0].replace('_', ' ')}: {one['status']}" for one in results["results"]
    )
    found = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    return f"{results['elapsed_time']:.0f} s: {found}"


def show_mart(source: Source) -> None:
    """One mart as a table."""
    import duckdb

    with duckdb.connect(str(SCRATCH / "warehouse.duckdb"), read_only=True) as warehouse:
        found = warehouse.execute(source.query)
        rows = [
            [name for name, *_ in found.description],
            *([_cell(value) for value in row] for row in found.fetchall()),
        ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(f"\n== {source.mart}")
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _cell(value: Any) -> str:
    if isinstance(value, Decimal | float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def demo() -> None:
    """The whole demo."""
    began = time.monotonic()
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir()
    vendors = " and ".join(source.title for source in SOURCES)
    print(f"== Starting sandboxes of {vendors}, and an S3 server; all in {SCRATCH.name}/", flush=True)
    with parts() as running:
        run(running, "airflow-migrate", "airflow", "db", "migrate")
        built = run_dags(running)
        for source in SOURCES:
            show_loads(running, source)
    print("\n== dbt build, the last of each DAG")
    for dag, what in built.items():
        print(f"{dag}, {what}")
    for source in SOURCES:
        show_mart(source)
    print(
        f"""
== Done in {time.monotonic() - began:.0f} s. To look further:
   make airflow                                   the real Airflow on these DAGs and this data
   .venv/bin/python -c "import duckdb; print(duckdb.connect('.demo/warehouse.duckdb').sql('from marts.customers'))"
   .venv/bin/marketo extract --help               one extractor by hand; .venv/bin/pestroutes is the other"""
    )


def airflow() -> None:
    """The real Airflow, until it is stopped."""
    SCRATCH.mkdir(exist_ok=True)
    (port,) = free_ports(1)
    with parts() as running:
        for _, moment in RUNS:
            running.at(moment)
        running.environment.update({
            "AIRFLOW__API__PORT": str(port), "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__MP_START_METHOD": "forkserver",
            "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD": "airflow.providers.cncf.kubernetes.operators.pod",
        })  # fmt: skip
        run(running, "airflow-migrate", "airflow", "db", "migrate")
        run(running, "airflow-pools", "airflow", "pools", "import", str(ROOT / "dags" / "pools.json"))
        log = SCRATCH / "airflow.log"
        print(f"Airflow starts, half a minute or so; its log is {log.relative_to(ROOT)}", flush=True)
        with group(running, log, "airflow", "standalone") as server:
            try:
                _wait_for(f"http://127.0.0.1:{port}/api/v2/monitor/health", server, log)
                print(f"Open http://127.0.0.1:{port} (no password), switch a DAG on and trigger it.", flush=True)
                print("Ctrl-C ends everything.", flush=True)
                server.wait()
            except KeyboardInterrupt:
                print("stopping")


def _wait_for(url: str, server: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                states = json.load(answer)
            if all(part.get("status") == "healthy" for part in states.values() if part):
                return
        except (OSError, ValueError):
            pass
        time.sleep(1)
    raise SystemExit(f"Airflow did not come up; see {log}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--airflow", action="store_true", help="open the real Airflow instead")
    for number in (signal.SIGINT, signal.SIGTERM):
        # However it is ended, also from the background of a script: what it started ends with it.
        signal.signal(number, signal.default_int_handler)
    wanted = airflow if parser.parse_args().airflow else demo
    try:
        wanted()
    except KeyboardInterrupt:
        raise SystemExit("stopped: what was started has ended") from None


if __name__ == "__main__":
    main()
