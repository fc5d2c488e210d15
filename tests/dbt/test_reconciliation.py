"""A load that the warehouse cannot read whole turns the build red, and what was there before stays."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest
from dbt_harness import CUSTOMER, FixtureLake, Outcome, Project, query

CUSTOMERS = [{"customerID": str(key), "dateUpdated": "2026-01-30 12:00:00"} for key in range(1, 5)]


def build(project: Project, lake: FixtureLake, database: Path) -> Outcome:
    return project.run("build", *CUSTOMER, lake=lake.root, database=database)


def test_lost_lines_are_named_and_nothing_is_built_on_them(project: Project, lake: FixtureLake, database: Path) -> None:
    whole = lake.load("customer", CUSTOMERS, parts=2)
    assert build(project, lake, database).success
    hurt = lake.load("customer", [{"customerID": "5"}, {"customerID": "6"}], parts=2)
    lake.part(hurt, 1).write_bytes(gzip.compress(b""))

    outcome = build(project, lake, database)

    assert not outcome.success
    expected = f"pestroutes.customer, load {hurt['load_id']}, part-00001.json.gz: its commit record says 1 records,"
    assert f"{expected} the warehouse reads 0" in outcome.text
    assert f"load {whole['load_id']}" not in outcome.text
    assert query(database, "select count(*) from staging.stg_pestroutes__customer") == [(4,)]


def test_a_count_that_is_in_the_ledger_twice_is_taken_anew(project: Project, lake: FixtureLake, database: Path) -> None:
    """As two stagings at once would leave it."""
    lake.load("customer", CUSTOMERS, parts=2)
    assert build(project, lake, database).success
    with duckdb.connect(str(database)) as warehouse:
        warehouse.execute("insert into transload.ledger select * from transload.ledger")
    outcome = build(project, lake, database)
    assert outcome.success, outcome.text
    assert query(database, "select records from transload.ledger where source = 'pestroutes'") == [(2,), (2,)]


def test_of_a_superseded_load_only_what_its_commit_record_names_is_said_to_be_read(
    project: Project, lake: FixtureLake, database: Path
) -> None:
    """On Snowflake the ledger has what a lost attempt left in a load's folder, too; it is put there by hand."""
    early = lake.load("customer", CUSTOMERS, parts=2)
    empty = lake.load("customer", [], parts=0)
    assert build(project, lake, database).success
    with duckdb.connect(str(database)) as warehouse:
        stray = early["parts"][0]["key"].replace("part-00000", "part-00009")
        warehouse.execute(
            "insert into transload.ledger by name select * replace (? as part) from transload.ledger where part = ?",
            [stray, early["parts"][0]["key"]],
        )
    full = lake.load("customer", CUSTOMERS[:1], mode="full")
    outcome = project.run("build", "--select", "transload_loads", lake=lake.root, database=database)
    assert outcome.success, outcome.text
    found = query(
        database,
        "select load_id, records, records_read, parts_read, is_visible from marts.transload_loads"
        " where source = 'pestroutes' order by load_id",
    )
    assert found == [
        (early["load_id"], 4, 4, 2, False),
        (empty["load_id"], 0, 0, 0, False),
        (full["load_id"], 1, 1, 1, True),
    ]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda part: part.unlink(), "No files found that match the pattern"),
        (lambda part: part.write_bytes(part.read_bytes()[:-12]), "Unexpected end of GZIP stream"),
        (lambda part: part.write_bytes(gzip.compress(b'{"customerID": "1"}\n{"customerID"\n')), "Malformed JSON"),
    ],
    ids=["missing", "truncated", "malformed"],
)
def test_an_unreadable_part_is_named(
    project: Project, lake: FixtureLake, database: Path, damage: object, complaint: str
) -> None:
    record = lake.load("customer", CUSTOMERS, parts=2)
    assert callable(damage)
    damage(lake.part(record, 1))

    outcome = build(project, lake, database)

    assert not outcome.success
    assert complaint in outcome.text
    assert record["parts"][1]["key"] in outcome.text


def test_records_of_another_schema_are_kept_and_turn_the_build_red_for_want_of_a_key(
    project: Project, lake: FixtureLake, database: Path
) -> None:
    lake.load("customer", [*CUSTOMERS, {"entirely": "other"}, b"[1, 2]"])
    outcome = build(project, lake, database)
    assert not outcome.success
    red = [one.node.name for one in outcome.result.result if str(one.status) == "fail"]
    assert red == ["primary_key_stg_pestroutes__customer_customer_id"]
    keyless = "select count(*) from staging.stg_pestroutes__customer where customer_id is null"
    assert query(database, keyless) == [(1,)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"format": 1', "Not a commit record, since not JSON"),
        ('{"format": 2}', "Commit record of format 2, newer than"),
    ],
    ids=["not JSON", "newer"],
)
def test_a_commit_record_that_cannot_be_read_stops_the_build(
    project: Project, lake: FixtureLake, database: Path, text: str, complaint: str
) -> None:
    path = lake.commit("customer", "w.json", lake.load("customer", CUSTOMERS))
    path.write_text(text)

    outcome = build(project, lake, database)

    assert not outcome.success
    assert complaint in outcome.text
    assert str(path) in outcome.text
