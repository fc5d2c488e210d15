"""Memory: a real extract within the least that a pod is given."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import SandboxProcess
from tests.images.conftest import HELD, Docker, flags

RECORDS = 250_000


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["s3", "directory"])
def test_a_whole_batch_goes_through_192_mib(
    docker: Docker, s3: Any, account: Any, lake_folder: Path, kind: str
) -> None:
    place = ["--volume", f"{lake_folder}:/lake"]
    if kind == "s3":
        place = flags({"TRANSLOAD_DESTINATION": f"s3://raw/{secrets.token_hex(6)}",
                       "TRANSLOAD_ENDPOINT_URL": s3.endpoint_url, **s3.environment})  # fmt: skip
    with SandboxProcess("pestroutes", records=RECORDS) as sandbox:
        name = docker.detached(
            "pestroutes", "extract", "customer", "--json",
            options=[*HELD, "--memory", "192m", "--memory-swap", "192m", *account(sandbox), *place],
        )  # fmt: skip
        code = docker("wait", name, timeout=300).out
        said = docker.logs(name)
        assert (code, docker.inspect(name)["State"]["OOMKilled"]) == ("0\n", False), said.err
        (load,) = json.loads(said.out)["loads"]
        assert (load["committed"], load["records"]) == (True, RECORDS)


@pytest.mark.parametrize(("limit", "code"), [("192m", "137"), ("512m", "0")])
def test_the_limit_holds(docker: Docker, limit: str, code: str) -> None:
    """The test above could fail: with less than it takes, a container is killed."""
    name = docker.detached(
        "pestroutes", "-c", "held = b'x' * (300 << 20)",
        options=[*HELD, "--memory", limit, "--memory-swap", limit, "--entrypoint", "python"],
    )  # fmt: skip
    # Docker does not always say that memory was the reason; that with more of it nothing happens does.
    assert docker("wait", name).out == f"{code}\n"
