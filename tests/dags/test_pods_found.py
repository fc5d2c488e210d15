"""Pods that a task finds: of an attempt before, of two one, those that nobody took away; and Variables that make no sense."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from kubernetes.client import ApiException
from kubernetes.client import models as k8s

from tests.dags.pod_cluster import LOAD_ID, SUMMARY, Cluster, a_pod


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
