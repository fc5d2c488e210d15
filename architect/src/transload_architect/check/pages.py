"""A page for each rule, out of the rule itself: `docs/rules/ARC101.md`, and a list of all."""

from __future__ import annotations

from collections.abc import Iterator

from transload_architect.check.rule import Example, Rule, example_files
from transload_architect.check.rules import RULES

_FAMILIES = {
    "0": "Files and comments",
    "1": "What parsing runs",
    "2": "DAGs",
    "3": "Tasks",
    "4": "Pods",
    "5": "Folders, names, size",
    "6": "Secrets",
}


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    return {"README.md": _index(), **{f"{rule.id}.md": _page(rule) for rule in RULES}}


def _index() -> str:
    lines = [
        "# The rules of `architect check`\n\nMade by `make docs` from the rules themselves; a test checks that each finds "
        "its bad example, and nothing in its good one. How to use them: [docs/architect.md](../architect.md).\n"
    ]
    for digit, family in _FAMILIES.items():
        lines.append(f"\n## {family}\n\n| rule | severity | what it is against |\n|---|---|---|\n")
        lines += [
            f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.title} |\n" for rule in RULES if rule.id[3] == digit
        ]
    lines.append(
        "\nruff's rules AIR001 to AIR321 (imports and arguments that Airflow 3 removed or moved) are asked as well, where ruff has "
        "them stable.\n"
    )
    return "".join(lines)


def _page(rule: Rule) -> str:
    options = "".join(
        f"With `{name} = {_toml(value)}` in `[tool.architect.check]`:\n\n" for name, value in rule.options.items()
    )
    found = "\n".join("".join(_code(bad)) for bad, _ in rule.examples)
    not_found = "\n".join("".join(_code(good)) for _, good in rule.examples)
    return (
        f"# {rule.id}: {rule.title}\n\nSeverity: {rule.severity}. Made by `make docs`. All rules: [README.md](README.md).\n\n"
        f"{rule.reason}\n\n**Instead:** {rule.fix}\n\n## Found\n\n{options}{found}"
        f"\n## Not found\n\n{not_found}\n"
        f"## Silence it\n\nIn the line, or in a comment of its own above it, with the reason:\n\n"
        f"```python\n# architect: ignore[{rule.id}] why it is right here\n```\n"
    )


def _code(example: Example) -> Iterator[str]:
    for path, text in example_files(example).items():
        yield f"`{path}`:\n\n```python\n{text}```\n"


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
