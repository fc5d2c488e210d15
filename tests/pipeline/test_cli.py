"""The command line: every option documented, exit codes, where settings come from, what is printed, and how it stops."""

from __future__ import annotations

import gzip
import json
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from pestroutes.cli import SOURCE
from transload.cli import group

UNTIL = "2026-10-02T00:00:00Z"
COMMANDS: dict[str, click.Command] = group(SOURCE).commands  # type: ignore[attr-defined]
OPTIONS = [
    pytest.param(command, option, id=f"{name} {option.opts[0]}")
    for name, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]
# What says which run this is, or how its answer looks: a setting in the environment would be a trap.
NOT_IN_THE_ENVIRONMENT = {"--json", "--debug", "--dry-run", "--all"}
OF_VERIFY_ONLY = {"--since", "--until", "--full-refresh"}

Run = Callable[..., Any]


def test_the_commands_are_those_of_the_contract() -> None:
    assert sorted(COMMANDS) == ["check", "extract", "loads", "prune", "schema", "streams", "verify"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(run: Run, name: str) -> None:
    outcome = run(name, "--help")
    assert outcome.code == 0
    assert len(COMMANDS[name].help or "") > 10
    assert COMMANDS[name].help in " ".join(outcome.out.split())


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_has_help_and_a_documented_variable(
    run: Run, command: click.Command, option: click.Option
) -> None:
    assert option.help
    assert option.help.strip().endswith((".", "]"))
    if option.opts[0] in NOT_IN_THE_ENVIRONMENT or (command.name == "verify" and option.opts[0] in OF_VERIFY_ONLY):
        assert option.envvar is None
        return
    own = {f"--{one.name}": one for one in SOURCE.options}
    prefix = "PESTROUTES" if option.opts[0] in own else "TRANSLOAD"
    variable = f"{prefix}_{option.opts[0].removeprefix('--').replace('-', '_').upper()}"
    assert option.envvar == variable
    shown = " ".join(run(command.name, "--help").out.split())
    assert variable in shown
    if option.opts[0] == "--mask-key" or (option.opts[0] in own and own[option.opts[0]].secret):
        assert f"{variable}_FILE" in shown


def test_every_stream_is_listed_with_what_the_contract_names(run: Run) -> None:
    listed = json.loads(run("streams", "--json").out)
    assert len(listed) == 56
    assert all(set(one) == {"name", "description", "primary_key", "cursor", "modes", "sensitive"} for one in listed)
    table = run("streams").out.splitlines()
    assert [line.split()[0] for line in table[1:]] == [one["name"] for one in listed]


@pytest.mark.parametrize("stream", [stream.name for stream in SOURCE.streams])
def test_every_stream_has_a_json_schema_with_meanings(run: Run, stream: str) -> None:
    schema = json.loads(run("schema", stream).out)
    declared = SOURCE.by_name[stream]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (schema["x-primary-key"], schema["x-cursor"]) == (list(declared.primary_key), declared.cursor)
    assert (schema["x-modes"], schema["x-timezone"]) == (list(declared.modes), "America/Los_Angeles")
    assert set(declared.primary_key) <= set(schema["properties"])
    assert declared.cursor is None or declared.cursor in schema["properties"]
    meanings = {one["x-type"] for one in schema["properties"].values()}
    assert meanings <= set("string integer number boolean date time timestamp list json".split())
    assert {name for name, one in schema["properties"].items() if one.get("x-sensitive")} == declared.sensitive


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


@pytest.fixture
def secret_pair() -> tuple[str, str]:
    # With characters that URLs, JSON and Python's repr each write in their own way.
    return (f'K/{secrets.token_urlsafe(24)}+="', f"T\\{secrets.token_urlsafe(24)}'%é")


def leaks(text: str, secret: str) -> bool:
    """Whether the middle of a secret, which no encoding changes, stands in a text."""
    return secret[2:20] in text


@dataclass(frozen=True)
class Secrets:
    """Long random ones: what stands anywhere of them is a leak."""

    key: str = field(default_factory=lambda: f"K/{secrets.token_urlsafe(24)}+=")
    token: str = field(default_factory=lambda: f"T.{secrets.token_urlsafe(24)}/")
    mask_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def give(self, monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
        """Set them in the environment, or in files below a folder."""
        for name, value in (
            ("PESTROUTES_AUTHENTICATION_KEY", self.key),
            ("PESTROUTES_AUTHENTICATION_TOKEN", self.token),
            ("TRANSLOAD_MASK_KEY", self.mask_key),
        ):
            monkeypatch.delenv(name, raising=False)
            if folder is None:
                monkeypatch.setenv(name, value)
            else:
                (folder / name).write_text(f"{value}\n")
                monkeypatch.setenv(f"{name}_FILE", str(folder / name))

    def leak(self, text: str) -> bool:
        return any(leaks(text, one) for one in (self.key, self.token, self.mask_key))


def _make(case: str, sandbox: Any, own: Secrets, lake: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make something go wrong; returns arguments that are needed for it."""
    if case == "fault":
        # The vendor's own text holds what was sent.
        text = f"bad {own.key}, {own.token}"
        sandbox.faults({"fault": "success_false", "times": -1, "match": {"entity": "customer"}, "message": text})
    if case == "down":
        monkeypatch.setenv("PESTROUTES_BASE_URL", f"http://127.0.0.1:9/api/{own.key}")
    if case == "bug":
        monkeypatch.setattr("pestroutes.client.split", lambda *_: _fail(f"{own.key} {own.token} {own.mask_key}"))
    if case == "no-lake":
        lake.write_text("a file")
    return ["--since", UNTIL] if case == "usage" else []


@pytest.mark.parametrize("given_by", ["environment", "file"])
@pytest.mark.parametrize("case", ["good", "refused", "fault", "down", "usage", "bug", "no-lake"])
def test_secrets_are_never_echoed(
    run: Run,
    pestroutes: Any,
    connect_to: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given_by: str,
    case: str,
) -> None:
    own, lake = Secrets(), tmp_path / "lake"
    sandbox = pestroutes(records=20, key=own.key, token="other" if case == "refused" else own.token)
    connect_to(sandbox)
    own.give(monkeypatch, tmp_path if given_by == "file" else None)
    more = _make(case, sandbox, own, lake, monkeypatch)
    outcome = run(
        "extract", "customer", "--until", UNTIL, "--mask", "hash", "--retry-deadline", "0", "--json", "--debug",
        "--destination", lake, *more,
    )  # fmt: skip
    assert (outcome.code == 0) == (case == "good")
    assert not own.leak(outcome.out + outcome.err)
    for arguments in (["check", "--retry-deadline", "0", "--debug"], ["loads"], ["prune"]):
        outcome = run(*arguments, "--destination", lake)
        assert not own.leak(outcome.out + outcome.err)
    assert not own.leak(run("extract", "--help").out)
    for path in lake.rglob("*") if lake.is_dir() else ():
        data = path.read_bytes() if path.is_file() else b""
        assert not own.leak((gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1"))


def _fail(message: str) -> None:
    raise RuntimeError(message)


def test_the_redactor_knows_the_forms_in_which_a_secret_is_written(secret_pair: tuple[str, str]) -> None:
    import urllib.parse

    from transload.redaction import Redactor

    redact = Redactor(secret_pair)
    for secret in secret_pair:
        for form in (
            secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), json.dumps(secret),
            json.dumps(secret, ensure_ascii=False), repr(secret),
        ):  # fmt: skip
            assert not leaks(redact(f"before {form} after"), secret)
    assert redact("key=key and id") == "key=key and id"


def test_a_bug_is_exit_70_in_one_line_and_a_traceback_only_on_demand(
    run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_to(pestroutes(records=5))
    monkeypatch.setattr("pestroutes.client.split", lambda *_, **__: _fail("boom"))
    arguments = ["extract", "customer", "--until", UNTIL, "--destination", str(tmp_path / "lake")]
    outcome = run(*arguments)
    assert outcome.code == 70
    assert "boom" in outcome.last
    assert "--debug" in outcome.last
    assert "Traceback" not in outcome.err
    assert "Traceback" in run(*arguments, "--debug").err
    assert not list((tmp_path / "lake").rglob("_loads/*"))


def first_line_with(process: subprocess.Popen[str], word: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return line
    raise AssertionError(f"the process ended without {word!r}")


def test_sigterm_keeps_the_checkpoint_and_the_next_run_goes_on(
    start: Run, run: Run, pestroutes: Any, connect_to: Any, tmp_path: Path
) -> None:
    sandbox = pestroutes(records=100)
    connect_to(sandbox)
    sandbox.faults({"fault": "hang", "seconds": 60, "times": -1, "after": 5, "match": {"action": "get"}})
    arguments = [
        "extract", "customer", "--until", UNTIL, "--destination", tmp_path / "lake", "--batch-size", "10", "--concurrency", "1",
        "--json",
    ]  # fmt: skip
    process = start(*arguments)
    first_line_with(process, '"part"')
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 143
    assert time.monotonic() - began < 20
    summary = json.loads(out)
    assert (summary["exit_code"], summary["error"]["type"]) == (143, "Interrupted")
    assert summary["loads"][0]["committed"] is False
    kept = summary["loads"][0]["records"]
    assert kept >= 10
    assert len(list((tmp_path / "lake").rglob("_checkpoints/*"))) == 1
    assert not list((tmp_path / "lake").rglob("_loads/*"))
    assert not list((tmp_path / "lake").rglob("*.tmp"))

    sandbox.faults()
    sandbox.clear_requests()
    (load,) = run(*arguments).summary["loads"]
    assert (load["committed"], load["resumed"], load["records"]) == (True, True, 100)
    fetched = sum(request["ids"] for request in sandbox.requests() if request["action"] == "get")
    assert fetched == 100 - kept


def test_ctrl_c_is_exit_130(start: Run, pestroutes: Any, connect_to: Any, tmp_path: Path) -> None:
    sandbox = pestroutes(records=10)
    connect_to(sandbox)
    sandbox.faults({"fault": "hang", "seconds": 60, "times": -1, "match": {"action": "get"}})
    process = start("extract", "customer", "--until", UNTIL, "--destination", tmp_path / "lake")
    first_line_with(process, '"begin"')
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.fixture
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """A server that takes connections and never answers; and an event that is set at the first one."""
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return
                asked.set()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in taken:
            one.close()


def test_sigterm_is_heard_while_the_destination_does_not_answer(
    start: Run, connect_to: Any, pestroutes: Any, silent_server: tuple[str, threading.Event]
) -> None:
    connect_to(pestroutes(records=5))
    url, asked = silent_server
    process = start(
        "extract", "customer", "--destination", "s3://raw", "--endpoint-url", url,
        environment={"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"},
    )  # fmt: skip
    assert asked.wait(30)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert time.monotonic() - began < 20


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
