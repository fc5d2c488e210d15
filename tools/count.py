"""Adds up the counts of several pytest runs, and fails when one is missing or something was skipped."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(folder: Path, expected: set[str]) -> int:
    """Print one closing line for all reports (JUnit XML) in a folder; returns the exit code.

    Args:
        folder: where the reports are, ``NAME.xml`` each.
        expected: the names that there must be a report of.
    """
    suites = {path.stem: suite for path in folder.glob("*.xml") for suite in ElementTree.parse(path).iter("testsuite")}
    total = {
        name: sum(int(suite.get(name, 0)) for suite in suites.values())
        for name in ("tests", "failures", "errors", "skipped")
    }
    bad = total["failures"] + total["errors"]
    print(f"\n{total['tests'] - bad - total['skipped']} passed, {bad} failed, {total['skipped']} skipped")
    missing = expected - suites.keys()
    if missing:
        print(f"no report of: {', '.join(sorted(missing))}", file=sys.stderr)
    if total["skipped"]:
        print("a skipped test is a test that did not run: let it run here, or remove it", file=sys.stderr)
    return 1 if missing or bad or total["skipped"] else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), set(sys.argv[2:])))
