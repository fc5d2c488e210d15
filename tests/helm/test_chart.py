"""What the chart promises beyond valid objects: names that fit together, settings that arrive, nothing made twice."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.conftest import CHART, EXAMPLES, ROOT, helm, named, pods, render

PROVIDED = {
    # What an example takes as given, for it says so.
    "eks": {"airflow-admin", "airflow-keys", "airflow-database"},
    "external-database": {"airflow-database"},
    "air-gapped": {"airflow-database"},
}


def references(found: Any) -> set[tuple[str, str]]:
    """The Secrets and ConfigMaps that a pod cannot start without."""
    if isinstance(found, list):
        return {one for item in found for one in references(item)}
    if not isinstance(found, dict):
        return set()
    names = set()
    for key, value in found.items():
        if key in ("secretRef", "secretKeyRef") and not value.get("optional"):
            names.add(("Secret", value["name"]))
        elif key in ("configMapRef", "configMapKeyRef") or (key == "configMap" and "name" in value):
            names.add(("ConfigMap", value["name"]))
        elif key == "secret" and isinstance(value, dict) and "secretName" in value:
            names.add(("Secret", value["secretName"]))
        elif key == "persistentVolumeClaim":
            names.add(("PersistentVolumeClaim", value["claimName"]))
        else:
            names |= references(value)
    return names


@pytest.mark.parametrize("example", ["", *EXAMPLES])
def test_what_pods_refer_to_is_there(example: str) -> None:
    objects = render(example=example)
    there = {(one["kind"], one["metadata"]["name"]) for one in objects}
    given = {("Secret", name) for name in PROVIDED.get(example, set())} | {("PersistentVolumeClaim", "airflow-logs")}
    # Made by whoever installs it, as the notes say, unless it is the demo.
    theirs = (
        {("Secret", f"transload-{name}") for name in ("pestroutes", "marketo", "dbt")} if example != "kind" else set()
    )
    assert references(list(pods(objects).values())) - there - given - theirs == set()
    for one in objects:
        if account := one.get("spec", {}).get("template", {}).get("spec", {}).get("serviceAccountName"):
            named(objects, "ServiceAccount", account, one["metadata"]["namespace"])


NODES = {
    "nodeSelector": {"pool": "spot"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "priorityClassName": "low",
}


DBT_VARS = {"load": "raw", "side_by_side": False}


def test_nodes_reach_the_dags_as_what_kubernetes_takes() -> None:
    variables = named(render({"jobs": {**NODES, "deferrable": True}}), "ConfigMap", "transload-variables")["data"]
    assert json.loads(variables["AIRFLOW_VAR_TRANSLOAD_NODE_SELECTOR"]) == NODES["nodeSelector"]
    assert json.loads(variables["AIRFLOW_VAR_TRANSLOAD_TOLERATIONS"]) == NODES["tolerations"]
    assert variables["AIRFLOW_VAR_TRANSLOAD_PRIORITY_CLASS"] == "low"
    assert variables["AIRFLOW_VAR_TRANSLOAD_DEFERRABLE"] == "true"


def test_variables_of_dbt_reach_the_dags_as_json() -> None:
    variables = named(render({"dbt": {"vars": DBT_VARS}}), "ConfigMap", "transload-variables")["data"]
    assert json.loads(variables["AIRFLOW_VAR_TRANSLOAD_DBT_VARS"]) == DBT_VARS


def test_dag_files_in_values_lie_beside_those_of_the_image() -> None:
    text = 'print("{{ ds }}")\n'
    objects = render({"airflow": {"dags": {"mine.py": text}}})
    assert named(objects, "ConfigMap", "transload-dags")["data"] == {"mine.py": text}
    bundles = json.loads(
        named(objects, "ConfigMap", "transload-airflow")["data"]["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"]
    )
    (folder,) = (one["kwargs"]["path"] for one in bundles if one["kwargs"])
    assert [one["name"] for one in bundles if not one["kwargs"]] == ["dags-folder"], "the image's are still there"
    for component in ("scheduler", "dag-processor", "triggerer", "api-server"):
        pod = named(objects, "Deployment", f"transload-{component}")["spec"]["template"]["spec"]
        mounts = [one["mountPath"] for one in pod["containers"][0]["volumeMounts"] if one["name"] == "dags"]
        assert mounts == [f"{folder}/mine.py"]
    assert (
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
        not in named(render(), "ConfigMap", "transload-airflow")["data"]
    )


def test_the_dags_read_every_variable_that_is_set() -> None:
    """And no other name: a misspelt one would be silently left at its default."""
    settings = (ROOT / "dags" / "common" / "settings.py").read_text()
    read = set(re.findall(r"var\.value\.(?:get\('|)(\w+?)(?:'|\b)", settings)) - {"transload_image_", "get"}
    given_values = {"jobs": NODES, "dbt": {"vars": DBT_VARS}}
    variables = named(render(given_values, example="kind"), "ConfigMap", "transload-variables")["data"]
    given = {key.removeprefix("AIRFLOW_VAR_").lower() for key in variables if key.startswith("AIRFLOW_VAR_")}
    assert {name for name in given if not name.startswith("transload_image_")} == read
    assert {f"transload_image_{name}" for name in ("pestroutes", "marketo", "dbt")} <= given


def test_pods_of_the_dags_find_account_and_secrets_by_their_names() -> None:
    objects = render(example="kind")
    named(objects, "ServiceAccount", "transload", "transload-staging")
    for name in ("pestroutes", "marketo", "dbt", "lake"):
        named(objects, "Secret", f"transload-{name}", "transload-staging")
    # Airflow reads commit records.
    named(objects, "Secret", "transload-lake", "airflow")


def test_only_what_launches_pods_may_launch_pods() -> None:
    binding = named(render(example="kind"), "RoleBinding", "transload-launcher", "transload-staging")
    assert [(one["name"], one["namespace"]) for one in binding["subjects"]] == [("transload-launcher", "airflow")]
    theirs = named(render(example="own-airflow"), "RoleBinding", "transload-launcher", "transload-production")
    assert {one["name"] for one in theirs["subjects"]} == {"airflow-scheduler", "airflow-worker", "airflow-triggerer"}
    kinds = {one["kind"] for one in render(example="kind")}
    assert not {kind for kind in kinds if kind.startswith("Cluster")}


def test_an_airflow_elsewhere_gets_everything_but_airflow() -> None:
    objects = render(example="own-airflow")
    assert [name for name in pods(objects) if "-test-" not in name] == []
    values = yaml.safe_load((CHART / "examples" / "official-airflow-values.yaml").read_text())
    keys = named(objects, "Secret", "transload-keys")["data"]
    for name, key in (("fernet", "fernet-key"), ("jwt", "jwt-secret"), ("apiSecret", "api-secret-key")):
        setting = (
            "apiSecretKeySecretName" if name == "apiSecret" else f"{name}{'Key' if name == 'fernet' else ''}SecretName"
        )
        assert values[setting] == "transload-keys"
        assert keys[key]
    (variables, lake) = yaml.safe_load(values["extraEnvFrom"])
    named(objects, "ConfigMap", variables["configMapRef"]["name"], "airflow")
    assert lake["secretRef"]["name"] == "transload-lake"


def test_a_change_of_configuration_restarts_airflow_and_nothing_else_does() -> None:
    def checksum(values: dict[str, Any]) -> str:
        pod = named(render(values), "Deployment", "transload-scheduler")["spec"]["template"]
        return str(pod["metadata"]["annotations"]["checksum/config"])

    usual = checksum({})
    assert checksum({"airflow": {"variables": {"transload_webhook_url": "x"}}}) != usual
    assert checksum({"airflow": {"connections": {"db": "http://x"}}}) != usual
    assert checksum({"airflow": {"dags": {"mine.py": "pass"}}}) != usual
    assert checksum({"jobs": NODES}) != usual
    assert checksum({"jobs": {"quota": {"pods": "3"}}}) == usual


def test_a_new_tag_restarts_only_what_has_it() -> None:
    """Above all not the database beside the migration, nor the demo's vendor and store under a running extraction."""

    def templates(tag: str) -> dict[str, Any]:
        values = {"image": {"tag": tag, "references": {"sandbox": "r/sandbox:1"}}, "demo": {"enabled": True}}
        found = [one for one in render(values) if one["kind"] == "Deployment"]
        return {one["metadata"]["name"].removeprefix("transload-"): one["spec"]["template"] for one in found}

    one, other = templates("1"), templates("2")
    restarted = {name for name in one if one[name] != other[name]}
    assert restarted == {"api-server", "scheduler", "dag-processor", "triggerer"}


def test_a_secret_arrives_as_it_was_written() -> None:
    wild = {"PESTROUTES_AUTHENTICATION_KEY": 'a"b\\c $(X) {{ y }} \n é', "PESTROUTES_NUMBER": "12345678"}
    made = named(render({"sources": {"pestroutes": {"secret": wild}}}), "Secret", "transload-pestroutes")
    assert made["stringData"] == wild


def test_the_setup_job_has_a_name_of_its_own_for_each_content() -> None:
    def name(values: dict[str, Any]) -> str:
        (job,) = (one for one in render(values) if one["kind"] == "Job")
        return str(job["metadata"]["name"])

    assert name({}).startswith("transload-setup-1-")
    assert len({name({}), name({"image": {"tag": "2"}}), name({"airflow": {"pools": {"dbt": {"slots": 2}}}})}) == 3


def test_a_source_that_is_off_is_nowhere() -> None:
    objects = render({"sources": {"marketo": {"enabled": False}}, "demo": {"enabled": True}})
    assert "marketo" in json.dumps(render({"demo": {"enabled": True}}))
    assert [
        one["metadata"]["name"] for one in objects if "marketo" in json.dumps(one).replace("demo-marketo", "")
    ] == []


def test_a_source_of_your_own_needs_no_change_of_the_chart() -> None:
    objects = render(
        {"sources": {"crm": {"enabled": True, "secret": {"CRM_TOKEN": "x"}}}, "lake": {"destination": "s3://raw"}}
    )
    named(objects, "Secret", "transload-crm")
    (check,) = named(objects, "Pod", "transload-test-crm")["spec"]["containers"]
    assert check["image"] == "transload/crm:0.1.0"
    assert (
        named(objects, "ConfigMap", "transload-variables")["data"]["AIRFLOW_VAR_TRANSLOAD_IMAGE_CRM"] == check["image"]
    )


@pytest.mark.parametrize("release", ["transload", "elt", "my-transload"])
def test_two_releases_share_no_name(release: str) -> None:
    objects = render(release=release)
    prefix = release if "transload" in release else f"{release}-transload"
    own = [one["metadata"]["name"] for one in objects if one["metadata"].get("namespace") == "airflow"]
    assert {name for name in own if not name.startswith(prefix)} == set()


def test_one_namespace_for_all_is_made_by_whoever_installs() -> None:
    objects = render({"jobs": {"namespace": "airflow"}, "demo": {"enabled": True}})
    assert [one for one in objects if one["kind"] == "Namespace"] == []
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names))


def test_images_are_named_in_one_place() -> None:
    values = {"image": {"registry": "r.example.com/x", "tag": "7", "references": {"dbt": "other/dbt@sha256:1"}}}
    objects = render(values)
    images = {container["image"] for spec in pods(objects).values() for container in spec["containers"]}
    assert {image for image in images if not image.startswith("r.example.com/x/")} == set()
    assert (
        named(objects, "ConfigMap", "transload-variables")["data"]["AIRFLOW_VAR_TRANSLOAD_IMAGE_DBT"]
        == "other/dbt@sha256:1"
    )


def test_packaging_needs_nothing_else(tmp_path: Path) -> None:
    ended = helm("package", str(CHART), "--destination", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["transload-0.1.0.tgz"]
