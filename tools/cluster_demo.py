"""``make cluster-demo``: the chart on the cluster of KUBECONFIG, each source's whole DAG once, and what came of it.

``--end`` removes it again.
"""

from __future__ import annotations

import argparse
import time

from tools.cluster import BIN, ENDED, ROOT, Installation, run, until

DEMO = Installation("transload", "transload-demo-jobs", values={"demo": {"records": 2000}})


def start() -> None:
    """Install or upgrade, run the DAGs, print loads and a mart, and say how to open Airflow."""
    began = time.monotonic()
    print(f"== helm upgrade --install {DEMO.release} ./helm --namespace {DEMO.namespace}, some minutes", flush=True)
    DEMO.helm("upgrade", "--install", "--create-namespace")
    print(f"   done in {time.monotonic() - began:.0f} s; helm test:", flush=True)
    tested = DEMO.test()
    if tested.returncode:
        raise SystemExit(f"{tested.stdout}{tested.stderr}")
    print("   all checks passed")
    with DEMO.airflow() as airflow:
        dags = airflow.whole_dags()
        runs = {source: airflow.switch_on(dag) for source, dag in dags.items()}
        for source, run_id in runs.items():
            print(f"\n== {dags[source]} runs, a pod a stream, some minutes", flush=True)

            def state(dag: str = dags[source], run_id: str = run_id) -> str:
                found = airflow.states(dag)[run_id]
                return found if found in ENDED else ""

            if until(f"{dags[source]} has ended", state, 1800, pause=5) != "success":
                raise SystemExit(
                    f"{dags[source]} failed: its tasks' logs are in Airflow, docs/runbook.md explains them"
                )
            loads = DEMO.loads(source)
            print(f"   {len(loads)} loads, {sum(load['records'] for load in loads):,} records committed")
    print("\n== marts.customers, the first five")
    for row in DEMO.query("select * from marts.customers order by 1 limit 5"):
        print("  ", "  ".join(f"{name}={value}" for name, value in list(row.items())[:5]))
    account = DEMO.secret("admin")
    kubectl = (BIN / "kubectl").relative_to(ROOT)
    print(
        f"""
== Done in {time.monotonic() - began:.0f} s. To open Airflow:
   {kubectl} --namespace {DEMO.namespace} port-forward service/{DEMO.release}-api-server 8080:8080
   http://localhost:8080, user {account["username"]}, password {account["password"]}
To remove it all: make cluster-demo-end"""
    )


def end() -> None:
    """Remove the release and its namespace."""
    run("helm", "uninstall", DEMO.release, "--namespace", DEMO.namespace, "--ignore-not-found", "--wait")
    run("kubectl", "delete", "namespace", DEMO.namespace, "--ignore-not-found")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--end", action="store_true", help="remove it")
    end() if parser.parse_args().end else start()


if __name__ == "__main__":
    main()
