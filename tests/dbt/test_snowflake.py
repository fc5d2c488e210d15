"""The same project for Snowflake, as far as it goes without an account: it compiles, and its DDL looks as it should."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from dbt_harness import PROJECT, dbt_options

# Run in a process of its own, since two adapters in one are untidy when it ends, and once, since parsing takes long: compiles
# all models, then stages the external tables with an adapter that answers for Snowflake. It notes each statement, and knows the
# tables (`there`) or doesn't.
SCRIPT = r"""
import json
import sys
from types import SimpleNamespace
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.snowflake.impl import SnowflakeAdapter
from dbt.cli.main import dbtRunner
from dbt_common.clients.agate_helper import empty_table

options = ["--target", "snowflake", "--no-populate-cache", *sys.argv[2:]]
found = {}

def run(*command):
    outcome = runner.invoke([*command, *options])
    if not outcome.success:
        sys.exit(str(outcome.exception))
    return outcome.result

runner = dbtRunner()
runner = dbtRunner(run("parse"))
models = ["--select", "path:models", "external_tables", "--exclude", "resource_type:unit_test resource_type:test"]
run("compile", "--no-introspect", *models)
odd = ["It's", 'say "x"']
fields = f"{{{{ json_field(json_fields('value', {odd}), {odd}, 'say \"x\"') }}}}"
found["odd"] = run("compile", "--no-introspect", "--inline", fields).results[0].node.compiled_code

for tables in ("there", "missing"):
    found[tables] = []

    def execute(self, sql, *args, **kwargs):
        found[tables].append(" ".join(sql.split()))
        return AdapterResponse("SUCCESS"), empty_table()

    SnowflakeAdapter.execute = execute
    SnowflakeAdapter.get_relation = lambda *args: SimpleNamespace() if tables == "there" else None
    run("run-operation", "stage_external_sources")

with open(sys.argv[1], "w") as file:
    json.dump(found, file)
"""


@dataclass
class Compiled:
    """What became of the project.

    Args:
        folder: of the compiled models.
        found: the statements that stage the external tables, and a field with an odd name.
    """

    folder: Path
    found: dict[str, list[str]]

    def __call__(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    scratch = tmp_path_factory.mktemp("snowflake")
    found = scratch / "found.json"
    command = [sys.executable, "-c", SCRIPT, str(found), *dbt_options(scratch)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return Compiled(scratch / "compiled" / "transload", json.loads(found.read_text()))


def test_staging_reads_variants(compiled: Compiled) -> None:
    sql = compiled("models/staging/pestroutes/stg_pestroutes__subscription.sql")
    assert 'try_to_number(trim(fields:"subscriptionID"::varchar), 38, 0) as subscription_id' in sql
    assert compiled.found["odd"] == 'value:"say ""x"""::varchar'


def test_offsets_are_written_as_snowflake_reads_them(compiled: Compiled) -> None:
    """It knows +00:00 behind a T and a time, and neither +0000 nor Z+0000."""
    sql = compiled("models/staging/marketo/stg_marketo__programs.sql")
    is_zoned = re.search(r"""regexp_like\(fields:"createdAt"::varchar, '(.*)'\)""", sql)
    written = re.search(
        r"""regexp_replace\(trim\(fields:"createdAt"::varchar\), '(.*)', '(.*)'\) as timestamp_tz""", sql
    )
    assert is_zoned
    assert written
    offsets = {"Z": "Z", "+0000": "+00:00", "Z+0000": "+00:00", "-08:00": "-08:00", "Z-0530": "-05:30", "+02": "+02"}
    for sent, meant in offsets.items():
        assert re.fullmatch(is_zoned[1], f"2026-10-02T09:15:00{sent}")
        replacement = written[2].replace("\\\\", "\\")
        assert re.sub(written[1], replacement, f"2026-10-02T09:15:00{sent}") == f"2026-10-02T09:15:00{meant}"
    assert not re.fullmatch(is_zoned[1], "2026-10-02 09:15:00")


def test_attributes_become_an_object(compiled: Compiled) -> None:
    sql = compiled("models/staging/marketo/stg_marketo__activities.sql")
    assert "(found, item) -> object_insert(found, item:name::varchar, item:value, true)" in sql
    sql = compiled("models/staging/marketo/activities/stg_marketo__activity_visit_webpage.sql")
    assert re.search(r'trim\(replace\(fields:"Client IP Address"::varchar, .* as client_ip_address,', sql)


def test_no_model_uses_a_function_of_duckdb(compiled: Compiled) -> None:
    theirs = "json_extract_string|list_\\w+|string_split|unnest|strftime|timezone|date_diff|starts_with|regexp_matches|to_json"
    paths = list(compiled.folder.glob("models/**/*.sql"))
    assert len([path for path in paths if "marts" in path.parts]) == 8
    for path in paths:
        assert re.findall(rf"\b({theirs})\(", path.read_text(encoding="utf-8")) == [], path.name


def test_external_tables(compiled: Compiled) -> None:
    sql = compiled("analyses/external_tables.sql")
    assert "create external table ANALYTICS.transload.loads (" in sql
    assert 'records integer as (try_to_number(trim(value:"records"::varchar), 38, 0)),' in sql
    assert "create external table ANALYTICS.raw_pestroutes.applied_payment (" in sql
    assert "load_id varchar as (split_part(metadata$filename, '/', -2))\n    )\n    partition by (load_date)" in sql
    assert "location = @TRANSLOAD_LAKE/pestroutes/appliedPayment/" in sql
    assert "create external table ANALYTICS.raw_marketo.program_members (" in sql


@pytest.mark.parametrize(("tables", "begin"), [("there", "alter external table"), ("missing", "create external table")])
def test_commit_records_are_refreshed_before_the_parts_that_they_name(
    compiled: Compiled, tables: str, begin: str
) -> None:
    """A load that is committed meanwhile must not be among the loads before its parts are known."""
    staged = [statement for statement in compiled.found[tables] if statement.startswith(begin)]
    assert staged[0].startswith(f"{begin} ANALYTICS.transload.loads ")
    declared = sum(file.read_text().count(" external:") for file in PROJECT.glob("models/staging/*/_sources.yml"))
    assert len(set(staged)) == len(staged) == declared
