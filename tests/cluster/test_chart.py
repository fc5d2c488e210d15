"""The chart on a real cluster, from the installation to its end, in this order: each test stands on those before it.

The cluster is that of KUBECONFIG, which must have the images (docs/kubernetes.md). Nothing is left on it.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest

from sandbox.client import Controls
from tools.cluster import ENDED, SOURCES, Installation, forwarded, run, until

pytestmark = pytest.mark.timeout(1500)
NEXT_TAG = os.environ.get("NEXT_VERSION", "latest")
# What is still there in a namespace from which everything has gone.
ITS_OWN = re.compile(r"(serviceaccount/default|secret/default-token-\w+|configmap/kube-root-ca\.crt|event\S*/.*)")


@pytest.fixture(scope="session")
def kept(installed: Installation) -> dict[str, Any]:
    """The Secrets that were made by the installation, as they were then."""
    return {name: installed.secret(name) for name in ("keys", "admin", "database")}


def truth(installed: Installation, source: str, kind: str) -> int:
    """How many records the sandbox has of a kind."""
    with forwarded(installed.namespace, f"{installed.release}-demo-{source}", 8800) as url:
        return sum(1 for line in Controls(f"{url}/_sandbox").truth(kind) if line)


def finished(installed: Installation, dag: str, run_id: str, seconds: float) -> list[dict[str, Any]]:
    """Wait for a run's end, by a new connection each time; returns its tasks."""

    def state() -> list[dict[str, Any]] | None:
        with installed.airflow() as airflow:
            return airflow.tasks(dag, run_id) if airflow.states(dag)[run_id] in ENDED else None

    tasks: list[dict[str, Any]] = until(f"{run_id} has ended", state, seconds, pause=5)
    return tasks


def test_the_installation_passes_its_own_checks(installed: Installation, kept: dict[str, Any]) -> None:
    ended = installed.test()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("Succeeded") == 1 + len(SOURCES)
    assert len(kept["admin"]["password"]) == 24


def test_every_source_goes_from_vendor_to_mart(installed: Installation) -> None:
    with installed.airflow() as airflow:
        dags = airflow.whole_dags()
        assert dags.keys() == set(SOURCES)
        runs = {source: airflow.switch_on(dag) for source, dag in dags.items()}
    for source, run_id in runs.items():
        tasks = finished(installed, dags[source], run_id, 1200)
        assert {one["task_id"]: one["state"] for one in tasks if one["state"] != "success"} == {}
        streams = {one["task_id"].partition(".")[2] for one in tasks} - {""}
        assert {load["stream"] for load in installed.loads(source)} == streams
    customers = truth(installed, "pestroutes", "customer")
    assert installed.query("select count(*) as customers from marts.customers") == [{"customers": customers}]


@pytest.mark.parametrize("source", SOURCES)
def test_a_run_that_somebody_triggers_loads_what_was_asked_for(installed: Installation, source: str) -> None:
    with installed.airflow() as airflow:
        dag = airflow.whole_dags()[source]
        (before,) = airflow.states(dag)
        names = [one["task_id"].partition(".")[2] for one in airflow.tasks(dag, before)]
        stream = min(name for name in names if name)
        run_id = airflow.start(dag, streams=[stream])
    states = {one["task_id"]: one["state"] for one in finished(installed, dag, run_id, 600)}
    assert {task for task, state in states.items() if state == "success"} == {"choose", f"extract.{stream}", "dbt"}
    assert set(states.values()) == {"success", "skipped"}
    assert len([load for load in installed.loads(source) if load["stream"] == stream]) == 2
    until("no pod outlives its task", lambda: not installed.kubectl("get", "pods", "--output", "name", jobs=True), 60)
    with installed.airflow() as airflow:
        log = airflow.log(dag, run_id, f"extract.{stream}")
    assert "Committed: " in log
    for secret in ("transload-demo-secret", "AWS_SECRET_ACCESS_KEY"):
        assert secret not in log


def test_a_secret_that_is_missing_is_named_and_made_later_the_pod_goes_on(installed: Installation) -> None:
    secret = json.loads(installed.kubectl("get", "secret", "transload-pestroutes", "--output", "json", jobs=True))
    installed.kubectl("delete", "secret", "transload-pestroutes", jobs=True)
    with installed.airflow() as airflow:
        dag = airflow.whole_dags()["pestroutes"]
        run_id = airflow.start(dag, streams=["office"])

    def waiting() -> str:
        path = "jsonpath={.items[*].status.containerStatuses[*].state.waiting}"
        found = installed.kubectl("get", "pods", "--selector", "stream=office", "--output", path, jobs=True)
        return found if "CreateContainerConfigError" in found else ""

    assert 'secret \\"transload-pestroutes\\" not found' in until("the pod waits", waiting, 300)
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "transload-pestroutes"}, "data": secret["data"]}
    installed.kubectl("create", "--filename", "-", jobs=True, text=json.dumps(made))
    tasks = {one["task_id"]: one for one in finished(installed, dag, run_id, 600)}
    assert (tasks["extract.office"]["state"], tasks["extract.office"]["try_number"]) == ("success", 1)


def test_an_upgrade_during_an_extraction_loses_nothing(installed: Installation, kept: dict[str, Any]) -> None:
    """Every part of Airflow is replaced, and the image of the extractor, while a pod waits for a slow vendor."""
    before = {load["load_id"] for load in installed.loads("pestroutes")}
    with forwarded(installed.namespace, f"{installed.release}-demo-pestroutes", 8800) as url:
        slow = {"match": {"entity": "customer", "action": "get"}, "times": 1, "pieces": 60, "seconds": 2}
        Controls(f"{url}/_sandbox").faults({"fault": "slow_drip", **slow})
    with installed.airflow() as airflow:
        dag = airflow.whole_dags()["pestroutes"]
        run_id = airflow.start(dag, since="2000-01-01T00:00:00Z", streams=["customer"])

    def extracting() -> bool:
        listed = installed.kubectl(
            "get", "pods", "--selector", "stream=customer", "--output", "jsonpath={.items[*].status.phase}", jobs=True
        )
        return listed == "Running"

    until("the pod runs", extracting, 300)
    installed.values = {
        **installed.values,
        "airflow": {
            **installed.values["airflow"],
            "pools": {"pestroutes": {"slots": 3}, "marketo": {"slots": 4}},
            "variables": {"transload_greeting": "hello"},
        },
    }
    installed.helm("upgrade", tag=NEXT_TAG)
    tasks = {one["task_id"]: one["state"] for one in finished(installed, dag, run_id, 1200)}
    assert (tasks["extract.customer"], tasks["dbt"]) == ("success", "success")
    (load,) = (one for one in installed.loads("pestroutes") if one["load_id"] not in before)
    customers = truth(installed, "pestroutes", "customer")
    assert load["records"] == customers
    assert installed.query("select count(*) as customers from marts.customers") == [{"customers": customers}]
    images = installed.kubectl("get", "pods", "--output", "jsonpath={.items[*].spec.containers[*].image}")
    assert f"/airflow:{NEXT_TAG}" in images
    with installed.airflow() as airflow:
        assert airflow.ask("/pools/pestroutes")["slots"] == 3
    assert {name: installed.secret(name) for name in kept} == kept


def test_an_upgrade_to_an_image_that_is_not_there_fails_and_changes_nothing(installed: Installation) -> None:
    ended = installed.helm("upgrade", "--timeout", "45s", tag="no-such-tag", check=False)
    assert ended.returncode != 0
    pods = installed.kubectl("get", "pods")
    assert re.search(r"ErrImagePull|ImagePullBackOff|ErrImageNeverPull", pods), pods
    with installed.airflow() as airflow:
        assert airflow.ask("/monitor/health")["scheduler"]["status"] == "healthy"


def test_a_rollback_leads_back(installed: Installation, kept: dict[str, Any]) -> None:
    run("helm", "rollback", installed.release, "1", "--namespace", installed.namespace, "--wait", "--timeout", "10m")
    ended = installed.test()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with installed.airflow() as airflow:
        assert airflow.ask("/pools/pestroutes")["slots"] == 4
        assert "success" in airflow.states(airflow.whole_dags()["pestroutes"]).values()
    assert {name: installed.secret(name) for name in kept} == kept


def test_nothing_is_left_behind(installed: Installation) -> None:
    run("helm", "uninstall", installed.release, "--namespace", installed.namespace, "--wait", "--timeout", "5m")

    def left() -> list[str]:
        kinds = run("kubectl", "api-resources", "--namespaced", "--verbs=list", "--output=name").stdout.split()
        listed = installed.kubectl("get", ",".join(kinds), "--output", "name", "--ignore-not-found").split()
        return [one for one in listed if not ITS_OWN.fullmatch(one)]

    def gone() -> bool:
        jobs = run("kubectl", "get", "namespace", installed.jobs, "--ignore-not-found", "--output", "name").stdout
        if jobs or left():
            raise RuntimeError(f"{jobs} {left()}")
        return True

    until("all has gone", gone, 180)
    volumes = json.loads(run("kubectl", "get", "persistentvolumes", "--output", "json").stdout)["items"]
    owners = {one["spec"].get("claimRef", {}).get("namespace") for one in volumes if one["status"]["phase"] == "Bound"}
    assert not owners & {installed.namespace, installed.jobs}
