"""The images with each other: a vendor's stand-in, an extractor, dbt and Airflow, in containers of one network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.images.conftest import HELD, ROOT, USER, Docker, flags

ACCOUNT = flags({"PESTROUTES_AUTHENTICATION_KEY": "key", "PESTROUTES_AUTHENTICATION_TOKEN": "token"})


@pytest.fixture
def network(docker: Docker) -> Iterator[str]:
    """A network of containers, which know each other by name on it."""
    name = f"transload-test-{os.getpid()}"
    docker("network", "create", name)
    yield name
    docker.clean()
    docker("network", "rm", name)


@pytest.fixture
def sandbox(docker: Docker, network: str) -> str:
    """The address of a PestRoutes sandbox in a container; it is ready."""
    name = docker.detached("sandbox", "pestroutes", "--records", "200", options=["--network", network])
    with subprocess.Popen(["docker", "logs", "--follow", name], stdout=subprocess.PIPE, text=True) as logs:
        assert logs.stdout
        assert '"port": 8800' in logs.stdout.readline()
        logs.terminate()
    return f"http://{name}:8800/api"


@pytest.mark.timeout(300)
def test_from_the_vendor_to_a_mart_in_containers(
    docker: Docker, network: str, sandbox: str, lake_folder: Path, tmp_path: Path
) -> None:
    warehouse = tmp_path / "warehouse"
    warehouse.mkdir()
    warehouse.chmod(0o777)
    options = [*HELD[:-2], "--network", network, "--volume", f"{lake_folder}:/lake"]
    docker(
        "run", "--rm", *options, *ACCOUNT, "--env", f"PESTROUTES_BASE_URL={sandbox}", "transload/pestroutes",
        "extract", "--all", timeout=300,
    )  # fmt: skip
    built = docker(
        "run", "--rm", *options, "--volume", f"{warehouse}:/warehouse", "transload/dbt", "build", "--select", "+customers",
        timeout=300,
    )  # fmt: skip
    assert re.search(r"PASS=\d+ WARN=0 ERROR=0 SKIP=0", built.out), built.out[-3000:]
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as opened:
        assert opened.execute("select count(*) from marts.customers").fetchone() == (200,)


def test_the_sandbox_ends_when_it_is_told_to(docker: Docker, sandbox: str) -> None:
    name = docker.started[-1]
    docker("stop", name)
    assert docker.inspect(name)["State"]["ExitCode"] == 0


def test_the_runner_of_the_dags_holds_the_images(docker: Docker, pestroutes: Any, lake_folder: Path) -> None:
    """What a DAG does in the local environment with TRANSLOAD_RUNNER=docker."""
    environ = {
        "PESTROUTES_BASE_URL": pestroutes(records=20).url, "PESTROUTES_AUTHENTICATION_KEY": "key",
        "PESTROUTES_AUTHENTICATION_TOKEN": "token", "TRANSLOAD_DESTINATION": str(lake_folder),
    }  # fmt: skip
    code = (
        "import os, subprocess, sys; from common.runners import docker_command\n"
        f"command = docker_command('transload/pestroutes:latest', {docker.name()!r}, ['extract', 'customer'], {environ!r})\n"
        "sys.exit(subprocess.run(command).returncode)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environ, "PYTHONPATH": str(ROOT / "dags")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert len(list(lake_folder.glob("pestroutes/customer/_loads/*.json"))) == 1


@pytest.mark.parametrize(("environment", "code"), [("production", 0), ("", 1)])
def test_airflow_loads_the_dags_that_are_baked_in(docker: Docker, environment: str, code: int) -> None:
    steps = ("db migrate >/dev/null 2>&1", "dags list --local", "dags list-import-errors --local")
    ended = docker.run(
        "airflow", "-c", " && ".join(f"airflow {step}" for step in steps),
        options=["--entrypoint", "sh", "--env", f"TRANSLOAD_ENVIRONMENT={environment}"],
    )  # fmt: skip
    assert ended.code == code, ended.out + ended.err
    assert ("pestroutes_daily" in ended.out) == (code == 0)
    assert ("TRANSLOAD_ENVIRONMENT is not set" in ended.out) == (code != 0)


def test_the_sandboxes_image_has_a_store_and_a_database_that_need_no_more_than_a_folder(
    docker: Docker, tmp_path: Path
) -> None:
    """As the chart runs them: user 65532, since a database wants its user to have a name."""
    held = ["65532:65532" if one == USER else one for one in HELD]
    code = (
        "echo pass >/tmp/pass && initdb --pgdata /tmp/data --username airflow --pwfile /tmp/pass --auth scram-sha-256 >/dev/null"
        " && timeout 5 postgres -D /tmp/data -c listen_addresses= -c unix_socket_directories=/tmp; weed version"
    )
    ended = docker("run", "--rm", *held, "--entrypoint", "sh", "transload/sandbox", "-c", code)
    assert "ready to accept connections" in ended.err
    assert "version" in ended.out
