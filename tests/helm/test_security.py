"""A scanner of manifests finds nothing in what the chart makes but what is explained here."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.conftest import BIN, EXAMPLES, pods, render

# What may be found, in which objects, and why it is so.
EXPLAINED = {
    "CKV_K8S_15": (r".*", "a tag is never moved, so a node that has it need not ask again; image.pullPolicy can be Always"),
    "CKV_K8S_43": (r".*", "which digests there are is for a registry to say: image.references takes them"),
    "CKV_K8S_35": (r".*", "Airflow, and every AWS SDK, read the environment; the Secrets hold nothing but that"),
    "CKV_K8S_38": (r".*-(scheduler|triggerer|test-airflow)$", "they launch pods, and look whether they may"),
    "CKV_K8S_8": (r"Pod\..*-test-\w+$", "it runs to its end"),
    "CKV_K8S_9": (r".*-(test-\w+|dag-processor|triggerer)$", "nobody connects to it, so nothing waits for it to be ready"),
}  # fmt: skip


def scan(file: Path) -> list[dict[str, Any]]:
    """What checkov finds in a file of manifests."""
    ended = subprocess.run(
        [BIN / "checkov", "--file", file, "--framework", "kubernetes", "--output", "json", "--quiet", "--skip-download"],
        capture_output=True, text=True, check=False, env={**os.environ, "LOG_LEVEL": "ERROR"},
    )  # fmt: skip
    report = json.loads(ended.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 0
    found: list[dict[str, Any]] = report["results"]["failed_checks"]
    return found


def test_nothing_is_found_that_is_not_explained(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    # One scan of all: the examples are told apart by their namespaces.
    objects = [
        {**one, "metadata": {**one["metadata"], "namespace": f"{example}-{one['metadata'].get('namespace')}"}}
        for example in EXAMPLES
        for one in render(example=example)
    ]
    file.write_text(yaml.safe_dump_all(objects))
    found = scan(file)
    unexplained = {
        (one["check_id"], one["check_name"], one["resource"].split(".app.kubernetes.io/")[0])
        for one in found
        if not re.fullmatch(EXPLAINED.get(one["check_id"], (r"",))[0], one["resource"].split(".app.kubernetes.io/")[0])
    }
    assert unexplained == set()
    assert {one["check_id"] for one in found} == set(EXPLAINED), "an explanation that nothing needs any more"


def test_a_finding_is_found(tmp_path: Path) -> None:
    """The scan above can fail."""
    pod = next(one for one in render(example="kind") if one["kind"] == "Pod")
    pod["spec"]["containers"][0]["securityContext"]["privileged"] = True
    file = tmp_path / "pod.yaml"
    file.write_text(yaml.safe_dump(pod))
    assert "CKV_K8S_16" in {one["check_id"] for one in scan(file)}
    pod["spec"]["containers"][0]["securityContext"]["privileged"] = False


@pytest.mark.parametrize("example", ["", *EXAMPLES])
def test_every_pod_is_held_as_tightly_as_those_of_the_dags(example: str) -> None:
    for name, spec in pods(render(example=example)).items():
        assert spec["securityContext"] == {
            "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
        assert spec["automountServiceAccountToken"] is bool(re.search(r"-(scheduler|triggerer|test-airflow)$", name))
        for container in [*spec["containers"], *spec.get("initContainers", ())]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "privileged": False, "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
            assert (
                container["resources"]["limits"].keys()
                == container["resources"]["requests"].keys()
                == {"cpu", "memory"}
            )
