"""What becomes of a dbt run: its summary is the task's XCom, and what failed is named where people look."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from jinja2 import Template

from common.build import Build
from common.notifications import FailureNotifier
from common.operators import ATTEMPT, DbtOperator
from common.outcome import Outcome
from common.settings import DBT_PROJECT, load

FAILED = [{"node": f"node_{number}", "status": "fail", "message": f"Got {number} results"} for number in range(1, 6)]


def summary(**changes: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "source": "pestroutes",
        "command": "build",
        "exit_code": 0,
        "error": None,
        "failed": [],
        "nodes": {"success": 3},
        "truncated": False,
        "run_results": None,
        **changes,
    }


def run(monkeypatch: pytest.MonkeyPatch, code: int, text: str) -> tuple[MagicMock, MagicMock]:
    """What a task does whose dbt ended so: its instance, and the log of its operator."""
    operator = DbtOperator(
        task_id="dbt", source="pestroutes", select="s", platform=load({"TRANSLOAD_ENVIRONMENT": "local"})
    )
    ti, log = MagicMock(), MagicMock()
    monkeypatch.setattr(operator, "run_command", lambda context: Outcome(code, text))
    monkeypatch.setattr(DbtOperator, "log", log)
    operator.execute({"ti": ti})  # type: ignore[typeddict-item]
    return ti, log


def test_the_summary_is_the_tasks_xcom(monkeypatch: pytest.MonkeyPatch) -> None:
    ti, _ = run(monkeypatch, 0, json.dumps(summary()))
    ti.xcom_push.assert_called_once_with(key="return_value", value=summary())


def test_failed_nodes_are_named_in_the_error_and_each_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MagicMock()
    monkeypatch.setattr(DbtOperator, "log", log)
    text = json.dumps(summary(exit_code=1, failed=FAILED, nodes={"fail": 5, "skipped": 9}))
    with pytest.raises(AirflowException, match=r"^dbt build: node_1, node_2, node_3 and 2 more failed$") as caught:
        run(monkeypatch, 1, text)
    ti = MagicMock(dag_id="d", task_id="dbt", try_number=1)
    message = FailureNotifier().message({"ti": ti, "run_id": "r", "exception": caught.value})
    assert message.endswith("dbt build: node_1, node_2, node_3 and 2 more failed")
    assert Build(json.loads(text)).lines()[0] == "fail: node_1: Got 1 results"


def test_why_dbt_could_not_work_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(summary(command="stage", exit_code=2, error="Commit record of format 2", nodes={}))
    with pytest.raises(AirflowException, match=r"^dbt stage: Commit record of format 2$"):
        run(monkeypatch, 2, text)


@pytest.mark.parametrize("text", ["", "Killed", "[]", '{"format": 2}', '{"format": 1, "failed": [{}], "nodes": {}}'])
def test_without_a_summary_the_exit_code_is_all_there_is_to_say(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(AirflowException, match=r"^dbt: exit code 137 \(killed: if for want of memory, .*\)$"):
        run(monkeypatch, 137, text)


def test_a_pod_has_snowflakes_key_as_a_file_where_dbt_looks_for_it() -> None:
    platform = load({"TRANSLOAD_ENVIRONMENT": "production"})
    operator = DbtOperator(task_id="dbt", source="pestroutes", select="s", platform=platform)
    operator.placement = {}
    pod = operator.build_pod_request_obj(dry_run=True)
    volume = next(one for one in pod.spec.volumes if one.name == "files")
    assert (volume.secret.secret_name, volume.secret.optional) == ("transload-dbt-files", True)
    mount = next(one for one in pod.spec.containers[0].volume_mounts if one.name == "files")
    assert f"'{mount.mount_path}/private_key.p8'" in (DBT_PROJECT / "profiles.yml").read_text()
    # The Secret may name another place, and a variable of the pod's own would hide it.
    assert "SNOWFLAKE_PRIVATE_KEY_FILE" not in {one.name for one in pod.spec.containers[0].env}


@pytest.mark.parametrize(("variable", "expected"), [(None, ""), ('{"load": "raw"}', '{"load": "raw"}')])
def test_a_variable_gives_dbt_its_own(variable: str | None, expected: str) -> None:
    """Read when the task runs, into the pod's environment, where dbt/pod.py finds it."""
    platform = load({"TRANSLOAD_ENVIRONMENT": "production"})
    operator = DbtOperator(task_id="dbt", source="pestroutes", select="s", platform=platform)
    (template,) = (one.value for one in operator.env_vars if one.name == "TRANSLOAD_DBT_VARS")
    held = {} if variable is None else {"transload_dbt_vars": variable}
    assert Template(template).render(var=SimpleNamespace(value=held)) == expected
    assert "env_vars" in operator.template_fields


def with_variables(text: str) -> DbtOperator:
    """An operator whose Variable was rendered to this."""
    platform = load({"TRANSLOAD_ENVIRONMENT": "production"})
    operator = DbtOperator(task_id="dbt", source="pestroutes", select="s", platform=platform)
    for one in operator.env_vars:
        one.value = text if one.name == "TRANSLOAD_DBT_VARS" else one.value
    return operator


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("load: raw", "Variable transload_dbt_vars is no JSON"),
        ('["raw"]', "Variable transload_dbt_vars must be a JSON object"),
    ],
)
def test_variables_of_dbt_that_make_no_sense_fail_before_any_pod(
    monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    operator = with_variables(text)
    monkeypatch.setattr(operator, "run_command", lambda context: pytest.fail("it ran"))
    with pytest.raises(AirflowFailException, match=message):
        operator.execute({"ti": MagicMock()})  # type: ignore[typeddict-item]


def test_variables_that_were_broken_while_a_pod_worked_do_not_fail_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod has those of its start. Deferred, a task is rendered again when its pod has ended."""
    operator, ti = with_variables("load: raw"), MagicMock()
    monkeypatch.setattr(operator, "run_command", lambda context: Outcome(0, json.dumps(summary())))
    operator.trigger_reentry({"ti": ti}, {"status": "success"})  # type: ignore[typeddict-item]
    ti.xcom_push.assert_called_once_with(key="return_value", value=summary())


@pytest.mark.parametrize(
    ("try_number", "max_tries", "attempt"),
    [(1, 5, "1"), (2, 5, "2"), (6, 5, "6"), (2, 6, "1"), (3, 6, "2"), (8, 12, "1")],
    ids=["first", "retry", "last retry", "cleared", "retry of a cleared one", "cleared after two retries and more"],
)
def test_attempts_are_counted_since_the_task_was_cleared(try_number: int, max_tries: int, attempt: str) -> None:
    """Airflow counts tries on and on, and when a task is cleared grants its retries anew behind the last try."""
    ti, task = MagicMock(try_number=try_number, max_tries=max_tries), MagicMock(retries=5)
    assert Template(ATTEMPT).render(ti=ti, task=task) == attempt
