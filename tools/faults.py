"""``make faults``: the whole fault matrix, and its report, docs/reliability.md.

``--check`` runs nothing: it only says whether the report's list of cases is that of the tests as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from transload.tables import table
from transload.testing.plugin import SEED

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "reliability.md"
FOLDERS = ("extractors", "tests/pipeline", "tests/faults")

HEAD = """# Reliability: what was tried, and what came of it

Made by `make faults`, which runs every case below against real parts: processes killed by SIGKILL, HTTP over sockets, a real
S3 server, the vendors' sandboxes. Not to be edited. How the tests work, and how a source gets them:
[testing-a-source.md](testing-a-source.md).

**How to read it.** A row is a fault, or the step of a run at which it strikes; a column says in which run, or how often. A cell
counts the cases that passed, and shows how many were tried where that is more: of every source named below the table, and on
both kinds of lake where that makes a difference. A case passes when the run that follows commits exactly the records of an
undisturbed one, each once; when nothing else was visible in between; when every process ended as the contract says; and when
the vendor has charged for nothing twice. Where a step comes more than once in a run, chance says which time: `make faults`
prints its seed, and a case that fails prints the command that repeats it.

"""

STEPS = """
The steps. **first request**: before it is sent. **mid-page**: some of a page's records are in the open part, and their token
stands nowhere. **part opened**: before its first byte. **mid-upload**: some of an object's bytes are in the lake's hands. **upload
completed**: a part is there, and no checkpoint names it. **checkpoint written**: at the beginning, and behind each part. **before
commit** and **after commit**: around the one write that makes a load visible. **during prune**: before one of its removals.
"""


@dataclass(frozen=True)
class Case:
    """One fault test, where it stands in the report, and whether it ran and passed."""

    id: str
    place: dict[str, str]
    passed: bool = False
    ran: bool = False


@dataclass
class Table:
    """The cases of one table, by row and column, in the order in which they are collected."""

    rows: dict[str, dict[str, list[Case]]] = field(default_factory=dict)

    def add(self, case: Case) -> None:
        """Put a case into its cell."""
        row = self.rows.setdefault(case.place.get("step", "-"), {})
        row.setdefault(case.place.get("mode", "-"), []).append(case)

    @property
    def columns(self) -> list[str]:
        """The modes."""
        return list(dict.fromkeys(mode for row in self.rows.values() for mode in row))

    @property
    def cases(self) -> list[Case]:
        """All of them."""
        return [case for row in self.rows.values() for cell in row.values() for case in cell]


def pytest_on_faults(*more: str) -> int:
    """Run pytest on the fault tests; its exit code."""
    folders = [folder for folder in FOLDERS if (ROOT / folder).exists()]
    command = [sys.executable, "-m", "pytest", "--faults", "-m", "fault", *folders, *more]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def collected() -> list[Case]:
    """The fault tests as they are, in their order."""
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch, "cases.json")
        command = ["--collect-only", "-qq", "-p", "no:randomly", f"--fault-cases={listed}"]
        if code := pytest_on_faults(*command):
            raise SystemExit(code)
        return [Case(one["id"], one["place"]) for one in json.loads(listed.read_text())]


def tried(cases: list[Case], workers: str, seed: str) -> list[Case]:
    """Run the tests: the cases with what came of them. One that did not run has not passed."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.xml")
        os.environ[SEED] = seed
        # In their order: what an undisturbed run gives is found out once a process, and neighbours need the same.
        pytest_on_faults("-n", workers, "--dist", "worksteal", "-p", "no:randomly", f"--junit-xml={report}")
        passed: dict[str | None, bool] = {}
        for found in ElementTree.parse(report).iter("testcase"):
            good = all(found.find(kind) is None for kind in ("failure", "error", "skipped"))
            names = [one.get("value") for one in found.iter("property") if one.get("name") == "fault_id"]
            passed |= dict.fromkeys(names, good)
    return [replace(case, passed=passed.get(case.id, False), ran=case.id in passed) for case in cases]


def tables(cases: Iterable[Case]) -> dict[str, Table]:
    """The cases by table."""
    found: dict[str, Table] = {}
    for case in cases:
        found.setdefault(case.place.get("table", "Others"), Table()).add(case)
    return found


def as_markdown(name: str, found: Table) -> str:
    """A table of the report."""
    columns = found.columns
    lines = [f"## {name}\n", f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for step, row in found.rows.items():
        lines.append(f"| {step} | {' | '.join(_cell(row.get(column, [])) for column in columns)} |")
    lines.append(f"\n{_passed(found.cases)}.")
    for word, title in (("source", "Sources"), ("lake", "Lakes")):
        if named := sorted({case.place[word] for case in found.cases if word in case.place}):
            lines.append(f"{title}: {', '.join(named)}.")
    return "\n".join(lines) + "\n"


def _passed(cases: list[Case]) -> str:
    text = f"{sum(case.passed for case in cases)} of {len(cases)} cases passed"
    left = sum(not case.ran for case in cases)
    return f"{text}, {left} did not run" if left else text


def _cell(cases: list[Case]) -> str:
    passed = sum(case.passed for case in cases)
    if passed == len(cases):
        return str(passed or "")
    return f"**{passed} of {len(cases)}**"


def as_page(cases: list[Case]) -> str:
    """The whole report."""
    found = tables(cases)
    return f"{HEAD}**{_passed(cases)}.**\n{STEPS}" + "".join(f"\n{as_markdown(name, found[name])}" for name in found)


def rows(page: str) -> dict[tuple[str, str], int]:
    """How many cases a report has of each row of each table, whatever came of them."""
    counts: dict[tuple[str, str], int] = {}
    name = ""
    for line in page.splitlines():
        if line.startswith("## "):
            name = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| |"):
            step, *cells = (cell.strip(" *") for cell in line.strip().removesuffix("|").removeprefix("|").split("|"))
            counts[name, step] = sum(int(cell.rpartition("of ")[2]) for cell in cells if cell)
    return counts


def main() -> int:
    """Run the tests and write the report, or say that it is stale; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the report has all cases")
    parser.add_argument("--workers", default="2", help="processes that run tests  [default: 2]")
    parser.add_argument("--seed", help="of chance, to have a run again  [default: a fresh one]")
    given = parser.parse_args()
    cases = collected()
    if given.check:
        if rows(as_page(cases)) == rows(REPORT.read_text() if REPORT.exists() else ""):
            return 0
        print(f"{REPORT.relative_to(ROOT)} is stale: run make faults", file=sys.stderr)
        return 1
    seed = given.seed or str(random.SystemRandom().randrange(1 << 32))
    cases = tried(cases, given.workers, seed)
    REPORT.write_text(as_page(cases))
    for name, found in tables(cases).items():
        head = ["", *found.columns]
        print(f"\n{name}\n")
        print(table(head, [[step, *(_cell(row.get(mode, [])).strip("*") for mode in found.columns)]
                           for step, row in found.rows.items()]))  # fmt: skip
    print(f"\n{_passed(cases)}; seed {seed}; {REPORT.relative_to(ROOT)} is written")
    return 0 if all(case.passed for case in cases) else 1


if __name__ == "__main__":
    sys.exit(main())
