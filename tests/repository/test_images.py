"""What holds of the images' files, and can be seen without Docker. What the images do is in tests/images."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "images").glob("*/Dockerfile"))


def sources() -> set[str]:
    """The sources that have a lock, as tools/images.sh finds them."""
    return {
        path.name for path in (ROOT / "extractors").iterdir() if (ROOT / "requirements" / f"{path.name}.txt").exists()
    }


def test_buildx_makes_the_images_that_plain_docker_makes() -> None:
    lists = re.findall(r"^ +(?:source|image) = \[(.*)\]$", (ROOT / "docker-bake.hcl").read_text(), re.MULTILINE)
    baked = [set(re.findall(r'"([\w-]+)"', one)) for one in lists]
    assert baked == [sources(), {path.parent.name for path in DOCKERFILES} - {"extractor"}]


def test_the_images_begin_with_the_same_steps() -> None:
    """Which are made once then, and lie once in a registry and on a node."""
    beginnings = {re.sub(r"^#.*\n", "", path.read_text().split("\nFROM tools AS build\n")[0], flags=re.MULTILINE)
                  for path in DOCKERFILES}  # fmt: skip
    assert len(beginnings) == 1
    assert "FROM ${PYTHON_IMAGE} AS tools" in beginnings.pop()


def test_the_base_is_one_and_pinned_by_digest() -> None:
    said = [re.search(r"^ARG PYTHON_IMAGE=(.*)$", path.read_text(), re.MULTILINE) for path in DOCKERFILES]
    baked = re.search(r'variable "PYTHON_IMAGE" \{\n +default = "(.*)"', (ROOT / "docker-bake.hcl").read_text())
    (base,) = {one[1] for one in [*said, baked] if one}
    assert all([*said, baked])
    assert re.fullmatch(r"python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)


def test_no_image_is_fetched_to_read_a_dockerfile() -> None:
    assert [path for path in DOCKERFILES if re.search(r"^#\s*syntax\s*=", path.read_text(), re.MULTILINE)] == []
    assert len(DOCKERFILES) == 4


def test_the_wheel_of_the_core_carries_nothing_that_tests(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--quiet", "--offline", "--wheel", "--out-dir", tmp_path, "extractors/core"]
    subprocess.run(command, cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "transload/cli.py" in names
    assert [name for name in names if name.startswith("transload/testing")] == []


def test_an_image_carries_nothing_that_tests() -> None:
    for lock in {"dbt", "airflow", "sandbox", *sources()}:
        assert not re.search(r"^(pytest|hypothesis)", (ROOT / "requirements" / f"{lock}.txt").read_text(), re.MULTILINE)
