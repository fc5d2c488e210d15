"""Which records become rows: docs/design.md, "What the warehouse sees"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbt_harness import CUSTOMER, FixtureLake, Project, query


def customer(key: int, name: str, updated: str = "2026-01-30 12:00:00") -> dict[str, Any]:
    return {"customerID": str(key), "fname": name, "dateUpdated": updated}


def names(project: Project, lake: FixtureLake, database: Path) -> dict[int, str]:
    """The customers that a build makes of the lake; keys and reconciliation are tested with them."""
    outcome = project.run("build", *CUSTOMER, lake=lake.root, database=database)
    assert outcome.success, outcome.text
    return dict(query(database, "select customer_id, fname from staging.stg_pestroutes__customer"))


def test_parts_without_a_commit_record_are_invisible(project: Project, lake: FixtureLake, database: Path) -> None:
    lake.load("customer", [customer(1, "seen"), customer(2, "seen")], parts=2)
    lake.load("customer", [customer(1, "lost", "2026-01-30 13:00:00"), customer(3, "lost")], commit=False)

    assert names(project, lake, database) == {1: "seen", 2: "seen"}


def test_a_load_of_the_same_window_replaces_the_one_before(project: Project, lake: FixtureLake, database: Path) -> None:
    lake.load("customer", [customer(1, "before", "2026-01-30 13:00:00"), customer(2, "before")], window="w")
    lake.load("customer", [customer(1, "after")], window="w")

    assert names(project, lake, database) == {1: "after"}


def test_samples_are_never_read(project: Project, lake: FixtureLake, database: Path) -> None:
    lake.load("customer", [customer(1, "seen")])
    lake.load("customer", [customer(1, "sample", "2026-01-30 13:00:00"), customer(2, "sample")], mode="sample")

    assert names(project, lake, database) == {1: "seen"}


def test_the_newest_full_load_is_the_base_and_what_it_lacks_is_deleted(
    project: Project, lake: FixtureLake, database: Path
) -> None:
    lake.load("customer", [customer(1, "first base"), customer(2, "deleted")], mode="full")
    lake.load("customer", [customer(3, "deleted", "2026-01-30 23:00:00")])
    base = lake.load("customer", [customer(1, "base"), customer(4, "base")], mode="full")
    change = lake.load("customer", [customer(4, "changed", "2026-01-30 13:00:00"), customer(5, "new")])

    assert names(project, lake, database) == {1: "base", 4: "changed", 5: "new"}
    read = query(database, "select distinct part from raw_pestroutes.customer")
    assert {key for (key,) in read} == {base["parts"][0]["key"], change["parts"][0]["key"]}


def test_a_full_load_that_ran_late_does_not_hide_what_came_behind_its_moment(
    project: Project, lake: FixtureLake, database: Path
) -> None:
    lake.load("customer", [customer(1, "covered")], until="2026-01-30T00:00:00Z")
    lake.load("customer", [customer(2, "behind it")], until="2026-01-31T00:00:00Z")
    # Of the 30th, but begun later than the load of the 31st: an export that took its time.
    lake.load("customer", [customer(3, "base")], mode="full", until="2026-01-30T00:00:00Z")

    assert names(project, lake, database) == {2: "behind it", 3: "base"}


def test_a_backfill_adds_what_is_new_and_overwrites_nothing_newer(
    project: Project, lake: FixtureLake, database: Path
) -> None:
    lake.load("customer", [customer(1, "newer", "2026-01-30 12:00:00")])
    lake.load("customer", [customer(1, "older", "2026-01-02 12:00:00"), customer(2, "late", "2026-01-02 12:00:00")])

    assert names(project, lake, database) == {1: "newer", 2: "late"}


def test_of_equal_cursors_the_later_load_counts(project: Project, lake: FixtureLake, database: Path) -> None:
    lake.load("customer", [customer(1, "later")], started_at="2026-01-31T09:00:00.000Z")
    lake.load("customer", [customer(1, "earlier")], started_at="2026-01-31T08:00:00.000Z")

    assert names(project, lake, database) == {1: "later"}


def test_a_compacted_file_holds_many_loads_and_gives_way_to_a_newer_record(
    project: Project, lake: FixtureLake, database: Path
) -> None:
    first = lake.load("customer", [customer(1, "one")], window="a", commit=False)
    second = lake.load("customer", [customer(2, "two, replaced")], window="b", commit=False)
    lake.commit("customer", "2026-01.json", first, second)
    lake.load("customer", [customer(3, "three")], window="b")

    assert names(project, lake, database) == {1: "one", 3: "three"}


def test_loads_of_nothing(project: Project, lake: FixtureLake, database: Path) -> None:
    lake.load("customer", [customer(1, "gone")])
    lake.load("customer", [], mode="full", parts=0)
    lake.load("customer", [], parts=1)

    assert names(project, lake, database) == {}


def test_no_lake_gives_empty_tables_and_a_warning(project: Project, lake: FixtureLake, database: Path) -> None:
    assert names(project, lake, database) == {}

    staged = project.run("run-operation", "stage_external_sources", lake=lake.root, database=database)
    assert f"No load is committed under {lake.root}" in staged.text


def test_a_later_build_sees_later_loads(project: Project, lake: FixtureLake, database: Path) -> None:
    lake.load("customer", [customer(1, "one")])
    assert names(project, lake, database) == {1: "one"}

    lake.load("customer", [customer(2, "two")], started_at="2026-02-01T00:00:00.000Z")
    assert names(project, lake, database) == {1: "one", 2: "two"}


def test_commit_records_are_a_table(project: Project, lake: FixtureLake, database: Path) -> None:
    record = lake.load("customer", [customer(1, "one"), customer(2, "two")], window="w", parts=2)
    lake.load("office", [{"officeID": "1"}], mode="full")
    lake.load("office", [{"officeID": "1"}], mode="sample")

    assert project.run("run-operation", "stage_external_sources", lake=lake.root, database=database).success
    assert query(database, "select stream, mode, records from transload.loads order by all") == [
        ("customer", "incremental", 2),
        ("office", "full", 1),
        ("office", "sample", 1),
    ]
    columns = "load_window, load_id, started_at::varchar, until::varchar, attempt, json_array_length(parts), version"
    assert query(database, f"select {columns} from transload.loads where stream = 'customer'") == [
        ("w", record["load_id"], "2026-01-31 01:00:00", "2026-01-31 00:00:00", 1, 2, "0.1.0")
    ]
