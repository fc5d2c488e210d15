"""The rivals' environments: each of its own, from a lock with hashes, installed when it is first raced against."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def python_of(rival: str) -> Path:
    """The Python of a rival's environment, which is made or brought up to its lock first."""
    folder, lock = ROOT / f".venv-rival-{rival}", ROOT / "requirements" / f"rival-{rival}.txt"
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        print(f"race: installing requirements/{lock.name} into {folder.name}", file=sys.stderr, flush=True)
        uv = Path(sys.executable).with_name("uv")
        if not python.exists():
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        # Compiled, so that no run's start is measured with a compiler in it.
        options = ["--quiet", "--compile-bytecode", "--python", str(python), "--require-hashes"]
        subprocess.run([str(uv), "pip", "sync", *options, str(lock)], check=True)
        installed.write_bytes(lock.read_bytes())
    return python


def version(rival: str, package: str) -> str:
    """The version of a package in a rival's environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python_of(rival), "-c", code], check=True, capture_output=True, text=True).stdout.strip()
