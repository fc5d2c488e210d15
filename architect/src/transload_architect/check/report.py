"""Findings for people, for machines, and for code hosts (SARIF 2.1.0)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from transload_architect import __version__
from transload_architect.check.config import SEVERITIES
from transload_architect.check.rules import BY_ID, RULES
from transload_architect.check.run import Report
from transload_architect.words import count

_COUNTED = {"error": ("error", "errors"), "warning": ("warning", "warnings"), "info": ("info", "info")}
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def as_text(report: Report) -> str:
    """A line a finding, the fix once for each rule, and a sum."""
    lines = list(_lines(report))
    counts = Counter(one.severity for one in report.findings)
    sums = ", ".join(count(counts[one], *_COUNTED[one]) for one in SEVERITIES if counts[one])
    lines.append(f"{count(report.files, 'file')} checked: {sums or 'nothing found'}")
    return "\n".join(lines)


def _lines(report: Report) -> Iterator[str]:
    told: set[str] = set()
    for one in report.findings:
        yield f"{one.path}:{one.line}:{one.column}: {one.severity} {one.rule} {one.message}"
        if one.rule not in told:
            told.add(one.rule)
            yield f"    {one.title}. {one.fix}"


def as_json(report: Report) -> str:
    """One object: how many files, and the findings."""
    findings = [
        {
            "rule": one.rule,
            "severity": one.severity,
            "title": one.title,
            "path": one.path,
            "line": one.line,
            "column": one.column,
            "message": one.message,
            "fix": one.fix,
        }
        for one in report.findings
    ]
    return json.dumps({"format": 1, "files": report.files, "findings": findings}, indent=1)


def as_sarif(report: Report) -> str:
    """SARIF 2.1.0, as code hosts show it beside the code."""
    others = sorted({one.rule for one in report.findings} - set(BY_ID))
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.reason},
            "help": {"text": rule.fix},
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        }
        for rule in RULES
    ]
    rules += [{"id": name, "shortDescription": {"text": f"ruff's {name}"}} for name in others]
    results = [
        {
            "ruleId": one.rule,
            "level": _LEVELS[one.severity],
            "message": {"text": f"{one.message}. {one.fix}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": one.path},
                        "region": {"startLine": one.line, "startColumn": max(1, one.column)},
                    }
                }
            ],
        }
        for one in report.findings
    ]
    run = {"tool": {"driver": {"name": "architect", "version": __version__, "rules": rules}}, "results": results}
    return json.dumps(
        {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}, indent=1
    )
