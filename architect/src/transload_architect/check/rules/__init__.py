"""The rules, a module a family."""

from __future__ import annotations

from transload_architect.check.rule import Rule
from transload_architect.check.rules import dags, files, layout, parsing, pods, secrecy, tasks

RULES: tuple[Rule, ...] = (
    *files.RULES,
    *parsing.RULES,
    *dags.RULES,
    *tasks.RULES,
    *pods.RULES,
    *layout.RULES,
    *secrecy.RULES,
)
BY_ID = {rule.id: rule for rule in RULES}
