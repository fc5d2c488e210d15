"""The command line: exit codes, where settings come from, and what is printed. What each source declares, its own kit tests."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from transload.http_client import HttpClient

UNTIL = "2026-10-02T00:00:00Z"
Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("custmer", "customer"), ("Customer", "customer"), ("ticketitem", "ticketItem"), ("xyzzy", None)],
)
def test_an_unknown_stream_suggests_the_nearest(run: Run, wrong: str, near: str | None) -> None:
    for command in (
        ["extract", wrong],
        ["schema", wrong],
        ["loads", wrong],
        ["verify", wrong, "--until", UNTIL],
        ["prune", wrong],
    ):
        outcome = run(*command)
        assert outcome.code == 64
        assert f"there is no stream {wrong!r}" in outcome.last
        assert (f"did you mean {near!r}?" in outcome.last) == (near is not None)
        assert "`pestroutes streams` lists all 56" in outcome.last
        assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract"],
        ["extract", "customer", "--all"],
        ["extract", "customer", "--batch-size", "0"],
        ["extract", "customer", "--compression", "rar"],
        ["extract", "customer", "--nonsense"],
        ["nonsense"],
        ["verify", "customer"],
        ["extract", "customer", "--full-refresh", "--since", UNTIL],
        ["extract", "customer", "--limit", "5", "--since", UNTIL],
        ["extract", "customer", "--reserve", "100"],
        ["extract", "customer", "--time-zone", "Mars/Olympus"],
        ["extract", "customer", "--office-ids", "1,x"],
        ["extract", "customer", "--base-url", "example.test/api"],
    ],
)
def test_a_wrong_flag_is_exit_64_and_one_line(
    run: Run, connect_to: Callable[..., None], tmp_path: Path, arguments: list[str]
) -> None:
    connect_to("http://127.0.0.1:9/api")
    where = ["--destination", str(tmp_path / "lake")] if arguments[0] == "extract" else []
    outcome = run(*arguments, *where)
    assert outcome.code == 64
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("pestroutes: ")
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["extract", "customer", "--all"], "--all takes every stream: give it, or name some, not both"),
        (["extract"], "name the streams, or give --all; `pestroutes streams` lists them"),
        (["extract", "customer", "--batch-size", "many"], "'many' is not a valid whole number."),
        (["check", "--retry-deadline", "long"], "'long' is not a valid number."),
        (
            ["check", "--base-url", "https://me:hush@example.com/api"],
            "--base-url: its value is not valid: give the address without a user and a password",
        ),
        (["extract", "customer", "--office-ids", "1,x"], "'1,x' is not valid: give office ids such as 1,2,5, or all"),
    ],
)
def test_a_wrong_flag_is_told_what_it_takes(
    run: Run, connect_to: Callable[..., None], arguments: list[str], said: str
) -> None:
    connect_to("http://127.0.0.1:9/api")
    assert said in run(*arguments).last


def test_alone_the_command_shows_its_help_and_not_as_an_error(run: Run) -> None:
    outcome = run()
    assert (outcome.code, outcome.out) == (64, "")
    assert outcome.err.startswith("Usage: pestroutes ")
    assert outcome.err.rstrip().splitlines()[-1].split()[0] == "verify"


def test_check_says_why_it_tries_again(
    run: Run, connect_to: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpClient, "pause", lambda self, seconds: None)
    connect_to("http://127.0.0.1:9/api")
    outcome = run(
        "check", "--destination", tmp_path, "--retry-deadline", "2"
    )  # the first wait is half a second at most
    assert outcome.code == 69
    first = json.loads(outcome.err.splitlines()[0])
    assert (first["message"], "refused" in first["reason"]) == ("trying again", True)


def test_prune_says_when_there_is_nothing_to_remove(run: Run, tmp_path: Path) -> None:
    outcome = run("prune", "--destination", tmp_path)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "nothing to remove\n")


def test_other_offices_than_those_of_the_last_load_are_warned_of(
    run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    connect_to(pestroutes(records=30))

    def warned(offices: str, until: str, *arguments: str) -> list[Any]:
        outcome = run(
            "extract", "customer", "--office-ids", offices, "--until", until, "--destination", tmp_path, *arguments
        )
        assert outcome.code == 0
        lines = [json.loads(line) for line in outcome.err.splitlines()]
        return [line["changed"]["office_ids"] for line in lines if "options have changed" in line["message"]]

    assert warned("1", "2026-10-01T00:00:00Z") == []
    assert warned("1", "2026-10-01T01:00:00Z") == []
    assert warned("1,2", "2026-10-01T02:00:00Z") == ["1 -> 1,2"]
    assert warned("1,2,3", "2026-10-01T03:00:00Z", "--full-refresh") == []
    assert warned("1,2,3", "2026-10-01T04:00:00Z") == []


def test_a_damaged_commit_record_does_not_keep_the_next_window_from_being_loaded(
    run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    connect_to(pestroutes(records=30))
    where = ["--destination", str(tmp_path)]
    assert run("extract", "customer", "--until", "2026-10-01T00:00:00Z", *where).code == 0
    (record,) = tmp_path.rglob("_loads/*")
    record.write_text("{")
    assert run("loads", "customer", *where).code == 69
    assert run("extract", "customer", "--until", UNTIL, *where).code == 0


def test_the_whole_round_by_hand(run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path) -> None:
    connect_to(pestroutes(records=30))
    where = ["--destination", str(tmp_path / "lake")]
    checked = run("check", *where)
    assert (checked.code, len(checked.out.splitlines())) == (0, 2)
    assert "3 offices" in checked.out
    assert run("verify", "customer", "--until", UNTIL, *where).code == 1
    extracted = run("extract", "customer", "office", "--until", UNTIL, *where)
    assert extracted.code == 0
    assert [line.split()[-1] for line in extracted.out.splitlines()[1:]] == ["committed", "committed"]
    loads = json.loads(run("loads", "--json", *where).out)
    assert {(one["stream"], one["records"], one["window"]) for one in loads} == {
        ("customer", 30, "20000101T000000Z-20261002T000000Z"),
        ("office", 3, "full-20261002T000000Z"),
    }
    assert len(run("loads", "customer", *where).out.splitlines()) == 2
    for stream in ("customer", "office"):
        verified = run("verify", stream, "--until", UNTIL, *where)
        assert (verified.code, verified.out.startswith(f"{stream} ")) == (0, True)
    assert run("prune", "--older-than", "0", "--dry-run", *where).code == 0


def test_the_summary_is_one_json_object_with_the_contracts_fields(
    run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    connect_to(pestroutes(records=30))
    outcome = run("extract", "customer", "--until", UNTIL, "--destination", tmp_path / "lake", "--json")
    summary = outcome.summary
    assert set(summary) == {
        "format", "source", "version", "destination", "exit_code", "error", "retry_at", "started_at", "seconds", "requests",
        "quota", "loads",
    }  # fmt: skip
    assert (summary["format"], summary["exit_code"], summary["error"], summary["requests"]) == (1, 0, None, 3)
    (load,) = summary["loads"]
    assert {"stream", "window", "mode", "since", "until", "load_id", "committed", "resumed", "records", "bytes", "raw_bytes",
            "parts", "quarantined", "seconds", "error"} <= set(load)  # fmt: skip
    assert (load["stream"], load["records"], load["committed"], load["resumed"]) == ("customer", 30, True, False)


def test_the_summary_is_on_stdout_also_of_a_run_that_never_began(run: Run) -> None:
    outcome = run("extract", "customer", "--json")
    assert outcome.code == 78
    assert outcome.summary["exit_code"] == 78
    assert outcome.summary["error"]["type"] == "ConfigError"
    assert outcome.summary["loads"] == []


def test_logs_are_json_lines_where_stderr_is_no_terminal(
    run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    connect_to(pestroutes(records=30))
    outcome = run("extract", "customer", "--until", UNTIL, "--destination", tmp_path / "lake")
    lines = [json.loads(line) for line in outcome.err.splitlines()]
    assert [line["message"] for line in lines] == ["begin", "part", "committed"]
    assert all({"level", "logger", "message", "time"} <= set(line) for line in lines)


def test_on_a_terminal_the_log_stands_above_the_progress_bar_and_not_in_it(
    pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    connect_to(pestroutes(records=3000))
    ours, theirs = pty.openpty()
    command = [Path(sys.executable).with_name("pestroutes"), "extract", "customer", "--destination", tmp_path / "lake"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says EIO when the other side is closed
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    assert running.returncode == 0
    assert b"records" in shown
    logged = re.findall(rb"(.?.?)\d\d:\d\d:\d\d (?:begin|part|committed) ", shown, re.DOTALL)
    assert len(logged) == 3
    # Each begins a line: after a line's end, or after the codes that erased the bar.
    assert [before for before in logged if before and not before.endswith((b"\n", b"\r", b"K"))] == []


def test_the_termination_message_is_left_where_that_place_is(
    run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_to(pestroutes(records=5))
    left = tmp_path / "termination-log"
    monkeypatch.setattr("transload.running.TERMINATION_LOG", left)
    where = ["--until", UNTIL, "--destination", str(tmp_path / "lake")]
    run("extract", "office", *where)
    assert not left.exists()
    left.touch()
    run("extract", "--all", *where)
    assert left.stat().st_size <= 4096
    summary = json.loads(left.read_bytes())
    assert len(summary["loads"]) + summary["truncated"] == 56
    monkeypatch.delenv("PESTROUTES_AUTHENTICATION_KEY")
    run("extract", "office", *where)
    assert json.loads(left.read_bytes())["exit_code"] == 78


def test_a_flag_goes_before_a_variable_and_a_variable_before_a_file(
    run: Run, pestroutes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = pestroutes(records=5, key="right-key-0123456789")
    for name, value in (("BASE_URL", sandbox.url), ("AUTHENTICATION_TOKEN", "token")):
        monkeypatch.setenv(f"PESTROUTES_{name}", value)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("right-key-0123456789\n")
    wrong.write_text("wrong-key")
    check = ["check", "--destination", str(tmp_path / "lake")]

    monkeypatch.setenv("PESTROUTES_AUTHENTICATION_KEY_FILE", str(right))
    assert run(*check).code == 0
    monkeypatch.setenv("PESTROUTES_AUTHENTICATION_KEY", "wrong-key")
    assert run(*check).code == 77
    assert run(*check, "--authentication-key", "right-key-0123456789").code == 0
    monkeypatch.setenv("PESTROUTES_AUTHENTICATION_KEY", "right-key-0123456789")
    monkeypatch.setenv("PESTROUTES_AUTHENTICATION_KEY_FILE", str(wrong))
    assert run(*check).code == 0
    assert run(*check, "--authentication-key", "wrong-key").code == 77


def test_shared_options_come_from_the_environment_too(
    run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_to(pestroutes(records=25))
    for name, value in {
        "DESTINATION": str(tmp_path / "lake"), "UNTIL": UNTIL, "BATCH_SIZE": "10", "COMPRESSION": "none",
        "START": "2026-01-01T00:00:00Z",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"TRANSLOAD_{name}", value)
    (load,) = run("extract", "office", "--json").summary["loads"]
    assert load["window"] == "full-20261002T000000Z"
    (load,) = run("extract", "ticket", "--json", "--batch-size", "5", "--full-refresh").summary["loads"]
    assert load["parts"] == -(-load["records"] // 5)
    assert all(path.suffix == ".json" for path in (tmp_path / "lake").rglob("part-*"))
    (load,) = run("extract", "ticket", "--json").summary["loads"]
    assert load["window"] == "20260101T000000Z-20261002T000000Z"


def test_a_bug_is_exit_70_in_one_line_and_a_traceback_only_on_demand(
    run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_to(pestroutes(records=5))
    monkeypatch.setattr("pestroutes.client.split", Mock(side_effect=RuntimeError("boom")))
    arguments = ["extract", "customer", "--until", UNTIL, "--destination", str(tmp_path / "lake")]
    outcome = run(*arguments)
    assert outcome.code == 70
    assert "boom" in outcome.last
    assert "--debug" in outcome.last
    assert "Traceback" not in outcome.err
    assert "Traceback" in run(*arguments, "--debug").err
    assert not list((tmp_path / "lake").rglob("_loads/*"))


HEAVY = "airflow boto3 botocore isal kubernetes pyrate_limiter requests rich tenacity urllib3 backports".split()


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["streams"], ["streams", "--json"], ["schema", "customer"], ["extract", "--help"]],
)
def test_what_only_some_commands_need_is_not_imported_by_the_others(arguments: list[str]) -> None:
    script = (
        "import sys; from pestroutes.cli import SOURCE; from transload.cli import run; "
        f"assert run(SOURCE, {arguments}) == 0; print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    imported = {name.partition(".")[0] for name in done.stderr.split()}
    assert "click" in imported
    assert sorted(imported & set(HEAVY)) == []


def test_a_directory_needs_no_boto3_and_s3_needs_it_only_at_work(
    pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    connect_to(pestroutes(records=5))
    script = (
        "import sys; from pestroutes.cli import SOURCE; from transload.cli import run; "
        f"assert run(SOURCE, ['extract', 'office', '--destination', {str(tmp_path / 'lake')!r}]) == 0; "
        "print(sorted(n for n in ('boto3', 'botocore', 'rich', 'airflow') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
