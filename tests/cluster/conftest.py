"""One installation of the chart, on the cluster of KUBECONFIG, for all tests; what uses it comes before what removes it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.cluster import Installation, run

CASES = Path(__file__).parent / "dags" / "cases.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The chart's own tests end with an upgrade, a rollback and its removal."""
    items.sort(key=lambda item: item.path.name == "test_chart.py")


@pytest.fixture(scope="session")
def installed() -> Iterator[Installation]:
    """The demo, installed, with the DAGs of the operators' cases."""
    assert run("kubectl", "get", "nodes", check=False).returncode == 0, "no cluster answers: is KUBECONFIG set?"
    own = f"transload-test-{secrets.token_hex(3)}"
    airflow = {
        "dags": {CASES.name: CASES.read_text()},
        "scheduler": {"parallelism": 16},
        # The vendors' limits are no matter here, and time is.
        "pools": {"pestroutes": {"slots": 4}, "marketo": {"slots": 4}},
        # Five minutes otherwise, after which a task is missed whose scheduler died.
        "env": {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60"},
    }
    one = Installation(own, f"{own}-jobs", values={"demo": {"records": 3000}, "airflow": airflow})
    run("kubectl", "create", "namespace", own)
    try:
        one.helm("install")
        yield one
    finally:
        run("helm", "uninstall", one.release, "--namespace", own, "--ignore-not-found", check=False)
        run("kubectl", "delete", "namespace", own, one.jobs, "--ignore-not-found", "--timeout=120s", check=False)
