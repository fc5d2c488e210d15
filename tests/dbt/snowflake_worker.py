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


def parsed_with(arguments: list[str]) -> list[str]:
    """The variables that change what a project is when it is parsed; the others are read later."""
    given = arguments[arguments.index("--vars") + 1] if "--vars" in arguments else ""
    return ["--vars", "load: raw"] if "load: raw" in given else []


def main(options: list[str]) -> None:
    manifests: dict[str, Manifest] = {}
    own = dict(os.environ)
    for line in sys.stdin:
        request = json.loads(line)
        os.environ.clear()
        os.environ.update(own | request["environment"])
        arguments = [*request["arguments"], *options]
        variables = parsed_with(arguments)
        messages: list[str] = []
        if str(variables) not in manifests:
            parsed = dbtRunner().invoke(["parse", *variables, *options])
            assert isinstance(parsed.result, Manifest), parsed.exception
            manifests[str(variables)] = parsed.result
        runner = dbtRunner(
            manifests[str(variables)], callbacks=[lambda event, kept=messages: kept.append(event.info.msg)]
        )
        outcome = runner.invoke(arguments)
        results = [one for one in getattr(outcome.result, "results", None) or [] if hasattr(one, "node")]
        answer: dict[str, Any] = {
            "success": outcome.success,
            "messages": [*messages, str(outcome.exception or "")],
            "results": {one.node.name: [str(one.status), one.message] for one in results},
            "compiled": {one.node.name: getattr(one.node, "compiled_code", None) for one in results},
        }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main(sys.argv[1:])
