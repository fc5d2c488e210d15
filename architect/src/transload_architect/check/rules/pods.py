"""Rules of pods: KubernetesPodOperator, wherever it is made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from transload_architect.check.facts import FileFacts, Task, Value
from transload_architect.check.given import Given
from transload_architect.check.operators import PODS
from transload_architect.check.project import Project
from transload_architect.check.rule import Rule, Seen
from transload_architect.check.secrets import is_secret_name

_SPEC = ("pod_template_file", "pod_template_dict", "full_pod_spec")
# What the provider dropped or will drop, and what took its place.
_DEPRECATED = {
    "is_delete_operator_pod": 'on_finish_action="delete_pod"',
    "resources": "container_resources",
    "node_selectors": "node_selector",
    "image_pull_secret": "image_pull_secrets",
    "pod_runtime_info_envs": "env_vars with a field reference",
    "xcom_push": "do_xcom_push",
    "schedule_timeout": "schedule_timeout_seconds",
    "progress_callback": "callbacks",
    "port": "ports",
}
_IMAGE = re.compile(r"(?:[^/]+/)*[^/:@]+(?::(?P<tag>[^@]+))?(?P<digest>@.+)?")
_FLAG = re.compile(r"--?(?P<name>[\w-]+)=(?P<value>.+)")


def _pods(project: Project) -> Iterator[tuple[FileFacts, Task, Given]]:
    for file in project.files.values():
        for made in project.operators.of_file(file):
            if made.kind.is_pod or (not made.kind.base and made.task.operator.rpartition(".")[2] in PODS):
                yield file, made.task, made.given


def _at(file: FileFacts, task: Task, message: str) -> Seen:
    return Seen(file.path, task.line, task.column, f"pod {task.name} {message}")


def _unlimited(project: Project) -> Iterator[Seen]:
    for file, task, given in _pods(project):
        resources = given.values.get("container_resources")
        if resources is None:
            if given.lacks("container_resources", *_SPEC):
                yield _at(file, task, "has no container_resources")
        elif resources.kind == "call" and "limits" not in resources.arguments and not resources.stars:
            yield _at(file, task, "has container_resources without limits")


def _floating(project: Project) -> Iterator[Seen]:
    for file, task, given in _pods(project):
        image = given.constant("image")
        found = _IMAGE.fullmatch(image) if isinstance(image, str) and "{{" not in image else None
        if found and not found["digest"] and found["tag"] in (None, "latest"):
            yield _at(file, task, f"runs {image}, whatever that is today")


def _open_secrets(project: Project) -> Iterator[Seen]:
    for file, task, given in _pods(project):
        for name, value in [*_environment(given.values.get("env_vars")), *_flags(given.values.get("arguments"))]:
            text = value.constant if value.kind == "constant" else None
            if is_secret_name(name.replace("-", "_")) and isinstance(text, str) and text and not text.startswith("/"):
                yield Seen(file.path, value.line, 1, f"pod {task.name} has {name} in plain sight")


def _environment(value: Value | None) -> Iterator[tuple[str, Value]]:
    if value is None:
        return
    for name, one in value.items.items():
        if value.kind == "dict":
            yield name, one
        elif one.kind == "call" and one.name.endswith("V1EnvVar()") and "value" in one.arguments:
            yield str(one.arguments.get("name", one).constant), one.arguments["value"]


def _flags(value: Value | None) -> Iterator[tuple[str, Value]]:
    for one in value.items.values() if value is not None and value.kind == "list" else ():
        found = _FLAG.fullmatch(one.constant) if isinstance(one.constant, str) else None
        if found:
            yield found["name"], Value("constant", one.line, found["value"])


def _outdated(project: Project) -> Iterator[Seen]:
    for file, task, given in _pods(project):
        for name, instead in _DEPRECATED.items():
            if name in given.values:
                yield Seen(file.path, given.values[name].line, 1, f"pod {task.name}: {name} is outdated, use {instead}")


def _kept(project: Project) -> Iterator[Seen]:
    for file, task, given in _pods(project):
        if given.constant("on_finish_action") == "keep_pod":
            yield _at(file, task, "is kept when it ends, every time")


_IMPORTS = (
    "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator\nfrom airflow.sdk import DAG\n"
    "from kubernetes.client import models as k8s\n\n"
)


def _pod(*arguments: str) -> str:
    lines = "".join(f"        {one},\n" for one in ('task_id="load"', 'pool="erp"', *arguments))
    return f'{_IMPORTS}with DAG("sales_daily", tags=["sales"]):\n    KubernetesPodOperator(\n{lines}    )\n'


_LIMITS = 'container_resources=k8s.V1ResourceRequirements(requests={"memory": "1Gi"}, limits={"memory": "1Gi"})'

RULES = (
    Rule(
        "ARC401",
        "Pod without limits",
        "error",
        "It may take all memory of its node, and then the kernel chooses who dies; without requests the scheduler cannot place it well.",
        "Give `container_resources` with requests and limits, or a pod template that has them.",
        bad=_pod('image="erp/extractor:1.4.0"'),
        good=_pod('image="erp/extractor:1.4.0"', _LIMITS),
        find=_unlimited,
    ),
    Rule(
        "ARC402",
        "Image that changes by itself",
        "error",
        "`:latest`, or no tag, is another program tomorrow: a retry may run other code than the first try, and nobody can go back.",
        "Name a version, or a digest.",
        bad=_pod('image="erp/extractor:latest"', _LIMITS),
        good=_pod('image="erp/extractor:1.4.0"', _LIMITS),
        find=_floating,
    ),
    Rule(
        "ARC403",
        "Secret in a pod's specification",
        "error",
        "It stands in the repository, in Airflow's database, in the UI (rendered templates), in logs, and in the pod's description.",
        "Keep it in a Kubernetes Secret: `env_from`, or `secrets=[Secret(\"env\", ...)]`.",
        bad=_pod('image="erp/extractor:1.4.0"', _LIMITS, 'env_vars={"ERP_PASSWORD": "{{ var.value.erp_password }}"}'),
        good=_pod('image="erp/extractor:1.4.0"', _LIMITS,
                  'env_from=[k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name="erp"))]'),
        find=_open_secrets,
    ),
    Rule(
        "ARC404",
        "Outdated argument of a pod",
        "warning",
        "The provider drops such arguments in a major version; then the DAG does not load.",
        "Use what the message names.",
        bad=_pod('image="erp/extractor:1.4.0"', _LIMITS, "is_delete_operator_pod=True"),
        good=_pod('image="erp/extractor:1.4.0"', _LIMITS, 'on_finish_action="delete_pod"'),
        find=_outdated,
    ),
    Rule(
        "ARC405",
        "Pods that are kept",
        "info",
        "Finished pods pile up until the cluster's quota is full, and a retry may take an old one for its own.",
        "Delete them (the default), and ship logs away from pods.",
        bad=_pod('image="erp/extractor:1.4.0"', _LIMITS, 'on_finish_action="keep_pod"'),
        good=_pod('image="erp/extractor:1.4.0"', _LIMITS),
        find=_kept,
    ),
)  # fmt: skip
