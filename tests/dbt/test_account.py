"""What one account has for itself, generated and built: fields, a custom object, activities with awkward names."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dbt_harness import PROJECT, FixtureLake, parse, query
from generating import generate, stream
from test_generate_activities import STREAMS

TASTING = {
    "id": 100001,
    "name": 'Attended "Wine" & Cheese 100%!',
    "attributes": [
        {"name": 'It\'s ~1/2 "odd" \\ 日本', "dataType": "string"},
        {"name": "*", "dataType": "integer"},
        {"name": "Order", "dataType": "score"},
        {"name": "score", "dataType": "score"},
        {"name": "Score", "dataType": "boolean"},
        {"name": "Lead ID", "dataType": "integer"},
        {"name": "{{ Day }}", "dataType": "date"},
        {"name": "When", "dataType": "datetime"},
    ],
}
NATIVE = {
    'It\'s ~1/2 "odd" \\ 日本': "a 'b'",
    "*": 9007199254740993,
    "Order": 5.0,
    "score": 0.5,
    "Score": True,
    "Lead ID": 7,
    "{{ Day }}": "2026-10-01",
    "When": "2026-10-02T09:15:00Z",
    "Unlisted": [1],
}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


REST = [{"name": name, "value": _text(value)} for name, value in NATIVE.items()]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("account")
    ours = folder / "dbt"
    for name in ("macros", "tests", "models/staging/transload"):
        shutil.copytree(PROJECT / name, ours / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, ours / name)
    models = ours / "models" / "staging"
    (models / "marketo").mkdir()
    (models / "marketo" / "columns.toml").write_text(
        '[activities]\nattributes = "attributes"\n'
        '[deleted_leads]\nattributes = "attributes"\n'
        '[leads]\nregionCode_c = "string"\nRegionCode_c = "string"\nlifetimeValue_c = "number"\n'
        '[custom_object_car_c]\nleadId = "integer"\n"Built on" = "date"\n'
    )
    streams = STREAMS | {
        "leads": stream({"id": "integer"}, "id"),
        "custom_object_car_c": {**stream({"marketoGUID": "string"}, "marketoGUID"), "unlisted": True},
    }
    types = json.dumps([TASTING, {"id": 100002, "name": "Nothing said"}])
    ended = generate(models, "--activity-types", "-", source="marketo", streams=streams, stdin=types)
    assert ended.returncode == 0, ended.stderr

    lake = FixtureLake(folder / "lake", "marketo")
    lake.load(
        "activities", [_activity("bulk", 100001, NATIVE), _activity("rest", 100001, REST), _activity("n", 100002)]
    )
    lake.load("leads", [{"id": 1, "regionCode_c": "west", "RegionCode_c": "W", "lifetimeValue_c": 12.5}])
    lake.load("custom_object_car_c", [{"marketoGUID": "a", "leadId": 1, "Built on": "2020-05-01"}])
    database = folder / "warehouse.duckdb"
    outcome = parse(folder / "scratch", ours).run("build", lake=lake.root, database=database)
    assert outcome.success, outcome.text
    return database


def _activity(guid: str, type_: int, attributes: Any = None) -> dict[str, Any]:
    return {"marketoGUID": guid, "leadId": 1, "activityTypeId": type_, "attributes": attributes}


def test_attributes_of_both_shapes_have_typed_columns(warehouse: Path) -> None:
    columns = """it_s_1_2_odd, field, attended_wine_cheese_100_order, score, score_2, attended_wine_cheese_100_lead_id, day,
        attended_wine_cheese_100_when, attributes->>'Unlisted'"""
    sql = f"select marketo_guid, lead_id, {columns} from staging.stg_marketo__activity_attended_wine_cheese_100 order by 1"
    values = ("a 'b'", 9007199254740993, Decimal(5), Decimal("0.5"), True, 7, date(2026, 10, 1))
    values += (datetime(2026, 10, 2, 9, 15), "[1]")  # noqa: DTZ001 - UTC, as the warehouse has it
    assert query(warehouse, sql) == [("bulk", 1, *values), ("rest", 1, *values)]


def test_a_type_without_attributes(warehouse: Path) -> None:
    sql = "select marketo_guid, attributes from staging.stg_marketo__activity_nothing_said"
    assert query(warehouse, sql) == [("n", None)]


def test_fields_of_the_account_have_columns(warehouse: Path) -> None:
    sql = "select id, region_code_c, region_code_c_2, lifetime_value_c::double from staging.stg_marketo__leads"
    assert query(warehouse, sql) == [(1, "W", "west", 12.5)]


def test_a_custom_object_is_a_stream(warehouse: Path) -> None:
    sql = "select marketo_guid, lead_id, built_on from staging.stg_marketo__custom_object_car_c"
    assert query(warehouse, sql) == [("a", 1, date(2020, 5, 1))]
