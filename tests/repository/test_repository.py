"""What must always hold of the repository itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def tracked() -> list[Path]:
    """The files of the repository: those that git tracks, and new ones that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command at the top of the repository."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "tools.reference", "--check"),
        ("-m", "tools.chart_readme", "--check"),
        ("-m", "tools.faults", "--check"),
        ("dbt/generate.py", "pestroutes", "--check", "--command", str(BIN / "pestroutes")),
        ("dbt/generate.py", "marketo", "--check", "--command", str(BIN / "marketo")),
    ],
    ids=["reference", "chart", "faults", "pestroutes", "marketo"],
)
def test_generated_files_are_not_stale(command: tuple[str, ...]) -> None:
    ended = run(sys.executable, *command)
    assert ended.returncode == 0, ended.stderr


def test_a_stale_generated_file_is_found(tmp_path: Path) -> None:
    """The check above can fail: it is run on a copy with one word changed."""
    script = (
        "import sys; from pathlib import Path; import tools.reference as reference;"
        "path = Path(sys.argv[1]); reference.ROOT = path.parent;"
        "reference.files = lambda: {path: 'made'}; sys.argv = ['reference', '--check']; sys.exit(reference.main())"
    )
    page = tmp_path / "page.md"
    for text, code in (("made", 0), ("made by hand", 1)):
        page.write_text(text)
        assert run(sys.executable, "-c", script, str(page)).returncode == code


def test_nothing_names_a_registry_or_a_machine() -> None:
    forbidden = re.compile(
        r"pypi\.org|pythonhosted|deb\.debian\.org|registry\.npmjs|/root/|/home/\w+/|/work/|\.pyenv|pip\.conf",
        re.IGNORECASE,
    )
    found = []
    for path in tracked():
        if path == Path(__file__):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{n}" for n, line in enumerate(text.splitlines(), 1) if forbidden.search(line)
        ]
    assert found == []


def test_modules_stay_readable_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix == ".py" and "tests" not in path.relative_to(ROOT).parts
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b|pytest\.mark\.(skip|xfail)|pytest\.skip")
    found = [
        f"{path.relative_to(ROOT)}:{n}"
        for path in tracked()
        if path.suffix in {".py", ".sql", ".yml", ".sh"} and path != Path(__file__)
        for n, line in enumerate(path.read_text().splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


def test_make_help_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = set(re.findall(r"^  make (\S+) +\S", run("make", "help").stdout, re.MULTILINE))
    assert targets == listed


def test_links_in_the_docs_lead_somewhere() -> None:
    broken = []
    for path in tracked():
        if path.suffix != ".md":
            continue
        targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
        local = [target for target in targets if "://" not in target]
        broken += [f"{path.relative_to(ROOT)}: {one}" for one in local if not (path.parent / one).exists()]
    assert broken == []


def test_every_dependency_has_a_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    named = {
        match[1].split("[")[0]
        for path in (ROOT / "requirements").glob("*.in")
        for match in re.finditer(r"^([a-zA-Z][\w.\[\]-]*)", path.read_text(), re.MULTILINE)
    }
    # Families that the page names together.
    families = {"pytest-randomly", "pytest-timeout", "pytest-xdist", "apache-airflow-providers-cncf-kubernetes",
                "apache-airflow-providers-common-compat"}  # fmt: skip
    assert {name for name in named - families if name not in reasons} == set()


def test_an_extractor_imports_no_other_and_no_airflow() -> None:
    sources = [path.name for path in (ROOT / "extractors").iterdir() if path.is_dir() and path.name != "core"]
    found = []
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        if path.suffix != ".py" or parts[0] != "extractors" or "tests" in parts:
            continue
        foreign = [name for name in ("airflow", "common", *sources) if name != parts[1]]
        pattern = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(foreign)})\b", re.MULTILINE)
        found += [str(path.relative_to(ROOT)) for _ in pattern.finditer(path.read_text())]
    assert found == []


def test_dags_import_nothing_of_the_extractors() -> None:
    pattern = re.compile(r"^\s*(?:from|import) (?:transload|pestroutes)\b", re.MULTILINE)
    assert [str(path) for path in tracked() if path.is_relative_to(ROOT / "dags") and path.suffix == ".py"
            and pattern.search(path.read_text())] == []  # fmt: skip
