"""`architect check` as it is used: on any repository, on broken files, with a configuration, for people and machines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transload_architect.check.config import Config, ConfigError, parse_config
from transload_architect.check.reader import read_file
from transload_architect.check.run import check

DAG = 'from airflow.sdk import DAG, Variable\n\n{}\nwith DAG("sales_daily", tags=["x"], deadline=1, default_args={{"owner": "sales"}}):\n    ...\n'
Write = Callable[[Mapping[str, str]], None]
QUIET = Config(ruff=False)


def rules(folder: Path, config: Config = QUIET) -> Counter[str]:
    return Counter(one.rule for one in check([folder], folder, config).findings)


# What it sees


def test_a_variable_is_found_through_helpers_of_helpers_in_other_modules(write: Write, tmp_path: Path) -> None:
    write(
        {
            "dags/common/a.py": "from common.b import Settings\n\n\ndef limit():\n    return Settings().limit()\n",
            "dags/common/b.py": "from airflow.sdk import Variable as V\n\n\nclass Settings:\n    def limit(self):\n        return V.get('limit')\n",
            "dags/sales/daily.py": DAG.format("from common import a\n\nLIMIT = a.limit()\n"),
        }
    )
    (found,) = check([tmp_path], tmp_path, QUIET).findings
    assert (found.rule, found.path, found.line) == ("ARC104", "dags/sales/daily.py", 5)
    assert "limit (dags/common/a.py) and Settings.limit (dags/common/b.py)" in found.message


@pytest.mark.parametrize(
    "text",
    [
        "def later():\n    return Variable.get('x')\n",
        "later = lambda: Variable.get('x')\n",
        "if __name__ == '__main__':\n    Variable.get('x')\n",
        "from airflow.sdk import task\n\n\n@task\ndef later():\n    return Variable.get('x')\n\n\nlater()\n",
        "class Variable:\n    get = print\n\n\nVariable.get('x')\n",
        "with DAG('a_daily') as dag:\n    @dag.task\n    def later():\n        return Variable.get('x')\n\n    later()\n",
        "dag = DAG('a_daily')\n\n@dag.task.branch(retries=1)\ndef later():\n    return Variable.get('x')\n\nlater()\n",
    ],
    ids=["function", "lambda", "script", "task", "another Variable", "task of a DAG", "branch of a DAG"],
)
def test_what_parsing_does_not_run_is_not_found(write: Write, tmp_path: Path, text: str) -> None:
    write({"dags/sales/daily.py": DAG.format(text)})
    assert rules(tmp_path)["ARC104"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "for name in 'ab':\n    Variable.get(name)\n",
        "try:\n    x = [Variable.get(n) for n in 'ab']\nexcept KeyError:\n    ...\n",
        "def now(x=Variable.get('x')):\n    ...\n",
        "class Settings:\n    x = Variable.get('x')\n",
        "import airflow.models as m\n\nm.Variable.get('x')\n",
    ],
    ids=["loop", "try", "default", "class", "alias"],
)
def test_what_parsing_runs_is_found(write: Write, tmp_path: Path, text: str) -> None:
    write({"dags/sales/daily.py": DAG.format(text)})
    assert rules(tmp_path)["ARC104"] == 1


def test_a_module_that_no_dag_file_imports_may_do_what_it_likes(write: Write, tmp_path: Path) -> None:
    write(
        {"dags/sales/daily.py": DAG.format(""), "jobs/job.py": "import pandas, requests\n\nrequests.get('https://x')\n"}
    )
    assert rules(tmp_path) == Counter()


def test_default_args_are_followed_into_a_helper(write: Write, tmp_path: Path) -> None:
    write(
        {
            "dags/common/base.py": "def defaults(o):\n    return {'deadline': 1, 'tags': [o], 'default_args': {'owner': o, 'retries': 3}}\n",
            "dags/sales/daily.py": "from airflow.sdk import DAG, task\nfrom common.base import defaults\n\n\n@task\ndef load():\n    ...\n\n\n"
            "with DAG('sales_daily', **defaults('sales')):\n    load()\n",
        }
    )
    assert set(rules(tmp_path)) == {"ARC302", "ARC303"}


def test_what_cannot_be_known_is_not_missed(write: Write, tmp_path: Path) -> None:
    write(
        {
            "dags/sales/daily.py": "from airflow.sdk import DAG, task\nfrom elsewhere import defaults, LoadOperator\n\n\n@task\ndef a():\n    ...\n\n\n"
            "with DAG('sales_daily', **defaults('sales')):\n    a()\n    LoadOperator(task_id='load')\n"
        }
    )
    assert rules(tmp_path) == Counter()


# Any file


def test_airflows_own_examples_are_read_and_found_what_they_are(airflow_examples: Path) -> None:
    """They show features, so they lack what production needs; docs/architect.md explains each kind."""
    report = check([airflow_examples], airflow_examples, QUIET)
    found = Counter(one.rule for one in report.findings)
    assert report.files > 50
    assert set(found) <= {
        "ARC201",
        "ARC202",
        "ARC203",
        "ARC207",
        "ARC208",
        "ARC209",
        "ARC301",
        "ARC302",
        "ARC303",
        "ARC305",
        "ARC505",
    }
    assert found["ARC207"] == found["ARC208"] == found["ARC209"] == found["ARC305"] == found["ARC505"] == 1


def test_providers_own_examples_are_found_what_they_are(airflow_examples: Path) -> None:
    """As far as they are installed; docs/architect.md explains each kind."""
    folders = [airflow_examples.parent / "providers" / one / "example_dags" for one in ("standard", "common/sql")]
    report = check(folders, airflow_examples.parent, QUIET)
    found = Counter(one.rule for one in report.findings)
    assert report.files > 20
    assert set(found) <= {"ARC103", "ARC201", "ARC202", "ARC203", "ARC301", "ARC303", "ARC306"}
    assert (found["ARC103"], found["ARC306"]) == (2, 2)


def test_no_file_of_airflow_is_too_much(airflow_examples: Path) -> None:
    """Operators, hooks, triggers, vendored code: each is read."""
    folders = [airflow_examples.parent / one for one in ("providers", "models", "timetables", "migrations")]
    report = check(folders, airflow_examples.parent, QUIET)
    assert report.files > 300
    assert [one for one in report.findings if one.rule == "ARC001"] == []


def test_no_system_test_of_a_provider_is_too_much(system_tests: Path) -> None:
    """DAGs as other people write them; docs/architect.md explains each kind."""
    report = check([system_tests], system_tests, QUIET)
    found = Counter(one.rule for one in report.findings)
    assert report.files > 400
    assert found["ARC001"] == 0
    assert set(found) <= {
        "ARC103", "ARC107", "ARC201", "ARC202", "ARC203", "ARC209", "ARC301", "ARC302", "ARC303", "ARC304", "ARC306", "ARC401",
        "ARC402", "ARC405", "ARC503", "ARC504", "ARC505", "ARC506", "ARC601",
    }  # fmt: skip
    assert (found["ARC103"], found["ARC107"], found["ARC401"], found["ARC402"], found["ARC601"]) == (4, 111, 16, 11, 3)


SOURCES = [path.read_bytes() for path in sorted(Path(__file__).parents[2].glob("dags/*/*.py"))[:4]]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SOURCES), st.data())
def test_no_damage_to_a_file_is_too_much(source: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(source)))
    damaged = source[:at] + data.draw(st.binary(max_size=6)) + source[at + data.draw(st.integers(0, 40)) :]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "dag.py").write_bytes(damaged)
        check([Path(folder)], Path(folder), QUIET)


@pytest.mark.parametrize(
    "source",
    [b"\xff\xfe", b"x = '\0'", b"# coding: nonsense\n", b"(" * 3000, b"x = " + b"-" * 100_000 + b"1", b"def f(:\n"],
    ids=["bytes", "null", "coding", "brackets", "deep", "syntax"],
)
def test_a_file_that_is_no_python_is_one_finding(tmp_path: Path, source: bytes) -> None:
    (tmp_path / "dag.py").write_bytes(source)
    assert rules(tmp_path) == Counter(["ARC001"])


def test_links_that_lead_nowhere_are_a_finding_too(tmp_path: Path) -> None:
    (tmp_path / "dag.py").symlink_to(tmp_path / "gone.py")
    assert read_file(tmp_path / "dag.py", "dag.py").error is not None


def test_a_thousand_dag_files_would_take_no_ten_seconds(airflow_examples: Path, tmp_path: Path) -> None:
    """A quarter of them; processor time of all processes, divided by two cores, so that what else runs matters little."""
    sources = sorted(airflow_examples.glob("*.py"))
    for n in range(250):
        folder = tmp_path / f"folder{n // 50}"
        folder.mkdir(exist_ok=True)
        shutil.copy(sources[n % len(sources)], folder / f"dag_{n}.py")
    before = _cpu()
    assert check([tmp_path], tmp_path, Config()).files == 250
    assert (_cpu() - before) / 2 <= 2.5


def _cpu() -> float:
    import os

    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


# Silence


def test_silence_holds_for_a_line_the_line_below_or_the_file(write: Write, tmp_path: Path) -> None:
    get = "LIMIT = Variable.get('x')"
    for text, left in (
        (f"{get}  # architect: ignore[ARC104] from the environment", {}),
        (f"# architect: ignore[ARC104] from the environment\n{get}", {}),
        (f"# architect: ignore-file[ARC104] from the environment\n\n\n{get}\n{get}", {}),
        (f"# architect: ignore[ARC101] another one\n{get}", {"ARC104": 1, "ARC003": 1}),
        (f"{get}  # architect: ignore[ARC104]", {"ARC104": 1, "ARC002": 1}),
        (f"{get}  # architect: ignore because", {"ARC104": 1, "ARC002": 1}),
        (f"{get}\nTEXT = '# architect: ignore[ARC104] in a text'", {"ARC104": 1}),
        (f"{get}  # architect: ignore[ARC999] no such rule", {"ARC104": 1, "ARC003": 1}),
    ):
        write({"dags/sales/daily.py": DAG.format(text)})
        assert rules(tmp_path) == Counter(left), text


# Configuration


def test_a_configuration_silences_with_reasons_and_sets_severity(
    write: Write, tmp_path: Path, command: Callable[..., Any]
) -> None:
    write(
        {
            "dags/old/daily.py": DAG.format("LIMIT = Variable.get('x')"),
            "dags/sales/daily.py": DAG.format("from os import *\nimport pandas"),
            "pyproject.toml": "[tool.architect.check]\nruff = false\nfail-on = 'error'\n[tool.architect.check.per-file-ignore]\n"
            "'dags/old/*' = {ARC104 = 'goes away in June'}\n[tool.architect.check.severity]\nARC107 = 'info'\n",
        }
    )
    done = command("check", "--output", "json")
    assert done.exit_code == 0
    assert [(one["rule"], one["severity"]) for one in json.loads(done.output)["findings"]] == [("ARC107", "info")]
    done = command("check", "--output", "json", cwd=tmp_path / "dags" / "old")  # the configuration is found from below
    assert json.loads(done.output)["files"] == 2


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"ignor": {}}, "knows no 'ignor': it may have dag-id"),
        ({"ignore": {"ARC104": ""}}, "ARC104 needs a reason"),
        ({"ignore": ["ARC104"]}, "ignore must be a table"),
        ({"fail-on": "fatal"}, "it must be one of error, warning, info"),
        ({"max-lines": "60"}, "max-lines must be int"),
        ({"ruff": 1}, "ruff must be true or false"),
        ({"paths": "dags"}, "paths must be a list of texts"),
        ({"severity": {"ARC104": "bad"}}, "severity.ARC104 is 'bad'"),
    ],
)
def test_a_wrong_configuration_says_what_is_allowed(section: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config(section)
    assert says in str(raised.value)


def test_a_rule_that_does_not_exist_and_a_path_that_is_not_there(write: Write, command: Callable[..., Any]) -> None:
    done = command("check")
    assert done.exit_code == 2
    assert "set paths in [tool.architect.check]" in done.output
    write({"dags/a.py": "", "pyproject.toml": "[tool.architect.check.ignore]\nARC999 = 'why'\n"})
    done = command("check")
    assert done.exit_code == 2
    assert "there is no rule ARC999" in done.output
    write({"pyproject.toml": "[tool.architect.check\n"})
    assert command("check").exit_code == 2


# Output


def test_people_read_a_line_a_finding_and_each_fix_once(write: Write, command: Callable[..., Any]) -> None:
    write({"dags/sales/daily.py": DAG.format("A = Variable.get('x')\nB = Variable.get('y')")})
    done = command("check", "--no-ruff")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[0].startswith(
        "dags/sales/daily.py:3:5: error ARC104 airflow.sdk.Variable.get reads an Airflow Variable"
    )
    assert lines[1].startswith("    Variable at parse. Use a template")
    assert lines[2].startswith("dags/sales/daily.py:4:5: error ARC104")
    assert lines[3] == "1 file checked: 2 errors"


def test_ruffs_rules_are_among_the_findings(write: Write, command: Callable[..., Any]) -> None:
    write({"dags/sales/daily.py": "from airflow.operators.bash_operator import BashOperator\n\nprint(BashOperator)\n"})
    done = command("check", "--output", "json")
    assert "AIR302" in {one["rule"] for one in json.loads(done.output)["findings"]}
    write({"dags/sales/daily.py": "from airflow.operators.bash_operator import BashOperator\n\n"
           "# architect: ignore[AIR302] until the upgrade in May\nprint(BashOperator)\n"})  # fmt: skip
    assert command("check").exit_code == 0


def test_sarif_names_each_rule_and_place(write: Write, command: Callable[..., Any]) -> None:
    write({"dags/sales/daily.py": DAG.format("A = Variable.get('x')")})
    (run,) = json.loads(command("check", "--no-ruff", "--output", "sarif").output)["runs"]
    (result,) = run["results"]
    assert result["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert result["level"] == "error"
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "dags/sales/daily.py"}, "region": {"startLine": 3, "startColumn": 5}}


def test_rules_can_be_listed_and_explained(command: Callable[..., Any]) -> None:
    assert "ARC104  error    Variable at parse" in command("rules").output
    assert "## Found" in command("rules", "arc104").output
    assert command("rules", "ARC999").exit_code == 2


def test_a_hook_of_git_stops_a_commit_that_breaks_a_rule(write: Write, tmp_path: Path) -> None:
    """As .pre-commit-hooks.yaml has it: the whole tree is checked, since helpers count."""
    import yaml

    root = Path(__file__).parents[2]
    (hook,) = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    assert (hook["entry"], hook["pass_filenames"]) == ("architect check", False)
    # pre-commit runs `pip install . ./architect` there, which setup.cfg makes possible; docs/architect.md says how that was tried.
    assert (hook["language"], hook["additional_dependencies"]) == ("python", ["./architect"])
    assert (root / "setup.cfg").is_file()
    program = Path(sys.executable).with_name("architect")
    done = subprocess.run([program, "check"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    write({"dags/sales/daily.py": DAG.format("A = Variable.get('x')")})
    done = subprocess.run([program, "check"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "ARC104" in done.stdout) == (1, True)
