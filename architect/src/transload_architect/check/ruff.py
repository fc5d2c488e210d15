"""ruff's own rules for Airflow (AIR): what Airflow 3 removed, moved or deprecated. They are asked, not written again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transload_architect.check.config import ConfigError, Severity
from transload_architect.check.rule import Finding

_BATCH = 2000  # paths in a command line


def ruff_findings(paths: Sequence[Path], top: Path) -> list[Finding]:
    """What ruff's rules AIR find in these files.

    Raises:
        ConfigError: ruff is not installed, or cannot run.
    """
    found: list[Finding] = []
    for start in range(0, len(paths), _BATCH):
        found += [_finding(one, top) for one in _run(paths[start : start + _BATCH]) if _is_air(one)]
    return found


def _run(paths: Sequence[Path]) -> list[dict[str, Any]]:
    # Without the project's own ruff configuration: it may leave files out, and it says nothing of these rules.
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select=AIR",
        "--output-format=json",
        "--exit-zero",
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, "--", *map(str, paths)], capture_output=True, text=True, check=False
        )
        answer: list[dict[str, Any]] = json.loads(done.stdout)
        return answer
    except (OSError, ValueError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise ConfigError(
            f"ruff cannot be run ({reason}): install it, or set ruff = false in [tool.architect.check]"
        ) from None


def _is_air(one: dict[str, Any]) -> bool:
    # Where a file does not parse, ruff says so whatever is selected; that is ARC001 here.
    return str(one.get("code") or "").startswith("AIR")


def _finding(one: dict[str, Any], top: Path) -> Finding:
    code = str(one["code"])
    place = one["location"]
    # AIR301 and AIR302 break on Airflow 3, the others will one day.
    severity: Severity = "error" if code in ("AIR301", "AIR302", "AIR303") else "warning"
    path = Path(one["filename"]).resolve()
    top = top.resolve()
    name = path.relative_to(top).as_posix() if path.is_relative_to(top) else path.as_posix()
    fix = (one.get("fix") or {}).get("message") or f"See ruff's {code}."
    return Finding(code, severity, "Airflow 3 (ruff)", name, place["row"], place["column"], one["message"], fix)
