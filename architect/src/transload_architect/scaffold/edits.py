"""The lines that files of the repository need for a new source. Each is put where its like stand; where that place is not
found, the repository is another than this was written for, and nothing is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from transload_architect.design.plan import Plan
from transload_architect.scaffold.files import class_name, fill


class ScaffoldError(ValueError):
    """A source cannot be made here; each line of the message says why."""


Edit = Callable[[str, Plan], str]


def _after(text: str, pattern: str, addition: str) -> str:
    """Puts an addition behind the last match of a pattern."""
    *_, last = re.finditer(pattern, text, re.MULTILINE)
    return text[: last.end()] + addition + text[last.end() :]


def _pools(text: str, plan: Plan) -> str:
    pools = json.loads(text)
    spec = plan.spec
    limits = [
        f"{limit:,} {what}"
        for limit, what in (
            (spec.limits.calls_per_minute, "calls a minute"),
            (spec.limits.calls_per_day, "calls a day"),
        )
        if limit
    ]
    said = (
        f"{spec.title} allows {' and '.join(limits) or 'so much'}, all pods together; "
        f"each pod paces itself by its own count, hence {plan.pool_slots} at once"
    )
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


def _reference(text: str, plan: Plan) -> str:
    source = plan.spec.source
    text = _after(
        text, r"^from \w+\.cli import SOURCE as \w+\n", f"from {source}.cli import SOURCE as {source.upper()}\n"
    )
    return re.sub(r"(SOURCES: tuple\[Source, \.\.\.\] = \()(.*)(\))", rf"\1\2, {source.upper()}\3", text, count=1)


def _pyproject(text: str, plan: Plan) -> str:
    source = plan.spec.source
    path = f"extractors/{source}/src"
    text = text.replace('"extractors/pestroutes/src", ', f'"extractors/pestroutes/src", "{path}", ', 1)
    text = text.replace("extractors/pestroutes/src:", f"extractors/pestroutes/src:{path}:", 1)
    return text.replace('"sandbox", "common"]', f'"{source}", "sandbox", "common"]', 1)


def _makefile(text: str, plan: Plan) -> str:
    return re.sub(r"(for source in [\w ]+)(; do)", rf"\1 {plan.spec.source}\2", text, count=1)


def _staleness(text: str, plan: Plan) -> str:
    source = plan.spec.source
    line = f'        ("dbt/generate.py", "{source}", "--check", "--command", str(BIN / "{source}")),\n'
    text = _after(text, r'^        \("dbt/generate\.py", "\w+", "--check".*\n', line)
    return re.sub(r'(ids=\["reference", "chart"[^\]]*)\]', rf'\1, "{source}"]', text, count=1)


def _sandbox(text: str, plan: Plan) -> str:
    source = plan.spec.source
    made = class_name(source)
    text = _after(
        text,
        r"^from sandbox\.\w[\w.]* import .*\n",
        f"from sandbox.{source} import NOW as {source.upper()}_NOW\nfrom sandbox.{source} import {made}Sandbox\n",
    )
    words = {"source": source, "title": plan.spec.title, "class_name": made, "upper": source.upper()}
    command = fill("sandbox_command.py", words)
    return text.replace("def serve(", command + "def serve(", 1)


def _windows(text: str, plan: Plan) -> str:
    spec = plan.spec
    changing = [one for one in spec.streams.values() if one.found_by][:2]
    streams = ", ".join(f'"{one.name}": ("{one.primary_key[0]}", "{one.found_by[0]}")' for one in changing)
    token = f'{{"{spec.source.upper()}_TOKEN": "token"}}'
    entry = f'    Source("{spec.source}", {{{streams}}}, ("--records", "300"), "refused", {token}),\n'
    return text.replace(")\n\nDAG_FILE = ", f"{entry})\n\nDAG_FILE = ", 1)


EDITS: Mapping[str, Edit] = {
    "dags/pools.json": _pools,
    "docker-bake.hcl": _bake,
    "helm/values.yaml": _values,
    "tools/reference.py": _reference,
    "pyproject.toml": _pyproject,
    "Makefile": _makefile,
    "tests/repository/test_repository.py": _staleness,
    "tests/sandbox/src/sandbox/cli.py": _sandbox,
    "tests/dags/test_windows.py": _windows,
}


def edited(path: str, text: str, plan: Plan) -> str:
    """A file of the repository with what the source needs there; as it is where that stands in it already.

    Raises:
        ScaffoldError: the place is not found.
    """
    if re.search(rf"\b{plan.spec.source}\b", text):
        return text
    try:
        changed = EDITS[path](text, plan)
    except (AssertionError, ValueError):
        changed = text
    if not re.search(rf"\b{plan.spec.source}\b", changed):
        raise ScaffoldError(f"{path}: the place for {plan.spec.source} is not found: is this Transload's repository?")
    return changed
