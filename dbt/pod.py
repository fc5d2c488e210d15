"""What the pod of dbt does for one source: stage, build, test; and what comes back of it.

    python dbt/pod.py source pestroutes [--json]     everything of one source
    python dbt/pod.py build --select ...             any other command is dbt's own

Staged first is what was committed since the last time, so that a failure there has a name of its own. Then `dbt build` counts
every new load against its commit record, builds what hangs on the source and tests it. A later attempt of the same run
(TRANSLOAD_RUN, TRANSLOAD_ATTEMPT) stages and reconciles again, and goes on with `dbt retry` where the one before stopped.

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


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which attempt of which run this is, and where its results are kept.

    Args:
        kept: the address of `run_results.json` in the lake; None for a run without a name.
        number: from 1.
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
    parser.add_argument("--json", action="store_true", help="the summary on stdout")
    options = parser.parse_args(arguments)
    _use_dbts_python()

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # dbt logs to stdout
    summary = build_source(options.source, options.select or f"source:{options.source}+")
    text = shortened(summary)
    if TERMINATION_LOG.exists():
        TERMINATION_LOG.write_text(text, encoding="utf-8")
    if options.json:
        print(text, file=answers, flush=True)  # noqa: T201 - a command's answer
    return int(summary["exit_code"])


def _use_dbts_python() -> None:
    """Begins anew with the Python that dbt on the PATH is installed for, if it is another one."""
    dbt = shutil.which("dbt")
    if dbt is None:
        sys.exit("no command 'dbt' on PATH: install it, or put its environment on PATH")
    python = Path(dbt).resolve().parent / "python"
    if python.exists() and Path(sys.prefix) != python.parent.parent:
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - the same program


def build_source(source: str, select: str) -> dict[str, Any]:
    """Stages, builds and tests; returns the summary."""
    began = time.monotonic()
    attempt = Attempt.of(os.environ, source)
    command, code, error, results = "stage", *stage(source)[:2], []
    if code == 0:
        os.environ["TRANSLOAD_STAGED"] = "1"  # the hook before each of the builds need not do it again
        state = earlier_results(attempt)
        command = "retry" if state else "build"
        code, error, results = retry(source, state) if state else dbt("build", "--select", *select.split(), "transload_loads")
        keep(attempt)
    counts = Counter(str(one.status) for one in results)
    failed = [{"node": one.node.name, "status": str(one.status), "message": one_line(one.message)}
              for one in results if str(one.status) in FAILED]  # fmt: skip
    return {
        "format": 1, "source": source, "command": command, "exit_code": code, "error": one_line(error) if error else None,
        "seconds": round(time.monotonic() - began, 1), "attempt": attempt.number, "nodes": dict(sorted(counts.items())),
        "failed": failed, "run_results": attempt.kept if command != "stage" else None, "truncated": False,
    }  # fmt: skip


def stage(source: str) -> tuple[int, str | None, list[Any]]:
    """What was committed since the last time becomes readable."""
    return dbt("run-operation", "stage_external_sources", "--args", json.dumps({"select": source}))


def retry(source: str, state: Path) -> tuple[int, str | None, list[Any]]:
    """Goes on where an attempt stopped, if what was committed meanwhile is whole: its tests passed before that was there."""
    code, error, results = dbt("test", "--select", f"source:{source},test_name:reconciled")
    return (code, error, results) if code else dbt("retry", "--state", str(state))


def dbt(*arguments: str) -> tuple[int, str | None, list[Any]]:
    """One command of dbt in this process: its exit code, why it could not do its work, and the results of its nodes."""
    from dbt.cli.main import dbtRunner  # it takes seconds to import

    outcome = dbtRunner().invoke([*arguments, "--project-dir", str(PROJECT), "--profiles-dir", _profiles()])
    results = list(getattr(outcome.result, "results", None) or [])
    code = 0 if outcome.success else 2 if outcome.exception or not results else 1
    why = str(outcome.exception) if outcome.exception else None
    if code == 2 and not why:  # a macro that failed is a result without a message on some versions
        why = next((one.message for one in results if one.message), f"dbt {arguments[0]} failed; its log says why")
    return code, why, results


def _profiles() -> str:
    return os.environ.get("DBT_PROFILES_DIR", str(PROJECT))


def _target() -> Path:
    return Path(os.environ.get("DBT_TARGET_PATH", PROJECT / "target"))


def _store(address: str) -> tuple[Any, str]:
    """A file system, and the path in it."""
    import fsspec

    endpoint = os.environ.get("TRANSLOAD_ENDPOINT_URL") or None
    return fsspec.core.url_to_fs(address, **({"endpoint_url": endpoint} if address.startswith("s3://") else {}))  # type: ignore[no-any-return]


def earlier_results(attempt: Attempt) -> Path | None:
    """The folder with the results of the attempt before this one; None for a first attempt or one that came to no results."""
    if attempt.kept is None or attempt.number == 1:
        return None
    files, path = _store(attempt.kept)
    if not files.exists(path):
        return None
    folder = _target() / "earlier"
    folder.mkdir(parents=True, exist_ok=True)
    files.get_file(path, str(folder / "run_results.json"))
    return folder


def keep(attempt: Attempt) -> None:
    """Puts the results into the lake. What dbt wrote last is what a retry goes on from."""
    written = _target() / "run_results.json"
    if attempt.kept is None or not written.exists():
        return
    files, path = _store(attempt.kept)
    files.makedirs(path.rpartition("/")[0], exist_ok=True)
    files.put_file(str(written), path)


def one_line(text: str | None) -> str:
    """A message as a summary has it."""
    return " ".join((text or "").split())[:300]


def shortened(summary: dict[str, Any]) -> str:
    """The summary as JSON in at most 4,096 bytes: failed nodes are left out from the end, which `truncated` says."""
    while len(text := json.dumps(summary, ensure_ascii=False, separators=(",", ":")).encode()) > LARGEST_SUMMARY:
        summary = {**summary, "failed": summary["failed"][:-1], "truncated": True}
    return text.decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
