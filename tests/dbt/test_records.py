"""What arrives of a record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dbt_harness import CUSTOMER, FixtureLake, Project, query


def test_text_of_all_the_world_long_numbers_and_unknown_fields_survive(
    project: Project, lake: FixtureLake, database: Path
) -> None:
    record = (
        '{"customerID":"1","fname":" 李小龙🐜 ","lname":"O\'Brien \\"x\\"","city":"東京","newThing":'
        '{"deep":[123456789012345678901234567890]},"zip":"00501","balance":"12345678901.123456"}'
    )
    lake.load("customer", [record.encode()])

    assert project.run("run", *CUSTOMER, lake=lake.root, database=database).success

    columns = "fname, lname, city, zip, balance::varchar, _record::varchar"
    assert query(database, f"select {columns} from staging.stg_pestroutes__customer") == [
        ("李小龙🐜", 'O\'Brien "x"', "東京", "00501", "12345678901.123456", record)
    ]
    unknown = query(database, "select _record->>'$.newThing.deep[0]' from staging.stg_pestroutes__customer")
    assert unknown == [("123456789012345678901234567890",)]


def test_a_nul_is_left_out_of_columns_and_stays_in_the_record(project: Project, database: Path, tmp_path: Path) -> None:
    lake = FixtureLake(tmp_path / "lake", "marketo")
    record = r'{"id":1,"firstName":"A\u0000na","title":"\u0000","company":"\\u0000","leadScore":"1\u0000"}'
    lake.load("leads", [record.encode()])

    assert project.run("build", "--select", "+stg_marketo__leads", lake=lake.root, database=database).success

    columns = "id, first_name, title, company, lead_score, _record::varchar"
    assert query(database, f"select {columns} from staging.stg_marketo__leads where id = 1") == [
        (1, "Ana", None, r"\u0000", None, record)
    ]


def test_a_record_of_50_mb(project: Project, lake: FixtureLake, database: Path) -> None:
    lake.load("customer", [{"customerID": "1", "fname": "x" * 50_000_000}, {"customerID": "2"}])

    assert project.run("run", *CUSTOMER, lake=lake.root, database=database).success

    assert query(database, "select customer_id, length(fname) from staging.stg_pestroutes__customer order by 1") == [
        (1, 50_000_000),
        (2, None),
    ]


def test_every_type_reads_what_the_vendor_sends(project: Project, lake: FixtureLake, database: Path) -> None:
    """The types that the unit tests of dbt leave out, on the stream that has them all."""
    full = {
        "appointmentID": "1",
        "date": "2026-01-31",
        "start": "08:30:00",
        "end": "0",
        "isInitial": "1",
        "timeIn": "2026-11-01 01:30:00",
        "timeOut": "2026-06-01T10:00:00Z",
        "checkIn": "2026-06-01 10:00:00+02:00",
        "additionalTechs": "4,5",
        "targetPests": {"3": "Ants"},
    }
    empty = {
        "appointmentID": "2",
        "date": "0000-00-00",
        "isInitial": "No",
        "additionalTechs": [],
        "targetPests": [],
    }
    nested = {"appointmentID": "3", "additionalTechs": ["4", 5], "targetPests": json.dumps({"3": "Ants"})}
    lake.load("appointment", [full, empty, nested])

    selection = ("--select", "stg_pestroutes__appointment")
    assert project.run("run", *selection, lake=lake.root, database=database).success

    columns = """date::varchar, appointment_start::varchar, appointment_end::varchar, is_initial, time_in::varchar,
        time_out::varchar, check_in::varchar, additional_techs, target_pests::varchar"""
    sql = f"select {columns} from staging.stg_pestroutes__appointment order by appointment_id"
    assert query(database, sql) == [
        (
            *("2026-01-31", "08:30:00", None, True),
            # The hour that autumn has twice is taken for the second one.
            *("2026-11-01 09:30:00", "2026-06-01 10:00:00", "2026-06-01 08:00:00"),
            *(["4", "5"], '{"3":"Ants"}'),
        ),
        (None, None, None, False, None, None, None, None, None),
        (None, None, None, None, None, None, None, ["4", "5"], '{"3": "Ants"}'),
    ]


# Few are taken as a list, more as a struct, which cannot have names that differ in case only, nor an empty one.
NAMES = ["it's", 'say "it"', "a.b", "a/b~c", "$.*", "東京", "Campo nuevo", "first", "last"]


@pytest.mark.parametrize("names", [NAMES[:2], NAMES, [*NAMES, "url", "URL"], [*NAMES, ""]], ids=len)
def test_fields_of_any_name(project: Project, lake: FixtureLake, database: Path, names: list[str]) -> None:
    record = json.dumps({name: f"value of {place}" for place, name in enumerate(names)}, ensure_ascii=False)
    fields = f"json_fields('record', {names!r})"
    columns = ", ".join(f"{{{{ json_field('fields', {names!r}, {name!r}) }}}} as c{n}" for n, name in enumerate(names))
    of = f"select {{{{ {fields} }}}} as fields from (select $${record}$$::json as record)"

    read = project.run("show", "--inline", f"select {columns} from ({of}) as one", lake=lake.root, database=database)

    assert read.success, read.text
    (row,) = read.result.result.results[0].agate_table.rows
    assert list(row.values()) == [f"value of {place}" for place in range(len(names))]


def test_the_record_is_kept_small(project: Project, lake: FixtureLake, database: Path) -> None:
    """Where a column's compression cannot be said, DuckDB takes one that makes the whole table twice as large."""
    lake.load("customer", [{"customerID": str(key), "fname": "Ann"} for key in range(100)])

    assert project.run("run", *CUSTOMER, lake=lake.root, database=database).success

    table = "pragma_storage_info('staging.stg_pestroutes__customer')"
    of_record = "column_name = '_record' and segment_type <> 'VALIDITY'"
    assert query(database, f"select distinct compression from {table} where {of_record}") == [("ZSTD",)]
