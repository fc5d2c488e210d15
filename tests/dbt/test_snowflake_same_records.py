"""The demo's data, Marketo's too, from a real S3 server: what DuckDB makes of it and what the stand-in does, row by row."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_harness import PROJECT, Project
from snowflake_harness import Warehouse, green, stand_in

EXTRACTORS = PROJECT.parent / ".venv" / "bin" / "python"
SCHEMAS = ("staging", "intermediate", "marts")
# When a load was staged is not of the data.
NOT_OF_THE_DATA = {"staged_at", "staging_lag_seconds"}
NESTED = ("JSON", "[]", "STRUCT", "MAP")


@pytest.fixture
def opens(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What opens the lake, as environment."""
    folder = tmp_path / "vendors"
    folder.mkdir()
    with (folder / "log.txt").open("w") as log:
        vendors = subprocess.Popen(
            [str(EXTRACTORS), str(Path(__file__).with_name("demo_lake.py")), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert vendors.stdout
            line = vendors.stdout.readline()
            assert line, (folder / "log.txt").read_text()
            yield json.loads(line)
        finally:
            vendors.communicate(timeout=60)  # closes its stdin


@pytest.mark.timeout(1800)  # two extractions, and every model on both engines: a busy machine needs longer
def test_both_engines_make_the_same_of_the_demo(
    opens: dict[str, str],
    project: Project,
    snowflake_dbt: tuple[int, subprocess.Popen[str]],
    tmp_path: Path,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in opens.items():
        monkeypatch.setenv(name, value)
    built = project.run("run", lake="s3://raw", database=database)
    assert built.success, built.text

    port, process = snowflake_dbt
    reached = {**opens, "AWS_ENDPOINT_URL": opens["TRANSLOAD_ENDPOINT_URL"]}
    with stand_in("s3://raw", port, tmp_path / "stand_in", **reached), duckdb.connect(str(database)) as ours:
        found = Warehouse(port, process)
        green(found.dbt("run"))
        compared = 0
        for schema, table in tables(ours):
            columns = {name: kind for name, kind in columns_of(ours, schema, table) if name not in NOT_OF_THE_DATA}
            query = f"select {', '.join(selected(columns))} from {{}}{schema}.{table}"
            expected = normal(ours.execute(query.format("")).fetchall(), list(columns.values()))
            assert normal(found.query(query.format("analytics.dbt_")), list(columns.values())) == expected, table
            compared += len(expected)
    assert compared > 40_000


def tables(ours: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    found = ours.execute("select table_schema, table_name from information_schema.tables order by all").fetchall()
    chosen = [(schema, table) for schema, table in found if schema in SCHEMAS]
    assert len(chosen) > 100
    return chosen


def columns_of(ours: duckdb.DuckDBPyConnection, schema: str, table: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in ours.execute(f"describe {schema}.{table}").fetchall()]


def selected(columns: dict[str, str]) -> list[str]:
    """Moments as texts: the stand-in reads one that is NULL back as the year 1970."""
    return [f"{name}::varchar" if kind.startswith("TIMESTAMP") else name for name, kind in columns.items()]


def normal(rows: list[tuple[Any, ...]], kinds: list[str]) -> list[str]:
    """Rows in one order, with one form for a number, and for JSON."""
    return sorted(repr([plain(value, kind) for value, kind in zip(row, kinds, strict=True)]) for row in rows)


def plain(value: Any, kind: str) -> Any:
    """The stand-in computes decimals as floating-point numbers, and takes a date that something was added to for a moment."""
    if value is None:
        return None
    if any(one in kind for one in NESTED):
        return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True, default=str)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f"{round(Decimal(str(value)), 6).normalize():f}"
    return str(value).removesuffix(" 00:00:00") if kind == "DATE" else str(value)
