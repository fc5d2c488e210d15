#!/bin/sh
# The first run on a real account, as docs/snowflake.md has it: stops at the first step that does not go as it should.
# Needs SNOWFLAKE_* and a lake that the account's stage points to; TRANSLOAD_SMOKE_STREAM is a small one that was loaded.
set -eu
: "${SNOWFLAKE_ACCOUNT:?set SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER and SNOWFLAKE_PRIVATE_KEY_FILE: docs/snowflake.md}"
small=${TRANSLOAD_SMOKE_STREAM:-stg_pestroutes__office}
cd "$(dirname "$0")/../dbt"
PATH=$PWD/../.venv-dbt/bin:$PATH
export PATH DBT_TARGET=snowflake

step() { printf '\n== %s\n' "$*"; "$@"; }

step dbt debug
step dbt run-operation stage_external_sources --args '{dry_run: true}'
step dbt run-operation stage_external_sources
printf '\n== once more: nothing is to be refreshed\n'
again=$(dbt run-operation stage_external_sources)
printf '%s\n' "$again"
printf '%s\n' "$again" | grep -q '0 refreshes for 0 loads' || { echo 'the second staging was not idle (or a load was committed meanwhile)' >&2; exit 1; }
step dbt build
step dbt test --select test_name:reconciled --vars 'reconcile: all'
step dbt build --select "+$small" --vars 'load: raw'
step dbt show --inline "select stream, count(*) as loads, max(staging_lag_seconds) as slowest from {{ ref('transload_loads') }} group by stream"
printf '\nAll steps went as they should.\n'
