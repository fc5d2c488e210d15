"""Tasks in real DAG runs, in one process: what the end of a command makes of a task, and what is left behind."""

import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

SECRET = "hidden-0123456789"
DAYS = itertools.count()  # a day each, lest one test's run be another's re-run

DAG_FILE = """
from datetime import timedelta

import airflow.providers.cncf.kubernetes.operators.pod
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable
from common.pipeline import backfill_params, defaults, extraction, transformation

STREAMS = {{"small": ("customer", "route")}}
ARGUMENTS = defaults("pestroutes", done_within=timedelta(hours=1))
ARGUMENTS["default_args"] |= {{"retries": {retries}, "retry_delay": timedelta(seconds=1)}}

with DAG(
    "{dag_id}",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    params=backfill_params(STREAMS),
    **ARGUMENTS,
):
    extraction("pestroutes", STREAMS) >> transformation("pestroutes")
"""

# An extractor that follows the contract and does what the next line of PESTROUTES_SCRIPT says; worse than the real one,
# it logs its key.
EXTRACTOR = """#!{python}
import datetime, json, os, pathlib, sys, time
arguments = sys.argv[1:]
stream, until = arguments[1], arguments[arguments.index("--until") + 1]
script = pathlib.Path(os.environ["PESTROUTES_SCRIPT"])
turns = json.loads(script.read_text()).get(stream, [{{}}])
turn_file = script.with_suffix("." + stream)
turn = int(turn_file.read_text()) if turn_file.exists() else 0
turn_file.write_text(str(turn + 1))
does = turns[min(turn, len(turns) - 1)]
print(json.dumps({{"arguments": arguments, "key": os.environ["PESTROUTES_AUTHENTICATION_KEY"]}}), file=sys.stderr, flush=True)
time.sleep(does.get("sleep", 0))
now = datetime.datetime.now(datetime.timezone.utc)
end = datetime.datetime.fromisoformat(until).strftime("%Y%m%dT%H%M%SZ")
load_id = now.strftime("%Y%m%dT%H%M%S000Z-") + os.urandom(3).hex()
if does.get("commit", "exit" not in does):
    folder = pathlib.Path(os.environ["TRANSLOAD_DESTINATION"], "pestroutes", stream, "_loads")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"full-{{end}}.json").write_text(json.dumps({{
        "format": 1, "source": "pestroutes", "stream": stream, "mode": "full", "window": f"full-{{end}}",
        "since": None,
        "load_id": load_id, "attempt": 1, "started_at": now.isoformat(), "committed_at": now.isoformat(), "records": 3, "bytes": 30,
        "quarantined": 0, "parts": []}}))
if does.get("kill"):
    os.kill(os.getpid(), 9)
retry_at = (now + datetime.timedelta(seconds=does["retry_in"])).isoformat() if "retry_in" in does else None
error = {{"type": "Fake", "message": "as told"}} if "exit" in does else None
print(json.dumps({{"format": 1, "error": error, "retry_at": retry_at, "loads": [
    {{"stream": stream, "load_id": load_id, "window": f"full-{{end}}", "error": None}}]}}))
sys.exit(does.get("exit", 0))
"""


@pytest.fixture
def play(
    tmp_path: Path, lake: Path, run_dag: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Returns a function that runs a DAG with an extractor that does as told, and returns tasks by name."""
    commands = tmp_path / "bin"
    commands.mkdir()
    done = "#!/bin/sh\nexit 0\n"  # the Python beside dbt is what runs it
    for name, text in (("pestroutes", EXTRACTOR.format(python=sys.executable)), ("dbt", done), ("python", done)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("TRANSLOAD_DESTINATION", str(lake))
    monkeypatch.setenv("PESTROUTES_SCRIPT", str(tmp_path / "script.json"))
    monkeypatch.setenv("PESTROUTES_AUTHENTICATION_KEY", SECRET)
    start = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=next(DAYS))

    def run(script: dict[str, Any], retries: int = 0, *, scheduled: bool = True, **conf: Any) -> dict[str, Any]:
        (tmp_path / "script.json").write_text(json.dumps(script))
        dag_id = f"two_streams_{retries}"
        done = run_dag(dag_id, DAG_FILE.format(dag_id=dag_id, retries=retries), start if scheduled else None, **conf)
        return {"run": done, **{ti.task_id.removeprefix("extract."): ti for ti in done.get_task_instances()}}

    return run


def states(tasks: dict[str, Any]) -> dict[str, str]:
    return {name: str(task.state) for name, task in tasks.items() if name != "choose"}


def xcoms(run: Any) -> dict[tuple[str, str], Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.scalars(select(XComModel).where(XComModel.dag_id == run.dag_id, XComModel.run_id == run.run_id))
        return {(row.task_id, row.key): XComModel.deserialize_value(row) for row in found}


def test_a_run_commits_every_stream_and_leaves_figures(
    play: Callable[..., dict[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    tasks = play({})
    assert states(tasks) == {"run": "success", "customer": "success", "route": "success", "dbt": "success"}
    end = tasks["run"].data_interval_end.strftime("%Y-%m-%dT%H:%M:%SZ")
    brief = xcoms(tasks["run"])["extract.customer", "return_value"]
    assert brief["records"] == 3
    assert brief["window"] == "full-" + end.replace("-", "").replace(":", "")
    log = "".join(capfd.readouterr())
    assert f'"--until", "{end}", "--json"' in log.replace("\\", ""), "the end of the data interval, nothing else"


def test_figures_go_onto_the_assets_event(play: Callable[..., dict[str, Any]]) -> None:
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session

    run = play({})["run"]
    with create_session() as session:
        events = session.execute(
            select(AssetModel.name, AssetEvent.extra)
            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
            .where(AssetEvent.source_run_id == run.run_id, AssetEvent.source_dag_id == run.dag_id)
        ).all()
    assert {name: extra["records"] for name, extra in events} == {"pestroutes/customer": 3, "pestroutes/route": 3}


def test_no_secret_in_logs_xcom_or_rendered_templates(
    play: Callable[..., dict[str, Any]], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The extractor of this test logs its key; a task's log shows stars there."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session

    run = play({"route": [{"exit": 64}]})["run"]
    log = "".join(capfd.readouterr())
    with create_session() as session:
        rendered = [str(row.rendered_fields) for row in session.scalars(select(RenderedTaskInstanceFields))]
    written = [
        path.read_text(errors="replace")
        for path in Path(os.environ["AIRFLOW_HOME"]).rglob("*.log")
        if SECRET in path.read_text(errors="replace")
    ]
    assert "***" in log
    assert SECRET not in log
    assert SECRET not in str(xcoms(run))
    assert rendered
    assert SECRET not in str(rendered)
    assert written == []


@pytest.mark.parametrize(
    ("turns", "state", "tries"),
    [
        pytest.param([{"exit": 64}], "failed", 1, id="usage"),
        pytest.param([{"exit": 77}], "failed", 1, id="credentials"),
        pytest.param([{"exit": 78}], "failed", 1, id="configuration"),
        pytest.param([{"exit": 69}, {}], "success", 2, id="unavailable, then well"),
        pytest.param([{"exit": 70}, {"exit": 70}], "failed", 2, id="a bug stays"),
        pytest.param([{"commit": False}, {}], "success", 2, id="said success, committed nothing"),
        pytest.param([{"kill": True}], "success", 1, id="killed after its commit"),
        pytest.param([{"kill": True, "commit": False}, {}], "success", 2, id="killed before its commit"),
        pytest.param([{"exit": 143, "commit": True}], "success", 1, id="asked to end after its commit"),
        pytest.param([{"exit": 143}, {}], "success", 2, id="asked to end before its commit"),
        pytest.param([{"exit": 73, "commit": True}], "success", 1, id="taken over, and committed by the other"),
        pytest.param([{"exit": 73}, {}], "success", 2, id="taken over by one that is not done"),
    ],
)
def test_states_and_tries(
    play: Callable[..., dict[str, Any]], turns: list[dict[str, Any]], state: str, tries: int
) -> None:
    tasks = play({"customer": turns}, retries=1)
    dbt = "success" if state == "success" else "upstream_failed"
    assert states(tasks) == {
        "run": "success" if state == "success" else "failed",
        "customer": state,
        "route": "success",
        "dbt": dbt,
    }
    assert tasks["customer"].try_number == tries


def test_an_exhausted_quota_waits_until_the_time_and_uses_no_retry(play: Callable[..., dict[str, Any]]) -> None:
    """The task has no retries: whatever comes after the first end is not one."""
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.utils.session import create_session

    began = time.monotonic()
    tasks = play({"customer": [{"exit": 75, "retry_in": 2}, {"exit": 75, "retry_in": 1}, {}]})
    assert states(tasks)["customer"] == "success"
    assert states(tasks)["dbt"] == "success"
    assert tasks["customer"].try_number == 1
    assert time.monotonic() - began > 3
    with create_session() as session:
        waits = session.scalars(select(TaskReschedule).where(TaskReschedule.ti_id == tasks["customer"].id)).all()
    assert len(waits) == 2


def test_a_backfill_by_parameters(
    play: Callable[..., dict[str, Any]], capfd: pytest.CaptureFixture[str], lake: Path
) -> None:
    tasks = play({}, streams=["customer"], since="2025-12-01T00:00:00Z", until="2025-12-05T00:00:00Z")
    assert states(tasks) == {"run": "success", "customer": "success", "route": "skipped", "dbt": "success"}
    log = "".join(capfd.readouterr()).replace("\\", "")
    assert '"--until", "2025-12-05T00:00:00Z", "--since=2025-12-01T00:00:00Z", "--json"' in log
    assert not (lake / "pestroutes" / "route").exists()
    started = {name: tasks[name].try_number for name in ("customer", "route")}
    assert started == {"customer": 1, "route": 0}, "a task that is not asked for is not even started"


def test_a_run_that_asks_for_no_stream_of_its_dag_says_so() -> None:
    from airflow.providers.common.compat.sdk import DAG, AirflowFailException

    from common.operators import ChooseOperator, ExtractOperator

    with DAG("choice", schedule=None):
        choose = ChooseOperator(task_id="choose")
        choose >> ExtractOperator(task_id="customer", source="pestroutes", stream="customer")
    assert choose.choose_branch({"params": {}}) == ["customer"]
    with pytest.raises(AirflowFailException, match="none of custmer is a stream of this DAG"):
        choose.choose_branch({"params": {"streams": ["custmer"]}})


def test_a_manual_run_without_an_interval_ends_now(play: Callable[..., dict[str, Any]]) -> None:
    tasks = play({}, scheduled=False, streams=["customer"])
    assert tasks["run"].data_interval_end is None
    window = xcoms(tasks["run"])["extract.customer", "return_value"]["window"]
    assert window == f"full-{tasks['run'].run_after:%Y%m%dT%H%M%SZ}"


def test_through_docker_the_same_command_in_a_container(
    play: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A `docker` that runs the command after the image's name, the image being named after the command."""
    docker = tmp_path / "bin" / "docker"
    docker.write_text(
        '#!/bin/sh\nwhile :; do case "$1" in transload/*:latest) image=${1#transload/}; shift; break;; esac; shift; done\n'
        'exec "${image%:*}" "$@"\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("TRANSLOAD_RUNNER", "docker")
    tasks = play({}, streams=["customer"])
    assert states(tasks) == {"run": "success", "customer": "success", "route": "skipped", "dbt": "success"}
    assert "--name transload-pestroutes-" in "".join(capfd.readouterr())


def test_a_killed_task_lets_the_extractor_end_itself(play: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """SIGTERM to the task's process, as Airflow sends it, goes on to the extractor, which ends before its commit."""

    def kill_when_it_runs() -> None:
        while not (tmp_path / "script.customer").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    killer = threading.Thread(target=kill_when_it_runs, daemon=True)
    killer.start()
    began = time.monotonic()
    tasks = play({"customer": [{"sleep": 60}, {}]}, retries=1, streams=["customer"])
    assert states(tasks)["customer"] == "success"
    assert tasks["customer"].try_number == 2
    assert time.monotonic() - began < 50


def test_a_missing_command_fails_at_once_and_says_what_to_do(
    play: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    tasks = play({}, retries=1)
    assert states(tasks)["customer"] == "failed"
    assert tasks["customer"].try_number == 1
    assert "no command 'pestroutes' on PATH" in "".join(capfd.readouterr())
