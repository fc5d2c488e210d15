"""Writes helm/README.md out of the chart's values.yaml and its comments; ``--check`` says whether it is stale."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VALUES = ROOT / "helm" / "values.yaml"
README = ROOT / "helm" / "README.md"

HEAD = """\
# The chart

Extractors as pods, an Airflow that runs them, and what both need: namespace, rights, accounts, Secrets, Variables, policies.
How to use it is in [docs/kubernetes.md](../docs/kubernetes.md), what to do when it does not work in
[docs/runbook.md](../docs/runbook.md). [examples](examples) has values to start from.

```sh
helm install transload ./helm --set demo.enabled=true --wait --timeout 15m   # to try it out, with sandboxes
helm test transload
```

This page is made by `make docs` from [values.yaml](values.yaml).

| value | default | |
|---|---|---|
"""
LINE = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]+):(?: (?P<value>.*))?")


def rows(text: str) -> list[tuple[str, str, str]]:
    """Returns path, default and description of every value that has a comment ``# -- ...``, or is below one that has."""
    found: list[tuple[str, str, str]] = []
    path: list[str] = []
    comment: list[str] = []
    described = False
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            comment, described = [stripped.removeprefix("# -- ")], True
        elif stripped.startswith("# ") and described:
            comment.append(stripped.removeprefix("# "))
        elif matched := LINE.fullmatch(line):
            path = [*path[: len(matched["indent"]) // 2], matched["key"]]
            if comment or matched["value"]:
                found.append((".".join(path), matched["value"] or "", " ".join(comment)))
            comment, described = [], False
    return found


def page(text: str) -> str:
    """Returns the README for a values.yaml."""
    lines = [f"| `{path}` | {f'`{value}`' if value else ''} | {about} |\n" for path, value, about in rows(text)]
    return HEAD + "".join(lines)


def main() -> int:
    """The command line; returns the exit code."""
    made = page(VALUES.read_text())
    if "--check" not in sys.argv:
        README.write_text(made)
    elif not README.exists() or README.read_text() != made:
        print("helm/README.md is stale: run make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
