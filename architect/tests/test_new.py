"""`architect new`: a made-up source with two streams is made, and then really runs against its sandbox."""

from __future__ import annotations

import ast
import json
import keyword
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transload_architect.design.reading import parse_spec
from transload_architect.design.verdict import make_plan
from transload_architect.scaffold.edits import EDITS, edited
from transload_architect.scaffold.names import taken_by

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(300)
# What making and trying a source needs of the repository.
COPIED = ("conftest.py", "pyproject.toml", "Makefile", "docker-bake.hcl", "dags", "dbt", "helm", "tools", "requirements",
          "docs/cli", "extractors/*/README.md", "extractors/core/src/transload/testing/kit.py", "tests/sandbox/src", "tests/repository", "tests/dags")  # fmt: skip


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

    (folder / "spec.yaml").write_text(yaml.safe_dump(data))
    return CliRunner().invoke(main, ["new", str(folder / "spec.yaml"), "--root", str(folder)])


@pytest.fixture(scope="module")
def walden() -> dict[str, Any]:
    return {
        "source": "walden",  # imports are sorted: behind those of the sandboxes
        "title": "Walden",
        "limits": {"calls_per_day": 10_000, "calls_per_minute": 60},
        "call": {"records": 1000, "seconds": 0.5},
        "environments": {"staging": {}, "production": {}},
        "consumers": ["sales reports"],
        "streams": {
            "order": {
                "rows": 100_000,
                "bytes": 400,
                "changes_per_day": 1000,
                "found_by": ["updatedAt", "createdAt"],
                "deletes": "hidden",
                "freshness": "30 hours",
            },
            "shop": {
                "rows": 50,
                "bytes": 200,
                "changes_per_day": 1,
                "found_by": "nothing",
                "freshness": "8 days",
                "primary_key": ["shopId", "region"],
            },
        },
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, walden: dict[str, Any]) -> tuple[Path, Result]:
    """A repository in which it was made, and what was said."""
    folder = copy(tmp_path_factory.mktemp("repository"))
    return folder, new(folder, walden)


@pytest.fixture(scope="module")
def inside(made: tuple[Path, Result]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Returns a function that runs Python in that repository, where the new packages come before the installed ones."""
    folder, _ = made
    paths = os.pathsep.join(str(folder / one) for one in ("extractors/walden/src", "tests/sandbox/src"))

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
    assert said.output.splitlines()[:7] == [
        "dags/walden                  3 files written",
        "dbt/models/staging/walden    1 file written",
        "extractors/walden            10 files written",
        "lines in files of all        9 files written",
        "requirements                 2 files written",
        "tests/sandbox                1 file written",
        "",
    ]
    assert "Left to do:\n1. make setup" in said.output
    done = inside("-m", "pytest", "-q", "-p", "no:randomly", "extractors/walden")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [name for name, text in tree(folder).items() if b"TO" + b"DO" in text and "walden" in name]


def test_what_was_made_is_in_the_projects_style_and_nothing_generated_is_stale(
    made: tuple[Path, Result], inside: Callable[..., Any]
) -> None:
    folder, _ = made
    for command in (
        ("-m", "ruff", "check", "--no-cache", "extractors/walden", "dags", "tools", "tests"),
        ("-m", "ruff", "format", "--no-cache", "--check", "extractors/walden", "dags", "tools", "tests"),
        ("-m", "tools.reference", "--check"),
        ("-m", "tools.chart_readme", "--check"),
        ("-m", "transload_architect.cli", "check"),
    ):
        done = inside(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert (folder / "dbt/models/staging/walden/stg_walden__order.sql").is_file()
    assert (folder / "docs/cli/walden.md").is_file()
    assert "  walden: {enabled: false, secret: {}}\n" in (folder / "helm/values.yaml").read_text()


def test_its_dags_are_what_its_specification_asks_for(made: tuple[Path, Result]) -> None:
    """Read as a checker reads them; tests/dags loads the DAGs of whatever sources there are."""
    folder, _ = made
    weekly = (folder / "dags/walden/weekly.py").read_text()
    assert '"walden_weekly"' in weekly
    assert 'CronDataIntervalTimetable("0 4 * * SUN", timezone="UTC")' in weekly
    assert "full_refresh=True" in weekly
    assert "shop" not in (folder / "dags/walden/daily.py").read_text()
    assert json.loads((folder / "dags/pools.json").read_text())["walden"]["slots"] == 2
    assert (folder / "dags/walden/spec.yaml").read_text() == (folder / "spec.yaml").read_text()


def test_made_once_more_nothing_changes_and_nothing_is_overwritten(
    made: tuple[Path, Result], walden: dict[str, Any]
) -> None:
    folder, _ = made
    before = tree(folder)
    again = new(folder, walden)
    assert again.exit_code == 0, again.output
    assert "extractors/walden            0 files written, 10 there already" in again.output
    assert again.output.endswith(
        "Left to do:\n1. make docs, then make test, which holds DAGs and extractor against the specification\n"
    )
    assert tree(folder) == before


def test_what_people_changed_since_stays_and_a_changed_specification_is_followed(
    made: tuple[Path, Result], walden: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "repository"
    shutil.copytree(made[0], folder)
    spec, streams = folder / "dags/walden/spec.yaml", folder / "extractors/walden/src/walden/streams.py"
    client = folder / "extractors/walden/src/walden/client.py"
    client.write_text(client.read_text() + "# a line of mine\n")
    (folder / "requirements/walden.txt").write_text("# locked anew\n")
    visit = {**walden["streams"]["order"], "freshness": "1 hour"}
    changed = {
        **walden,
        "limits": {**walden["limits"], "pod_share_percent": 25},
        "streams": {**walden["streams"], "visit": visit},
    }

    refused = new(folder, changed)  # from a file elsewhere, while the specification lives beside the DAGs
    assert refused.exit_code == 2
    (line,) = refused.output.splitlines()
    assert line.startswith(
        "Error: dags/walden: daily.py, spec.yaml, weekly.py are there, and not as it would be written. The spec"
    )

    spec.write_text(yaml.safe_dump(changed))
    mine = tree(folder)
    refused = again(folder)
    (line,) = refused.output.splitlines()
    assert line.startswith(
        "Error: dags/walden: daily.py, weekly.py are there, and not as it would be written. Remove what shall"
    )
    assert tree(folder) == mine

    for path in spec.parent.glob("*.py"):
        path.unlink()
    done = again(folder)
    assert done.exit_code == 0, done.output
    assert "dags/walden                  3 files written, 1 there already" in done.output
    assert "extractors/walden            0 files written, 10 there already" in done.output
    assert "visit" in (folder / "dags/walden/intraday.py").read_text()
    assert json.loads((folder / "dags/pools.json").read_text())["walden"]["slots"] == 4
    assert "# a line of mine" in client.read_text()
    (asked,) = re.findall(r"streams.py does not know visit: add (.*)", done.output)
    streams.write_text(
        streams.read_text().replace(
            "STREAMS: tuple[Stream, ...] = (\n", f"STREAMS: tuple[Stream, ...] = (\n    {asked}\n"
        )
    )
    sandbox = folder / "tests/sandbox/src/sandbox/walden.py"
    (asked,) = re.findall(r"sandbox/walden.py does not know visit: add (.*)", done.output)
    sandbox.write_text(re.sub(r"(STREAMS: .* = {\n)", rf"\1    {asked}\n", sandbox.read_text()))

    done = again(folder)
    assert "does not know" not in done.output
    assert (folder / "dbt/models/staging/walden/stg_walden__visit.sql").is_file()
    (spec.parent / "nightly.py").write_text("")
    assert "dags/walden/nightly.py: the specification asks for no such file; remove it" in again(folder).output


def again(folder: Path) -> Result:
    from transload_architect.cli import main

    return CliRunner().invoke(main, ["new", str(folder / "dags/walden/spec.yaml"), "--root", str(folder)])


WORDS = sorted(
    {word for path in EDITS for word in re.findall(r"\b[a-z][a-z0-9]*\b", (ROOT / path).read_text())}
    - set(keyword.kwlist)
)


@settings(deadline=None, max_examples=40)
@example("pestroutes")
@example("marketo")
@example("source")
@given(st.sampled_from(WORDS))
def test_lines_are_put_though_the_name_is_a_word_of_the_file_and_only_once(walden: dict[str, Any], word: str) -> None:
    plan = make_plan(parse_spec({**walden, "source": word}))
    for path in EDITS:
        text = (ROOT / path).read_text()
        once = edited(path, text, plan)
        assert (once == text) == (word in ("pestroutes", "marketo")), path
        assert edited(path, once, plan) == once
        if path.endswith(".py"):
            ast.parse(once)
    tools = tomllib.loads(edited("pyproject.toml", (ROOT / "pyproject.toml").read_text(), plan))["tool"]
    assert f"extractors/{word}/src" in tools["mypy"]["files"]
    assert f"extractors/{word}/src" in tools["mypy"]["mypy_path"].split(":")
    assert word in tools["ruff"]["lint"]["isort"]["known-first-party"]


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        ("class", "a word of Python or a module of its library"),
        ("click", "a package that is installed here"),
        ("helm", "helm, which is there and was not made by this command"),
        ("core", "extractors/core, which is there and was not made by this command"),
        ("clock", "tests/sandbox/src/sandbox/clock.py, which is there and was not made by this command"),
        ("serve", "serve in tests/sandbox/src/sandbox/cli.py"),
        ("root", "ROOT in tools/reference.py"),
        ("airflow", "an image in docker-bake.hcl"),
        ("lake", "transload-lake in helm/"),
        ("walden", ""),
        ("source", ""),
    ],
)
def test_a_name_that_something_else_has_is_refused(source: str, taken: str) -> None:
    assert taken_by(source, source, ROOT).startswith(taken)
    assert bool(taken_by(source, source, ROOT)) == bool(taken)


def test_a_schedule_that_the_rules_would_refuse_is_refused(tmp_path: Path, walden: dict[str, Any]) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.architect.check]\nfile-names = ['daily', 'weekly']\n")
    schedules = {"quarterly": {"at": "04:00", "full": True}, "daily": {"at": "03:00"}}
    refused = new(tmp_path, {**walden, "schedules": schedules})
    assert refused.exit_code == 2
    assert (
        "schedules.quarterly: a DAG file here must be one of daily, weekly (file-names in pyproject.toml)"
        in refused.output
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source": "Walden"}, "it must be lower case and digits"),
        ({"source": "class"}, "source: class has the name of a word of Python"),
        ({"source": "json"}, "call the source otherwise, such as jsonapi"),
        ({"source": "dags"}, "source: dags has the name of dags, which is there"),
        ({"limits": {"calls_per_day": 10}}, "Possible with a limit of"),
        (
            {"streams": {"a": {"rows": 1, "bytes": 1, "changes_per_day": 1, "found_by": "x", "freshness": "30 hours"}}},
            "no file loads anything anew",
        ),
    ],
    ids=["name", "keyword", "module", "folder", "limits", "no full refresh"],
)
def test_what_cannot_be_made_writes_nothing(
    tmp_path: Path, walden: dict[str, Any], changes: dict[str, Any], says: str
) -> None:
    (tmp_path / "dags").mkdir()
    refused = new(tmp_path, {**walden, **changes})
    assert refused.exit_code == 2
    assert says in refused.output
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["spec.yaml"]


def test_another_repository_is_told_so(tmp_path: Path, walden: dict[str, Any]) -> None:
    refused = new(tmp_path, walden)
    assert (refused.exit_code, "is this the top of Transload's repository" in refused.output) == (2, True)
    copy(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text("nothing that we know\n")
    refused = new(tmp_path, walden)
    assert "docker-bake.hcl: the place for walden is not found" in refused.output
    assert not (tmp_path / "extractors/walden").exists()
