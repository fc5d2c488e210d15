"""dbt on the target snowflake in a process of its own, kept warm: two adapters in one are untidy when it ends.

Reads a JSON object a line, ``{"arguments", "environment"}``, and answers each with ``{"success", "messages", "results"}``.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever prints, prints among the errors


def options_of(arguments: list[str]) -> str:
    """What a project is parsed with decides whether it must be parsed again."""
    return arguments[arguments.index("--vars") + 1] if "--vars" in arguments else ""


def main(options: list[str]) -> None:
    manifests: dict[str, Manifest] = {}
    for line in sys.stdin:
        request = json.loads(line)
        os.environ.update(request["environment"])
        arguments = [*request["arguments"], *options]
        variables = options_of(arguments)
        messages: list[str] = []
        if variables not in manifests:
            given = ["--vars", variables] if variables else []
            parsed = dbtRunner().invoke(["parse", *given, *options])
            assert isinstance(parsed.result, Manifest), parsed.exception
            manifests[variables] = parsed.result
        runner = dbtRunner(manifests[variables], callbacks=[lambda event, kept=messages: kept.append(event.info.msg)])
        outcome = runner.invoke(arguments)
        results = getattr(outcome.result, "results", None) or []
        answer: dict[str, Any] = {
            "success": outcome.success,
            "messages": [*messages, str(outcome.exception or "")],
            "results": {one.node.name: [str(one.status), one.message] for one in results},
            "compiled": {one.node.name: getattr(one.node, "compiled_code", None) for one in results},
        }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main(sys.argv[1:])
