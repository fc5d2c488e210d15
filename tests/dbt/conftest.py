"""Tests of the dbt project. They run where dbt is installed, and are passed over elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from snowflake_harness import Warehouse

sys.path.insert(0, str(Path(__file__).parent))

try:
    from dbt_harness import FixtureLake, Project, parse
except ImportError:
    collect_ignore_glob = ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """dbt's own dependencies warn; that is theirs to mend."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return parse(tmp_path_factory.mktemp("dbt"))


@pytest.fixture
def lake(tmp_path: Path) -> FixtureLake:
    return FixtureLake(tmp_path / "lake")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"  # the name that the project is parsed with


@pytest.fixture(scope="session")
def snowflake_dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A dbt on the target snowflake, parsed once, and the port of whatever stands for Snowflake."""
    from snowflake_harness import free_port, worker  # both bring the client, which takes seconds

    port = free_port()
    with worker(port, tmp_path_factory.mktemp("snowflake")) as process:
        yield port, process


@pytest.fixture
def there(snowflake_dbt: tuple[int, subprocess.Popen[str]], lake: FixtureLake, tmp_path: Path) -> Iterator[Warehouse]:
    """A stand-in for Snowflake over the lake, with nothing in either."""
    from snowflake_harness import Warehouse, stand_in

    port, process = snowflake_dbt
    lake.root.mkdir()
    with stand_in(str(lake.root), port, tmp_path / "stand_in"):
        yield Warehouse(port, process)
