"""What the pod of dbt does with one source, and what it says of it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from dbt_harness import PROJECT, FixtureLake, Project

sys.path.append(str(PROJECT))

from pod import Attempt, Dbt, VariablesError, build_source, earlier_results, installed, keep, shortened, variables

SELECT = "+stg_pestroutes__customer,source:pestroutes+"
CUSTOMERS = [{"customerID": "1"}, {"customerID": "2"}]


@pytest.fixture(autouse=True)
def _nothing_is_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a build tells its own hooks, it tells no other test."""
    monkeypatch.setenv("TRANSLOAD_STAGED", "")


@pytest.fixture
def dbt(project: Project, lake: FixtureLake, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dbt:
    """dbt over the lake, with nothing built yet."""
    monkeypatch.setenv("TRANSLOAD_DESTINATION", str(lake.root))
    monkeypatch.setenv("TRANSLOAD_DUCKDB_PATH", str(database))
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--log-path", str(tmp_path)]
    return Dbt(tmp_path / "target", ["--quiet", *folders, "--indirect-selection=cautious"], project.manifest)


def given(dbt: Dbt, text: str) -> Dbt:
    """The same dbt with these variables, as the pod would have them."""
    return Dbt(dbt.folder, [*dbt.options, *installed(variables(text)).options[-2:]], dbt.manifest)


def attempt(number: int, lake: FixtureLake) -> Attempt:
    return Attempt.of(
        {
            "TRANSLOAD_DESTINATION": str(lake.root),
            "TRANSLOAD_DAG": "pestroutes_daily",
            "TRANSLOAD_RUN": "scheduled__2026-01-31T00:00:00+00:00",
            "TRANSLOAD_ATTEMPT": str(number),
        },
        "pestroutes",
    )


@pytest.mark.timeout(900)  # many dbt commands: a busy machine needs longer
def test_a_retry_goes_on_where_the_attempt_before_stopped(
    dbt: Dbt, lake: FixtureLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurt = lake.load("customer", CUSTOMERS, parts=2)
    whole = lake.part(hurt, 1).read_bytes()
    lake.part(hurt, 1).write_bytes(gzip.compress(b""))

    first = build_source(given(dbt, '{"reconcile": "all"}'), "pestroutes", SELECT, attempt(1, lake))

    assert (first["command"], first["exit_code"], first["error"]) == ("build", 1, None)
    assert [(one["node"], one["status"]) for one in first["failed"]] == [
        ("source_reconciled_pestroutes_customer_pestroutes__customer", "fail")
    ]
    assert first["nodes"]["skipped"] >= 1
    kept = lake.root / "_dbt/pestroutes/pestroutes_daily/scheduled__2026-01-31T00-00-00-00-00/run_results.json"
    assert first["run_results"] == str(kept)
    ran = json.loads(kept.read_text())["args"]
    assert (ran["which"], ran["vars"]) == ("build", {"reconcile": "all"})

    # Nothing is built while the load is not whole, on a retry either.
    monkeypatch.setenv("TRANSLOAD_STAGED", "")
    second = build_source(given(dbt, ""), "pestroutes", SELECT, attempt(2, lake))
    assert (second["command"], second["exit_code"]) == ("retry", 1)

    lake.part(hurt, 1).write_bytes(whole)
    monkeypatch.setenv("TRANSLOAD_STAGED", "")
    third = build_source(given(dbt, ""), "pestroutes", SELECT, attempt(3, lake))
    assert (third["command"], third["exit_code"], third["failed"]) == ("retry", 0, [])
    results = json.loads(kept.read_text())
    assert "model.transload.stg_pestroutes__customer" in {one["unique_id"] for one in results["results"]}
    # dbt by itself would go on with the variables of the attempt before, which were taken back.
    assert results["args"]["vars"] == {}


def test_what_staging_stops_at_is_the_error(dbt: Dbt, lake: FixtureLake) -> None:
    path = lake.commit("customer", "w.json", lake.load("customer", CUSTOMERS))
    path.write_text('{"format": 2}')

    summary = build_source(dbt, "pestroutes", SELECT, attempt(1, lake))

    assert (summary["command"], summary["exit_code"], summary["nodes"]) == ("stage", 2, {})
    assert "Commit record of format 2" in summary["error"]
    assert not (lake.root / "_dbt").exists()


def test_variables_reach_every_command(dbt: Dbt, lake: FixtureLake) -> None:
    lake.load("customer", CUSTOMERS)
    chosen = variables('{"load": "raw"}')
    dbt.options = [*dbt.options, *installed(chosen).options[-2:]]
    dbt.manifest = None

    summary = build_source(dbt, "pestroutes", SELECT, attempt(1, lake))

    assert (summary["command"], summary["exit_code"]) == ("stage", 2)
    assert "The variable `load` is raw: it must be external, or on Snowflake raw" in summary["error"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("load: raw", "TRANSLOAD_DBT_VARS (--vars) is no JSON"),
        ('"raw"', "must be a JSON object"),
        ('{"laod": "raw"}', "no variable laod: dbt_project.yml has auto_refresh, largest_record_bytes, load, "),
    ],
)
def test_variables_that_make_no_sense_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(VariablesError) as refused:
        variables(text)
    assert complaint in str(refused.value)


def test_what_is_wrong_with_variables_is_in_the_summary_before_dbt_is_asked(tmp_path: Path) -> None:
    """As the pod of the DAG runs it, its variables in the environment."""
    command = [sys.executable, str(PROJECT / "pod.py"), "source", "pestroutes", "--json"]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "TRANSLOAD_DBT_VARS": '{"laod": "raw"}'}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["exit_code"], summary["command"]) == (2, 2, "stage")
    assert summary["error"].startswith("no variable laod")
    assert summary["error"] in done.stderr


def test_what_is_wrong_with_many_variables_fits_into_the_summary(tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "pod.py"), "source", "pestroutes", "--json"]
    wrong = json.dumps({f"unknown_{number}": 1 for number in range(600)})
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "TRANSLOAD_DBT_VARS": wrong}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert len(done.stdout.strip()) <= 4096
    assert json.loads(done.stdout)["error"].startswith("no variable unknown_0, unknown_1, ")
    assert "unknown_599" in done.stderr.decode()


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_no_variables_are_said_to_be_none(text: str) -> None:
    assert installed(variables(text)).options[-2:] == ["--vars", "{}"]


def test_a_run_without_a_name_keeps_nothing() -> None:
    assert Attempt.of({"TRANSLOAD_ATTEMPT": "3"}, "pestroutes") == Attempt(None, 1)


class Played:
    """A dbt that does as it is told: each command writes results, or dies before it comes to any."""

    def __init__(self, folder: Path, *dies: str) -> None:
        self.folder, self.dies = folder, dies
        self.folder.mkdir()

    def __call__(self, command: str, *_: str) -> tuple[int, str | None, list[object]]:
        if command in self.dies:
            return 2, "no connection", []
        (self.folder / "run_results.json").write_text(command)
        return 0, None, []


def play(tmp_path: Path, number: int, *dies: str) -> tuple[str, str | None]:
    """The command of an attempt, and the results that are kept behind it. Each attempt has a pod, and a folder, of its own."""
    kept = tmp_path / "lake" / "run_results.json"
    dbt = Played(tmp_path / f"{number}-{len(list(tmp_path.iterdir()))}", *dies)
    summary = build_source(dbt, "pestroutes", SELECT, Attempt(str(kept), number))  # type: ignore[arg-type]
    return summary["command"], kept.read_text() if kept.exists() else None


def test_a_build_that_dies_before_its_results_is_made_again_whole(tmp_path: Path) -> None:
    assert play(tmp_path, 1, "build") == ("build", None)
    assert play(tmp_path, 2) == ("build", "build")


def test_a_retry_that_dies_before_its_results_leaves_those_that_it_began_from(tmp_path: Path) -> None:
    assert play(tmp_path, 1) == ("build", "build")
    assert play(tmp_path, 2, "retry") == ("retry", "build")
    assert play(tmp_path, 3) == ("retry", "retry")


def test_the_first_attempt_since_a_run_was_cleared_builds_all_whatever_became_of_those_before(tmp_path: Path) -> None:
    assert play(tmp_path, 1) == ("build", "build")
    assert play(tmp_path, 1, "build") == ("build", None)
    assert play(tmp_path, 2) == ("build", "build")


def test_a_lake_that_takes_or_gives_no_results_does_not_fail_a_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run_results.json").write_text("{}")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert keep(Attempt(str(tmp_path / "file" / "run_results.json"), 1), tmp_path) is None
    assert "a retry builds all anew" in capsys.readouterr().err
    assert earlier_results(Attempt(str(tmp_path / "folder"), 2), tmp_path) is None
    assert "all is built anew" in capsys.readouterr().err
    assert keep(Attempt(None, 1), tmp_path) is None


def test_the_summary_fits_into_a_termination_message() -> None:
    failed = [{"node": f"node_{number}", "status": "error", "message": "ü" * 300} for number in range(50)]
    text = shortened({"format": 1, "failed": failed, "truncated": False})
    assert len(text.encode()) <= 4096
    summary = json.loads(text)
    assert summary["truncated"]
    assert summary["failed"] == failed[: len(summary["failed"])] != []


def test_a_summary_with_nothing_to_leave_out_is_as_it_is() -> None:
    summary = {"format": 1, "error": "e" * 5000, "failed": [], "truncated": False}
    assert json.loads(shortened(summary)) == summary


def test_every_other_command_is_dbts_own(tmp_path: Path) -> None:
    dbt = tmp_path / "dbt"
    dbt.write_text('#!/bin/sh\necho "dbt $*"\n')
    dbt.chmod(0o755)
    command = [sys.executable, str(PROJECT / "pod.py"), "build", "--select", "x"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout == "dbt build --select x\n"
