"""What the platform asks of every pod: security, resources, secrets; and what a pod's end says.

The client's models cost 0.2 ms each to make, half the time of parsing a DAG file, so equal ones are made once.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from kubernetes.client import ApiException, CoreV1Api
from kubernetes.client import models as k8s

from common.outcome import Outcome
from common.settings import Resources

SECURITY = {
    "security_context": k8s.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=65532,
        run_as_group=65532,
        fs_group=65532,
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    ),
    "container_security_context": k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
    ),
    "automount_service_account_token": False,
}

FILES = "/run/secrets/transload"  # where the files of a Secret are, for programs that take a key as a file only


class VariableError(ValueError):
    """A Variable is not JSON of what it must be; the message names it."""


def place(spec: k8s.V1PodSpec, placement: Mapping[str, str]) -> None:
    """Puts a pod where the platform's Variables say, as they came out when they were rendered.

    Raises VariableError for what is not JSON, or JSON of something else.
    """
    spec.node_selector = parsed("node_selector", placement.get("node_selector"), dict)
    spec.tolerations = parsed("tolerations", placement.get("tolerations"), list)
    spec.priority_class_name = placement.get("priority_class") or None


def parsed(name: str, text: str | None, kind: type) -> Any:
    """Returns what the Variable `transload_NAME` holds; where it is empty, an empty one of its kind.

    Raises VariableError for what is not JSON, or JSON of another kind.
    """
    try:
        found = json.loads(text) if text else kind()
    except ValueError as error:
        raise VariableError(f"Variable transload_{name} is no JSON: {error}") from None
    if not isinstance(found, kind):
        raise VariableError(f"Variable transload_{name} must be a JSON {'object' if kind is dict else 'list'}")
    return found


def mount_files(spec: k8s.V1PodSpec, secret: str) -> None:
    """Shows the content of a Kubernetes Secret to the container as files, if there is such a Secret."""
    source = k8s.V1SecretVolumeSource(secret_name=secret, optional=True, default_mode=0o440)
    spec.volumes = [*spec.volumes, k8s.V1Volume(name="files", secret=source)]
    mount = k8s.V1VolumeMount(name="files", mount_path=FILES, read_only=True)
    spec.containers[0].volume_mounts = [*spec.containers[0].volume_mounts, mount]


def is_leaving(pod: k8s.V1Pod) -> bool:
    """Returns whether somebody has deleted the pod already: its end is a matter of seconds."""
    return pod.metadata.deletion_timestamp is not None


def has_ended(pod: k8s.V1Pod) -> bool:
    """Returns whether nothing runs in the pod any more, nor will."""
    return pod.status is not None and pod.status.phase in ("Succeeded", "Failed")


def sweep(client: CoreV1Api, namespace: str, environment: str) -> list[str]:
    """Deletes the environment's pods that ended more than a day ago and returns their names.

    Each task deletes its own. What is left is of tasks that were killed while nobody was there to end their pods, and that
    no retry has taken up. A pod that somebody else has deleted meanwhile is fine.
    """
    found = client.list_namespaced_pod(
        namespace=namespace,
        label_selector=f"app=transload,environment={environment},kubernetes_pod_operator=True",
        field_selector="status.phase!=Pending,status.phase!=Running,status.phase!=Unknown",
    )
    swept = [pod.metadata.name for pod in found.items if datetime.now(UTC) - _ended_at(pod) > timedelta(days=1)]
    for name in swept:
        try:
            client.delete_namespaced_pod(name, namespace)
        except ApiException as error:
            if error.status != 404:
                raise
    return swept


def _ended_at(pod: k8s.V1Pod) -> datetime:
    states = [status.state for status in pod.status.container_statuses or () if status.state]
    ends = [state.terminated.finished_at for state in states if state.terminated and state.terminated.finished_at]
    end: datetime = max(ends, default=pod.metadata.creation_timestamp)
    return end


def container_outcome(pod: k8s.V1Pod | None, name: str) -> Outcome:
    """Returns how the container `name` ended and its termination message; no exit code if nobody can say."""
    statuses = (pod.status.container_statuses or []) if pod and pod.status else []
    terminated = next((s.state.terminated for s in statuses if s.name == name and s.state), None)
    if terminated is None:
        return Outcome(None)
    return Outcome(terminated.exit_code, terminated.message or "")


@cache
def secret(name: str) -> k8s.V1EnvFromSource:
    """Returns the variables of a Kubernetes Secret. The lake's may be missing: then the pod has a role instead."""
    return k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=name, optional=name == "transload-lake"))


@cache
def resources(size: Resources) -> dict[str, Any]:
    """Returns what a size class means to KubernetesPodOperator: requests and limits, scratch space, time."""
    return {
        "container_resources": k8s.V1ResourceRequirements(
            requests={"cpu": size.cpu, "memory": size.memory},
            limits={"cpu": size.cpu_limit, "memory": size.memory_limit},
        ),
        "volumes": [k8s.V1Volume(name="tmp", empty_dir=k8s.V1EmptyDirVolumeSource(size_limit=size.scratch))],
        "volume_mounts": [k8s.V1VolumeMount(name="tmp", mount_path="/tmp")],  # noqa: S108  inside the container
        # A pod that nobody watches any more ends by itself; and an extractor ends within 8 s of SIGTERM.
        "active_deadline_seconds": int(size.timeout.total_seconds()) + 600,
        "termination_grace_period": 30,
    }
