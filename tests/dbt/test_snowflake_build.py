"""`dbt build --target snowflake` end to end, on what stands for Snowflake (stand_in.py), over lakes made by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from dbt_harness import FixtureLake, Project, query
from snowflake_harness import BUILD, RAW, STAGE, Warehouse, customer, green, rows

MODELS = "stg_pestroutes__customer stg_pestroutes__group"
COLUMNS = "customer_id, office_id, fname, balance, replace(subscription_ids::varchar, ' ', ''), date_updated::varchar, _load_id"


@pytest.mark.timeout(900)  # some twenty dbt commands: a busy machine needs longer
def test_from_the_first_load_to_raw_tables(
    there: Warehouse, lake: FixtureLake, project: Project, database: Path
) -> None:
    """One story, since each step stands on the one before: dbt on the stand-in takes seconds a command."""
    found = there

    # A dry run prints what it would do, and does nothing.
    dry = green(found.dbt("run-operation", "stage_external_sources", "--args", "{select: pestroutes, dry_run: true}"))
    assert "create external table if not exists ANALYTICS.transload.loads" in dry.text
    assert "create external table if not exists ANALYTICS.raw_pestroutes.pestroutes_group" in dry.text
    assert not [one for one in dry.statements if not one.lower().startswith(("show", "select", "alter session"))]

    # The first loads: whatever a lost attempt left beside the committed parts is not read.
    first = lake.load(
        "customer", [customer(1, fname="Ana"), customer(2, fname=" Zoë "), customer(3)], mode="full", parts=2
    )
    stray = lake.part(first).with_name("part-00009.json.gz")
    stray.write_bytes(gzip.compress(b'{"customerID": "9"}\n'))
    lake.load("group", [{"groupID": "1"}], mode="full")
    lake.load("office", [], mode="full")
    built = green(found.dbt(*BUILD))
    assert rows(found) == [(1, "Ana"), (2, "Zoë"), (3, None)]
    assert built.results["casts_are_tolerant"][0] == "pass"
    folder = f"load_date=2026-01-31/{first['load_id']}/"
    assert f"alter external table ANALYTICS.raw_pestroutes.customer refresh '{folder}'" in str(
        built.sent("execute imm")
    )
    counts = "select records, records_read, parts, parts_read from analytics.dbt_marts.transload_loads where stream = 'customer'"
    assert found.query(counts) == [(3, 3, 2, 2)]

    # Again: nothing is made, nothing is refreshed but the commit records, and all stays.
    again = green(found.dbt(*STAGE))
    assert not again.sent("create external")
    assert "load_date=" not in str(again.sent("alter") + again.sent("execute"))
    assert "0 refreshes for 0 loads, 0 tables made" in again.text

    # A later load: its folder alone is refreshed, its records alone are read, the newer state of each record stays.
    second = lake.load(
        "customer", [customer(1, "2026-01-29 00:00:00", fname="old"), customer(3, "2026-01-31", fname="new")]
    )
    built = green(found.dbt(*BUILD))
    assert rows(found) == [(1, "Ana"), (2, "Zoë"), (3, "new")]
    refreshes = [one for one in built.sent("alter external table") if "load_date=" in one]
    assert [one.split("/")[1] for one in refreshes] == [second["load_id"]]
    assert first["load_id"] not in str(built.compiled["stg_pestroutes__customer"])
    assert second["load_id"] in str(built.compiled["stg_pestroutes__customer"])

    # A truncated file turns the run red before anything is built, and what was there stays; mended, it is taken in.
    hurt = lake.load("customer", [customer(4), customer(5)], parts=2)
    whole = lake.part(hurt, 1).read_bytes()
    lake.part(hurt, 1).write_bytes(gzip.compress(b""))
    red = found.dbt(*BUILD)
    assert not red.success
    wanted = f"load {hurt['load_id']}, part-00001.json.gz: its commit record says 1 records, the warehouse reads 0"
    assert wanted in red.text
    assert red.results["stg_pestroutes__customer"][0] == "skipped"
    assert len(rows(found)) == 3
    lake.part(hurt, 1).write_bytes(whole)
    green(found.dbt(*BUILD))
    assert [key for key, _ in rows(found)] == [1, 2, 3, 4, 5]

    # A file that is passed over later than it was counted stops the model that reads it.
    late = lake.load("customer", [customer(6)])
    green(found.dbt(*STAGE))
    kept = lake.part(late).read_bytes()
    lake.part(late).write_bytes(gzip.compress(b""))
    stopped = found.dbt("run", "--select", "stg_pestroutes__customer", TRANSLOAD_STAGED="1")
    assert not stopped.success
    assert "not read whole" in stopped.text
    lake.part(late).write_bytes(kept)

    # A newer full load is the base: what is not in it is deleted.
    lake.load(
        "customer",
        [customer(1, fname="Ana"), customer(7, officeID="5", balance="1.50", subscriptionIDs="7, 8")],
        mode="full",
    )
    green(found.dbt(*BUILD))
    assert [key for key, _ in rows(found)] == [1, 7]

    # Of a load that it took the place of is said what was read of it, without what lies beside it.
    columns = "records, records_read, parts_read, is_visible"
    superseded = f"select {columns} from analytics.dbt_marts.transload_loads where load_id = '{first['load_id']}'"
    assert found.query(superseded) == [(3, 3, 2, False)]

    # DuckDB says the same of the same lake, row by row.
    selection = ("--select", *MODELS.split())
    assert project.run("run", *selection, lake=lake.root, database=database).success
    duckdb = query(database, f"select {COLUMNS} from staging.stg_pestroutes__customer order by 1")
    assert [str(one) for one in rows(found, COLUMNS)] == [str(one) for one in duckdb]

    # The same models on raw tables, and every load's lag.
    copied = green(found.dbt(*RAW))
    assert len(copied.sent("copy into ANALYTICS.raw_pestroutes_loaded.customer".lower())) == 1
    assert [key for key, _ in rows(found)] == [1, 7]
    assert not green(found.dbt(*RAW)).sent("copy into")
    loads = found.query(
        "select load_id, records, records_read, is_visible, staging_lag_seconds > 0 from analytics.dbt_marts.transload_loads"
        " where stream = 'customer' order by load_id"
    )
    assert loads[0] == (first["load_id"], 3, None, False, None)
    assert loads[-1][1:] == (2, 2, True, True)

    # A load that cannot be copied whole leaves nothing behind, and the next run takes it up.
    hurt = lake.load("customer", [customer(8), customer(9)], parts=2)
    whole = lake.part(hurt, 1).read_bytes()
    lake.part(hurt, 1).write_bytes(gzip.compress(b""))
    red = found.dbt(*RAW)
    assert not red.success
    assert "its commit record says 1 records, COPY loaded 0. Nothing of this load was kept." in red.text
    count = "select count(*) from analytics.raw_pestroutes_loaded.customer"
    assert found.query(count) == [(2,)]
    lake.part(hurt, 1).unlink()
    missing = found.dbt(*RAW)
    assert not missing.success
    assert "was not found" in missing.text
    assert found.query(count) == [(2,)]
    lake.part(hurt, 1).write_bytes(whole)
    green(found.dbt(*RAW))
    assert [key for key, _ in rows(found)] == [1, 7, 8, 9]

    # A newer format is refused; tables that are declared otherwise, or no more, are named and left.
    record = lake.load("customer", [])
    path = lake.root / "pestroutes/customer/_loads" / f"{record['window']}.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    newer = found.dbt(*STAGE)
    assert not newer.success
    assert (
        f"Commit record of format 2, newer than this project reads: pestroutes/customer/_loads/{path.name}"
        in newer.text
    )
    path.unlink()
    changed = green(found.dbt(*STAGE, "--vars", "auto_refresh: true"))
    assert "ANALYTICS.raw_pestroutes.customer is not as it is declared now" in changed.text
    assert not changed.sent("create external") + changed.sent("create or replace")
    anew = ("run-operation", "stage_external_sources", "--args", "{select: pestroutes, recreate: true}")
    made = green(found.dbt(*anew, "--vars", "auto_refresh: true"))
    assert made.sent("create or replace external table ANALYTICS.raw_pestroutes.customer".lower())
    assert "not as it is declared" not in green(found.dbt(*STAGE, "--vars", "auto_refresh: true")).text
