"""What the end of a pod means to its task: its exit code, its summary, and what the lake says (tests/dags/pod_cluster.py)."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from kubernetes.client import ApiException
from kubernetes.client import models as k8s

from common.compat import AirflowRescheduleException
from common.operators import stream_asset
from tests.dags.pod_cluster import LOAD_ID, SUMMARY, UNTIL, Cluster


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
        run.task.get_logs = True
        gone = ApiException(status=404)
        run.manager.fetch_requested_container_logs.side_effect = gone
        run.manager.await_pod_completion.side_effect = run.hook.get_pod.side_effect = gone
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
    """The container may be between two states; the pod works on, and its end counts."""
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
