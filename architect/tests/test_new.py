"""`architect new`: a made-up source with two streams is made, and then really runs against its sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(300)
# What making and trying a source needs of the repository.
COPIED = ("conftest.py", "pyproject.toml", "Makefile", "docker-bake.hcl", "dags", "dbt", "helm", "tools", "requirements",
          "docs/cli", "extractors/pestroutes/README.md", "extractors/marketo/README.md", "tests/sandbox/src", "tests/repository", "tests/dags")  # fmt: skip


def copy(folder: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *COPIED],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def new(folder: Path, data: Any) -> Result:
    from transload_architect.cli import main

    (folder / "acme.yaml").write_text(yaml.safe_dump(data))
    return CliRunner().invoke(main, ["new", str(folder / "acme.yaml"), "--root", str(folder)])


@pytest.fixture(scope="module")
def acme() -> dict[str, Any]:
    return {
        "source": "acme",
        "title": "Acme",
        "limits": {"calls_per_day": 10_000, "calls_per_minute": 60},
        "call": {"records": 1000, "seconds": 0.5},
        "environments": {"staging": {}, "production": {}},
        "consumers": ["sales reports"],
        "streams": {
            "order": {
                "rows": 100_000,
                "bytes": 400,
                "changes_per_day": 1000,
                "found_by": "updatedAt",
                "deletes": "hidden",
                "freshness": "30 hours",
            },
            "shop": {
                "rows": 50,
                "bytes": 200,
                "changes_per_day": 1,
                "found_by": "nothing",
                "freshness": "8 days",
                "primary_key": ["shopId"],
            },
        },
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, acme: dict[str, Any]) -> tuple[Path, Result]:
    """A repository in which it was made, and what was said."""
    folder = copy(tmp_path_factory.mktemp("repository"))
    return folder, new(folder, acme)


@pytest.fixture(scope="module")
def inside(made: tuple[Path, Result]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Returns a function that runs Python in that repository, where the new packages come before the installed ones."""
    folder, _ = made
    paths = os.pathsep.join(str(folder / one) for one in ("extractors/acme/src", "tests/sandbox/src"))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        for name in [name for name in environment if name.startswith(("PYTEST_", "TRANSLOAD_"))]:
            del environment[name]
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_source_is_made_and_its_own_tests_run_it_against_its_sandbox(
    made: tuple[Path, Result], inside: Callable[..., Any]
) -> None:
    folder, said = made
    assert said.exit_code == 0, said.output
    assert "files written, 0 were so already. Left to do:\n1. make setup" in said.output
    done = inside("-m", "pytest", "-q", "-p", "no:randomly", "extractors/acme")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [name for name, text in tree(folder).items() if b"TO" + b"DO" in text and "acme" in name]


def test_what_was_made_is_in_the_projects_style_and_nothing_generated_is_stale(
    made: tuple[Path, Result], inside: Callable[..., Any]
) -> None:
    folder, _ = made
    for command in (
        ("-m", "ruff", "check", "--no-cache", "extractors/acme", "dags", "tools", "tests"),
        ("-m", "ruff", "format", "--no-cache", "--check", "extractors/acme", "dags", "tools", "tests"),
        ("-m", "tools.reference", "--check"),
        ("-m", "tools.chart_readme", "--check"),
        ("-m", "transload_architect.cli", "check"),
    ):
        done = inside(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert (folder / "dbt/models/staging/acme/stg_acme__order.sql").is_file()
    assert (folder / "docs/cli/acme.md").is_file()
    assert "  acme: {enabled: false, secret: {}}\n" in (folder / "helm/values.yaml").read_text()


def test_its_dags_are_what_its_specification_asks_for(made: tuple[Path, Result]) -> None:
    """Read as a checker reads them; tests/dags loads the DAGs of whatever sources there are."""
    folder, _ = made
    weekly = (folder / "dags/acme/weekly.py").read_text()
    assert '"acme_weekly"' in weekly
    assert 'CronDataIntervalTimetable("0 4 * * SUN", timezone="UTC")' in weekly
    assert "full_refresh=True" in weekly
    assert "shop" not in (folder / "dags/acme/daily.py").read_text()
    assert json.loads((folder / "dags/pools.json").read_text())["acme"]["slots"] == 2
    assert (folder / "dags/acme/spec.yaml").read_text() == (folder / "acme.yaml").read_text()


def test_made_once_more_nothing_changes_and_nothing_is_overwritten(
    made: tuple[Path, Result], acme: dict[str, Any]
) -> None:
    folder, _ = made
    before = tree(folder)
    again = new(folder, acme)
    assert again.exit_code == 0, again.output
    assert again.output.startswith("0 files written")
    assert tree(folder) == before
    streams = folder / "extractors/acme/src/acme/streams.py"
    text = streams.read_text()
    try:
        streams.write_text(text + "# a line of mine\n")
        mine = tree(folder)
        refused = new(folder, acme)
        assert refused.exit_code == 2
        assert "extractors/acme/src/acme/streams.py is there, and not as it would be written" in refused.output
        assert tree(folder) == mine
    finally:
        streams.write_text(text)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source": "Acme"}, "it must be lower case and digits"),
        ({"source": "class"}, "source: class is a word of Python, a package, or a folder that is there"),
        ({"source": "json"}, "give the source another name, such as jsonapi"),
        ({"source": "dags"}, "source: dags is"),
        ({"limits": {"calls_per_day": 10}}, "Possible with a limit of"),
        (
            {"streams": {"a": {"rows": 1, "bytes": 1, "changes_per_day": 1, "found_by": "x", "freshness": "30 hours"}}},
            "no file loads anything anew",
        ),
    ],
    ids=["name", "keyword", "module", "folder", "limits", "no full refresh"],
)
def test_what_cannot_be_made_writes_nothing(
    tmp_path: Path, acme: dict[str, Any], changes: dict[str, Any], says: str
) -> None:
    (tmp_path / "dags").mkdir()
    refused = new(tmp_path, {**acme, **changes})
    assert refused.exit_code == 2
    assert says in refused.output
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["acme.yaml"]


def test_another_repository_is_told_so(tmp_path: Path, acme: dict[str, Any]) -> None:
    refused = new(tmp_path, acme)
    assert (refused.exit_code, "is this the top of Transload's repository" in refused.output) == (2, True)
    copy(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text("nothing that we know\n")
    refused = new(tmp_path, acme)
    assert "docker-bake.hcl: the place for acme is not found" in refused.output
    assert not (tmp_path / "extractors/acme").exists()
