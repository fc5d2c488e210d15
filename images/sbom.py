"""Writes an image's bill of materials (CycloneDX, JSON): Debian's packages, Python, and the packages that Python sees.

Run while the image is made, in the stage that builds. Fails if what it wrote is not valid CycloneDX.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

LONGEST_LICENSE = 100  # some packages put the whole text where a name belongs


def debian(status: Path, release: Path) -> Iterator[Component]:
    """The installed packages of dpkg's status file."""
    words = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
    codename = words.get("VERSION_CODENAME", "").strip('"')
    for stanza in status.read_text().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            purl = PackageURL("deb", "debian", name, version, {"arch": fields["Architecture"], "distro": codename})
            yield component(name, version, purl)


def python() -> Component:
    """The interpreter, which no package manager lists in the usual images of Python."""
    version = platform.python_version()
    return component("python", version, PackageURL("generic", None, "python", version))


def packaged(found: Distribution) -> Component:
    """A Python package. One that was installed from a file is ours, and of no registry."""
    kind = "generic" if found.read_text("direct_url.json") else "pypi"
    made = component(found.name, found.version, PackageURL(kind, None, found.name.lower(), found.version))
    named = found.metadata.get_all("License-Expression") or found.metadata.get_all("License") or [""]
    if 0 < len(text := str(named[0])) <= LONGEST_LICENSE:
        with suppress(ValueError):
            made.licenses.add(LicenseFactory().make_from_string(text))
    return made


def component(name: str, version: str, purl: PackageURL) -> Component:
    """A part of the image."""
    return Component(name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=purl.to_string())


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="of the image")
    parser.add_argument("--version", required=True, help="of the image")
    parser.add_argument("--dpkg-status", type=Path, required=True)
    parser.add_argument("--site-packages", type=Path, required=True, help="where the image's Python packages are")
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    bom = Bom()
    bom.metadata.component = Component(name=asked.name, version=asked.version, type=ComponentType.CONTAINER)
    parts = [*debian(asked.dpkg_status, Path("/etc/os-release")), python(), packaged(distribution("dumb-init"))]
    parts += [packaged(one) for one in distributions(path=[str(asked.site_packages)])]
    for part in parts:
        bom.components.add(part)
        bom.register_dependency(bom.metadata.component, [part])
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
