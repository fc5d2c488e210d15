"""In staging and production a task is a pod: what it may do, and what it asks for."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from kubernetes.client import ApiClient

from common import settings
from common.operators import DbtOperator, ExtractOperator

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


def test_dbt_sees_the_files_of_a_secret_if_there_is_one() -> None:
    operator = DbtOperator(task_id="dbt", source="pestroutes", select="s", platform=platform("production"))
    operator.warehouse_claim = ""
    spec = plain(operator)["spec"]
    (volume,) = (one for one in spec["volumes"] if one["name"] == "files")
    assert volume["secret"] == {"secretName": "transload-dbt-files", "optional": True, "defaultMode": 0o440}
    (mount,) = (one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "files")
    assert mount == {"name": "files", "mountPath": "/run/secrets/transload", "readOnly": True}
