"""A cluster that is only its answers, for what the end of a pod means to its task.

One that answers wrong, late or not at all can't be had for the asking; the operators meet a real one in tests/cluster.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from airflow.sdk.exceptions import TaskDeferred
from kubernetes.client import models as k8s

from common import settings
from common.operators import ExtractOperator, stream_asset

UNTIL = "2026-01-31T00:00:00Z"
LOAD_ID = "20260131T010203456Z-7f3a9c"
SUMMARY = json.dumps(
    {
        "format": 1,
        "error": None,
        "retry_at": None,
        "loads": [{"stream": "customer", "load_id": LOAD_ID, "window": "20260130T000000Z-20260131T000000Z"}],
    }
)


def a_pod(name: str, phase: str, status: k8s.V1ContainerState | None = None, *, leaving: bool = False) -> k8s.V1Pod:
    now = datetime.now(UTC)
    statuses = [k8s.V1ContainerStatus(name="base", image="i", image_id="i", ready=False, restart_count=0, state=status)]
    return k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(
            name=name,
            namespace="n",
            labels={"try_number": "1"},
            creation_timestamp=now,
            deletion_timestamp=now if leaving else None,
        ),
        spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base")]),
        status=k8s.V1PodStatus(phase=phase, container_statuses=statuses if status else None),
    )


class Cluster:
    """An operator whose pod ends as told: exit code (None: no container status), termination message, phase.

    Deferred, it is a new operator that goes on when the pod has ended, as in the process that Airflow starts then.
    """

    def __init__(
        self,
        lake: Path,
        code: int | None,
        message: str = "",
        phase: str | None = None,
        *,
        deferred: bool = False,
        **options: Any,
    ) -> None:
        terminated = k8s.V1ContainerStateTerminated(exit_code=code, message=message) if code is not None else None
        state = k8s.V1ContainerState(terminated=terminated)
        self.pod = a_pod("pod", phase or ("Failed" if code else "Succeeded"), state)
        self.lake, self.deferred, self.options = lake, deferred, options
        self.there: list[k8s.V1Pod] = []  # before the task
        self.manager = MagicMock()
        self.manager.create_pod.side_effect = self._made
        self.manager.await_pod_completion.return_value = self.pod
        self.manager.read_pod.return_value = self.pod
        self.client = MagicMock()
        self.ended: list[k8s.V1Pod] = []  # of any task
        self.client.list_namespaced_pod.side_effect = lambda **asked: MagicMock(
            items=list(self.ended if "field_selector" in asked else self.there)
        )
        self.hook = MagicMock(is_in_cluster=True)
        self.hook.get_pod.return_value = self.pod
        self.event = {"status": "failed" if code else "success", "message": "as told", "name": "pod", "namespace": "n"}
        self.events = {stream_asset("pestroutes", "customer"): SimpleNamespace(extra=None)}
        self.xcoms: dict[str, Any] = {}
        self.task = self.operator()

    def operator(self) -> ExtractOperator:
        task = ExtractOperator(
            task_id="customer",
            source="pestroutes",
            stream="customer",
            platform=settings.load({"TRANSLOAD_ENVIRONMENT": "production"}),
            **self.options,
        )
        task.until = UNTIL
        task.arguments = ["extract", "customer", "--until", UNTIL, "", "--json"]
        task.env_vars = [k8s.V1EnvVar("TRANSLOAD_DESTINATION", str(self.lake)), k8s.V1EnvVar("EMPTY", "")]
        task.destination, task.endpoint_url = str(self.lake), ""
        task.namespace = task.image = "n"
        task.placement = {}
        task.deferrable = str(self.deferred).lower()
        task.get_logs = False
        task.kubernetes_conn_id = None

        async def started(**_: Any) -> None:
            return None

        self.manager.await_pod_start = started
        task.__dict__.update(pod_manager=self.manager, client=self.client, hook=self.hook)
        return task

    def _made(self, pod: k8s.V1Pod) -> k8s.V1Pod:
        pending = a_pod("pod", "Pending")
        self.there.append(pending)
        return pending

    def context(self, began: str = "2026-01-31T01:00:00+00:00", try_number: int = 1, **params: Any) -> dict[str, Any]:
        run = SimpleNamespace(start_date=datetime(2026, 1, 31, 0, 30, tzinfo=UTC))
        ti = SimpleNamespace(
            dag_id="d",
            task_id="t",
            map_index=-1,
            try_number=try_number,
            start_date=datetime.fromisoformat(began),
            xcom_push=lambda key, value: self.xcoms.update({key: value}),
        )
        return {"params": params, "ti": ti, "dag_run": run, "run_id": "r", "dag": None, "outlet_events": self.events}

    def execute(self, **told: Any) -> None:
        context = self.context(**told)
        if self.deferred:
            with pytest.raises(TaskDeferred) as deferral:
                self.task.execute(context)
            assert deferral.value.trigger.in_cluster is True, "without a connection the triggerer looks for a file"
            self.operator().trigger_reentry(context, self.event)
        else:
            self.task.execute(context)

    @property
    def deleted(self) -> bool:
        return bool(self.manager.delete_pod.called)
