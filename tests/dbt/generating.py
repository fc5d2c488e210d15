"""dbt/generate.py run against the extractor that only says what it has."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from dbt_harness import PROJECT

PYTHON = [sys.executable, "-S"]  # without the environment's packages it is there much sooner
FAKE = Path(__file__).parent / "fake_extractor.py"


def generate(
    models: Path,
    *arguments: str,
    source: str = "pestroutes",
    streams: dict[str, Any] | None = None,
    extractor: Path = FAKE,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run it into a folder of models, for the fake extractor's streams or for these."""
    command = [*PYTHON, str(extractor)]
    if streams is not None:
        changed = models / "streams.json"
        changed.write_text(json.dumps(streams), encoding="utf-8")
        command.append(str(changed))
    script = [*PYTHON, str(PROJECT / "generate.py"), source, "--models", str(models)]
    script += ["--command", shlex.join(command), *arguments]
    return subprocess.run(script, input=stdin, capture_output=True, text=True, check=False)


def stream(fields: dict[str, str], primary_key: str, cursor: str | None = None) -> dict[str, Any]:
    """A stream of the fake extractor."""
    return {"primary_key": [primary_key], "cursor": cursor, "sensitive": [], "fields": fields}
