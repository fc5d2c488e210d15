"""The same project for Snowflake, as far as it goes without an account: it compiles, and its DDL looks as it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dbt_harness import PROJECT, dbt_options

# Stages the external tables with an adapter that answers for Snowflake: it prints each statement, and knows the tables
# (`there`) or doesn't.
STAGE = """
import sys
from types import SimpleNamespace
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.snowflake.impl import SnowflakeAdapter
from dbt.cli.main import dbtRunner
from dbt_common.clients.agate_helper import empty_table

def execute(self, sql, *args, **kwargs):
    print("SQL:", " ".join(sql.split()))
    return AdapterResponse("SUCCESS"), empty_table()

SnowflakeAdapter.execute = execute
SnowflakeAdapter.get_relation = lambda *args: SimpleNamespace() if sys.argv[1] == "there" else None
outcome = dbtRunner().invoke(["run-operation", "stage_external_sources", "--target", "snowflake", *sys.argv[2:]])
sys.exit(str(outcome.exception) if not outcome.success else 0)
"""


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


@pytest.mark.parametrize(("tables", "begin"), [("there", "alter external table"), ("missing", "create external table")])
def test_commit_records_are_refreshed_before_the_parts_that_they_name(tmp_path: Path, tables: str, begin: str) -> None:
    """A load that is committed meanwhile must not be among the loads before its parts are known."""
    command = [sys.executable, "-c", STAGE, tables, "--no-populate-cache", *dbt_options(tmp_path)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    staged = [line for line in outcome.stdout.splitlines() if line.startswith(f"SQL: {begin}")]
    assert staged[0].startswith(f"SQL: {begin} ANALYTICS.transload.loads ")
    declared = sum(file.read_text().count(" external:") for file in PROJECT.glob("models/staging/*/_sources.yml"))
    assert len(set(staged)) == len(staged) == declared
