"""The chart renders for every example, with both helms, to objects that every supported Kubernetes takes."""

from __future__ import annotations

import json
from typing import Any

import kubernetes_validate
import pytest

from tests.helm.conftest import CHART, EXAMPLES, HELMS, helm, pods, render

KUBERNETES = [f"1.{minor}" for minor in range(27, 38)]


@pytest.mark.parametrize("program", HELMS)
@pytest.mark.parametrize("example", ["", *EXAMPLES])
def test_lint_finds_nothing(program: str, example: str) -> None:
    values = ["--values", str(CHART / "examples" / f"{example}.yaml")] if example else []
    ended = helm("lint", "--strict", str(CHART), *values, program=program)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "WARNING" not in ended.stdout


@pytest.mark.parametrize("example", ["", *EXAMPLES])
def test_both_helms_make_the_same_of_it(example: str) -> None:
    def known(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Without what is drawn by chance, once for a release."""
        return [one for one in objects if one["kind"] != "Secret"]

    four, three = (render(example=example, program=program) for program in HELMS)
    assert known(four) == known(three)
    assert len(four) == len(three)


def shape(found: Any) -> Any:
    """What an object looks like without what it says: those of one shape are as valid as each other."""
    if isinstance(found, dict):
        return {key: shape(value) for key, value in found.items()}
    if isinstance(found, list):
        return [shape(value) for value in found]
    return type(found).__name__


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_object(version: str) -> None:
    shapes = {}
    for example in ("", *EXAMPLES):
        for one in render(example=example):
            shapes[one["kind"] + json.dumps(shape(one), sort_keys=True)] = one
    assert len(shapes) > 30
    for one in shapes.values():
        kubernetes_validate.validate(one, version, strict=True)


def test_an_unknown_field_would_be_found() -> None:
    """The check above can fail."""
    (job,) = (dict(one) for one in render() if one["kind"] == "Job")
    job["spec"] = {**job["spec"], "backofLimit": 1}
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(job, "1.30", strict=True)


def test_the_oldest_kubernetes_gets_what_it_knows() -> None:
    def version(kubernetes: str) -> set[str]:
        return {one["apiVersion"] for one in render(kubernetes=kubernetes) if one["kind"] == "PodDisruptionBudget"}

    assert (version("1.20"), version("1.30")) == ({"policy/v1beta1"}, {"policy/v1"})
    ended = helm("template", "transload", str(CHART), "--kube-version", "1.19")
    assert ended.returncode != 0
    assert "kubeVersion" in ended.stderr


@pytest.mark.parametrize("example", ["", *EXAMPLES])
def test_every_port_says_its_protocol(example: str) -> None:
    """Without it, Kubernetes 1.20 refuses what Helm 4 applies."""
    for spec in pods(render(example=example)).values():
        for container in spec["containers"]:
            assert all(port["protocol"] == "TCP" for port in container.get("ports", ()))
    for one in render(example=example):
        if one["kind"] == "Service":
            assert all(port["protocol"] == "TCP" for port in one["spec"]["ports"])
