"""The same project for Snowflake, as far as it goes without an account: it compiles, and its DDL looks as it should."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from dbt_harness import PROJECT, dbt_options
from sqlfluff.core import FluffConfig, Linter

pytestmark = pytest.mark.timeout(900)  # the first of them parses and compiles the project: a busy machine needs longer

APPROVED = Path(__file__).parent / "approved" / "snowflake.sql"
# Streams that have every type between them.
SAMPLE = (
    "stg_pestroutes__appointment",
    "stg_marketo__activities",
    "stg_marketo__programs",
    "stg_marketo__activity_merge_leads",
)

# Run in a process of its own, since two adapters in one are untidy when it ends, and once, since parsing takes long.
SCRIPT = r"""
import json
import sys
from dbt.cli.main import dbtRunner

options = ["--target", "snowflake", "--no-populate-cache", *sys.argv[2:]]
found = {}

def run(*command):
    outcome = runner.invoke([*command, *options])
    if not outcome.success:
        sys.exit(str(outcome.exception))
    return outcome.result

def compiled(text):
    return run("compile", "--no-introspect", "--inline", text).results[0].node.compiled_code

runner = dbtRunner()
runner = dbtRunner(run("parse"))
models = ["--select", "path:models", "external_tables", "--exclude", "resource_type:unit_test resource_type:test"]
run("compile", "--no-introspect", *models)
odd = ["It's", 'say "x"', "cost$usd"]
for name in odd[1:]:
    found[name] = compiled(f"{{{{ json_field(json_fields('value', {odd}), {odd}, {name!r}) }}}}")

node = "graph.sources['source.transload.pestroutes.customer']"
key = "pestroutes/customer/load_date=2026-01-31/20260131T010203456Z-7f3a9c/part-00000.json.gz"
load = {"load_id": "20260131T010203456Z-7f3a9c", "parts": [{"key": key, "records": 1200}]}
made = [
    "{{ external_table(graph.sources['source.transload.transload.loads']) }};",
    f"{{{{ external_table({node}, replace=true) }}}};",
    "{{ external_table(graph.sources['source.transload.pestroutes.group']) }};",
    f"{{{{ refreshes_of({node}, [{load}])[0] }}}};",
    f"{{{{ copy_parts({node}, {load['parts']}) }}}};",
    f"{{{{ forget_loads([{load}]) }}}};",
    f"{{{{ forget_streams([{node}]) }}}};",
    f"{{{{ unnamed_parts([{node}]) }}}};",
    f"{{{{ list_folder({node}, '{'/'.join(key.split('/')[2:4])}/') }}}};",
    f"{{{{ forget_parts(['{key}']) }}}};",
    f"{{{{ refresh({node}) }}}};",
    "{{ tables_there(['raw_pestroutes_loaded', 'transload_staging']) }};",
    f"{{{{ note_counts({node}, [{load}, {{'load_id': 'empty', 'parts': []}}]) | join(';') }}}};",
    f"{{{{ pending_parts([{node}]) }}}};",
    "{{ ledger_table() }};",
    "{{ applied_loads_table() }};",
    "{{ snowflake__merge_rows('a.b.target', 'a.b.temporary', [['customerID', 'id'], ['day', 'day']], ['ID', 'DAY', 'NAME']) }};",
    "{{ snowflake__replace_rows('a.b.target', 'a.b.temporary', 'ID, DAY, NAME') }}",
]
found["made"] = compiled("{% if execute %}" + " ".join(made) + "{% endif %}")

with open(sys.argv[1], "w") as file:
    json.dump(found, file)
"""


@dataclass
class Compiled:
    """What became of the project.

    Args:
        folder: of the compiled models.
        found: the statements that staging is made of, and a field with an odd name.
    """

    folder: Path
    found: dict[str, str]

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
    assert compiled.found['say "x"'] == 'value:"say ""x"""::varchar'
    assert compiled.found["cost$usd"] == 'value:"cost$usd"::varchar'


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
    assert len([path for path in paths if "marts" in path.parts]) == 9
    for path in paths:
        assert re.findall(rf"\b({theirs})\(", path.read_text(encoding="utf-8")) == [], path.name


def test_external_tables(compiled: Compiled) -> None:
    sql = compiled("analyses/external_tables.sql")
    assert sql.count("create external table if not exists") == sum(
        file.read_text().count(" external:") for file in PROJECT.glob("models/staging/*/_sources.yml")
    )
    assert "location = @TRANSLOAD.TRANSLOAD_LAKE/pestroutes/appliedPayment/" in sql


def test_what_staging_sends_is_what_was_approved(compiled: Compiled) -> None:
    """Who changes a statement on purpose runs this once with APPROVE=1, and reads the difference."""
    made = "\n".join(line.rstrip() for line in compiled.found["made"].splitlines() if line.strip()) + "\n"
    if os.environ.get("APPROVE"):
        APPROVED.write_text(made, encoding="utf-8")
    assert made == APPROVED.read_text(encoding="utf-8")


def complaints(sql: str) -> list[str]:
    """What the grammar of Snowflake does not know."""
    settings = {"dialect": "snowflake", "templater": "raw", "large_file_skip_byte_limit": 0}
    parsed = Linter(config=FluffConfig(overrides=settings)).parse_string(sql)
    return [str(one) for one in parsed.violations]


def test_the_grammar_knows_what_is_wrong() -> None:
    assert complaints("create external table if not exists t (a date as (b) location = @c") != []


def test_the_grammar_knows_every_statement_of_staging(compiled: Compiled) -> None:
    assert complaints(compiled.found["made"]) == []
    assert complaints((PROJECT / "setup" / "snowflake.sql").read_text(encoding="utf-8")) == []


def test_the_grammar_knows_the_models(compiled: Compiled) -> None:
    """All marts, and as many staging models as it takes to have every type of column; all of them with ALL_MODELS=1."""
    models = sorted((PROJECT / "models").rglob("*.sql"))
    if not os.environ.get("ALL_MODELS"):
        models = [path for path in models if "staging" not in path.parts or path.stem in SAMPLE]
    assert len(models) >= len(SAMPLE) + 9
    for path in models:
        assert complaints(compiled(str(path.relative_to(PROJECT)))) == [], path.name
