"""What every image promises: who it runs as, what is in it and what is not, and what it says of itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.images.conftest import IMAGES, ROOT, SOURCES, Docker

MEGABYTE = 1_000_000
LABELS = ("title", "version", "revision", "source", "licenses")
WORKS = {
    **dict.fromkeys(SOURCES, ("streams",)),
    "dbt": ("parse", "--no-partial-parse"),
    "airflow": ("version",),
    "sandbox": ("pestroutes", "--help"),
}
# What a start of each imports, beside what "python" itself does.
IMPORTS = {
    **{
        name: f"{name}.cli, transload.running, transload.lake_s3, boto3, requests, isal, rich.progress"
        for name in SOURCES
    },
    "dbt": "dbt.cli.main, dbt.adapters.duckdb, dbt.adapters.snowflake",
    "airflow": "airflow.__main__, airflow.providers.cncf.kubernetes.operators.pod, common.operators",
    "sandbox": "sandbox.cli",
}
NOT_COMPILED = """
import importlib.util, os, struct, sys
def stale(module):
    source = getattr(getattr(module, "__spec__", None), "origin", None) or ""
    if not source.endswith(".py"):
        return False
    cached = importlib.util.cache_from_source(source)
    if not os.path.exists(cached):
        return True
    flags, moment = struct.unpack("<4xII", open(cached, "rb").read(12))
    return flags == 0 and moment != int(os.stat(source).st_mtime) & 0xFFFFFFFF
print(*sorted(name for name, module in list(sys.modules.items()) if stale(module)))
"""

each_image = pytest.mark.parametrize("image", IMAGES)


def python(docker: Docker, image: str, code: str) -> str:
    """What a piece of Python says in an image."""
    ended = docker.run(image, "-c", code, options=["--entrypoint", "python", "--env", "TRANSLOAD_ENVIRONMENT=local"])
    assert ended.code == 0, ended.err
    return ended.out.strip()


@each_image
def test_it_works_for_an_arbitrary_user_on_a_root_that_is_read_only(docker: Docker, image: str) -> None:
    ended = docker.run(image, *WORKS[image])
    assert ended.code == 0, ended.out + ended.err


@each_image
def test_its_own_user_is_a_number_and_not_root(docker: Docker, image: str) -> None:
    config = docker.inspect(f"transload/{image}")["Config"]
    assert config["User"] == "65532:65532"
    assert docker("run", "--rm", "--entrypoint", "id", f"transload/{image}", "-u").out == "65532\n"


@each_image
def test_nobody_can_change_what_is_in_it(docker: Docker, image: str) -> None:
    search = ("/", "-xdev", "(", "-type", "f", "-o", "-type", "d", ")", "-perm", "/o+w")
    ended = docker("run", "--rm", "--user", "0", "--entrypoint", "find", f"transload/{image}", *search)
    assert set(ended.out.split()) <= {"/tmp", "/var/tmp", "/run/lock", "/dev/shm"}


@each_image
def test_nothing_in_it_installs_or_compiles(docker: Docker, base: str, image: str) -> None:
    modules = ("pip", "setuptools", "wheel", "ensurepip", "uv", "pytest")
    commands = ("pip", "pip3", "uv", "gcc", "cc", "g++", "clang", "make", "ld")
    code = (
        "import importlib.util, shutil\n"
        f"print([name for name in {modules} if importlib.util.find_spec(name)], [one for one in {commands} if shutil.which(one)])"
    )
    assert python(docker, image, code) == "[] []"
    code = f"import shutil; print([one for one in {commands} if shutil.which(one)])"
    assert "pip" in docker("run", "--rm", base, "python3", "-c", code).out, "the base has it, and the check sees it"


@each_image
def test_what_a_start_imports_is_compiled(docker: Docker, image: str) -> None:
    assert python(docker, image, f"import {IMPORTS[image]}\n{NOT_COMPILED}") == ""


def test_a_module_that_is_not_compiled_would_be_seen(docker: Docker, base: str) -> None:
    said = docker("run", "--rm", base, "python3", "-B", "-c", f"import json\n{NOT_COMPILED}").out
    assert "json" in said.split()


@each_image
def test_its_labels_say_what_it_is(docker: Docker, image: str) -> None:
    labels = docker.inspect(f"transload/{image}")["Config"]["Labels"]
    title, version, revision, source, licenses = (labels[f"org.opencontainers.image.{name}"] for name in LABELS)
    assert (title, version, licenses) == (f"transload/{image}", "0.1.0", "Apache-2.0")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert revision.removesuffix("-dirty") == head.stdout.strip()
    assert source
    assert "@" not in source


def locked(name: str) -> set[tuple[str, str]]:
    """The names and versions in a lock."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


@each_image
def test_its_bill_of_materials_names_what_is_in_it(docker: Docker, image: str) -> None:
    def said(command: str, *arguments: str) -> str:
        return docker("run", "--rm", "--entrypoint", command, f"transload/{image}", *arguments).out

    bom = json.loads(said("cat", "/usr/share/transload/sbom.cdx.json"))
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", f"transload/{image}")
    # Some packages write their own names with other separators than a lock does.
    named = {(re.sub(r"[-_.]+", "-", one["name"].lower()), one["version"])
             for one in bom["components"] if one["purl"].startswith("pkg:pypi/")}  # fmt: skip
    assert named <= locked(image) | {one for one in locked("images") if one[0] == "dumb-init"}
    # A lock is for any machine, an image for one.
    assert len(named) > len(locked(image)) * 0.9
    debian = {one["name"]: one["version"] for one in bom["components"] if one["purl"].startswith("pkg:deb/")}
    installed = said("dpkg-query", "--show", "--showformat", "${Package}=${Version}\n")
    assert debian == dict(line.split("=", 1) for line in installed.splitlines())


@each_image
def test_no_secret_is_in_its_settings_or_its_history(docker: Docker, base: str, image: str) -> None:
    def assignments(name: str) -> set[str]:
        shown = (
            docker("image", "inspect", name).out
            + docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", name).out
        )
        return set(re.findall(r"\w*(?:KEY|TOKEN|SECRET|PASSW|CREDENTIAL)\w*=\S+", shown, re.IGNORECASE))

    # The public image of Python names the key that its sources were signed with.
    assert assignments(f"transload/{image}") <= assignments(base)


def test_what_lies_about_never_reaches_the_daemon(docker: Docker, base: str, tmp_path: Path) -> None:
    wanted = {"dags/daily.py", "dbt/models/a.sql", "extractors/core/src/a.py", "images/sbom.py", "requirements/dbt.txt"}
    unwanted = {
        ".env", "pestroutes.env", "secrets/key", "lake/part", ".venv/bin/python", ".git/config", "tests/images/conftest.py",
        "dbt/.env", "dbt/a.duckdb", "dbt/target/manifest.json", "dags/local.env", "extractors/core/lake/part",
        "extractors/core/tests/test_a.py", "extractors/core/src/__pycache__/a.pyc", "requirements/dbt.in",
    }  # fmt: skip
    for name in wanted | unwanted:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    dockerfile = tmp_path / "images" / "Dockerfile"
    dockerfile.write_text(f"FROM {base}\nCOPY . /context\n")
    image = docker("build", "--quiet", "--file", str(dockerfile), str(tmp_path)).out.strip()
    try:
        found = docker("run", "--rm", image, "find", "/context", "-type", "f", "-printf", "%P\\n").out
    finally:
        docker("rmi", image)
    assert set(found.split()) == wanted


@pytest.mark.parametrize("source", SOURCES)
def test_an_extractor_adds_at_most_60_megabytes(docker: Docker, base: str, source: str) -> None:
    added = docker.inspect(f"transload/{source}")["Size"] - docker.inspect(base)["Size"]
    assert added <= 60 * MEGABYTE


def test_the_services_that_credentials_come_from_are_still_there(docker: Docker) -> None:
    """Most descriptions of services are left out of an extractor's image, to make it half as large."""
    code = (
        "import botocore.session; s = botocore.session.get_session()\n"
        "for name in ('s3', 'sts', 'sso', 'sso-oidc', 'signin'): s.create_client(name, region_name='us-east-1')\n"
        "print(s.get_available_services())"
    )
    assert python(docker, "pestroutes", code) == "['s3', 'signin', 'sso', 'sso-oidc', 'sts']"
