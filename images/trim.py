"""Run as root while an image is made: takes out what installs packages, and compiles the standard library.

A slim image of Python has pip, which nothing needs at run time, and no compiled modules. Where the root file system is
read-only none would ever be written, and every start would compile again what it imports.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

INSTALLERS = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack", "ensurepip")
# Packages of Debian that hold them, where Python is Debian's. The image's inventory must not name what is gone.
DEBIAN = re.compile(r"python3(\.\d+)?-(pip|pip-whl|setuptools|setuptools-whl|wheel|pkg-resources|venv)")
# Modules of the standard library that no program here imports.
LEFT = re.compile(
    r"/(test|tests|idlelib|lib2to3|tkinter|turtledemo|pydoc_data|config-[^/]*|dist-packages|site-packages)/"
)


def purge_debian_packages() -> None:
    """Take out the Debian packages of installers, if there are any."""
    listed = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}${Package}\n", "python3*"],
        check=False,
        capture_output=True,
        text=True,
    )
    words = [line.split() for line in listed.stdout.splitlines()]
    found = [name for status, name in words if status == "ii" and DEBIAN.fullmatch(name)]
    if found:
        subprocess.run(["dpkg", "--purge", "--force-depends", *found], check=True, stdout=subprocess.DEVNULL)


def remove_installers(folders: list[Path]) -> None:
    """Remove the modules of installers and what describes them from folders of modules, and their commands from PATH."""
    for folder in folders:
        for name in INSTALLERS:
            described = (folder.glob(f"{name}-*.{kind}") for kind in ("dist-info", "egg-info"))
            for path in [folder / name, *(one for found in described for one in found)]:
                shutil.rmtree(path, ignore_errors=True)
        (folder / "distutils-precedence.pth").unlink(missing_ok=True)
    for place in os.environ["PATH"].split(os.pathsep):
        for pattern in ("pip*", "wheel*", "easy_install*"):
            for command in Path(place).glob(pattern):
                command.unlink()


def main() -> None:
    """Do it, with the Python that runs this."""
    library = Path(sysconfig.get_path("stdlib"))
    purge_debian_packages()
    remove_installers([library, *(Path(path) for path in sys.path if path.endswith("-packages"))])
    compileall.compile_dir(library, quiet=1, rx=LEFT, workers=0)


if __name__ == "__main__":
    main()
