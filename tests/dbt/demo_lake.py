"""The demo's data on a real S3 server, for as long as stdin is open: both sandboxes, extracted at the demo's moments.

Run by the environment that has the extractors (.venv), since dbt's has none: ``FOLDER``. Prints what opens the lake, as one
JSON object of environment variables, when all is extracted.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tools.demo import RUNS, SOURCES, Demo, environment  # noqa: E402 - the repository is no package
from tools.services import s3, sandbox  # noqa: E402


def main(folder: Path) -> None:
    for name in [name for name in os.environ if re.match("TRANSLOAD_|PESTROUTES_|MARKETO_|AWS_", name)]:
        del os.environ[name]
    start = ("--seed", "1", "--now", RUNS[0][1].isoformat())
    with ExitStack() as stack:
        endpoint = stack.enter_context(s3(folder))
        urls = [stack.enter_context(sandbox(folder, *one.sandbox, *start, source=one.name)) for one in SOURCES]
        demo = Demo(tuple(urls), environment(*urls, endpoint))
        for _, moment in (RUNS[0], RUNS[-1]):
            demo.at(moment)
            for source in SOURCES:
                extract(demo, source.name, "--all", "--until", moment.isoformat())
        # A newer full load, so that there is something to be hidden.
        extract(demo, "pestroutes", "customer", "--full-refresh", "--until", RUNS[-1][1].isoformat())
        opens = {name: value for name, value in demo.environment.items() if name.startswith("AWS_")}
        print(json.dumps({**opens, "TRANSLOAD_ENDPOINT_URL": endpoint}), flush=True)
        sys.stdin.read()


def extract(demo: Demo, source: str, *arguments: str) -> None:
    command = [str(ROOT / ".venv" / "bin" / source), "extract", *arguments, "--json"]
    subprocess.run(command, env=demo.environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
