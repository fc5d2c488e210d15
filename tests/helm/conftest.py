"""What the chart's tests share: both helms, and what the chart comes to for given values. No cluster is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
BIN = Path(sys.executable).parent
HELMS = ("helm", "helm3")
# The values files that the documentation tells people to start from. One is for another chart.
EXAMPLES = tuple(
    sorted(path.stem for path in (CHART / "examples").glob("*.yaml") if path.stem != "official-airflow-values")
)

Object = dict[str, Any]


def helm(
    *arguments: str, program: str = "helm", values: Mapping[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a helm that can reach no cluster; ``values`` are given to it as a file."""
    given = ["--values", "-"] if values is not None else []
    return subprocess.run(
        [BIN / program, *arguments, *given],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KUBECONFIG": "/nonexistent"},
    )


def render(
    values: Mapping[str, Any] | None = None,
    *,
    example: str = "",
    program: str = "helm",
    kubernetes: str = "1.30",
    release: str = "transload",
) -> list[Object]:
    """The objects that the chart makes of values, of an example or of both."""
    return _render(json.dumps(values or {}), example, program, kubernetes, release)


@cache
def _render(values: str, example: str, program: str, kubernetes: str, release: str) -> list[Object]:
    base = ["--values", str(CHART / "examples" / f"{example}.yaml")] if example else []
    ended = helm(
        "template", release, str(CHART), "--namespace", "airflow", "--kube-version", kubernetes, *base,
        program=program, values=json.loads(values),
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return [found for found in yaml.safe_load_all(ended.stdout) if found]


def named(objects: list[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    """The one object of a kind and a name."""
    (found,) = (
        one for one in objects
        if one["kind"] == kind and one["metadata"]["name"] == name
        and namespace in (None, one["metadata"].get("namespace"))
    )  # fmt: skip
    return found


def pods(objects: list[Object]) -> dict[str, Object]:
    """The specification of every pod that the objects make, by kind and name."""
    found = {}
    for one in objects:
        name = f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] == "Pod":
            found[name] = one["spec"]
        elif "template" in one.get("spec", {}):
            found[name] = one["spec"]["template"]["spec"]
    return found
