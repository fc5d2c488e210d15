"""Everything of Marketo built over a small lake that has only that: every stream's model, every test, the marts' figures."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dbt_harness import FixtureLake, Project, query


@pytest.fixture(scope="module")
def warehouse(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marketo")
    lake = FixtureLake(folder / "lake", "marketo")
    # Three leads, then one of them; the other two come never again.
    lake.load("leads", [_lead(1, "2026-09-01T09:00:00Z"), _lead(2), _lead(3), _lead(4, unsubscribed=True)], mode="full")
    lake.load("leads", [_lead(1, "2026-10-03T09:00:00Z", leadScore=185.0)])
    lake.load("deleted_leads", [_activity(37, 2, "2026-10-03T12:00:00+0000", attributes=[])])
    lake.load("activity_types", [{"id": type_} for type_ in (1, 6, 7, 10, 11, 27, 32, 100001)], mode="full")
    lake.load(
        "activities",
        [
            _activity(6, 1, "2026-10-01T10:00:00Z", campaignId=2001, primaryAttributeValueId=5),
            _activity(6, 2, "2026-10-01T10:00:00Z", campaignId=2001, primaryAttributeValueId=5),
            _activity(7, 1, "2026-10-01T10:01:00Z", campaignId=2001, primaryAttributeValueId=5),
            _activity(27, 2, "2026-10-01T10:01:00Z", campaignId=2001, primaryAttributeValueId=5),
            # 3 opened what 1 was sent, before it became 1.
            _activity(10, 1, "2026-10-02T10:00:00Z", campaignId=2001, primaryAttributeValueId=5),
            _activity(10, 3, "2026-10-02T11:00:00Z", campaignId=2001, primaryAttributeValueId=5),
            _activity(1, 2, "2026-10-02T12:00:00Z", attributes={"Webpage URL": "https://example.com/"}),
            _activity(32, 1, "2026-10-03T08:00:00Z", attributes={"Merge IDs": "[3]"}),
            # Sunday in UTC
            _activity(100001, 1, "2026-10-04T23:30:00Z"),
            _activity(
                1, 4, "2026-10-05T00:30:00Z", attributes=[{"name": "Webpage URL", "value": "https://example.com/"}]
            ),
        ],
    )
    lake.load("programs", [{"id": 1001, "name": "Autumn", "type": "Event", "createdAt": "2026-11-18T15:25:35Z+0000"}])
    lake.load("campaigns", [{"id": 2001, "name": "Invitation", "type": "batch", "programId": 1001}], mode="full")
    lake.load(
        "program_members",
        [
            _member(1, reachedSuccess=True, reachedSuccessDate="2026-10-02T09:00:00Z"),
            *(_member(2, reachedSuccess=1), _member(3, reachedSuccess="true"), _member(4)),
        ],
    )
    database = folder / "warehouse.duckdb"
    outcome = project.run("build", "--select", "source:marketo+", lake=lake.root, database=database)
    assert outcome.success, outcome.text
    assert not [one.unique_id for one in outcome.result.result.results if one.status == "warn"]
    return database


def _lead(key: int, updated: str = "2026-09-01T09:00:00Z", **fields: Any) -> dict[str, Any]:
    return {
        "id": key,
        "email": f"{key}@example.com",
        "createdAt": "2026-08-01T09:00:00Z",
        "updatedAt": updated,
        **fields,
    }


def _activity(type_: int, lead: int, moment: str, **fields: Any) -> dict[str, Any]:
    key = f"{type_}-{lead}-{moment}"
    return {"marketoGUID": key, "leadId": lead, "activityDate": moment, "activityTypeId": type_, **fields}


def _member(lead: int, **fields: Any) -> dict[str, Any]:
    return {
        "programId": 1001,
        "leadId": lead,
        "statusName": "Invited",
        "membershipDate": "2026-10-01T09:00:00Z",
        **fields,
    }


def test_lead_lifecycle(warehouse: Path) -> None:
    columns = """lead_id, stage, lead_score::double, activities, last_engaged_at::varchar, became_member_at::varchar,
        reached_success_at::varchar, vanished_at::varchar, merged_into"""
    joined, won, merged = "2026-10-01 09:00:00", "2026-10-02 09:00:00", "2026-10-03 08:00:00"
    assert query(warehouse, f"select {columns} from marts.lead_lifecycle order by lead_id") == [
        (1, "succeeded", 185.0, 6, "2026-10-04 23:30:00", joined, won, None, None),
        (2, "deleted", None, 3, "2026-10-02 12:00:00", None, None, "2026-10-03 12:00:00", None),
        (3, "merged", None, 0, None, None, None, merged, 1),
        (4, "unsubscribed", None, 1, "2026-10-05 00:30:00", joined, None, None, None),
    ]


def test_campaign_performance(warehouse: Path) -> None:
    columns = "campaign_name, program_name, sends, delivered, bounces, opens, unique_opens, open_rate, click_rate"
    assert query(warehouse, f"select {columns} from marts.campaign_performance") == [
        ("Invitation", "Autumn", 2, 1, 1, 2, 1, 1.0, 0.0)
    ]


def test_program_performance(warehouse: Path) -> None:
    columns = "program_name, program_type, members, reached_success, success_rate, campaigns, sends, delivery_rate"
    assert query(warehouse, f"select {columns} from marts.program_performance") == [
        ("Autumn", "Event", 2, 1, 0.5, 1, 2, 0.5)
    ]


def test_engagement_by_week(warehouse: Path) -> None:
    columns = "week, iso_week, active_leads, activities, web_visits, emails_opened, custom_activities, other_activities"
    assert query(warehouse, f"select {columns} from marts.engagement_by_week order by week") == [
        (date(2026, 9, 28), "2026-W40", 1, 9, 1, 2, 1, 1),
        (date(2026, 10, 5), "2026-W41", 1, 1, 1, 0, 0, 0),
    ]


def test_weeks_are_those_of_the_account(
    warehouse: Path, project: Project, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(warehouse, database)
    monkeypatch.setenv("MARKETO_TIME_ZONE", "Asia/Tokyo")

    selection = ("--select", "int_lead_activities", "engagement_by_week")
    assert project.run("run", *selection, lake=warehouse.parent / "lake", database=database).success

    by_week = "select iso_week, activities from marts.engagement_by_week order by week"
    assert query(warehouse, by_week) == [("2026-W40", 9), ("2026-W41", 1)]
    assert query(database, by_week) == [("2026-W40", 8), ("2026-W41", 2)]


def test_an_activity_type_has_a_table_of_its_own(warehouse: Path) -> None:
    sql = "select lead_id, webpage_url from staging.stg_marketo__activity_visit_webpage order by 1"
    assert query(warehouse, sql) == [(2, "https://example.com/"), (4, "https://example.com/")]
    assert query(warehouse, "select lead_id, _load_id is null from staging.stg_marketo__activity_delete_lead") == [
        (2, False)
    ]


def test_nothing_of_the_other_source_is_built(warehouse: Path) -> None:
    sql = "select table_name from information_schema.tables where table_schema in ('staging', 'intermediate', 'marts')"
    names = {name for (name,) in query(warehouse, sql)}
    assert {"stg_marketo__folders", "lead_lifecycle"} < names
    assert not [name for name in names if "pestroutes" in name or name == "customers"]
