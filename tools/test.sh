#!/bin/sh
# Runs the tests of the parts that are named (extractors dbt dags helm images cluster), each in its own environment, one after the
# other. Ends with the sum of the runners' counts.
set -u
cd "$(dirname "$0")/.."
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
failed=0

part() { # name, environment, then pytest's arguments
  name=$1 python=$2
  shift 2
  printf '\n== %s\n' "$name"
  "$python" -m pytest --junit-xml="$reports/$name.xml" "$@" || failed=1
}

for name in "$@"; do
  case $name in
    extractors) part extractors .venv/bin/python -n 2 extractors tests/pipeline tests/sandbox tests/repository ;;
    dbt) part dbt .venv-dbt/bin/python tests/dbt ;;
    dags) part dags .venv-airflow/bin/python tests/dags ;;
    helm) part helm .venv-helm/bin/python tests/helm ;;
    images) part images .venv/bin/python tests/images ;;
    cluster) part cluster .venv/bin/python -p no:randomly tests/cluster ;;
  esac
done

.venv/bin/python tools/count.py "$reports" "$@" || failed=1
exit $failed
