"""The same project for Snowflake, as far as it goes without an account: it compiles, and its DDL looks as it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dbt_harness import dbt_options


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what was compiled, by a process of its own: two adapters in one are untidy when it ends."""
    scratch = tmp_path_factory.mktemp("snowflake")
    selection = ["--select", "+path:models/marts", "external_tables", "--exclude", "resource_type:unit_test"]
    offline = ["--target", "snowflake", "--no-populate-cache", "--no-introspect"]
    command = [sys.executable, "-m", "dbt.cli.main", "compile", *selection, *offline, *dbt_options(scratch)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return scratch / "compiled" / "transload"


def test_staging_reads_variants(compiled: Path) -> None:
    sql = (compiled / "models/staging/pestroutes/stg_pestroutes__subscription.sql").read_text()
    assert 'try_to_number(trim(fields:"subscriptionID"::varchar), 38, 0) as subscription_id' in sql
    assert "json_extract_string" not in sql
    assert "timezone(" not in sql.replace("convert_timezone(", "")


def test_marts_use_no_function_of_duckdb(compiled: Path) -> None:
    marts = list((compiled / "models/marts").glob("*.sql"))
    assert len(marts) == 4
    for path in marts:
        sql = path.read_text()
        assert "date_diff(" not in sql
        assert "timezone(" not in sql.replace("convert_timezone(", "")


def test_external_tables(compiled: Path) -> None:
    sql = (compiled / "analyses/external_tables.sql").read_text()
    assert "create external table ANALYTICS.transload.loads (" in sql
    assert 'records integer as (try_to_number(trim(value:"records"::varchar), 38, 0)),' in sql
    assert "create external table ANALYTICS.raw_pestroutes.applied_payment (" in sql
    assert "load_id varchar as (split_part(metadata$filename, '/', -2))\n    )\n    partition by (load_date)" in sql
    assert "location = @TRANSLOAD_LAKE/pestroutes/appliedPayment/" in sql
