"""Checks paths: reads files side by side, asks every rule, and takes out what is silenced with a reason."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from multiprocessing import get_context
from pathlib import Path

from transload_architect.check.config import SEVERITIES, Config, ConfigError
from transload_architect.check.facts import FileFacts, Ignore
from transload_architect.check.project import Project
from transload_architect.check.reader import read_file
from transload_architect.check.ruff import ruff_findings
from transload_architect.check.rule import Finding, Rule, Seen
from transload_architect.check.rules import BY_ID, RULES

_NEVER = {".git", ".tox", "node_modules", "__pycache__", "site-packages", ".mypy_cache", ".ruff_cache"}
_ENOUGH_FOR_PROCESSES = 150


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Args:
        findings: by place.
        files: how many were read.
    """

    findings: tuple[Finding, ...]
    files: int

    def fails(self, config: Config) -> bool:
        """Whether there is a finding at least as bad as ``fail-on``."""
        bad = SEVERITIES[: SEVERITIES.index(config.fail_on) + 1]
        return any(one.severity in bad for one in self.findings)


def check(paths: Sequence[Path], top: Path, config: Config) -> Report:
    """Checks files and folders.

    Args:
        paths: what to check; of folders all Python files.
        top: the folder that paths in findings and in the configuration count from.
        config: the options.

    Raises:
        ConfigError: the configuration names a rule that there is not, or ruff is asked for and can't be run.
    """
    _demand_rules(config)
    files = sorted({_relative(path, top): path for path in _walk(paths, top, config)}.items())
    project = Project(_read(files), config)
    found = [
        *_findings(project, config),
        *(ruff_findings([path for _, path in files], top) if config.ruff and files else ()),
    ]
    kept = [*_without_silenced(found, project, config)]
    return Report(
        tuple(sorted(set(kept), key=lambda one: (one.path, one.line, one.rule, one.column, one.message))), len(files)
    )


def _demand_rules(config: Config) -> None:
    named = [*config.ignore, *config.severity, *(rule for rules in config.per_file_ignore.values() for rule in rules)]
    unknown = [rule for rule in named if rule not in BY_ID and not rule.startswith("AIR")]
    if unknown:
        raise ConfigError(f"there is no rule {unknown[0]}: `architect rules` lists all")


def _walk(paths: Iterable[Path], top: Path, config: Config) -> Iterator[Path]:
    for path in paths:
        if path.is_file():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            here = Path(folder)
            folders[:] = sorted(one for one in folders if not _is_left_out(here / one, top, config))
            yield from (
                here / name
                for name in names
                if name.endswith(".py") and not _matches(_relative(here / name, top), config.exclude)
            )


def _is_left_out(folder: Path, top: Path, config: Config) -> bool:
    hidden = folder.name in _NEVER or folder.name.startswith((".venv", "venv"))
    return hidden or _matches(_relative(folder, top), config.exclude)


def _relative(path: Path, top: Path) -> str:
    return os.path.relpath(path.resolve(), top.resolve()).replace(os.sep, "/")


def _matches(path: str, globs: Iterable[str]) -> bool:
    return any(fnmatch(path, glob) or fnmatch(path, f"{glob.rstrip('/')}/*") for glob in globs)


def _read(files: list[tuple[str, Path]]) -> list[FileFacts]:
    processes = os.cpu_count() or 1
    if len(files) < _ENOUGH_FOR_PROCESSES or processes == 1:
        return [read_file(path, name) for name, path in files]
    # Spawned workers would import all this anew; nothing here has threads that a fork could hurt.
    context = get_context("fork") if hasattr(os, "fork") else None
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        names, places = zip(*files, strict=True)
        return list(pool.map(read_file, places, names, chunksize=25))


def _findings(project: Project, config: Config) -> Iterator[Finding]:
    for rule in RULES:
        for seen in rule.find(project):
            yield _finding(rule, seen, config)


def _finding(rule: Rule, seen: Seen, config: Config) -> Finding:
    severity = config.severity.get(rule.id, rule.severity)
    return Finding(rule.id, severity, rule.title, seen.path, seen.line, seen.column, seen.message, rule.fix)


def _without_silenced(found: Iterable[Finding], project: Project, config: Config) -> Iterator[Finding]:
    used: set[tuple[str, Ignore, str]] = set()
    for one in found:
        silent = [ignore for ignore in _ignores(project, one.path) if _covers(ignore, one)]
        used |= {(one.path, ignore, one.rule) for ignore in silent}
        if not silent and not _is_configured_away(one.rule, one.path, config):
            yield one
    idle = BY_ID["ARC003"]
    for file in project.files.values():
        for ignore in _ignores(project, file.path):
            for rule in ignore.rules:
                unknown = rule not in BY_ID and not rule.startswith("AIR")
                if ((file.path, ignore, rule) not in used) and not _is_configured_away(idle.id, file.path, config):
                    message = f"there is no rule {rule}" if unknown else f"{rule} finds nothing here"
                    yield _finding(idle, Seen(file.path, ignore.line, 1, message), config)


def _ignores(project: Project, path: str) -> Iterator[Ignore]:
    """The comments of a file that may silence: those with a reason."""
    file = project.files.get(path)
    return (one for one in file.ignores if one.reason) if file else iter(())


def _covers(ignore: Ignore, finding: Finding) -> bool:
    return finding.rule in ignore.rules and ignore.covers in (0, finding.line)


def _is_configured_away(rule: str, path: str, config: Config) -> bool:
    return rule in config.ignore or any(
        rule in rules and _matches(path, [glob]) for glob, rules in config.per_file_ignore.items()
    )
