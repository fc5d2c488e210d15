"""Fetches the system tests of Airflow's providers into .venv-airflow: 400 DAGs of other people, for the architect's tests.

They are in source distributions only. uv tells where those lie in whichever registry it asks; the hashes are the lock's.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "provider-sources.txt"


def main(environment: Path) -> None:
    """Fetch them, unless the lock has not changed since.

    Args:
        environment: the virtual environment in whose folder ``provider-sources`` they go.

    Raises:
        SystemExit: a distribution is not what the lock says.
    """
    folder = environment / "provider-sources"
    done = folder / "lock.txt"
    if done.exists() and done.read_text() == LOCK.read_text():
        return
    shutil.rmtree(folder, ignore_errors=True)
    locked = dict(re.findall(r"^([\w-]+)==\S+ \\\n +--hash=sha256:(\w+)$", LOCK.read_text(), re.MULTILINE))
    uv = Path(sys.executable).with_name("uv")
    found = subprocess.run(
        [uv, "pip", "compile", "--quiet", "--no-deps", "--format", "pylock.toml", LOCK], check=True, capture_output=True
    )
    session = requests.Session()
    session.mount(
        "https://", HTTPAdapter(max_retries=Retry(5, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504)))
    )
    for package in tomllib.loads(found.stdout.decode())["packages"]:
        answer = session.get(package["sdist"]["url"], timeout=60)
        answer.raise_for_status()
        if hashlib.sha256(answer.content).hexdigest() != locked[package["name"]]:
            raise SystemExit(f"{package['name']}: its source distribution is not the one of {LOCK.name}")
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            for one in archive:
                file = archive.extractfile(one)
                if file is not None and "/tests/system/" in one.name and one.name.endswith(".py"):
                    path = folder / one.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(file.read())
    done.write_text(LOCK.read_text())


if __name__ == "__main__":
    main(ROOT / sys.argv[1])
