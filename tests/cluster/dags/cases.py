"""A DAG for each case of tests/cluster/test_operators.py: one stream, loaded whole, in parts small enough for a kill in between.

Each has a stream of its own, so that a fault of the sandbox strikes one case. The chart mounts this file (`airflow.dags`).
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401
from airflow.providers.common.compat.sdk import DAG
from kubernetes.client import models as k8s

from common.operators import ExtractOperator
from common.settings import current

STREAMS = {
    "success": "subscription",
    "success_deferred": "appointment",
    "refused": "customerFlag",
    "quota": "review",
    "memory": "location",
    "image": "document",
    "lake": "form",
    "deleted": "spot",
    "deleted_deferred": "ticket",
    "evicted": "ticketItem",
    "killed": "changelog",
    "failed": "note",
    "failed_deferred": "appointmentReminder",
    "succeeded": "chemicalUse",
    "succeeded_deferred": "employeeLocation",
    "two": "payment",
    "scheduler": "knock",
    "scheduler_deferred": "contract",
}
SMALL = {"TRANSLOAD_BATCH_SIZE": "500", "TRANSLOAD_CONCURRENCY": "1"}
OTHERWISE = {
    "refused": {"PESTROUTES_AUTHENTICATION_KEY": "wrong"},
    "lake": {"TRANSLOAD_ENDPOINT_URL": "http://127.0.0.1:9", "TRANSLOAD_RETRY_DEADLINE": "5"},
}

for name, stream in STREAMS.items():
    dag_id = f"case_{name}"
    variables = {**SMALL, **OTHERWISE.get(name, {})}
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), is_paused_upon_creation=False) as dag:
        task = ExtractOperator(
            task_id="extract",
            source="pestroutes",
            stream=stream,
            full_refresh=True,
            retries=0 if name in ("memory", "image", "lake") else 2,
            retry_delay=timedelta(seconds=5),
            platform=replace(current(), deferrable="true" if name.endswith("_deferred") else "false"),
        )
        kept = [one for one in task.env_vars if one.name not in variables]
        task.env_vars = [*kept, *(k8s.V1EnvVar(name=one, value=value) for one, value in variables.items())]
        if name == "image":
            task.image = "nowhere/pestroutes:0"
        # Little is asked for, so that all find room on one node.
        memory = "24Mi" if name == "memory" else "384Mi"
        task.container_resources = k8s.V1ResourceRequirements(
            requests={"cpu": "10m", "memory": "24Mi"}, limits={"cpu": "1", "memory": memory}
        )
    globals()[dag_id] = dag
