"""A disk that is full under the directory lake: a small one of the kernel's own, mounted where only the command sees it.

``unshare`` gives a process mounts of its own, to root always and to others where the kernel lets them. Elsewhere no file may grow
beyond a limit, which the lake meets as the same kind of error.
"""

from __future__ import annotations

import json
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
    expected = bench.undisturbed()
    lake, summaries = tmp_path / "lake", [tmp_path / "first.json", tmp_path / "second.json"]
    lake.mkdir()
    program = f"from {bench.way.source}.cli import main; main()"
    command = [sys.executable, "-c", program, "extract", bench.way.stream, *map(str, bench.way.options),
               "--destination", str(lake), "--json"]  # fmt: skip
    once = shlex.join(command)
    mounts = not subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode
    full = f"mount -t tmpfs -o size={kilobytes}k none {lake} || exit 1" if mounts else ":"
    room = f"mount -o remount,size=64m {lake} || exit 1" if mounts else ":"
    # It counts blocks of 512 bytes, of each file by itself; what the summary goes to is none of them.
    limit = ":" if mounts else f"ulimit -f {kilobytes // 8}"
    script = (
        f"{full}\n({limit}; {once}) | cat >{summaries[0]}\nfind {lake} -name '*.tmp' >{tmp_path}/left\n"
        f"{room}\n{once} >{summaries[1]}\ncp -r {lake} {tmp_path}/kept\n"
    )
    shell = [*(UNSHARE if mounts else ()), "sh", "-c", script]
    done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads(one.read_text()) for one in summaries)
    assert first["exit_code"] == 69, done.stderr[-3000:]
    assert "make room and run the same command again" in first["error"]["message"]
    assert (tmp_path / "left").read_text() == ""
    assert second["exit_code"] == 0, done.stderr[-3000:]
    (begun,), (load,) = first["loads"], second["loads"]
    assert (begun["committed"], load["committed"]) == (False, True)
    # What a smaller disk had taken is not fetched again.
    assert load["resumed"] or not begun["parts"]
    bench.destination = str(tmp_path / "kept")
    assert bench.visible() == expected
