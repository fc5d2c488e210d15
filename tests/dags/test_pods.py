"""In staging and production a task is a pod: what it may do, what it asks for, and what its end means to the task."""

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk.exceptions import TaskDeferred
from kubernetes.client import ApiClient, ApiException
from kubernetes.client import models as k8s

from common import settings
from common.compat import AirflowRescheduleException
from common.operators import DbtOperator, ExtractOperator, stream_asset

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
CLUSTERS = ("staging", "production")


def platform(environment: str) -> settings.Settings:
    return settings.load({"TRANSLOAD_ENVIRONMENT": environment})


def extract(environment: str = "production", **options: Any) -> ExtractOperator:
    return ExtractOperator(
        task_id="customer", source="pestroutes", stream="customer", platform=platform(environment), **options
    )


def whole(operator: Any) -> dict[str, Any]:
    """Returns the pod as Kubernetes would get it, where no Variable says on which nodes."""
    operator.placement = {}
    pod: dict[str, Any] = ApiClient().sanitize_for_serialization(operator.build_pod_request_obj(dry_run=True))
    return pod


def plain(operator: Any) -> dict[str, Any]:
    """Returns the same without its random name and Airflow's version."""
    pod = whole(operator)
    del pod["metadata"]["name"], pod["metadata"]["labels"]["airflow_version"]
    return pod


@pytest.mark.parametrize("environment", CLUSTERS)
def test_the_whole_pod_of_an_extraction(environment: str) -> None:
    until = (
        "{{ params.get('until') or (dag_run.data_interval_end or dag_run.run_after).strftime('%Y-%m-%dT%H:%M:%SZ') }}"
    )
    assert plain(extract(environment)) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
            "labels": {
                "app": "transload",
                "environment": environment,
                "source": "pestroutes",
                "stream": "customer",
            },
            "namespace": f"{{{{ var.value.get('transload_namespace', 'transload-{environment}') }}}}",
        },
        "spec": {
            "activeDeadlineSeconds": 4200,
            "affinity": {},
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "args": [
                        *("extract", "customer", "--until", until),
                        *("{{ '--since=' ~ params.since if params.get('since') else '' }}", "--json"),
                    ],
                    "command": [],
                    "env": [
                        {"name": "TRANSLOAD_DESTINATION", "value": "{{ var.value.transload_destination }}"},
                        {
                            "name": "TRANSLOAD_ENDPOINT_URL",
                            "value": "{{ var.value.get('transload_endpoint_url', '') }}",
                        },
                    ],
                    "envFrom": [
                        {"secretRef": {"name": "transload-pestroutes", "optional": False}},
                        {"secretRef": {"name": "transload-lake", "optional": True}},
                    ],
                    "image": "{{ var.value.get('transload_image_pestroutes', 'transload/pestroutes:0.1.0') }}",
                    "imagePullPolicy": "IfNotPresent",
                    "name": "base",
                    "ports": [],
                    "resources": {
                        "limits": {"cpu": "1", "memory": "384Mi"},
                        "requests": {"cpu": "100m", "memory": "192Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "privileged": False,
                        "readOnlyRootFilesystem": True,
                    },
                    "terminationMessagePolicy": "File",
                    "volumeMounts": [{"mountPath": "/tmp", "name": "tmp"}],
                }
            ],
            "hostNetwork": False,
            "imagePullSecrets": [],
            "initContainers": [],
            "nodeSelector": {},
            "restartPolicy": "Never",
            "securityContext": {
                "fsGroup": 65532,
                "runAsGroup": 65532,
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "serviceAccountName": "transload",
            "terminationGracePeriodSeconds": 30,
            "tolerations": [],
            "volumes": [{"emptyDir": {"sizeLimit": "256Mi"}, "name": "tmp"}],
        },
    }


@pytest.fixture(scope="module", params=CLUSTERS)
def deployed(request: pytest.FixtureRequest, load_bag: Callable[..., Any]) -> tuple[str, list[Any]]:
    """An environment, and every extraction of every DAG file there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSLOAD_ENVIRONMENT", request.param)
        bag = load_bag()
    tasks = [task for dag in bag.dags.values() for task in dag.tasks if task.task_id not in ("choose", "dbt")]
    assert {task.source for task in tasks} >= {"pestroutes", "marketo"}
    return request.param, tasks


def test_every_extraction_is_that_pod_but_for_names_and_size(deployed: tuple[str, list[Any]]) -> None:
    environment, tasks = deployed
    like = {full: json.dumps(plain(extract(environment, full_refresh=full))) for full in (False, True)}
    sizes = [take_size(plain(extract(environment, size=size))) for size in ("small", "medium", "large")]
    for task in tasks:
        text = like[task.full_refresh].replace("customer", task.stream).replace("pestroutes", task.source)
        pod, expected = plain(task), json.loads(text)
        size = take_size(pod)
        take_size(expected)
        assert size in sizes
        assert size[0] == task.execution_timeout.total_seconds() + 600
        assert pod == expected


def take_size(pod: dict[str, Any]) -> tuple[Any, ...]:
    """Takes out of a pod what a size class sets, and returns it."""
    spec = pod["spec"]
    return spec.pop("activeDeadlineSeconds"), spec["containers"][0].pop("resources"), spec.pop("volumes")


def test_kubernetes_takes_every_pods_name_and_labels(deployed: tuple[str, list[Any]]) -> None:
    """Streams are named as their vendors do, or with underscores; a pod's name has neither these nor capitals."""
    for task in deployed[1]:
        metadata = whole(task)["metadata"]
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", metadata["name"])
        assert metadata["name"].startswith(f"{task.source}-{task.stream}".lower().replace("_", "-")[:40])
        assert metadata["labels"]["stream"] == task.stream
        labels = metadata["labels"].values()
        assert all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", value) for value in labels)


def test_a_size_class_is_resources_and_time() -> None:
    large = extract(size="large")
    assert large.container_resources.requests == {"cpu": "500m", "memory": "384Mi"}
    assert large.execution_timeout == timedelta(hours=10)
    assert large.active_deadline_seconds == 36600


def test_retries_back_off_and_a_dag_may_say_otherwise() -> None:
    task = extract("staging")
    assert (task.retries, task.retry_delay, task.retry_exponential_backoff) == (3, timedelta(minutes=1), 2)
    assert extract(retries=9).retries == 9


def test_dbt_has_the_same_platform_and_its_own_secrets() -> None:
    spec = plain(DbtOperator(task_id="dbt", source="pestroutes", select="s", platform=platform("production")))["spec"]
    container = spec["containers"][0]
    assert container["args"] == ["source", "pestroutes", "--select", "s", "--json"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {"name": "DBT_TARGET", "value": "{{ var.value.get('transload_dbt_target', 'snowflake') }}"} in container[
        "env"
    ]
    assert {"name": "DBT_TARGET_PATH", "value": "/tmp/target"} in container["env"]
    assert [item["secretRef"]["name"] for item in container["envFrom"]] == ["transload-dbt", "transload-lake"]


@pytest.mark.parametrize("claim", ["", "warehouse-claim"])
def test_dbt_has_the_volume_of_its_warehouse_where_there_is_one(claim: str) -> None:
    operator = DbtOperator(task_id="dbt", source="pestroutes", select="s", platform=platform("production"))
    assert "warehouse_claim" in operator.template_fields
    operator.warehouse_claim = claim  # as it is rendered
    files = "/run/secrets/transload"
    for _ in range(2):
        spec = plain(operator)["spec"]
        claims = [
            one["persistentVolumeClaim"]["claimName"] for one in spec["volumes"] if "persistentVolumeClaim" in one
        ]
        mounted = [one["mountPath"] for one in spec["containers"][0]["volumeMounts"]]
        assert (claims, mounted) == (([claim], ["/tmp", files, "/warehouse"]) if claim else ([], ["/tmp", files]))


@pytest.mark.parametrize("environment", CLUSTERS)
def test_nothing_secret_of_this_process_gets_into_a_pod(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PESTROUTES_AUTHENTICATION_KEY",
        "MARKETO_CLIENT_SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "SNOWFLAKE_PASSWORD",
    ):
        monkeypatch.setenv(name, "hidden-value")
    assert "hidden-value" not in str(plain(extract(environment)))
    marketo = ExtractOperator(task_id="leads", source="marketo", stream="leads", platform=platform(environment))
    assert "hidden-value" not in str(plain(marketo))


# What follows runs `execute` against a cluster that is only its answers.


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
        task = extract(**self.options)
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


@pytest.fixture(params=[False, True], ids=["waiting itself", "deferred"])
def cluster(request: pytest.FixtureRequest, lake: Path) -> Callable[..., Cluster]:
    return lambda *args, **kwargs: Cluster(lake, *args, deferred=request.param, **kwargs)


@pytest.fixture
def waiting(lake: Path) -> Callable[..., Cluster]:
    return lambda *args, **kwargs: Cluster(lake, *args, **kwargs)


def test_success_is_the_commit_record_and_its_figures(cluster: Callable[..., Cluster], commit: Any) -> None:
    commit(load_id=LOAD_ID)
    run = cluster(0, SUMMARY)
    run.execute()
    assert run.xcoms["return_value"]["load_id"] == LOAD_ID
    assert run.xcoms["return_value"]["records"] == 1200
    assert run.events[stream_asset("pestroutes", "customer")].extra == run.xcoms["return_value"]
    assert run.deleted


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (None, "nothing is committed"),
        ({"load_id": "another"}, "the record is another load's"),
        ({"load_id": LOAD_ID, "window": "20260129T000000Z-20260130T000000Z"}, "the window ends elsewhere"),
        ({"load_id": LOAD_ID, "window": "sample-20260131T000000Z"}, "a sample is no load"),
    ],
)
def test_a_pod_that_succeeded_without_its_record_has_failed(
    cluster: Callable[..., Cluster], commit: Any, record: dict[str, Any] | None, why: str
) -> None:
    if record:
        commit(**record)
    run = cluster(0, SUMMARY)
    with pytest.raises(AirflowException, match=f"no commit record of load {LOAD_ID} up to {UNTIL}"):
        run.execute()
    assert run.deleted, why


@pytest.mark.parametrize(
    ("code", "message", "phase"),
    [
        *((0, "", "Succeeded"), (137, "", "Failed"), (None, "", "Failed"), (None, "", "Succeeded")),
        *((73, SUMMARY, "Failed"), (143, "", "Failed"), (143, SUMMARY, "Failed")),
    ],
)
def test_who_cannot_name_a_load_needs_one_committed_since_the_attempts_began(
    cluster: Callable[..., Cluster], commit: Any, code: int | None, message: str, phase: str
) -> None:
    commit(load_id="theirs", committed_at="2026-01-31T00:59:59Z")
    with pytest.raises(AirflowException, match="no commit record of a load of these attempts"):
        cluster(code, message, phase).execute()
    # A second try looks back to when the run began, for its first try's commit.
    run = cluster(code, message, phase)
    run.execute(try_number=2)
    assert run.xcoms["return_value"]["load_id"] == "theirs"


@pytest.mark.parametrize("code", [73, 137, 143, None])
@pytest.mark.parametrize(
    ("full_refresh", "params", "counts"),
    [
        pytest.param(False, {}, True, id="whatever window the lake gave"),
        pytest.param(False, {"since": "2026-01-30T01:00:00+01:00"}, True, id="the backfill's own window"),
        pytest.param(False, {"since": "2026-01-01T00:00:00Z"}, False, id="not the backfill's window"),
        pytest.param(True, {}, False, id="no full load"),
    ],
)
def test_who_cannot_name_a_load_needs_one_of_what_was_asked_for(
    cluster: Callable[..., Cluster],
    commit: Any,
    code: int | None,
    full_refresh: bool,
    params: dict[str, Any],
    counts: bool,
) -> None:
    """The record in the lake is of the incremental window from January 30 to 31."""
    commit(load_id="theirs")
    run = cluster(code, full_refresh=full_refresh)
    if counts:
        run.execute(**params)
        assert run.xcoms["return_value"]["load_id"] == "theirs"
    else:
        with pytest.raises(AirflowException, match="no commit record of a load of these attempts"):
            run.execute(**params)


@pytest.mark.parametrize("code", [64, 77, 78])
def test_permanent_codes_fail_at_once(cluster: Callable[..., Cluster], code: int) -> None:
    run = cluster(code, SUMMARY)
    with pytest.raises(AirflowFailException, match=f"exit code {code}"):
        run.execute()
    assert run.deleted


@pytest.mark.parametrize("code", [1, 65, 69, 70])
def test_other_codes_are_retried(cluster: Callable[..., Cluster], commit: Any, code: int) -> None:
    commit(load_id=LOAD_ID)
    with pytest.raises(AirflowException, match=f"exit code {code}") as caught:
        cluster(code, SUMMARY).execute()
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(
    ("retry_at", "expected"),
    [("2999-01-01T00:00:00Z", datetime(2999, 1, 1, tzinfo=UTC)), ("2020-01-01T00:00:00Z", None)],
)
def test_an_exhausted_quota_reschedules_never_into_the_past(
    cluster: Callable[..., Cluster], retry_at: str, expected: datetime | None
) -> None:
    run = cluster(75, SUMMARY.replace('"retry_at": null', f'"retry_at": "{retry_at}"'))
    before = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException) as caught:
        run.execute()
    assert caught.value.reschedule_date == expected or caught.value.reschedule_date >= before + timedelta(minutes=1)


def test_the_created_pod_has_no_empty_arguments_or_variables(cluster: Callable[..., Cluster], commit: Any) -> None:
    commit(load_id=LOAD_ID)
    run = cluster(0, SUMMARY)
    run.execute()
    container = run.manager.create_pod.call_args.kwargs["pod"].spec.containers[0]
    assert container.args == ["extract", "customer", "--until", UNTIL, "--json"]
    assert [variable.name for variable in container.env] == ["TRANSLOAD_DESTINATION"]
    assert "TRANSLOAD_DESTINATION" not in os.environ


def test_a_killed_task_deletes_its_pod(waiting: Callable[..., Cluster]) -> None:
    run = waiting(0)
    run.task.pod = run.pod
    run.task.on_kill()
    assert run.client.delete_namespaced_pod.call_args.kwargs == {
        "name": "pod",
        "namespace": "n",
        "grace_period_seconds": 30,
    }


def test_a_kill_while_the_pod_is_made_leaves_none(waiting: Callable[..., Cluster]) -> None:
    run = waiting(0)

    def killed(pod: k8s.V1Pod) -> k8s.V1Pod:
        run.task.on_kill()
        return pod

    run.manager.create_pod.side_effect = killed
    with pytest.raises(AirflowException, match="killed while its pod was made"):
        run.execute()
    asked = run.client.delete_namespaced_pod.call_args.kwargs["name"]
    (made,) = (call.args[0].metadata.name for call in run.manager.delete_pod.call_args_list)
    assert asked == made


def test_a_pod_that_is_gone_counts_by_the_lake(cluster: Callable[..., Cluster], commit: Any) -> None:
    """Somebody deleted it: nobody saw its end, and it may have committed before."""
    for try_number in (1, 2):
        run = cluster(0)
        run.manager.await_pod_completion.side_effect = run.hook.get_pod.side_effect = ApiException(status=404)
        run.event["status"] = "error"
        if try_number == 1:
            with pytest.raises(AirflowException, match="nobody saw the end, but no commit record"):
                run.execute()
            commit(load_id="theirs")
        else:
            run.execute(try_number=2)
            assert run.xcoms["return_value"]["load_id"] == "theirs"


@pytest.mark.parametrize("status", [400, 500])
def test_that_a_pods_log_cannot_be_read_does_not_end_it(
    waiting: Callable[..., Cluster], commit: Any, status: int
) -> None:
    """Its node may be busy, or the container between two states; the pod works on, and its end counts."""
    commit()
    run = waiting(0, SUMMARY)
    run.task.get_logs = True
    run.manager.fetch_requested_container_logs.side_effect = ApiException(status=status, reason="no log now")
    run.execute()
    assert run.xcoms["return_value"]["load_id"] == LOAD_ID
    assert run.manager.await_pod_completion.called


@pytest.mark.parametrize("status", [403, 404])
def test_a_pod_that_was_never_made_is_an_error_of_its_own(waiting: Callable[..., Cluster], status: int) -> None:
    """The quota of the namespace, or no such namespace; that the lake has no record says nothing then."""
    run = waiting(0)
    run.manager.create_pod.side_effect = ApiException(status=status)
    with pytest.raises(ApiException):
        run.execute()


def test_time_that_is_up_while_deferred_deletes_the_pod_and_says_so(lake: Path) -> None:
    run = Cluster(lake, None, phase="Running", deferred=True)
    run.event.update(status="timeout", message="reached the execution_timeout deadline")
    with pytest.raises(AirflowException, match="execution_timeout"):
        run.execute()
    assert run.deleted


def test_a_retry_takes_up_the_pod_that_still_works(cluster: Callable[..., Cluster], commit: Any) -> None:
    commit(load_id=LOAD_ID)
    run = cluster(0, SUMMARY)
    running = k8s.V1ContainerState(running=k8s.V1ContainerStateRunning())
    run.there = [a_pod("pod", "Running", running)]
    run.execute(try_number=2)
    assert not run.manager.create_pod.called
    assert run.xcoms["return_value"]["load_id"] == LOAD_ID


def test_a_pod_that_succeeded_while_nobody_watched_is_not_run_again(
    cluster: Callable[..., Cluster], commit: Any
) -> None:
    commit(load_id=LOAD_ID)
    run = cluster(0, SUMMARY)
    run.there = [run.pod]
    run.deferred = False  # in either way there is nothing to wait for
    run.execute(try_number=2)
    assert not run.manager.create_pod.called
    assert run.xcoms["return_value"]["load_id"] == LOAD_ID
    assert run.deleted


@pytest.mark.parametrize("old", [a_pod("old", "Running", leaving=True), a_pod("old", "Failed")])
def test_no_retry_takes_up_a_pod_that_is_leaving_or_failed(
    cluster: Callable[..., Cluster], commit: Any, old: k8s.V1Pod
) -> None:
    commit(load_id=LOAD_ID)
    run = cluster(0, SUMMARY)
    run.there = [old]
    run.execute(try_number=2)
    assert run.manager.create_pod.called
    assert run.xcoms["return_value"]["load_id"] == LOAD_ID


def test_of_two_pods_the_newer_is_watched_and_the_other_deleted(waiting: Callable[..., Cluster], commit: Any) -> None:
    commit(load_id=LOAD_ID)
    run = waiting(0, SUMMARY)
    run.there = [a_pod("older", "Running"), run.pod]
    run.pod.metadata.creation_timestamp = datetime.now(UTC)
    run.execute(try_number=2)
    deleted = [call.args[0].metadata.name for call in run.manager.delete_pod.call_args_list]
    assert deleted[0] == "older"
    assert not run.manager.create_pod.called


def test_pods_that_ended_long_ago_are_deleted_whoever_left_them(waiting: Callable[..., Cluster], commit: Any) -> None:
    commit(load_id=LOAD_ID)
    run = waiting(0, SUMMARY)
    long_ago, lately = (datetime.now(UTC) - timedelta(hours=hours) for hours in (25, 23))
    run.ended = [a_pod(f"begun then, {name}", "Succeeded") for name in ("old", "new", "evicted")]
    for pod, end in zip(run.ended[:2], (long_ago, lately), strict=True):
        terminated = k8s.V1ContainerStateTerminated(exit_code=0, finished_at=end)
        pod.status.container_statuses = [SimpleNamespace(state=k8s.V1ContainerState(terminated=terminated))]
    for pod in run.ended:
        pod.metadata.creation_timestamp = long_ago
    run.client.delete_namespaced_pod.side_effect = ApiException(status=404)  # somebody else was faster
    run.execute()
    deleted = [call.args for call in run.client.delete_namespaced_pod.call_args_list]
    assert deleted == [("begun then, old", "n"), ("begun then, evicted", "n")]
    looked = [call.kwargs for call in run.client.list_namespaced_pod.call_args_list if "field_selector" in call.kwargs]
    assert "environment=production" in looked[0]["label_selector"]


@pytest.mark.parametrize("status", [403, 500])
def test_that_nobody_can_look_for_old_pods_fails_no_task(
    waiting: Callable[..., Cluster], commit: Any, status: int
) -> None:
    commit(load_id=LOAD_ID)
    run = waiting(0, SUMMARY)
    there = run.client.list_namespaced_pod.side_effect

    def refuse(**asked: Any) -> Any:
        if "field_selector" in asked:
            raise ApiException(status=status)
        return there(**asked)

    run.client.list_namespaced_pod.side_effect = refuse
    run.execute()
    assert run.xcoms["return_value"]["load_id"] == LOAD_ID


def test_a_pod_that_ended_before_anybody_waited_is_judged_once(lake: Path, commit: Any) -> None:
    run = Cluster(lake, 77, SUMMARY, deferred=True)
    run.there = [a_pod("pod", "Running", run.pod.status.container_statuses[0].state)]
    with pytest.raises(AirflowFailException, match="exit code 77"):
        run.task.execute(run.context())
    assert run.deleted


def test_two_words_say_who_waits(waiting: Callable[..., Cluster]) -> None:
    run = waiting(0)
    run.task.deferrable = "yes"
    with pytest.raises(AirflowFailException, match="Variable transload_deferrable is 'yes': it must be true or false"):
        run.execute()


@pytest.mark.parametrize("operator", [extract, lambda: DbtOperator(task_id="dbt", source="s", select="s")])
def test_variables_say_on_which_nodes(operator: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLOAD_ENVIRONMENT", "production")
    task = operator()
    assert {"placement", "deferrable"} <= set(task.template_fields)
    task.placement = {
        "node_selector": '{"pool": "spot"}',
        "tolerations": '[{"key": "spot", "operator": "Exists"}]',
        "priority_class": "low",
    }
    spec = ApiClient().sanitize_for_serialization(task.build_pod_request_obj(dry_run=True))["spec"]
    assert spec["nodeSelector"] == {"pool": "spot"}
    assert spec["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    assert spec["priorityClassName"] == "low"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("node_selector", "pool=spot", "Variable transload_node_selector is no JSON"),
        ("node_selector", "[]", "Variable transload_node_selector must be a JSON object"),
        ("tolerations", "{}", "Variable transload_tolerations must be a JSON list"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(
    waiting: Callable[..., Cluster], name: str, text: str, message: str
) -> None:
    run = waiting(0)
    run.task.placement = {name: text}
    with pytest.raises(AirflowFailException, match=message):
        run.execute()


def test_dbt_sees_the_files_of_a_secret_if_there_is_one() -> None:
    operator = DbtOperator(task_id="dbt", source="pestroutes", select="s", platform=platform("production"))
    operator.warehouse_claim = ""
    spec = plain(operator)["spec"]
    (volume,) = (one for one in spec["volumes"] if one["name"] == "files")
    assert volume["secret"] == {"secretName": "transload-dbt-files", "optional": True, "defaultMode": 0o440}
    (mount,) = (one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "files")
    assert mount == {"name": "files", "mountPath": "/run/secrets/transload", "readOnly": True}
