"""Fixtures of the architect's tests."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Returns a function that runs ``architect`` in ``tmp_path``."""
    from transload_architect.cli import main

    def run(*arguments: object, cwd: Path = tmp_path) -> Result:
        monkeypatch.chdir(cwd)
        return CliRunner().invoke(main, [str(one) for one in arguments])

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Mapping[str, str]], None]:
    """Returns a function that writes files below ``tmp_path``."""

    def files(texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    return files


@pytest.fixture(scope="session")
def airflow_examples() -> Path:
    """Airflow's own example DAGs, as they are installed for the tests of the DAGs."""
    (folder,) = (ROOT / ".venv-airflow" / "lib").glob("python3*/site-packages/airflow/example_dags")
    return folder


@pytest.fixture(scope="session")
def system_tests() -> Path:
    """The system tests of five of Airflow's providers, as ``make setup`` fetches them."""
    return ROOT / ".venv-airflow" / "provider-sources"


@pytest.fixture(scope="session")
def spec() -> Callable[..., dict[str, Any]]:
    """Returns a function that makes a small specification, with changes."""

    def make(**changes: Any) -> dict[str, Any]:
        return {
            "source": "acme",
            "title": "Acme",
            "time_zone": "UTC",
            "limits": {"calls_per_day": 10_000, "calls_per_minute": 60, "reserve_percent": 20},
            "call": {"records": 1000, "seconds": 0.5},
            "environments": {"staging": {}, "production": {}},
            "consumers": ["sales reports"],
            "streams": {
                "order": {
                    "rows": 100_000,
                    "bytes": 400,
                    "changes_per_day": 1000,
                    "found_by": "updatedAt",
                    "freshness": "1 day",
                },
                "shop": {"rows": 50, "bytes": 200, "changes_per_day": 1, "found_by": "nothing", "freshness": "1 day"},
            },
            **changes,
        }

    return make


@pytest.fixture(scope="session")
def real_dags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAG objects of this repository: read once, also by several test processes."""
    from transload_architect.documents.dag_objects import read_dags

    kept = tmp_path_factory.getbasetemp().parent / "architect-dags.json"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if "PYTEST_XDIST_WORKER" not in os.environ or not kept.exists():
            kept.write_text(json.dumps(read_dags(ROOT / "dags", ROOT / ".venv-airflow" / "bin" / "python")))
        found: dict[str, Any] = json.loads(kept.read_text())
    return found
