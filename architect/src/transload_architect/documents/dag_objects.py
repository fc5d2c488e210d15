"""The DAG objects of a folder, by a process in the environment that has Airflow."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

_INSIDE = Path(__file__).with_name("inside.py")


class DagsUnreadable(ValueError):
    """Airflow could not be asked; the message says why."""


def read_dags(folder: Path, python: Path) -> dict[str, Any]:
    """The DAGs of a folder, and the errors of files that could not be imported; see ``inside.py``.

    Args:
        folder: of the DAGs.
        python: the interpreter of an environment with Airflow and what the DAGs import.

    Raises:
        DagsUnreadable: there is no such interpreter, or no Airflow in it.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [python, "-W", "ignore", _INSIDE, folder], capture_output=True, text=True, check=False, timeout=300
        )
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer
    except FileNotFoundError:
        raise DagsUnreadable(f"there is no {python}: name an interpreter that has Airflow (--airflow-python)") from None
    except (IndexError, ValueError):
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise DagsUnreadable(f"{python} could not read the DAGs of {folder}: {said}") from None
