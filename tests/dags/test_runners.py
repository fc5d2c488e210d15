"""Commands as processes and containers: what they get, what is kept of them, and how they are ended."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from common.outcome import Outcome
from common.runners import ProcessRunner, docker_command, environment, secrets

PYTHON = [sys.executable, "-c"]


def run(script: str) -> tuple[Outcome, list[str]]:
    lines: list[str] = []
    return ProcessRunner(lines.append).run([*PYTHON, script], dict(os.environ)), lines


def test_stdout_is_kept_and_stderr_is_handed_on_line_by_line() -> None:
    outcome, lines = run("import sys; print('{}'); print('a\\nb', file=sys.stderr); sys.exit(75)")
    assert outcome == Outcome(75, "{}\n")
    assert lines == ["a", "b"]


def test_much_on_both_pipes_stops_nobody() -> None:
    outcome, lines = run("import sys\nfor _ in range(20000): print('x' * 9); print('y' * 9, file=sys.stderr)")
    assert (outcome.exit_code, len(outcome.text), len(lines)) == (0, 200000, 20000)


def test_what_is_not_utf8_is_still_shown() -> None:
    assert run("import sys; sys.stderr.buffer.write(b'caf\\xe9\\n')")[1] == ["caf\ufffd"]


def test_a_signal_shows_as_in_a_shell() -> None:
    assert run("import os; os.kill(os.getpid(), 9)")[0].exit_code == 137


def test_terminate_is_a_sigterm_that_the_command_may_answer() -> None:
    lines: list[str] = []
    runner = ProcessRunner(lines.append)
    runner.terminate()  # before it started: harmless
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved', file=sys.stderr), sys.exit(143)))\n"
        "print('ready', file=sys.stderr, flush=True); time.sleep(60)"
    )
    results: list[Outcome] = []
    thread = threading.Thread(target=lambda: results.append(runner.run([*PYTHON, script], dict(os.environ))))
    thread.start()
    while "ready" not in lines:
        time.sleep(0.01)
    runner.terminate()
    thread.join(10)
    assert results == [Outcome(143, "")]
    assert lines == ["ready", "saved"]


def test_an_exception_ends_the_process_too(tmp_path: Path) -> None:
    def emit(line: str) -> None:
        (tmp_path / "pid").write_text(line)
        raise TimeoutError

    with pytest.raises(TimeoutError):
        ProcessRunner(emit).run(
            [*PYTHON, "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(60)"],
            dict(os.environ),
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)


def test_a_missing_command_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no command 'pestroutes' on PATH"):
        ProcessRunner(print).run(["pestroutes"], {"PATH": "/nonexistent"})


@pytest.mark.parametrize(
    ("source", "own"),
    [
        ("pestroutes", ["PESTROUTES_AUTHENTICATION_KEY"]),
        ("marketo", ["MARKETO_BASE_URL", "MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET", "MARKETO_POLL"]),
    ],
)
def test_a_command_gets_its_own_settings_and_none_of_airflows_or_other_sources(source: str, own: list[str]) -> None:
    environ = {
        "PATH": "/bin",
        "https_proxy": "http://proxy",
        "TRANSLOAD_DESTINATION": "/lake",
        "AWS_SECRET_ACCESS_KEY": "s",
        "PESTROUTES_AUTHENTICATION_KEY": "k",
        "MARKETO_BASE_URL": "http://127.0.0.1",
        "MARKETO_CLIENT_ID": "i",
        "MARKETO_CLIENT_SECRET": "s",
        "MARKETO_POLL": "0.2",
        "AIRFLOW__CORE__FERNET_KEY": "f",
        "AIRFLOW_CTX_DAG_ID": "d",
        "PYTHONPATH": "/dags",
    }
    shared = ["AWS_SECRET_ACCESS_KEY", "PATH", "TRANSLOAD_DESTINATION", "https_proxy"]
    assert sorted(environment(environ, source)) == sorted(shared + own)


def test_a_secret_that_a_command_says_is_starred() -> None:
    lines: list[str] = []
    script = "import os, sys; print(os.environ['X_TOKEN']); print('<', os.environ['X_TOKEN'], file=sys.stderr)"
    outcome = ProcessRunner(lines.append).run([*PYTHON, script], {"X_TOKEN": "0123456789", "PATH": os.environ["PATH"]})
    assert (outcome.text, lines) == ("***\n", ["< ***"])


@pytest.mark.parametrize(
    "name", ["PESTROUTES_AUTHENTICATION_TOKEN", "MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET", "SNOWFLAKE_PASSWORD"]
)
def test_secrets_are_told_by_their_names_and_words_are_no_secrets(name: str) -> None:
    environ = {name: "0123456789", "AWS_SECRET_ACCESS_KEY": "key", "HOME": "/home/nobody", "MARKETO_POLL": "60.0000000"}
    assert secrets(environ) == ["0123456789"]


def test_docker_holds_the_command_like_a_pod_and_shows_no_value() -> None:
    environ = {
        "PATH": "/bin",
        "PESTROUTES_AUTHENTICATION_KEY": "hidden",
        "TRANSLOAD_DESTINATION": "/lake",
        "TRANSLOAD_DUCKDB_PATH": "/warehouse/transload.duckdb",
    }
    command = docker_command("transload/pestroutes:latest", "n", ["extract", "customer"], environ)
    assert command[-3:] == ["transload/pestroutes:latest", "extract", "customer"]
    text = " ".join(command)
    assert "hidden" not in text
    assert "--env HOME=/tmp --env PESTROUTES_AUTHENTICATION_KEY --env TRANSLOAD_DESTINATION" in text
    assert "--volume /lake:/lake --volume /warehouse:/warehouse" in text
    assert "--read-only" in text
    assert "--cap-drop ALL" in text
    assert "--volume" not in docker_command("i", "n", [], {"TRANSLOAD_DESTINATION": "s3://raw"})
