"""The lines that files of the repository need for a new source. Each is put where its like stand; where that place is not
found, the repository is another than this was written for, and nothing is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from transload_architect.design.plan import Plan
from transload_architect.scaffold.files import class_name, fill
from transload_architect.words import count


class ScaffoldError(ValueError):
    """A source cannot be made here; each line of the message says why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a file needs for a source.

    Args:
        is_there: whether it has it.
        make: gives the text with it.
    """

    is_there: Callable[[str, Plan], bool]
    make: Callable[[str, Plan], str]


def _after(text: str, pattern: str, addition: str) -> str:
    """Puts an addition behind the last match of a pattern."""
    *_, last = re.finditer(pattern, text, re.MULTILINE)
    return text[: last.end()] + addition + text[last.end() :]


def _pools(text: str, plan: Plan) -> str:
    pools = json.loads(text)
    spec = plan.spec
    limits = [
        f"{count(limit, 'call')} a {what}"
        for limit, what in ((spec.limits.calls_per_minute, "minute"), (spec.limits.calls_per_day, "day"))
        if limit
    ]
    said = (
        f"{spec.title} allows {' and '.join(limits) or 'so much'}, all pods together; "
        f"each pod paces itself by its own count, hence {plan.pool_slots} at once"
    )
    if spec.source in pools:  # what people made of the description is theirs
        pools[spec.source]["slots"] = plan.pool_slots
    else:
        pools = {spec.source: {"slots": plan.pool_slots, "description": said, "include_deferred": True}, **pools}
    lines = [f"  {json.dumps(name)}: {json.dumps(pool, ensure_ascii=False)}" for name, pool in pools.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _bake(text: str, plan: Plan) -> str:
    found = re.search(r"source = \[(.*)\]", text)
    assert found is not None
    names = sorted({*re.findall(r'"([\w-]+)"', found[1]), plan.spec.source})
    quoted = ", ".join(f'"{name}"' for name in names)
    return text.replace(found[0], f"source = [{quoted}]", 1)


def _values(text: str, plan: Plan) -> str:
    # Off until somebody has an account: an installation must not ask for a Secret that nobody can make yet.
    return _after(
        text, r"^  \w+: \{enabled: true, secret: \{\}\}\n", f"  {plan.spec.source}: {{enabled: false, secret: {{}}}}\n"
    )


def _reference_import(text: str, plan: Plan) -> str:
    source = plan.spec.source
    line = f"from {source}.cli import SOURCE as {source.upper()}\n"
    return _after(text, r"^from \w+\.cli import SOURCE as \w+\n", line)


def _reference_list(text: str, plan: Plan) -> str:
    return re.sub(rf"({_SOURCES})(\))", rf"\1, {plan.spec.source.upper()}\2", text, count=1)


_SOURCES = r"SOURCES: tuple\[Source, \.\.\.\] = \([^)]*"


def _types_of(text: str, plan: Plan) -> str:
    path = f"extractors/{plan.spec.source}/src"
    return text.replace('"extractors/pestroutes/src", ', f'"extractors/pestroutes/src", "{path}", ', 1)


def _path_of_types(text: str, plan: Plan) -> str:
    path = f"extractors/{plan.spec.source}/src"
    return text.replace("extractors/pestroutes/src:", f"extractors/pestroutes/src:{path}:", 1)


def _first_party(text: str, plan: Plan) -> str:
    return text.replace('"sandbox", "common"]', f'"{plan.spec.source}", "sandbox", "common"]', 1)


def _makefile(text: str, plan: Plan) -> str:
    return re.sub(r"(for source in [\w ]+)(; do)", rf"\1 {plan.spec.source}\2", text, count=1)


def _staleness(text: str, plan: Plan) -> str:
    source = plan.spec.source
    line = f'        ("dbt/generate.py", "{source}", "--check", "--command", str(BIN / "{source}")),\n'
    return _after(text, r'^        \("dbt/generate\.py", "\w+", "--check".*\n', line)


def _staleness_id(text: str, plan: Plan) -> str:
    return re.sub(r'(ids=\["reference", "chart"[^\]]*)\]', rf'\1, "{plan.spec.source}"]', text, count=1)


def _sandbox_import(text: str, plan: Plan) -> str:
    source = plan.spec.source
    lines = (
        f"from sandbox.{source} import NOW as {source.upper()}_NOW\n"
        f"from sandbox.{source} import {class_name(source)}Sandbox\n"
    )
    return _after(text, r"^from sandbox\.\w[\w.]* import .*\n", lines)


def _sandbox_command(text: str, plan: Plan) -> str:
    source = plan.spec.source
    words = {"source": source, "title": plan.spec.title, "class_name": class_name(source), "upper": source.upper()}
    return text.replace("def serve(", fill("sandbox_command.py", words) + "def serve(", 1)


def _windows(text: str, plan: Plan) -> str:
    spec = plan.spec
    changing = [one for one in spec.streams.values() if one.found_by][:2]
    streams = ", ".join(f'"{one.name}": ("{one.primary_key[0]}", "{one.found_by[0]}")' for one in changing)
    token = f'{{"{spec.source.upper()}_TOKEN": "token"}}'
    entry = f'    Source("{spec.source}", {{{streams}}}, ("--records", "300"), "refused", {token}),\n'
    return text.replace(")\n\nDAG_FILE = ", f"{entry})\n\nDAG_FILE = ", 1)


def _matches(pattern: str) -> Callable[[str, Plan], bool]:
    """Whether a pattern with NAME for the source's name, and UPPER for that in capitals, is found in a file."""

    def found(text: str, plan: Plan) -> bool:
        source = plan.spec.source
        return (
            re.search(pattern.replace("NAME", source).replace("UPPER", source.upper()), text, re.MULTILINE) is not None
        )

    return found


def _has_pool(text: str, plan: Plan) -> bool:
    return bool(json.loads(text).get(plan.spec.source, {}).get("slots") == plan.pool_slots)


# Whether an edit was made is told by the edit itself: the name alone may be there as any word.
EDITS: Mapping[str, tuple[Edit, ...]] = {
    "dags/pools.json": (Edit(_has_pool, _pools),),
    "docker-bake.hcl": (Edit(_matches(r'source = \[[^\]]*"NAME"'), _bake),),
    "helm/values.yaml": (Edit(_matches(r"^  NAME: \{enabled:"), _values),),
    "tools/reference.py": (
        Edit(_matches(r"^from NAME\.cli import SOURCE as UPPER$"), _reference_import),
        Edit(_matches(rf"{_SOURCES}\bUPPER\b"), _reference_list),
    ),
    "pyproject.toml": (
        Edit(_matches(r'^files = .*"extractors/NAME/src"'), _types_of),
        Edit(_matches(r"^mypy_path = .*extractors/NAME/src:"), _path_of_types),
        Edit(_matches(r'^known-first-party = .*"NAME"'), _first_party),
    ),
    "Makefile": (Edit(_matches(r"for source in [\w ]*\bNAME\b[\w ]*; do"), _makefile),),
    "tests/repository/test_repository.py": (
        Edit(_matches(r'"dbt/generate\.py",\s*"NAME",\s*"--check"'), _staleness),
        Edit(_matches(r'ids=\["reference", "chart"[^\]]*"NAME"'), _staleness_id),
    ),
    "tests/sandbox/src/sandbox/cli.py": (
        Edit(_matches(r"^from sandbox\.NAME[. ]"), _sandbox_import),
        Edit(_matches(r"^def NAME\("), _sandbox_command),
    ),
    "tests/dags/test_windows.py": (Edit(_matches(r'\bSource\(\s*"NAME",'), _windows),),
}


def edited(path: str, text: str, plan: Plan) -> str:
    """A file of the repository with what the source needs there; as it is where that stands in it already.

    Raises:
        ScaffoldError: the place is not found.
    """
    for edit in EDITS[path]:
        try:
            if not edit.is_there(text, plan):
                text = edit.make(text, plan)
            done = edit.is_there(text, plan)
        except (AssertionError, AttributeError, TypeError, ValueError):
            done = False
        if not done:
            raise ScaffoldError(
                f"{path}: the place for {plan.spec.source} is not found: is this Transload's repository?"
            )
    return text
