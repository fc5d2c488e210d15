"""Each rule finds its bad example, and nothing in its good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from transload_architect.check.config import Config, parse_config
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
    bad = [one for one in findings(tmp_path / "bad", rule.bad, config) if one.rule == rule.id]
    good = [one for one in findings(tmp_path / "good", rule.good, config) if one.rule == rule.id]
    assert len(bad) == 1, bad
    assert good == []
    assert bad[0].message


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_bad_example_is_silent_when_it_says_why(rule: Rule, tmp_path: Path) -> None:
    if rule.id in ("ARC001", "ARC002", "ARC003"):
        return  # of files and of silence itself
    config = parse_config({"ruff": False, **rule.options})
    (found,) = (one for one in findings(tmp_path / "loud", rule.bad, config) if one.rule == rule.id)
    files = dict(example_files(rule.bad))
    lines = files[found.path].splitlines()
    lines[found.line - 1] += f"  # architect: ignore[{rule.id}] it is an example"
    files[found.path] = "\n".join(lines) + "\n"
    silent = findings(tmp_path / "silent", files, config)
    assert [one for one in silent if one.rule in (rule.id, "ARC002", "ARC003")] == []


def test_ids_are_unique_and_texts_are_whole() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert (rule.reason[-1], rule.fix[-1]) == (".", "."), rule.id
