"""Each rule finds its bad example, and nothing in its good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from transload_architect.check.config import Config, parse_config
from transload_architect.check.pages import pages
from transload_architect.check.rule import Example, Finding, Rule, example_files
from transload_architect.check.rules import RULES
from transload_architect.check.run import check


def findings(folder: Path, example: Example, config: Config) -> list[Finding]:
    for name, text in example_files(example).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return list(check([folder], folder, config).findings)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_its_bad_example_and_not_its_good_one(rule: Rule, tmp_path: Path) -> None:
    config = parse_config({"ruff": False, **rule.options})
    for n, (bad_example, good_example) in enumerate(rule.examples):
        bad = [one for one in findings(tmp_path / f"bad{n}", bad_example, config) if one.rule == rule.id]
        good = [one for one in findings(tmp_path / f"good{n}", good_example, config) if one.rule == rule.id]
        assert len(bad) == 1, bad
        assert good == []
        assert bad[0].message


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_bad_example_is_silent_when_it_says_why(rule: Rule, tmp_path: Path) -> None:
    if rule.id in ("ARC001", "ARC002", "ARC003"):
        return  # of files and of silence itself
    config = parse_config({"ruff": False, **rule.options})
    for n, (example, _) in enumerate(rule.examples):
        (found,) = (one for one in findings(tmp_path / f"loud{n}", example, config) if one.rule == rule.id)
        files = dict(example_files(example))
        lines = files[found.path].splitlines()
        lines[found.line - 1] += f"  # architect: ignore[{rule.id}] it is an example"
        files[found.path] = "\n".join(lines) + "\n"
        silent = findings(tmp_path / f"silent{n}", files, config)
        assert [one for one in silent if one.rule in (rule.id, "ARC002", "ARC003")] == []


def test_ids_are_unique_and_texts_are_whole() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert (rule.reason[-1], rule.fix[-1]) == (".", "."), rule.id


def test_every_rule_has_its_page_and_every_page_its_rule() -> None:
    there = {path.name for path in (Path(__file__).parents[2] / "docs" / "rules").iterdir()}
    assert there == {"README.md", *(f"{rule.id}.md" for rule in RULES)}
    for rule in RULES:
        page = pages()[f"{rule.id}.md"]
        for text in (rule.title, rule.reason, rule.fix, f"Severity: {rule.severity}"):
            assert text in page
        for bad, good in rule.examples:
            assert all(text in page for example in (bad, good) for text in example_files(example).values())
