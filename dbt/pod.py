"""What the pod of dbt does for one source: stage, build, test; and what comes back of it.

    python dbt/pod.py source pestroutes [--json]     everything of one source
    python dbt/pod.py build --select ...             any other command is dbt's own

Staged first is what was committed since the last time, so that a failure there has a name of its own. Then `dbt build` counts
every new load against its commit record, builds what hangs on the source and tests it. A later attempt of the same run
(TRANSLOAD_RUN, TRANSLOAD_ATTEMPT) stages and reconciles again, and goes on with `dbt retry` where the one before stopped.
TRANSLOAD_DBT_VARS, or --vars, sets variables of the project, as JSON: '{"load": "raw"}'.

The log goes to stderr. The summary is one JSON object: on stdout with --json, and at /dev/termination-log where that exists.
`run_results.json` goes to {lake}/_dbt/{source}/{dag}/{run}/. The exit code is dbt's: 0, 1 where nodes failed, 2 where dbt could
not do its work.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TERMINATION_LOG = Path("/dev/termination-log")
LARGEST_SUMMARY = 4096  # of bytes, that Kubernetes keeps of a termination message
FAILED = ("error", "fail", "runtime error", "partial success")
PROJECT = Path(__file__).parent
RESULTS = "run_results.json"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which attempt of which run this is, and where its results are kept.

    Args:
        kept: the address of `run_results.json` in the lake; None for a run without a name.
        number: from 1; a task that was cleared begins at 1 again.
    """

    kept: str | None
    number: int

    @classmethod
    def of(cls, environ: Mapping[str, str], source: str) -> Attempt:
        """As the environment says."""
        run = environ.get("TRANSLOAD_RUN")
        if not run:
            return cls(None, 1)
        lake = environ.get("TRANSLOAD_DESTINATION", "./lake").rstrip("/")
        words = (source, environ.get("TRANSLOAD_DAG", "by-hand"), run)
        folder = "/".join(re.sub(r"[^A-Za-z0-9_.-]+", "-", word) for word in words)
        return cls(f"{lake}/_dbt/{folder}/run_results.json", int(environ.get("TRANSLOAD_ATTEMPT") or 1))


def main(arguments: Sequence[str]) -> int:
    """Runs what is asked for; returns the exit code."""
    if arguments[:1] != ["source"] and "-h" not in arguments and "--help" not in arguments:
        os.execvp("dbt", ["dbt", *arguments])  # noqa: S606, S607 - dbt itself, by the PATH as anybody has it
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["source"])
    parser.add_argument("source", help="the source's name")
    parser.add_argument("--select", help="what to build instead of all that hangs on the source, as dbt reads it")
    parser.add_argument(
        "--vars",
        default=os.environ.get("TRANSLOAD_DBT_VARS", ""),
        help="""variables of dbt_project.yml for every command, as JSON: '{"load": "raw"}' [TRANSLOAD_DBT_VARS]""",
    )
    parser.add_argument("--json", action="store_true", help="the summary on stdout")
    options = parser.parse_args(arguments)
    _use_dbts_python()

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # dbt logs to stdout
    select = options.select or f"source:{options.source}+"
    attempt = Attempt.of(os.environ, options.source)
    try:
        summary = build_source(installed(variables(options.vars)), options.source, select, attempt)
    except VariablesError as error:
        sys.stderr.write(f"{error}\n")
        summary = summarized(options.source, attempt, command="stage", exit_code=2, error=one_line(str(error)))
    text = shortened(summary)
    if TERMINATION_LOG.exists():
        TERMINATION_LOG.write_text(text, encoding="utf-8")
    if options.json:
        print(text, file=answers, flush=True)
    return int(summary["exit_code"])


def _use_dbts_python() -> None:
    """Begins anew with the Python that dbt on the PATH is installed for, if it is another one."""
    dbt = shutil.which("dbt")
    if dbt is None:
        sys.exit("no command 'dbt' on PATH: install it, or put its environment on PATH")
    python = Path(dbt).resolve().parent / "python"
    # Once only: what stands beside a shim of dbt is another shim.
    if python.exists() and Path(sys.prefix) != python.parent.parent and not os.environ.get("TRANSLOAD_DBTS_PYTHON"):
        os.environ["TRANSLOAD_DBTS_PYTHON"] = "1"
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - the same program


@dataclass
class Dbt:
    """dbt in this process. The project is parsed once.

    Args:
        folder: where dbt writes (its target path).
        options: what is added to every command.
    """

    folder: Path
    options: Sequence[str] = ()
    manifest: Any = None

    def __call__(self, *arguments: str) -> tuple[int, str | None, list[Any]]:
        """One command: its exit code, why dbt could not do its work, and the results of its nodes."""
        if self.manifest is None:
            outcome = self._invoke("parse")
            if not outcome.success:
                return 2, str(outcome.exception), []
            self.manifest = outcome.result
        errors: list[str] = []
        outcome = self._invoke(*arguments, errors=errors)
        results = list(getattr(outcome.result, "results", None) or [])
        if outcome.success:
            return 0, None, results
        if arguments[0] != "run-operation" and any(str(one.status) in FAILED for one in results):
            return 1, None, results
        why = str(outcome.exception or "") or " ".join(errors) or f"dbt {arguments[0]} failed; its log says why"
        return 2, why, results

    def _invoke(self, *arguments: str, errors: list[str] | None = None) -> Any:
        """Runs a command; what it logs as an error, which is all that a failed operation says, goes into ``errors``."""
        from dbt.cli.main import dbtRunner  # it takes seconds to import

        def note(event: Any) -> None:
            if errors is not None and event.info.level == "error":
                errors.append(event.info.msg)

        runner = dbtRunner(self.manifest, callbacks=[note])
        return runner.invoke([*arguments, "--target-path", str(self.folder), *self.options])


class VariablesError(ValueError):
    """dbt is given variables that make no sense; the message says which."""


def variables(text: str) -> dict[str, Any]:
    """What a text sets of the project's variables; an empty one sets none.

    dbt itself takes any name without a word: who writes `laod` would get what is the default.

    Raises:
        VariablesError: it is not a JSON object, or names a variable that dbt_project.yml has not got.
    """
    import yaml  # dbt's own

    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise VariablesError(f"TRANSLOAD_DBT_VARS (--vars) is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise VariablesError('TRANSLOAD_DBT_VARS (--vars) must be a JSON object, such as {"load": "raw"}')
    known = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    if unknown := sorted(found.keys() - known.keys()):
        raise VariablesError(f"no variable {', '.join(unknown)}: dbt_project.yml has {', '.join(sorted(known))}")
    return found


def installed(chosen: Mapping[str, Any]) -> Dbt:
    """dbt as the environment has it, with these variables."""
    profiles = os.environ.get("DBT_PROFILES_DIR", str(PROJECT))
    folder = Path(os.environ.get("DBT_TARGET_PATH", PROJECT / "target"))
    options = ["--project-dir", str(PROJECT), "--profiles-dir", profiles]
    # Said even where there are none: a retry would take those of the attempt before.
    return Dbt(folder, [*options, "--vars", json.dumps(chosen)])


def build_source(dbt: Dbt, source: str, select: str, attempt: Attempt) -> dict[str, Any]:
    """Stages, builds and tests; returns the summary."""
    began = time.monotonic()
    command, kept = "stage", None
    code, error, _ = dbt("run-operation", "stage_external_sources", "--args", json.dumps({"select": source}))
    nodes: list[Any] = []
    if code == 0:
        os.environ["TRANSLOAD_STAGED"] = "1"  # the hook before each of the builds need not do it again
        earlier = earlier_results(attempt, dbt.folder)
        # Every command of dbt writes its results there, staging too: of those no retry may go on.
        (dbt.folder / RESULTS).unlink(missing_ok=True)
        command = "retry" if earlier else "build"
        code, error, nodes = (
            retry(dbt, source, earlier) if earlier else dbt("build", "--select", *select.split(), "transload_loads")
        )
        kept = keep(attempt, dbt.folder)
    failed = [
        {"node": one.node.name, "status": str(one.status), "message": one_line(one.message)}
        for one in nodes
        if str(one.status) in FAILED
    ]
    return summarized(
        source,
        attempt,
        command=command,
        exit_code=code,
        error=one_line(error) if error else None,
        seconds=round(time.monotonic() - began, 1),
        nodes=dict(sorted(Counter(str(one.status) for one in nodes).items())),
        failed=failed,
        run_results=kept,
    )


def summarized(source: str, attempt: Attempt, **said: Any) -> dict[str, Any]:
    """The summary: what is said, and for the rest that there is nothing to say."""
    head = {"format": 1, "source": source, "command": None, "attempt": attempt.number, "exit_code": 0, "error": None}
    return {**head, "seconds": 0.0, "nodes": {}, "failed": [], "run_results": None, **said, "truncated": False}


def retry(dbt: Dbt, source: str, earlier: Path) -> tuple[int, str | None, list[Any]]:
    """Goes on where an attempt stopped, if what was committed meanwhile is whole: its tests passed before that was there.

    That look writes results too, which are of no use. A retry that comes to none leaves those of the attempt before.
    """
    written = dbt.folder / RESULTS
    code, error, nodes = dbt("test", "--select", f"source:{source},test_name:reconciled")
    written.unlink(missing_ok=True)
    if code == 0:
        code, error, nodes = dbt("retry", "--state", str(earlier))
    if not written.exists():
        written.write_bytes((earlier / RESULTS).read_bytes())
    return code, error, nodes


def _store(address: str) -> tuple[Any, str]:
    """A file system, and the path in it."""
    import fsspec

    endpoint = os.environ.get("TRANSLOAD_ENDPOINT_URL") or None
    return fsspec.core.url_to_fs(address, **({"endpoint_url": endpoint} if address.startswith("s3://") else {}))  # type: ignore[no-any-return]


def earlier_results(attempt: Attempt, folder: Path) -> Path | None:
    """The folder with the results of the attempt before this one; None for a first attempt or one that came to no results."""
    if attempt.kept is None:
        return None
    try:
        files, path = _store(attempt.kept)
        if attempt.number == 1 and files.exists(path):
            files.rm_file(path)  # of a run that was since cleared, whose results are not this one's
        found = files.cat_file(path) if files.exists(path) else None
    except Exception as error:  # noqa: BLE001 - whatever it is: without them all is built
        sys.stderr.write(f"{attempt.kept} cannot be read ({one_line(str(error))}): all is built anew\n")
        return None
    if found is None:
        return None
    earlier = folder / "earlier"
    earlier.mkdir(parents=True, exist_ok=True)
    (earlier / RESULTS).write_bytes(found)
    return earlier


def keep(attempt: Attempt, folder: Path) -> str | None:
    """Puts the results into the lake, and returns where. What dbt wrote last is what a retry goes on from."""
    written = folder / RESULTS
    if attempt.kept is None or not written.exists():
        return None
    try:
        files, path = _store(attempt.kept)
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        files.pipe_file(path, written.read_bytes())
    except Exception as error:  # noqa: BLE001 - whatever it is: what is built is built
        sys.stderr.write(f"{attempt.kept} cannot be written ({one_line(str(error))}): a retry builds all anew\n")
        return None
    return attempt.kept


def one_line(text: str | None) -> str:
    """A message as a summary has it."""
    return " ".join((text or "").split())[:300]


def shortened(summary: dict[str, Any]) -> str:
    """The summary as JSON in at most 4,096 bytes: failed nodes are left out from the end, which `truncated` says.

    What is longer without any is returned as it is: every message in it is short already.
    """
    while True:
        text = json.dumps(summary, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) <= LARGEST_SUMMARY or not summary["failed"]:
            return text
        summary = {**summary, "failed": summary["failed"][:-1], "truncated": True}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
