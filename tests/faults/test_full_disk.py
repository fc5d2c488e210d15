"""A disk that is full under the directory lake: a small one of the kernel's own, mounted where only the command sees it.

``unshare`` gives a process mounts of its own, to root always and to others where the kernel lets them. Elsewhere the test is passed
over, unless ``CI`` is set: there it must run.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PESTROUTES, Bench

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


@pytest.mark.fault(table="Lake faults", step="full disk", mode="for ever", source="pestroutes", lake="directory")
@pytest.mark.parametrize("way", [PESTROUTES])
@pytest.mark.parametrize(
    "kilobytes", [pytest.param(8, marks=pytest.mark.exhaustive), 20, pytest.param(36, marks=pytest.mark.exhaustive)]
)
def test_a_full_disk_ends_the_run_with_69_and_the_next_one_goes_on(
    bench: Bench, kilobytes: int, tmp_path: Path
) -> None:
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        assert not os.environ.get("CI"), "CI must let this test mount: allow user namespaces, or run it as root"
        pytest.skip("this kernel lets only root have mounts of its own")
    expected = bench.undisturbed()
    lake, summaries = tmp_path / "lake", [tmp_path / "first.json", tmp_path / "second.json"]
    lake.mkdir()
    program = f"from {bench.way.source}.cli import main; main()"
    command = [sys.executable, "-c", program, "extract", bench.way.stream, *map(str, bench.way.options),
               "--destination", str(lake), "--json"]  # fmt: skip
    once = shlex.join(command)
    script = (
        f"mount -t tmpfs -o size={kilobytes}k none {lake} || exit 1\n"
        f"{once} >{summaries[0]}\n"
        f"find {lake} -name '*.tmp' >{tmp_path}/left\n"
        f"mount -o remount,size=64m {lake} || exit 1\n"
        f"{once} >{summaries[1]}\n"
        f"cp -r {lake} {tmp_path}/kept\n"
    )
    done = subprocess.run([*UNSHARE, "sh", "-c", script], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads(one.read_text()) for one in summaries)
    assert first["exit_code"] == 69
    assert "make room and run the same command again" in first["error"]["message"]
    assert not any(load["committed"] for load in first["loads"])
    assert (tmp_path / "left").read_text() == ""
    assert second["exit_code"] == 0, done.stderr[-3000:]
    (begun,), (load,) = first["loads"], second["loads"]
    assert load["committed"]
    # What a smaller disk had taken is not fetched again.
    assert load["resumed"] or not begun["parts"]
    bench.destination = str(tmp_path / "kept")
    assert bench.visible() == expected
