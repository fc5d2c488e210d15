"""The images' budgets: size over the base, and the time from ``docker run`` to the first request over an empty container's."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import time

from tests.benchmarks.report import report

EXTRACTOR, OTHERS = "transload/pestroutes", ("transload/dbt", "transload/airflow", "transload/sandbox")
MEGABYTES, SECONDS = 60, 1.0


def docker(*arguments: str) -> str:
    """What a docker command says.

    Raises:
        OSError: there is no docker.
        subprocess.CalledProcessError: it failed.
    """
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def size(image: str) -> float:
    """Megabytes of an image, base included."""
    found: int = json.loads(docker("image", "inspect", image))[0]["Size"]
    return found / 1e6


def base_of(image: str) -> str:
    """The image that one of ours stands on."""
    labels = json.loads(docker("image", "inspect", image))[0]["Config"]["Labels"]
    return str(labels["org.opencontainers.image.base.name"])


def first_connection(*run: str) -> float:
    """Seconds from ``docker run`` to the first connection that the container makes, the shortest of five.

    ``{port}`` in the arguments is where a connection is waited for. Nothing is answered; the container is removed.
    """
    times = []
    for _ in range(5):
        name = f"transload-bench-{secrets.token_hex(4)}"
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(60)
            port = str(listening.getsockname()[1])
            command = ["docker", "run", "--rm", "--name", name, "--network", "host", *run]
            began = time.perf_counter()
            with subprocess.Popen(
                [word.replace("{port}", port) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ):
                listening.accept()[0].close()
                times.append(time.perf_counter() - began)
                subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)
    return min(times)


def start_up() -> list[bool]:
    """An extract's first request, to the vendor where the lake is a directory, to the store where it is one."""
    empty = first_connection("--entrypoint", "bash", base_of(EXTRACTOR), "-c", "exec 3<>/dev/tcp/127.0.0.1/{port}")
    print(f"an empty container connects {empty:.2f} s after docker run")
    account = [
        f"--env={name}"
        for name in ("PESTROUTES_BASE_URL=http://127.0.0.1:{port}/api", "PESTROUTES_AUTHENTICATION_KEY=key",
                     "PESTROUTES_AUTHENTICATION_TOKEN=token", "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret")
    ]  # fmt: skip
    lakes = {
        "the vendor": ["--destination", "/tmp/lake"],
        "the store": ["--destination", "s3://raw", "--endpoint-url", "http://127.0.0.1:{port}"],
    }
    met = []
    for whom, lake in lakes.items():
        seconds = (
            first_connection("--read-only", "--tmpfs=/tmp", *account, EXTRACTOR, "extract", "customer", *lake) - empty
        )
        met.append(
            report(f"first request to {whom} over that", f"{seconds:.2f} s", f"<= {SECONDS} s", met=seconds <= SECONDS)
        )
    return met


def images() -> list[bool]:
    """All of it; nothing, and a word why, where it cannot be measured."""
    try:
        docker("info")
    except (OSError, subprocess.CalledProcessError):
        print("images: not measured, as no docker answers here")
        return []
    try:
        base = base_of(EXTRACTOR)
        added = {name: size(name) - size(base) for name in (EXTRACTOR, *OTHERS)}
    except subprocess.CalledProcessError:
        print("images: not measured, as they are not built: make images")
        return []
    own = added.pop(EXTRACTOR)
    met = [report(f"{EXTRACTOR} over {base}", f"{own:.1f} MB", f"<= {MEGABYTES} MB", met=own <= MEGABYTES)]
    print("the others: " + ", ".join(f"{name} {megabytes:.0f} MB" for name, megabytes in added.items()))
    return met + start_up()
