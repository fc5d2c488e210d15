"""One Airflow for all tests of the DAGs: a scratch home, SQLite, migrated once; no scheduler, no server.

Airflow reads its configuration when it is first imported, hence the environment is set here, at the top.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"

if importlib.util.find_spec("airflow") is None:  # these tests live in `.venv-airflow`
    collect_ignore_glob = ["test_*.py"]
else:
    HOME = Path(tempfile.mkdtemp(prefix="transload-airflow-"))
    EXTRA = HOME / "extra_dags"
    EXTRA.mkdir()
    os.environ.update(
        AIRFLOW_HOME=str(HOME),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db",
        AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps(
            [
                {
                    "name": name,
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": str(path)},
                }
                for name, path in (("extra", EXTRA), ("dags-folder", DAGS))
            ]
        ),
        TRANSLOAD_ENVIRONMENT="local",
    )
    sys.path.append(str(DAGS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Airflow's own warnings are its own affair; those about our files stay errors."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            for rule in ("ignore", "error:::common", "error:::unusual_prefix_"):
                item.add_marker(pytest.mark.filterwarnings(rule))


def pytest_unconfigure() -> None:
    """The scratch home is ours to remove."""
    if "HOME" in globals():
        shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def sources() -> set[str]:
    """The names of all sources: whatever has an extractor."""
    return {path.parent.name for path in (ROOT / "extractors").glob("*/pyproject.toml")} - {"core"}


@pytest.fixture(scope="session")
def ask() -> Callable[..., str]:
    """Returns a function that runs an extractor's command and returns what it prints."""

    @cache
    def run(source: str, *arguments: str) -> str:
        command = ROOT / ".venv" / "bin" / source
        if not command.exists():
            pytest.fail(f"the environment of {source} is not made: make setup")
        return subprocess.run([command, *arguments], check=True, capture_output=True, text=True, timeout=60).stdout

    return run


@pytest.fixture(scope="session")
def modes(ask: Callable[..., str]) -> Callable[[str], dict[str, set[str]]]:
    """Returns a function that returns a source's streams with their modes, by its extractor."""
    return lambda source: {row["name"]: set(row["modes"]) for row in json.loads(ask(source, "streams", "--json"))}


@pytest.fixture(scope="session")
def migrated() -> None:
    """A metadata database, made once."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def load_bag() -> Callable[..., Any]:
    """Returns a function that loads the DAG files of a folder as the dag-processor does."""
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.providers.cncf.kubernetes.operators import pod  # noqa: F401  what the dag-processor imports ahead

    return lambda folder=DAGS, name="dags-folder": BundleDagBag(str(folder), bundle_path=folder, bundle_name=name)


@pytest.fixture(scope="session")
def run_dag(migrated: None, load_bag: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that runs a DAG of `text` (a DAG file, kept under its id) as `airflow dags test` does.

    The file is loaded for every run: a run's parameters stick to a DAG object that is used again.
    """

    def run(dag_id: str, text: str, date: datetime | None, **conf: Any) -> Any:
        (EXTRA / f"{dag_id}.py").write_text(text)
        bag = load_bag(EXTRA, "extra")
        assert bag.import_errors == {}
        return bag.dags[dag_id].test(logical_date=date, run_conf=conf or None)

    return run


@pytest.fixture
def commit(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Returns a function that commits a load to the directory lake `tmp_path / "lake"`, as an extractor would."""

    def write(stream: str = "customer", **changes: Any) -> dict[str, Any]:
        record = {
            "format": 1,
            "source": "pestroutes",
            "stream": stream,
            "mode": "incremental",
            "window": "20260130T000000Z-20260131T000000Z",
            "since": "2026-01-30T00:00:00Z",
            "until": "2026-01-31T00:00:00Z",
            "load_id": "20260131T010203456Z-7f3a9c",
            "attempt": 1,
            "started_at": "2026-01-31T01:02:03.456Z",
            "committed_at": "2026-01-31T01:02:15.100Z",
            "records": 1200,
            "bytes": 99000,
            "raw_bytes": 880000,
            "quarantined": 0,
            "parts": [{"key": "part-00000.json.gz", "records": 1200, "bytes": 99000, "sha256": "0" * 64}],
            "cursor": None,
            **changes,
        }
        folder = tmp_path / "lake" / "pestroutes" / stream / "_loads"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{record['window']}.json").write_text(json.dumps(record) + "\n")
        return record

    return write


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """The directory lake that `commit` writes to."""
    folder = tmp_path / "lake"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(params=[False, True], ids=["waiting itself", "deferred"])
def cluster(request: pytest.FixtureRequest, lake: Path) -> Callable[..., Any]:
    """Returns a function that makes an operator and the answers of its cluster (pod_cluster.py); for both ways of waiting."""
    from tests.dags.pod_cluster import Cluster

    return partial(Cluster, lake, deferred=request.param)


@pytest.fixture
def waiting(lake: Path) -> Callable[..., Any]:
    """Returns the same, of a task that waits itself."""
    from tests.dags.pod_cluster import Cluster

    return partial(Cluster, lake)
