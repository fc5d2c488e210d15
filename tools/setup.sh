#!/bin/sh
# Installs the locked environments that are asked for: dev (.venv), dbt (.venv-dbt), airflow (.venv-airflow), helm (.venv-helm).
# Needs python3 (3.11 or newer). Does nothing where the lock has not changed since.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

python_or_die() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { say "python3 of version 3.11 or newer is needed"; exit 1; }
}

# The first environment needs pip, which Debian splits off its python3.
make_venv() {
  [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null && return
  rm -rf .venv
  python3 -m venv .venv >/dev/null 2>&1 && return
  rm -rf .venv
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "setup: installing Debian's python3-venv"
    { apt-get install -y -q python3-venv || { apt-get update -q && apt-get install -y -q python3-venv; }; } >/dev/null
    python3 -m venv .venv
  else
    say "python3 cannot make virtual environments here; install them first: apt-get install python3-venv"
    exit 1
  fi
}

# uv itself by pip, from the lock and checked against its hashes like everything else.
install_uv() {
  lock=.venv/uv.txt
  awk '/^[a-z]/ {on = /^uv==/} on && !/^ *#/' requirements/dev.txt >$lock.new
  [ -x .venv/bin/uv ] && cmp -s $lock $lock.new && return
  if [ -x .venv/bin/uv ]; then # it removes pip, which its own lock does not name
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes -r $lock.new
  else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $lock.new
  fi
  mv $lock.new $lock
}

# What an environment holds: its lock, and in dev the packages of this repository.
contents() { # lock
  cat "requirements/$1.txt"
  [ "$1" != dev ] || printf '%s\n' extractors/*/ tests/sandbox architect
}

install_lock() { # folder, lock
  [ -x "$1/bin/python" ] && contents "$2" | cmp -s - "$1/installed.txt" && return
  say "setup: installing requirements/$2.txt into $1"
  [ -x "$1/bin/python" ] || .venv/bin/uv venv --quiet --python .venv/bin/python "$1"
  .venv/bin/uv pip sync --quiet --python "$1/bin/python" --require-hashes "requirements/$2.txt"
  if [ "$2" = dev ]; then
    for package in extractors/*/ tests/sandbox architect; do
      .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps -e "$package"
    done
  fi
  contents "$2" >"$1/installed.txt"
}

python_or_die
make_venv
install_uv
for name in "$@"; do
  case $name in
    dev) install_lock .venv dev ;;
    *) install_lock ".venv-$name" "tests-$name" ;;
  esac
  [ "$name" != helm ] || .venv/bin/python tools/binaries.py .venv-helm
  [ "$name" != airflow ] || .venv/bin/python tools/provider_sources.py .venv-airflow
done
