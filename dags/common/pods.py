"""What the platform asks of every pod: security, resources, secrets; and what a pod's end says.

The client's models cost 0.2 ms each to make, half the time of parsing a DAG file, so equal ones are made once.
"""

from functools import cache
from typing import Any

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
        # A pod that nobody watches any more ends by itself; and an extractor has 20 s for its checkpoint.
        "active_deadline_seconds": int(size.timeout.total_seconds()) + 600,
        "termination_grace_period": 30,
    }
