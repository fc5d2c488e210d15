"""What the images' tests share: the docker command, held as a pod would hold it, and what a container left behind.

The command and not its Python SDK: what is promised is `docker run`, with its Ctrl-C, its files of variables and its
mounts, and that is what people type.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = tuple(
    sorted(
        path.name for path in (ROOT / "extractors").iterdir() if (ROOT / "requirements" / f"{path.name}.txt").exists()
    )
)
IMAGES = (*SOURCES, "dbt", "airflow", "sandbox")
# No image may count on a user of its own. Root's files could be read by anybody, so root does not test as itself.
USER = f"{os.getuid() or 12345}:{os.getgid() or 12345}"
HELD = (
    "--read-only", "--tmpfs", "/tmp", "--user", USER, "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
    "--network", "host",
)  # fmt: skip


@dataclass
class Ended:
    """A command that ended, or a container's."""

    code: int
    out: str
    err: str


@dataclass
class Docker:
    """The docker command, and the containers that it started here."""

    started: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, check: bool = True, timeout: float = 120) -> Ended:
        """Run one docker command to its end; unless ``check`` is false it must end well."""
        done = subprocess.run(
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr[-3000:]}"
        return Ended(done.returncode, done.stdout, done.stderr)

    def name(self) -> str:
        """A name for a container, which is removed at the end whatever became of it."""
        self.started.append(f"transload-test-{secrets.token_hex(6)}")
        return self.started[-1]

    def run(self, image: str, *arguments: str, options: Sequence[str] = (), timeout: float = 300) -> Ended:
        """Run a container to its end."""
        return self("run", "--rm", *HELD, *options, f"transload/{image}", *arguments, check=False, timeout=timeout)

    def detached(self, image: str, *arguments: str, options: Sequence[str] = ()) -> str:
        """Start a container in the background; returns its name."""
        name = self.name()
        self("run", "--detach", "--name", name, *options, f"transload/{image}", *arguments)
        return name

    def inspect(self, name: str) -> Any:
        """What docker knows of an image or a container."""
        return json.loads(self("inspect", name).out)[0]

    def logs(self, name: str) -> Ended:
        """What a container said so far."""
        return self("logs", name)

    def clean(self) -> None:
        """Remove what was started."""
        for name in self.started:
            self("rm", "--force", "--volumes", name, check=False)


@pytest.fixture(scope="session", autouse=True)
def _images_are_there() -> None:
    """These tests are of images that were built before: `make images`."""
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"no docker answers: {answer.stderr}"
    for name in IMAGES:
        found = subprocess.run(["docker", "image", "inspect", f"transload/{name}"], capture_output=True, check=False)
        assert found.returncode == 0, f"there is no image transload/{name}: run make images first"


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """No settings from outside: see the conftest at the root."""


@pytest.fixture
def docker() -> Iterator[Docker]:
    """The docker command. Containers started by it are gone after the test."""
    command = Docker()
    yield command
    command.clean()


@pytest.fixture
def base(docker: Docker) -> str:
    """The image that ours stand on."""
    (name,) = {
        docker.inspect(f"transload/{one}")["Config"]["Labels"]["org.opencontainers.image.base.name"] for one in IMAGES
    }
    return str(name)


@pytest.fixture
def lake_folder(tmp_path: Path) -> Path:
    """A folder that any user may write to, for a lake that is a directory."""
    folder = tmp_path / "lake"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def flags(variables: Mapping[str, str]) -> list[str]:
    """Variables as options of `docker run`."""
    return [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]


@pytest.fixture
def account() -> Callable[..., list[str]]:
    """Returns a function that gives the options by which a container reaches a sandbox's account."""

    def options(sandbox: Any, key: str = "key", token: str = "token") -> list[str]:
        return flags({
            "PESTROUTES_BASE_URL": sandbox.url,
            "PESTROUTES_AUTHENTICATION_KEY": key,
            "PESTROUTES_AUTHENTICATION_TOKEN": token,
        })  # fmt: skip

    return options
