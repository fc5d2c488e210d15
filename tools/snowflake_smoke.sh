#!/bin/sh
# The first run on a real account, as docs/snowflake.md has it: stops at the first step that does not go as it should.
# Needs SNOWFLAKE_* and a lake that the account's stage points to; TRANSLOAD_SMOKE_STREAM is a small one that was loaded.
set -eu
missing=
need() { # variable, what it is
  eval "value=\${$1:-}"
  [ -n "$value" ] || missing="$missing
  $1: $2"
}
need SNOWFLAKE_ACCOUNT "the account's identifier, ORGANIZATION-ACCOUNT"
need SNOWFLAKE_USER "dbt's user; dbt/setup/snowflake.sql makes TRANSLOAD_DBT"
need SNOWFLAKE_PRIVATE_KEY_FILE "the private half of that user's key pair, a file"
refuse() {
  printf '%s\nWhat each is for, and what has a default: docs/snowflake.md\n' "$1" >&2
  exit 78
}
[ -z "$missing" ] || refuse "Not set:$missing"

key=$SNOWFLAKE_PRIVATE_KEY_FILE
{ [ -f "$key" ] && [ -r "$key" ]; } || refuse "SNOWFLAKE_PRIVATE_KEY_FILE is $key: no file that can be read"
first=$(head -n 1 "$key" | tr -d '\0\r')
case $first in
  "-----BEGIN ENCRYPTED PRIVATE KEY-----")
    [ -n "${SNOWFLAKE_PRIVATE_KEY_PASSPHRASE:-}" ] ||
      refuse "SNOWFLAKE_PRIVATE_KEY_FILE is $key, which is encrypted: set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE" ;;
  "-----BEGIN "*"PRIVATE KEY-----") ;;
  *) refuse "SNOWFLAKE_PRIVATE_KEY_FILE is $key: not a private key (PEM); the end of dbt/setup/snowflake.sql says how to make one" ;;
esac
# dbt is started in its own folder.
SNOWFLAKE_PRIVATE_KEY_FILE=$(cd "$(dirname "$key")" && pwd)/$(basename "$key")

small=${TRANSLOAD_SMOKE_STREAM:-stg_pestroutes__office}
cd "$(dirname "$0")/../dbt"
PATH=$PWD/../.venv-dbt/bin:$PATH
export PATH DBT_TARGET=snowflake SNOWFLAKE_PRIVATE_KEY_FILE

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
