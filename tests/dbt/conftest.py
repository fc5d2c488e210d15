"""Tests of the dbt project. They run where dbt is installed, and are passed over elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

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
