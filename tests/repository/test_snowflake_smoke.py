"""`make snowflake-smoke` without an account: what it needs it says at once, and its steps come one after another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PEM = "-----BEGIN {}PRIVATE KEY-----\nMIIE\n"
# Stands for dbt: notes what it is asked, and answers as one that has nothing more to stage.
DBT = """#!/bin/sh
echo "$SNOWFLAKE_PRIVATE_KEY_FILE: $*" >>"$ASKED"
echo 'Staged 3 streams: 0 refreshes for 0 loads, 0 tables made'
"""


@pytest.fixture
def smoke(tmp_path: Path) -> Path:
    """The script, beside a dbt that asks nobody."""
    script = tmp_path / "tools" / "snowflake_smoke.sh"
    dbt = tmp_path / ".venv-dbt" / "bin" / "dbt"
    for folder in (script.parent, dbt.parent, tmp_path / "dbt"):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "snowflake_smoke.sh", script)
    dbt.write_text(DBT)
    dbt.chmod(0o755)
    return script


def run(smoke: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Started beside the key, as a person would."""
    environment = {"PATH": "/usr/bin:/bin", "ASKED": str(smoke.parents[1] / "asked"), **environment}
    return subprocess.run(
        ["sh", str(smoke)], cwd=smoke.parents[1], env=environment, capture_output=True, text=True, check=False
    )


def asked(smoke: Path) -> list[str]:
    path = smoke.parents[1] / "asked"
    return path.read_text().splitlines() if path.exists() else []


def test_each_variable_that_is_missing_is_named(smoke: Path) -> None:
    nothing = run(smoke)
    assert nothing.returncode == 78
    for name in ("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USER", "SNOWFLAKE_PRIVATE_KEY_FILE"):
        assert f"\n  {name}: " in nothing.stderr
    one = run(smoke, SNOWFLAKE_ACCOUNT="org-account", SNOWFLAKE_PRIVATE_KEY_FILE="key.p8")
    assert one.stderr.startswith("Not set:\n  SNOWFLAKE_USER: ")
    assert "ACCOUNT:" not in one.stderr
    assert asked(smoke) == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "key.p8: no file that can be read"),
        ("ssh-rsa AAAA\n", "key.p8: not a private key (PEM)"),
        ("", "key.p8: not a private key (PEM)"),
        (PEM.format("ENCRYPTED "), "key.p8, which is encrypted: set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"),
    ],
    ids=["missing", "public", "empty", "encrypted"],
)
def test_a_key_that_no_client_could_use_is_refused(smoke: Path, content: str | None, complaint: str) -> None:
    if content is not None:
        (smoke.parents[1] / "key.p8").write_text(content)
    refused = run(smoke, SNOWFLAKE_ACCOUNT="a", SNOWFLAKE_USER="u", SNOWFLAKE_PRIVATE_KEY_FILE="key.p8")
    assert refused.returncode == 78
    assert complaint in refused.stderr
    assert asked(smoke) == []


@pytest.mark.parametrize("kind", ["", "RSA ", "ENCRYPTED "])
def test_with_all_that_is_needed_the_steps_follow(smoke: Path, kind: str) -> None:
    (smoke.parents[1] / "key.p8").write_text(PEM.format(kind))
    given = {"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PRIVATE_KEY_FILE": "key.p8"}
    done = run(smoke, **given, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE="open")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("All steps went as they should.\n")
    steps = asked(smoke)
    assert [step.split(": ", 1)[1].split()[0] for step in steps] == [
        *("debug", "run-operation", "run-operation", "run-operation", "build", "test", "build", "show")
    ]
    # dbt runs in its own folder, so the key's address is a whole one.
    assert {step.split(": ", 1)[0] for step in steps} == {str(smoke.parents[1] / "key.p8")}
