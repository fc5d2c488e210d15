"""``make demo``: two days of PestRoutes to S3 to dbt, by the DAG file that production runs, on embedded parts.

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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tools.services import ACCESS_KEY, BUCKET, SECRET_KEY, free_ports, s3, sandbox

ROOT = Path(__file__).parents[1]
SCRATCH = ROOT / ".demo"
DAG = "pestroutes_daily"
RECORDS = 2_000
# When the daily DAG is due: 03:00 on the vendor's coast.
FIRST_DAY = datetime(2026, 10, 2, 10, tzinfo=UTC)
SHOWN = ("customer", "subscription", "appointment", "ticket", "payment", "employee", "office", "route")


@dataclass(frozen=True)
class Demo:
    """The addresses of the parts, and the environment that every command of the demo runs in."""

    sandbox_url: str
    environment: dict[str, str]

    def advance(self, days: int) -> None:
        """Let time pass at the vendor: records change, are added, and vanish."""
        request = urllib.request.Request(
            self.sandbox_url.removesuffix("/api") + "/_sandbox/clock",
            data=json.dumps({"advance_seconds": days * 86_400}).encode(),
        )
        with urllib.request.urlopen(request) as answer:
            answer.read()


def environment(url: str, endpoint: str) -> dict[str, str]:
    """What the DAG's local environment reads; production gets the same from Variables and Secrets."""
    airflow_home = SCRATCH / "airflow"
    folders = [ROOT / name / "bin" for name in (".venv", ".venv-dbt", ".venv-airflow")]
    return {
        **os.environ,
        "PATH": os.pathsep.join([*(str(folder) for folder in folders), os.environ.get("PATH", "")]),
        "TRANSLOAD_ENVIRONMENT": "local", "TRANSLOAD_RUNNER": "process",
        "TRANSLOAD_DESTINATION": f"s3://{BUCKET}", "TRANSLOAD_ENDPOINT_URL": endpoint,
        "TRANSLOAD_DUCKDB_PATH": str(SCRATCH / "warehouse.duckdb"),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1",
        "PESTROUTES_BASE_URL": url, "PESTROUTES_AUTHENTICATION_KEY": "key", "PESTROUTES_AUTHENTICATION_TOKEN": "token",
        "DBT_TARGET_PATH": str(SCRATCH / "dbt"), "DBT_LOG_PATH": str(SCRATCH / "dbt"),
        "AIRFLOW_HOME": str(airflow_home), "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home}/airflow.db",
    }  # fmt: skip


@contextmanager
def parts(now: datetime) -> Iterator[Demo]:
    """The vendor's sandbox and the S3 server, for as long as the context lasts."""
    with ExitStack() as stack:
        endpoint = stack.enter_context(s3(SCRATCH))
        url = stack.enter_context(sandbox(SCRATCH, "--records", str(RECORDS), "--seed", "1", "--now", now.isoformat()))
        yield Demo(url, environment(url, endpoint))


def run(demo: Demo, name: str, *command: str) -> None:
    """Run a command with its output in a log of the scratch folder; ends the demo, saying where to look, if it fails."""
    log = SCRATCH / f"{name}.log"
    with log.open("w") as output:
        ended = subprocess.run(command, env=demo.environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    if ended.returncode:
        print("".join(log.read_text().splitlines(keepends=True)[-30:]), file=sys.stderr)
        raise SystemExit(f"{' '.join(command)} failed; its whole output is in {log}")


def run_dag(demo: Demo, day: datetime) -> None:
    """One run of the DAG, without a scheduler, for the data interval that ends on this day."""
    began = time.monotonic()
    print(f"\n== {day:%Y-%m-%d}: the DAG {DAG} runs, a minute or so", flush=True)
    run(demo, f"dag-{day:%Y-%m-%d}", "airflow", "dags", "test", DAG, day.isoformat())
    print(f"   done in {time.monotonic() - began:.0f} s", flush=True)


def show_loads(demo: Demo) -> None:
    """The committed loads: a line a load of the streams that the marts stand on, and the sum of all."""
    output = subprocess.run(["pestroutes", "loads", "--json"], env=demo.environment, check=True, capture_output=True)
    loads = json.loads(output.stdout)
    print("\n== Loads committed (pestroutes loads shows all)")
    print(f"{'stream':<15}{'window':<36}{'records':>9}{'bytes':>12}{'seconds':>9}")
    for load in sorted(loads, key=lambda one: one["started_at"]):
        if load["stream"] in SHOWN:
            print(
                f"{load['stream']:<15}{load['window']:<36}{load['records']:>9,}{load['bytes']:>12,}{_seconds(load):>9.1f}"
            )
    records, size = (sum(load[name] for load in loads) for name in ("records", "bytes"))
    seconds = sum(map(_seconds, loads))
    print(f"{f'all {len(loads)} loads':<51}{records:>9,}{size:>12,}{seconds:>9.1f}")


def _seconds(load: dict[str, str]) -> float:
    began, ended = (datetime.fromisoformat(load[name]) for name in ("started_at", "committed_at"))
    return (ended - began).total_seconds()


def show_dbt() -> None:
    """What dbt built and tested in the last run."""
    results = json.loads((SCRATCH / "dbt" / "run_results.json").read_text())
    counts: dict[tuple[str, str], int] = {}
    for result in results["results"]:
        key = (result["unique_id"].split(".")[0].replace("_", " "), result["status"])
        counts[key] = counts.get(key, 0) + 1
    print(f"\n== dbt build, {results['elapsed_time']:.0f} s")
    for (kind, status), count in sorted(counts.items()):
        print(f"{count:>5}  {kind}: {status}")


def show_mart() -> None:
    """One mart as a table."""
    import duckdb

    print("\n== Recurring revenue, the last months (marts.recurring_revenue_by_month)")
    with duckdb.connect(str(SCRATCH / "warehouse.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute(
            """
            select strftime(month, '%Y-%m'), office_id, active_subscriptions, recurring_revenue,
                   started_subscriptions, cancelled_subscriptions
            from marts.recurring_revenue_by_month
            order by month desc, office_id limit 9
            """
        ).fetchall()
    print(f"{'month':<9}{'office':>7}{'active':>8}{'revenue':>13}{'started':>9}{'cancelled':>11}")
    for month, office, active, revenue, started, cancelled in rows:
        print(f"{month:<9}{office:>7}{active:>8,}{revenue:>13,.2f}{started:>9}{cancelled:>11}")


def demo() -> None:
    """The whole demo."""
    began = time.monotonic()
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir()
    print(
        f"== Starting PestRoutes' sandbox ({RECORDS:,} customers) and an S3 server; all in {SCRATCH.name}/", flush=True
    )
    with parts(FIRST_DAY) as running:
        run(running, "airflow-migrate", "airflow", "db", "migrate")
        run(running, "airflow-pools", "airflow", "pools", "import", str(ROOT / "dags" / "pools.json"))
        run_dag(running, FIRST_DAY)
        running.advance(days=1)
        run_dag(running, FIRST_DAY + timedelta(days=1))
        show_loads(running)
        show_dbt()
        show_mart()
    print(
        f"""
== Done in {time.monotonic() - began:.0f} s. To look further:
   make airflow                                   the real Airflow on these DAGs and this data
   .venv/bin/python -c "import duckdb; print(duckdb.connect('.demo/warehouse.duckdb').sql('from marts.customers'))"
   .venv/bin/pestroutes extract --help            one extractor by hand"""
    )


def airflow() -> None:
    """The real Airflow, until it is stopped."""
    SCRATCH.mkdir(exist_ok=True)
    (port,) = free_ports(1)
    with parts(FIRST_DAY + timedelta(days=1)) as running:
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
        with log.open("w") as output:
            # A group of its own: Airflow's parts outlive their parent unless all are told to end.
            server = subprocess.Popen(
                ["airflow", "standalone"], env=running.environment, stdout=output, stderr=output, start_new_session=True
            )
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/v2/monitor/health", server, log)
            print(f"Open http://127.0.0.1:{port} (no password), switch a DAG on and trigger it.", flush=True)
            print("Ctrl-C ends everything.", flush=True)
            server.wait()
        except KeyboardInterrupt:
            print("stopping")
        finally:
            _end_group(server)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
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


def _end_group(server: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        try:
            os.killpg(server.pid, number)
            server.wait(timeout=patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--airflow", action="store_true", help="open the real Airflow instead")
    for number in (signal.SIGINT, signal.SIGTERM):
        # However it is ended, also from the background of a script: what it started ends with it.
        signal.signal(number, signal.default_int_handler)
    airflow() if parser.parse_args().airflow else demo()


if __name__ == "__main__":
    main()
