"""One installation of the chart on the cluster of KUBECONFIG: helm, kubectl, Airflow's API, the demo's S3 store and sandboxes."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.client import Controls

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv-helm" / "bin"
CHART = ROOT / "helm"
# Helm 4, or as HELM says: helm3.
HELM = os.environ.get("HELM", "helm")
REGISTRY = os.environ.get("REGISTRY", "transload")
# The sources that have an image: those with a lock.
SOURCES = tuple(
    sorted(
        path.name for path in (ROOT / "extractors").iterdir() if (ROOT / "requirements" / f"{path.name}.txt").exists()
    )
)
# Which of a source's DAGs load everything: these are run.
WHOLE = re.compile(r".*_(daily|nightly)")
ENDED = ("success", "failed")


def run(program: str, *arguments: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run helm or kubectl; unless ``check`` is false it must end well."""
    done = subprocess.run(
        [BIN / (HELM if program == "helm" else program), *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise RuntimeError(f"{program} {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done


@contextmanager
def forwarded(namespace: str, service: str, port: int) -> Iterator[str]:
    """The address at which a service of the cluster is reached from here."""
    command = [str(BIN / "kubectl"), "--namespace", namespace, "port-forward", f"service/{service}", f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stderr
        line = running.stdout.readline()
        matched = re.search(r"127\.0\.0\.1:(\d+)", line)
        try:
            if not matched:
                running.terminate()
                raise RuntimeError(f"no way to {service}: {line}{running.stderr.read()}")
            yield f"http://127.0.0.1:{matched[1]}"
        finally:
            running.terminate()


def until(what: str, right: Callable[[], Any], seconds: float, pause: float = 2) -> Any:
    """The first answer of ``right`` that is true. Raises TimeoutError, with the last trouble, when none comes in time."""
    deadline, seen = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if found := right():
                return found
        except (OSError, RuntimeError) as error:
            seen = f": {error}"
        time.sleep(pause)
    raise TimeoutError(f"not so after {seconds:.0f} s: {what}{seen}")


@dataclass
class Installation:
    """A release of the chart with the demo's parts, in namespaces of its own."""

    namespace: str
    jobs: str
    tag: str = os.environ.get("VERSION", "0.1.0")
    release: str = "transload"
    values: dict[str, Any] = field(default_factory=dict)

    def helm(
        self, command: str, *arguments: str, check: bool = True, tag: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Install or upgrade, with these values, and wait until all of it is ready."""
        values = {
            "image": {
                "registry": REGISTRY,
                "tag": tag or self.tag,
                # The vendor and the store are not what is upgraded.
                "references": {"sandbox": f"{REGISTRY}/sandbox:{self.tag}"},
            },
            "sources": {name: {"enabled": name in SOURCES} for name in {"pestroutes", "marketo", *SOURCES}},
            "jobs": {"namespace": self.jobs},
        }
        return run(
            "helm", command, self.release, str(CHART), "--namespace", self.namespace, "--values",
            str(CHART / "examples" / "kind.yaml"), "--values", "-", "--wait", "--timeout", "10m", *arguments,
            text=json.dumps(merged(values, self.values)), check=check,
        )  # fmt: skip

    def test(self) -> subprocess.CompletedProcess[str]:
        """Run the chart's own checks."""
        return run("helm", "test", self.release, "--namespace", self.namespace, "--timeout", "6m", check=False)

    def kubectl(self, *arguments: str, jobs: bool = False, text: str | None = None) -> str:
        """What kubectl prints, in Airflow's namespace or in the jobs'."""
        return run("kubectl", "--namespace", self.jobs if jobs else self.namespace, *arguments, text=text).stdout

    def secret(self, name: str) -> dict[str, str]:
        """The content of a Secret in Airflow's namespace."""
        data = json.loads(self.kubectl("get", "secret", f"{self.release}-{name}", "--output", "json"))["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    @contextmanager
    def airflow(self) -> Iterator[Airflow]:
        """Airflow's API, as the administrator."""
        with forwarded(self.namespace, f"{self.release}-api-server", 8080) as url:
            yield Airflow(url, self.secret("admin"))

    @contextmanager
    def sandbox(self, source: str) -> Iterator[Controls]:
        """The controls of a source's sandbox."""
        with forwarded(self.namespace, f"{self.release}-demo-{source}", 8800) as url:
            yield Controls(f"{url}/_sandbox")

    @contextmanager
    def store(self) -> Iterator[Any]:
        """A client of the demo's S3 store."""
        import boto3

        keys = json.loads(self.kubectl("get", "secret", "transload-lake", "--output", "json"))["data"]
        key, secret = (
            base64.b64decode(keys[f"AWS_{name}"]).decode() for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
        )
        with forwarded(self.namespace, f"{self.release}-demo-s3", 8333) as url:
            yield boto3.client(
                "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret
            )

    def loads(self, source: str) -> list[dict[str, Any]]:
        """The commit records of a source in the demo's store."""
        found = []
        with self.store() as client:
            for page in client.get_paginator("list_objects_v2").paginate(Bucket="raw", Prefix=f"{source}/"):
                for one in page.get("Contents", ()):
                    if "/_loads/" in one["Key"]:
                        body = client.get_object(Bucket="raw", Key=one["Key"])["Body"].read()
                        found += [json.loads(line) for line in body.splitlines()]
        return found

    def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows that a query of the demo's warehouse gives, by a pod that reads its volume."""
        code = (
            "import duckdb, json, sys\n"
            "with duckdb.connect('/warehouse/warehouse.duckdb', read_only=True) as opened:\n"
            "    found = opened.execute(sys.argv[1])\n"
            "    names = [column[0] for column in found.description]\n"
            "    print(json.dumps([dict(zip(names, row)) for row in found.fetchall()], default=str))\n"
        )
        pod = {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "query", "labels": {"app": "transload"}},
            "spec": {
                "restartPolicy": "Never", "serviceAccountName": "transload",
                "securityContext": {
                    "runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{
                    "name": "query", "image": f"{REGISTRY}/dbt:{self.tag}", "command": ["python", "-c", code, sql],
                    "securityContext": {
                        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
                    },
                    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
                    "volumeMounts": [{"name": "warehouse", "mountPath": "/warehouse"}],
                }],
                "volumes": [{
                    "name": "warehouse",
                    "persistentVolumeClaim": {"claimName": f"{self.release}-demo-warehouse"},
                }],
            },
        }  # fmt: skip
        self.kubectl("delete", "pod", "query", "--ignore-not-found", jobs=True)
        self.kubectl("create", "--filename", "-", jobs=True, text=json.dumps(pod))

        def phase() -> str:
            found = self.kubectl("get", "pod", "query", "--output", "jsonpath={.status.phase}", jobs=True)
            return found if found in ("Succeeded", "Failed") else ""

        ended = until("the query has ended", phase, 120)
        output = self.kubectl("logs", "query", jobs=True)
        self.kubectl("delete", "pod", "query", jobs=True)
        if ended != "Succeeded":
            raise RuntimeError(f"{sql}: {output}")
        rows: list[dict[str, Any]] = json.loads(output.splitlines()[-1])
        return rows


def merged(one: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values over values, as helm lays one file over another."""
    both = dict(one)
    for key, value in over.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


@dataclass
class Airflow:
    """The REST API of an Airflow."""

    url: str
    account: dict[str, str]

    @cached_property
    def token(self) -> str:
        """What the account is known by; a new one outlives any test."""
        return str(self._call("POST", "/auth/token", self.account, {})["access_token"])

    def ask(self, path: str, body: object = None, *, method: str = "") -> Any:
        """What the API answers, as JSON. Raises OSError if it does not."""
        method = method or ("GET" if body is None else "POST")
        return self._call(method, f"/api/v2{path}", body, {"Authorization": f"Bearer {self.token}"})

    def _call(self, method: str, path: str, body: object, headers: dict[str, str]) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json", **headers}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise OSError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error

    def whole_dags(self) -> dict[str, str]:
        """The DAG that loads everything, by source."""
        dags = self.ask("/dags?limit=100")["dags"]
        found = {dag["dag_id"]: {tag["name"] for tag in dag["tags"]} for dag in dags if WHOLE.fullmatch(dag["dag_id"])}
        return {source: name for source in SOURCES for name, tags in found.items() if source in tags}

    def switch_on(self, dag: str) -> str:
        """Switch a DAG on; returns the id of the run that it begins with, of the interval that ended last."""
        self.ask(f"/dags/{dag}", {"is_paused": False}, method="PATCH")
        return str(until(f"{dag} runs", lambda: next(iter(self.states(dag)), ""), 300))

    def start(self, dag: str, **params: Any) -> str:
        """Trigger a run of a DAG that is switched on; returns its id."""
        return str(self.ask(f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": params})["dag_run_id"])

    def states(self, dag: str) -> dict[str, str]:
        """The state of each run of a DAG."""
        return {one["dag_run_id"]: one["state"] for one in self.ask(f"/dags/{dag}/dagRuns")["dag_runs"]}

    def tasks(self, dag: str, run_id: str) -> list[dict[str, Any]]:
        """The tasks of a run."""
        found = self.ask(f"/dags/{dag}/dagRuns/{quote(run_id)}/taskInstances?limit=200")["task_instances"]
        return [dict(one) for one in found]

    def mark(self, dag: str, run_id: str, task: str, state: str) -> None:
        """Set a task's state, as a person does in the UI."""
        path = f"/dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{quote(task)}"
        self.ask(path, {"new_state": state}, method="PATCH")

    def xcom(self, dag: str, run_id: str, task: str) -> Any:
        """What a task returned."""
        path = f"/dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{quote(task)}/xcomEntries/return_value"
        return self.ask(path)["value"]

    def log(self, dag: str, run_id: str, task: str, attempt: int = 1) -> str:
        """What a task logged."""
        path = f"/dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{quote(task)}/logs/{attempt}?full_content=true"
        return json.dumps(self.ask(path)["content"])
