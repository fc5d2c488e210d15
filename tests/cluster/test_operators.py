"""The operators on a real cluster: whatever becomes of a pod, its task ends right, no pod stays, and each record is there once.

All cases run side by side, each a DAG with a stream of its own (dags/cases.py). A slow answer of the sandbox holds a pod
behind its first part; then something is done to it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.client import Controls
from tools.cluster import Airflow, Installation, run, until

pytestmark = pytest.mark.timeout(900)

# As in dags/cases.py, which only Airflow can import; with the field that tells records apart.
STREAMS = {
    "success": ("subscription", "subscriptionID"),
    "success_deferred": ("appointment", "appointmentID"),
    "refused": ("customerFlag", "customerID"),
    "quota": ("review", "feedbackID"),
    "memory": ("location", "locationID"),
    "image": ("document", "uploadID"),
    "lake": ("form", "formID"),
    "deleted": ("spot", "spotID"),
    "deleted_deferred": ("ticket", "ticketID"),
    "evicted": ("ticketItem", "itemID"),
    "killed": ("changelog", "changeID"),
    "failed": ("note", "noteID"),
    "failed_deferred": ("appointmentReminder", "reminderID"),
    "succeeded": ("chemicalUse", "chemicalUseID"),
    "succeeded_deferred": ("employeeLocation", "locationID"),
    "two": ("payment", "paymentID"),
    "scheduler": ("knock", "knockID"),
    "scheduler_deferred": ("contract", "contractID"),
}
FOR_LONG = {"pieces": 150, "seconds": 4}
FOR_A_WHILE = {"pieces": 45, "seconds": 2}
LATER = ("scheduler", "scheduler_deferred")
# What is held: the others end by themselves.
HELD = dict.fromkeys(STREAMS, FOR_LONG) | dict.fromkeys(("two", *LATER), FOR_A_WHILE)
for _ended in ("success_deferred", "refused", "quota", "memory", "image", "lake"):
    del HELD[_ended]
HELD["success"] = FOR_A_WHILE
HELD["two"] = {"pieces": 75, "seconds": 2}


@dataclass
class Cases:
    """The cases, each a run of its DAG, and what may be asked about them."""

    installed: Installation
    airflow: Airflow
    sandbox: Controls
    store: Any
    runs: dict[str, str] = field(default_factory=dict)
    troubles: dict[str, Exception] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Begin the runs of these cases; those that are held will be."""
        held = [
            {"fault": "slow_drip", "after": 2, "match": self._gets(one), **HELD[one]} for one in names if one in HELD
        ]
        self.sandbox.faults(*held, {"fault": "day_limit", "times": -1, "match": {"entity": STREAMS["quota"][0]}})
        for name in names:
            dag = f"case_{name}"
            self.runs[name] = until(f"{dag} is known", lambda dag=dag: self.airflow.start(dag), 120)

    def _gets(self, name: str) -> dict[str, str]:
        return {"entity": STREAMS[name][0], "action": "get"}

    def task(self, name: str) -> dict[str, Any]:
        """Airflow's view of a case's task."""
        (found,) = self.airflow.tasks(f"case_{name}", self.runs[name])
        return found

    def log(self, name: str, attempt: int = 1) -> str:
        """What Airflow shows as the task's log."""
        return self.airflow.log(f"case_{name}", self.runs[name], "extract", attempt)

    def pods(self, name: str) -> list[dict[str, Any]]:
        """The case's pods, oldest first."""
        found = self.installed.kubectl(
            *("get", "pods", "--selector", f"stream={STREAMS[name][0]}", "--sort-by", ".metadata.creationTimestamp"),
            *("--output", "json"), jobs=True,
        )  # fmt: skip
        return list(json.loads(found)["items"])

    def pod(self, name: str) -> dict[str, Any]:
        """The case's pod, once it is held, with its first part safe behind it."""

        def held() -> dict[str, Any] | None:
            for key in self.keys(name, "_checkpoints"):
                if self._json(key)["parts"]:
                    (one,) = self.pods(name)
                    return one
            return None

        found: dict[str, Any] = until(f"{name} has a part", held, 300)
        return found

    def ended(self, name: str, *, tries: int) -> dict[str, Any]:
        """The case's task when it succeeded after so many tries, and nothing is left of its pods.

        One that was deferred may have had a try more, of which nothing ran: Airflow's scheduler takes it for failed where it hears
        that the process ended which deferred it only when it has queued the task again (apache/airflow issues 67287, 72716).
        """
        if name in self.troubles:
            raise self.troubles[name]
        task = self.settled(name, "success")
        made = task["try_number"]
        assert tries <= made <= tries + name.endswith("_deferred"), "\n\n".join(
            self.log(name, n) for n in range(1, made + 1)
        )
        self.nothing_runs(name)
        return task

    def settled(self, name: str, state: str) -> dict[str, Any]:
        """The case's task when it is in that state. A wrong end is one at once."""

        def there() -> dict[str, Any] | None:
            task = self.task(name)
            assert task["state"] == state or task["state"] not in ("success", "failed"), (
                f"{task['state']}: {self.log(name)}"
            )
            return task if task["state"] == state else None

        found: dict[str, Any] = until(f"{name} is {state}", there, 420, pause=3)
        return found

    def nothing_runs(self, name: str) -> None:
        """No pod is left, and none of what it had begun can be committed any more."""
        until(f"no pod of {name} is left", lambda: not self.pods(name), 90)

    def commit(self, name: str) -> dict[str, Any] | None:
        """The commit record of the case's window."""
        records = [json.loads(line) for key in self.keys(name, "_loads") for line in self._read(key).splitlines()]
        end = datetime.fromisoformat(self.airflow_run(name)["run_after"]).strftime("%Y%m%dT%H%M%SZ")
        return next((one for one in records if one["window"] == f"full-{end}"), None)

    def airflow_run(self, name: str) -> dict[str, Any]:
        """Airflow's view of the case's run."""
        return dict(self.airflow.ask(f"/dags/case_{name}/dagRuns/{self.runs[name]}"))

    def each_record_is_there_once(self, name: str) -> dict[str, Any]:
        """The parts that the commit record names hold exactly what the vendor has; returns the record."""
        record = self.commit(name)
        assert record, f"nothing is committed: {self.log(name)}"
        stream, key = STREAMS[name]
        lines = [line for part in record["parts"] for line in gzip.decompress(self._read(part["key"])).splitlines()]
        loaded = Counter(str(json.loads(line)[key]) for line in lines)
        truth = {str(json.loads(line)[key]) for line in self.sandbox.truth(stream) if line}
        assert loaded.keys() == truth
        assert loaded.total() == len(truth) == record["records"]
        return record

    def keys(self, name: str, folder: str) -> list[str]:
        """The lake's objects of the case's stream in a folder."""
        prefix = f"pestroutes/{STREAMS[name][0]}/{folder}/"
        return [one["Key"] for one in self.store.list_objects_v2(Bucket="raw", Prefix=prefix).get("Contents", ())]

    def _json(self, key: str) -> Any:
        return json.loads(self._read(key))

    def _read(self, key: str) -> bytes:
        return bytes(self.store.get_object(Bucket="raw", Key=key)["Body"].read())

    @cached_property
    def evictions(self) -> str:
        """The version of the eviction API that this cluster has."""
        minor = json.loads(run("kubectl", "version", "--output", "json").stdout)["serverVersion"]["minor"]
        return "policy/v1beta1" if int(minor.rstrip("+")) < 22 else "policy/v1"


# What is done to the cases that are held. Each is done when its pod has a part behind it.


def look(cases: Cases, name: str) -> None:
    """Nothing: a pod is as it should be while it works."""
    pod = cases.pod(name)
    (container,) = pod["spec"]["containers"]  # no side-car
    assert container["resources"]["limits"]["memory"] == "384Mi"
    assert pod["spec"]["activeDeadlineSeconds"] == 4200
    labels = pod["metadata"]["labels"]
    assert labels.items() >= {"source": "pestroutes", "stream": "subscription", "dag_id": "case_success"}.items()
    assert labels["run_id"]
    assert pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    until("its log is in Airflow already", lambda: "[base] " in cases.log(name), 60)
    assert cases.task(name)["state"] == "running"


def start_another(cases: Cases, name: str) -> None:
    """The same pod once more, as when one is taken for dead that is not; it is done before the first goes on."""
    pod = cases.pod(name)
    labels = {key: value for key, value in pod["metadata"]["labels"].items() if key in ("app", "source", "stream")}
    pod["metadata"] = {"name": "another", "labels": labels}
    del pod["spec"]["nodeName"], pod["status"]
    cases.installed.kubectl("create", "--filename", "-", jobs=True, text=json.dumps(pod))
    until("the other has committed", lambda: cases.commit(name), 120)
    assert len(cases.pods(name)) == 2
    cases.installed.kubectl("delete", "pod", "another", jobs=True)


def delete(cases: Cases, name: str) -> None:
    """Somebody deletes the pod, or its node goes down in order."""
    cases.installed.kubectl("delete", "pod", cases.pod(name)["metadata"]["name"], "--wait=false", jobs=True)


def evict(cases: Cases, name: str) -> None:
    """A node is drained."""
    pod = cases.pod(name)["metadata"]
    named = {"name": pod["name"], "namespace": pod["namespace"]}
    path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}/eviction"
    asked = {"apiVersion": cases.evictions, "kind": "Eviction", "metadata": named}
    run("kubectl", "create", "--raw", path, "--filename", "-", text=json.dumps(asked))


def kill(cases: Cases, name: str) -> None:
    """The kernel kills the process, as when a node runs out of memory."""
    code = (
        "import os, pathlib, signal\n"
        "for one in pathlib.Path('/proc').glob('[0-9]*/stat'):\n"
        "    pid, parent = int(one.parent.name), int(one.read_text().rpartition(')')[2].split()[1])\n"
        "    if parent == 1: os.kill(pid, signal.SIGKILL)\n"
    )
    pod = cases.pod(name)["metadata"]["name"]
    command = ("exec", pod, "--", "python3", "-c", code)
    killed = run("kubectl", "--namespace", cases.installed.jobs, *command, check=False)
    # The container ends with its process, and may take the one that killed it along before that is done.
    assert killed.returncode in (0, 137), killed.stderr


def mark_failed(cases: Cases, name: str) -> None:
    """A person marks the task as failed."""
    cases.pod(name)
    cases.airflow.mark(f"case_{name}", cases.runs[name], "extract", "failed")


def mark_success(cases: Cases, name: str) -> None:
    """A person marks the task as successful."""
    cases.pod(name)
    cases.airflow.mark(f"case_{name}", cases.runs[name], "extract", "success")


STRIKES: dict[str, Callable[[Cases, str], None]] = {
    "success": look,
    "two": start_another,
    "deleted": delete,
    "deleted_deferred": delete,
    "evicted": evict,
    "killed": kill,
    "failed": mark_failed,
    "failed_deferred": mark_failed,
    "succeeded": mark_success,
    "succeeded_deferred": mark_success,
}


@pytest.fixture(scope="module")
def cases(installed: Installation) -> Iterator[Cases]:
    """All cases but those of the scheduler: begun, and struck one after the other."""
    with ExitStack() as stack:
        parts = (installed.airflow(), installed.sandbox("pestroutes"), installed.store())
        found = Cases(installed, *(stack.enter_context(one) for one in parts))
        found.start(*(name for name in STREAMS if name not in LATER))
        for name, strike in STRIKES.items():
            try:
                strike(found, name)
            except Exception as error:  # noqa: BLE001  it is raised by the case's own test
                found.troubles[name] = error
        yield found
        found.sandbox.faults()


@pytest.mark.parametrize("name", ["success", "success_deferred"])
def test_success_is_the_commit_record_and_its_figures(cases: Cases, name: str) -> None:
    cases.ended(name, tries=1)
    record = cases.each_record_is_there_once(name)
    assert (record["attempt"], record["parts"][1:] != []) == (1, True)
    figures = cases.airflow.xcom(f"case_{name}", cases.runs[name], "extract")
    assert {key: figures[key] for key in ("load_id", "records", "attempt")} == {
        key: record[key] for key in ("load_id", "records", "attempt")
    }
    log = cases.log(name)
    assert "[base] " in log
    assert "Committed: " in log
    for secret in ("transload-demo-secret", "AWS_SECRET_ACCESS_KEY"):
        assert secret not in log


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("deleted", "no commit record"),
        ("deleted_deferred", "no commit record"),
        ("evicted", "no commit record"),
        ("killed", "exit code 137"),
    ],
)
def test_what_a_lost_pod_had_begun_the_next_attempt_finishes(cases: Cases, name: str, seen: str) -> None:
    cases.ended(name, tries=2)
    record = cases.each_record_is_there_once(name)
    assert record["attempt"] == 2
    assert not record["parts"][0]["key"].endswith("-2.json.gz"), "the first attempt's part is kept"
    log = cases.log(name)
    assert seen in log, log
    assert cases.airflow.xcom(f"case_{name}", cases.runs[name], "extract")["attempt"] == 2


def test_of_two_pods_of_one_window_one_commits_and_the_task_knows(cases: Cases) -> None:
    cases.ended("two", tries=1)
    assert cases.each_record_is_there_once("two")["attempt"] == 2
    assert "exit_code=73" in cases.log("two")


def test_refused_credentials_fail_at_once(cases: Cases) -> None:
    task = cases.settled("refused", "failed")
    assert (task["try_number"], task["max_tries"]) == (1, 2)
    assert "credentials refused: exit code 77" in cases.log("refused")
    cases.nothing_runs("refused")
    assert cases.commit("refused") is None


def test_an_exhausted_quota_comes_back_when_the_vendor_says(cases: Cases) -> None:
    task = cases.settled("quota", "up_for_reschedule")
    assert task["try_number"] == 1
    found = re.search(r"QuotaExhausted.*coming back at ([0-9T:+-]+)", cases.log("quota"))
    assert found
    # A few minutes behind the vendor's midnight.
    there = datetime.fromisoformat(found[1]).astimezone(ZoneInfo("America/Los_Angeles"))
    assert (there.hour, there.minute // 15) == (0, 0)
    assert there > datetime.now(UTC)
    cases.nothing_runs("quota")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("memory", r"exit code 137 \(killed: if for want of memory"),
        ("image", r"Failed to pull image .*nowhere/pestroutes:0|ErrImagePull"),
        ("lake", r"exit code 69, .*http://127\.0\.0\.1:9"),
    ],
)
def test_what_a_person_must_mend_is_said_in_the_log(cases: Cases, name: str, seen: str) -> None:
    """docs/runbook.md explains these words."""
    cases.settled(name, "failed")
    assert re.search(seen, cases.log(name)), cases.log(name)
    cases.nothing_runs(name)
    assert cases.commit(name) is None


@pytest.mark.parametrize("name", ["failed", "failed_deferred", "succeeded", "succeeded_deferred"])
def test_a_task_that_a_person_marks_takes_its_pod_with_it(cases: Cases, name: str) -> None:
    """The state is the person's, also a success that nothing was committed for: Airflow asks nobody."""
    if name in cases.troubles:
        raise cases.troubles[name]
    cases.nothing_runs(name)
    task = cases.settled(name, "failed" if name.startswith("failed") else "success")
    assert task["try_number"] == 1
    assert cases.commit(name) is None
    # What was begun is kept, for whoever loads that window.
    assert cases.keys(name, "_checkpoints")


def test_a_scheduler_that_dies_leaves_pods_that_are_taken_up_again(cases: Cases) -> None:
    cases.start(*LATER)
    pods = [cases.pod(name)["metadata"]["name"] for name in LATER]
    scheduler = f"app.kubernetes.io/instance={cases.installed.release},app.kubernetes.io/component=scheduler"
    cases.installed.kubectl("delete", "pod", "--selector", scheduler, "--grace-period=0", "--force")
    assert [cases.pods(name)[0]["metadata"]["name"] for name in LATER] == pods, "they work on"
    # Nobody has to be told of a task that the triggerer waits for; the other is missed, and tried again.
    cases.ended("scheduler_deferred", tries=1)
    cases.ended("scheduler", tries=2)
    assert f"Taking up pod {pods[0]}" in cases.log("scheduler", attempt=2)
    for name in LATER:
        assert cases.each_record_is_there_once(name)["attempt"] == 1
