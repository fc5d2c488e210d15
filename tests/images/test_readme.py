"""The README's lines for docker are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.images.conftest import ROOT, Docker


@pytest.mark.timeout(300)
def test_the_readmes_lines_do_what_they_say(docker: Docker, tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text().split("## One extractor in a container\n")[1]
    lines = section.split("```sh\n")[1].split("```")[0].splitlines(keepends=True)
    assert lines[0].startswith("make images")
    own = docker.name()  # of this test, beside a reader's own
    script = re.sub(r"transload-(net|sandbox)", rf"{own}-\1", "".join(lines[1:]))
    docker.started.append(f"{own}-sandbox")
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ
    )
    if done.returncode:
        docker.clean()
        docker("network", "rm", f"{own}-net", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    loads = [line.split() for line in done.stdout.splitlines() if re.match(r"(customer|appointment) +20000101T", line)]
    assert {(words[0], words[2]) for words in loads} == {("customer", "5,000"), ("appointment", "10,000")}
    assert len(list((tmp_path / "lake").rglob("_loads/*.json"))) == 2
