"""How old the data is, is told from when loads were committed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbt_harness import FixtureLake, Project


def test_freshness_is_the_age_of_the_newest_commit(project: Project, lake: FixtureLake, database: Path) -> None:
    hours_ago = {"customer": 30, "appointment": 40, "ticket": 100, "office": 100}
    for stream, hours in hours_ago.items():
        started = (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:00:00.000Z")
        lake.load(stream, [], started_at=started, mode="full")
        lake.load(stream, [], mode="sample")
    assert project.run("run-operation", "stage_external_sources", lake=lake.root, database=database).success

    selection = [f"source:pestroutes.{stream}" for stream in hours_ago]
    outcome = project.run("source", "freshness", "--select", *selection, lake=lake.root, database=database)

    assert not outcome.success
    results = {one.node.name: str(one.status) for one in outcome.result.result.results if one.node.name in hours_ago}
    # A stream without a cursor is loaded weekly.
    assert results == {"customer": "pass", "appointment": "warn", "ticket": "error", "office": "pass"}
