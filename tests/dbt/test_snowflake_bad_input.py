"""What is wrong, or was removed, on the target snowflake: what the person reads, and what stays as it was."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dbt_harness import PROJECT, FixtureLake
from snowflake.connector.errors import ProgrammingError
from snowflake_harness import BUILD, STAGE, Warehouse, customer, green, rows, worker

pytestmark = pytest.mark.timeout(900)  # many dbt commands: a busy machine needs longer

TABLE = "analytics.raw_pestroutes.customer"
RUN = ("run", "--select", "stg_pestroutes__customer")
# One model with what must be whole before it, and the copies of raw tables without any model.
SMALL = (
    "build",
    "--select",
    "source:pestroutes.customer",
    "stg_pestroutes__customer",
    "--exclude",
    "resource_type:unit_test",
)
COPIED = (*STAGE, "--vars", "load: raw")
REFRESH = ("run-operation", "refresh_external_tables", "--args", "{select: pestroutes}")


def test_records_without_a_readable_key_are_merged_as_a_full_build_has_them(
    there: Warehouse, lake: FixtureLake
) -> None:
    """By the texts of their keys, of which several may be NULL or the same as a number."""

    def states(day: int, name: str) -> list[dict[str, object]]:
        keys = ("5", "5.0", "none", "nobody", "N/A")
        return [customer(key, f"2026-01-{day:02d} 12:00:00", fname=name) for key in keys]

    lake.load("customer", states(20, "base"), mode="full")
    green(there.dbt(*RUN))
    lake.load("customer", states(21, "newer")[1:3])
    merged = green(there.dbt(*RUN))
    assert merged.sent("merge into")
    expected = [(5, "base"), (5, "newer"), (None, "base"), (None, "base"), (None, "newer")]
    assert rows(there) == sorted(expected, key=str)
    assert not green(there.dbt(*RUN, "--full-refresh")).sent("merge into")
    assert rows(there) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("damage", "copied"),
    [
        (lambda part: part.unlink(), "was not found"),
        (lambda part: part.write_bytes(part.read_bytes()[:-12]), "Error parsing JSON"),
        (lambda part: part.write_bytes(gzip.compress(b'{"customerID"\n')), "Error parsing JSON"),
    ],
    ids=["missing", "cut short", "no JSON"],
)
def test_a_part_that_cannot_be_read(
    there: Warehouse, lake: FixtureLake, damage: Callable[[Path], object], copied: str
) -> None:
    lake.load("customer", [customer(1)])
    green(there.dbt(*SMALL))
    green(there.dbt(*COPIED))
    hurt = lake.load("customer", [customer(2), customer(3)], parts=2)
    whole = lake.part(hurt, 1).read_bytes()
    damage(lake.part(hurt, 1))

    red = there.dbt(*SMALL)
    assert not red.success
    wanted = f"load {hurt['load_id']}, part-00001.json.gz: its commit record says 1 records, the warehouse reads 0"
    assert wanted in red.text
    assert red.results["stg_pestroutes__customer"][0] == "skipped"
    red = there.dbt(*COPIED)
    assert not red.success
    assert copied in red.text
    assert there.query(f"select count(*) from {TABLE.replace('.customer', '_loaded.customer')}") == [(1,)]
    assert [key for key, _ in rows(there)] == [1]

    lake.part(hurt, 1).write_bytes(whole)
    green(there.dbt(*SMALL))
    assert [key for key, _ in rows(there)] == [1, 2, 3]


def test_a_stage_that_may_not_be_used(there: Warehouse, lake: FixtureLake) -> None:
    """Nothing is taken for staged that was not: with the right given back the next run takes it up."""
    lake.load("customer", [customer(1)])
    green(there.dbt(*SMALL))
    lake.load("customer", [customer(2)])
    ledger = "select load_id, part, records from analytics.transload.ledger order by 1, 2"
    before = there.query(ledger)

    there.query("revoke usage on stage analytics.transload.transload_lake from role transload_dbt")
    for command in (SMALL, COPIED):
        red = there.dbt(*command)
        assert not red.success
        assert "Stage 'TRANSLOAD.TRANSLOAD_LAKE' does not exist or not authorized" in red.text
        assert red.results == {}
    assert there.query(ledger) == before
    assert [key for key, _ in rows(there)] == [1]

    there.query("grant usage on stage analytics.transload.transload_lake to role transload_dbt")
    green(there.dbt(*SMALL))
    assert [key for key, _ in rows(there)] == [1, 2]


def test_what_prune_has_removed_is_not_looked_for(there: Warehouse, lake: FixtureLake) -> None:
    """A load whose window was committed again, and what a lost attempt left: both were registered, and are in no record."""
    kept = lake.load("customer", [customer(1)], mode="full")
    stray = lake.part(kept).with_name("part-00009.json.gz")
    stray.write_bytes(gzip.compress(b'{"customerID": "9"}\n'))
    first = lake.load("customer", [customer(2), customer(3)], window="again", parts=2)
    green(there.dbt(*SMALL))
    lake.load("customer", [customer(2)], window="again")
    green(there.dbt(*SMALL))

    # While its files are there, they are left alone.
    idle = green(there.dbt(*STAGE))
    assert len(idle.sent("list '@")) == 2
    assert "load_date=" not in str(idle.sent("alter") + idle.sent("execute"))
    shutil.rmtree(lake.part(first).parent)
    stray.unlink()
    with pytest.raises(ProgrammingError, match="was not found"):
        there.query(f"select count(*) from {TABLE}")

    told = green(there.dbt(*STAGE))
    assert "3 parts that no commit record names are gone from the lake" in told.text
    assert there.query(f"select count(*) from {TABLE}") == [(2,)]
    assert not green(there.dbt(*STAGE)).sent("list '@")
    assert [key for key, _ in rows(there)] == [1, 2]


def test_a_removed_file_that_staging_cannot_know_of_is_explained(there: Warehouse, lake: FixtureLake) -> None:
    early = lake.load("customer", [customer(1)], window="again")
    lake.load("customer", [customer(2)], window="again")
    green(there.dbt(*RUN))
    green(there.dbt(*REFRESH))  # which registers all there is
    lake.part(early).unlink()

    red = there.dbt(*RUN, "--full-refresh")
    assert not red.success
    assert "To let the table know: dbt run-operation refresh_external_tables --args '{select: pestroutes}'" in red.text

    green(there.dbt(*REFRESH))
    green(there.dbt(*RUN, "--full-refresh"))
    assert [key for key, _ in rows(there)] == [2]


def test_what_is_declared_no_more_is_named_and_stays(there: Warehouse, lake: FixtureLake, tmp_path: Path) -> None:
    lake.load("customer", [customer(1)])
    lake.load("group", [{"groupID": "7"}])
    green(there.dbt(*BUILD))
    green(there.dbt(*COPIED))

    with worker(there.port, tmp_path / "without", project_without("group", tmp_path / "project")) as process:
        later = Warehouse(there.port, process)
        external, raw = green(later.dbt(*STAGE)), green(later.dbt(*COPIED))

    assert (
        "No stream is declared any more for the external table ANALYTICS.raw_pestroutes.pestroutes_group"
        in external.text
    )
    assert "to remove it: drop external table ANALYTICS.raw_pestroutes.pestroutes_group" in external.text
    assert "No model is declared any more for the table ANALYTICS.dbt_staging.stg_pestroutes__group" in external.text
    assert "drop table ANALYTICS.raw_pestroutes_loaded.pestroutes_group" in raw.text
    assert "customer" not in "".join(line for line in external.text.splitlines() if "declared any more" in line)
    assert not external.sent("drop") + raw.sent("drop")
    for table in (
        "raw_pestroutes.pestroutes_group",
        "raw_pestroutes_loaded.pestroutes_group",
        "dbt_staging.stg_pestroutes__group",
    ):
        assert there.query(f"select count(*) from analytics.{table}") == [(1,)]


def project_without(stream: str, folder: Path) -> Path:
    """The project as it would be generated without a stream; without another source too, which is sooner parsed."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb", "marketo"))
    models = folder / "models" / "staging" / "pestroutes"
    (models / f"stg_pestroutes__{stream}.sql").unlink()
    for name in ("_sources.yml", "_staging.yml"):
        content = yaml.safe_load((models / name).read_text(encoding="utf-8"))
        tables = content["sources"][0]["tables"] if "sources" in content else content["models"]
        tables[:] = [one for one in tables if one["name"] not in (stream, f"stg_pestroutes__{stream}")]
        (models / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return folder
