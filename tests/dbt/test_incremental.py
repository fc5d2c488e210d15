"""An incremental staging model is at every moment what a full one would be, and reads only what is new to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from dbt_harness import FixtureLake, Project, query

MODEL = "model.transload.stg_pestroutes__customer"
SELECT = ("--select", "stg_pestroutes__customer", "--exclude", "resource_type:unit_test")
ROWS = "select customer_id, fname, _load_id, _record::varchar from staging.stg_pestroutes__customer order by all"


def customer(key: int, day: int, name: str) -> dict[str, str]:
    return {"customerID": str(key), "dateUpdated": f"2026-01-{day:02d} 12:00:00", "fname": name}


Rows = list[tuple[object, ...]]


@pytest.fixture
def rows(project: Project, lake: FixtureLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Rows]:
    """Builds the model, and gives its rows, which are a full build's."""
    config = project.manifest.nodes[MODEL].config
    (tmp_path / "full").mkdir()
    kept, full = tmp_path / "warehouse.duckdb", tmp_path / "full" / "warehouse.duckdb"

    def built() -> Rows:
        for database, materialized in ((full, "table"), (kept, "incremental")):
            monkeypatch.setattr(config, "materialized", materialized)
            outcome = project.run("run", *SELECT, lake=lake.root, database=database)
            assert outcome.success, outcome.text
        assert query(kept, ROWS) == query(full, ROWS)
        return [row[:2] for row in query(kept, ROWS)]

    return built


@pytest.mark.timeout(900)  # a dozen builds: a busy machine needs longer
def test_it_is_what_a_full_build_would_be(
    project: Project, lake: FixtureLake, database: Path, tmp_path: Path, rows: Callable[[], Rows]
) -> None:
    base = lake.load("customer", [customer(key, 20, "base") for key in (1, 2, 3)], mode="full")
    assert rows() == [(1, "base"), (2, "base"), (3, "base")]

    lake.load("customer", [customer(2, 19, "older"), customer(3, 20, "same"), customer(4, 21, "new")], parts=2)
    assert rows() == [(1, "base"), (2, "base"), (3, "same"), (4, "new")]
    # What was taken in before is not read again, nor when a column was added since, which stands behind the others.
    table = "staging.stg_pestroutes__customer"
    with duckdb.connect(str(database)) as warehouse:
        warehouse.execute(f"create or replace table {table} as select * exclude (fname), fname from {table}")
    lake.part(base).rename(tmp_path / "away")
    lake.part(base).write_bytes(b"this cannot be read")
    lake.load("customer", [customer(4, 22, "newer")])
    assert project.run("run", *SELECT, lake=lake.root, database=database).success
    (tmp_path / "away").rename(lake.part(base))
    assert rows()[3] == (4, "newer")

    # A load without records, and a window that is committed again with less in it: what it had said before is gone.
    lake.load("customer", [])
    lake.load("customer", [customer(5, 23, "early"), customer(1, 23, "early")], window="again")
    assert (rows()[0], rows()[4]) == ((1, "early"), (5, "early"))
    lake.load("customer", [customer(1, 24, "late")], window="again")
    assert rows() == [(1, "late"), (2, "base"), (3, "same"), (4, "newer")]

    # Deletions come with a full load.
    lake.load("customer", [customer(2, 25, "left")], mode="full")
    assert rows() == [(2, "left")]
    assert query(database, "select count(*) from transload.applied_loads") == [(1,)]


@pytest.mark.timeout(900)  # six builds: a busy machine needs longer
def test_a_record_is_known_by_the_texts_of_its_key_not_by_what_they_are_as_a_type(
    lake: FixtureLake, rows: Callable[[], Rows]
) -> None:
    """What is no number is NULL as one, and "5" and "5.0" are the same: a merge by types would double, or swallow, such records."""

    def states(day: int, name: str) -> list[dict[str, str]]:
        return [{**customer(0, day, name), "customerID": key} for key in ("5", "5.0", "none", "nobody")]

    lake.load("customer", [*states(20, "base"), {"customerID": "N/A", "fname": "base"}], mode="full")
    assert rows() == [(5, "base"), (5, "base"), (None, "base"), (None, "base"), (None, "base")]
    lake.load("customer", states(21, "newer")[1:3])
    assert sorted(rows(), key=str) == [(5, "base"), (5, "newer"), (None, "base"), (None, "base"), (None, "newer")]
    lake.load("customer", [*states(22, "newest"), {"fname": "newest"}])  # no key at all is the same as N/A
    assert rows() == [(5, "newest"), (5, "newest"), (None, "newest"), (None, "newest"), (None, "newest")]
