"""Fields that are each allowed, and together make no sense. Where one of them was read wrong already, nothing more is said."""

from __future__ import annotations

from transload_architect.design.fields import Problems
from transload_architect.design.names import snake_case
from transload_architect.design.spec import Spec, StreamSpec


def note_contradictions(spec: Spec, problems: Problems) -> None:
    """Notes them.

    Args:
        spec: as far as it could be read.
        problems: what was wrong with its fields; what is found goes there.
    """
    for name, stream in spec.streams.items():
        at = f"streams.{name}"
        # Looked at before any is noted: a field that was read wrong holds a stand-in.
        wrong = {field: problems.touch(f"{at}.{field}") for field in _FIELDS}
        _changes(stream, at, wrong, problems)
        if not wrong["deletes"] and not wrong["found_by"] and not problems.touch("schedules"):
            _hidden(spec, stream, at, problems)
        if not wrong["deletes"] and not wrong["told_by"]:
            _told(spec, stream, at, problems)
        if not wrong["decided"] and not problems.touch("schedules"):
            _decisions(spec, stream, at, problems)
    _exports(spec, problems)
    _tables(spec, problems)


_FIELDS = ("rows", "changes_per_day", "look_back", "found_by", "deletes", "told_by", "decided")


def _changes(stream: StreamSpec, at: str, wrong: dict[str, bool], problems: Problems) -> None:
    if not wrong["rows"] and not wrong["changes_per_day"] and stream.changes_per_day > max(stream.rows, 1):
        problems.add(
            f"{at}.changes_per_day",
            f"is {stream.changes_per_day:,}, more than rows ({stream.rows:,}): it must be {stream.rows:,} at most, or rows more",
        )
    if not wrong["look_back"] and not wrong["found_by"] and stream.look_back and not stream.found_by:
        problems.add(
            f"{at}.look_back", "is for windows, and found_by is nothing: leave it out, for a full load has none"
        )


def _hidden(spec: Spec, stream: StreamSpec, at: str, problems: Problems) -> None:
    decided = "full_refresh" in stream.decisions
    if stream.deletes == "hidden" and stream.found_by and not decided and not any(one.full for one in spec.schedules):
        problems.add(
            f"{at}.deletes",
            "is hidden, and none of schedules has full: true, so nothing would find them: give one, or "
            "decided: {full_refresh: {is: never, why: ...}}",
        )


def _told(spec: Spec, stream: StreamSpec, at: str, problems: Problems) -> None:
    others = ", ".join(name for name in spec.streams if name != stream.name)
    if stream.deletes != "told":
        if stream.told_by:
            problems.add(
                f"{at}.told_by", f"is for deletes: told, and deletes is {stream.deletes}: leave one of them out"
            )
    elif not others:
        problems.add(
            f"{at}.deletes",
            "is told, and there is no other stream that could tell: add the stream that lists deletions, or give deletes: hidden",
        )
    elif not stream.told_by:
        problems.add(
            f"{at}.told_by",
            f"is missing, and deletes is told: it must be the stream that lists deletions, one of {others}; where none "
            "does, give deletes: hidden",
        )
    elif stream.told_by == stream.name or stream.told_by not in spec.streams:
        problems.add(f"{at}.told_by", f"is {stream.told_by!r}: it must be another stream, one of {others}")


def _exports(spec: Spec, problems: Problems) -> None:
    exported = [name for name, stream in spec.streams.items() if stream.transport == "export"]
    if exported and spec.limits.megabytes_per_day is None and not problems.touch("limits"):
        problems.add(
            "limits.megabytes_per_day",
            f"is missing, and streams.{exported[0]}.transport is export: it must be what may be exported a day, such as 500",
        )


def _decisions(spec: Spec, stream: StreamSpec, at: str, problems: Problems) -> None:
    names = {one.name for one in spec.schedules}
    wanted = stream.decisions.get("also_in", ("", ""))[0]
    if wanted and wanted not in names:
        problems.add(f"{at}.decided.also_in.is", f"is {wanted!r}: it must be one of {', '.join(sorted(names))}")
    size = stream.decisions.get("size", ("small", ""))[0]
    if size not in ("small", "medium", "large"):
        problems.add(f"{at}.decided.size.is", f"is {size!r}: it must be one of small, medium, large")
    refresh = stream.decisions.get("full_refresh", ("never", ""))[0]
    if refresh != "never":
        problems.add(f"{at}.decided.full_refresh.is", f"is {refresh!r}: it must be never")


def _tables(spec: Spec, problems: Problems) -> None:
    found: dict[str, str] = {}
    for name in spec.streams:
        table = snake_case(name)
        if table in found:
            problems.add(
                f"streams.{name}",
                f"has the table {table} in the warehouse, as {found[table]} has: call one of them otherwise",
            )
        found.setdefault(table, name)
