"""Wrong values are refused before anything is installed, by a message that names them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.helm.conftest import CHART, EXAMPLES, HELMS, helm, render


@pytest.mark.parametrize("program", HELMS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"airfow": {}}, "additional properties 'airfow' not allowed"),
        ({"airflow": {"enabeld": False}}, "'/airflow': additional properties 'enabeld' not allowed"),
        ({"environment": "prod"}, "'/environment': value must be one of 'staging', 'production'"),
        ({"lake": {"destination": "my-bucket"}}, "'/lake/destination': 'my-bucket' does not match pattern '.*s3://"),
        ({"image": {"tag": 1.0}}, "'/image/tag': got number, want string"),
        ({"image": {"registry": ""}}, "'/image/registry': minLength"),
        ({"sources": {"pestroutes": {"enabled": "yes"}}}, "'/sources/pestroutes/enabled': got string, want boolean"),
        ({"sources": {"Pest-Routes": {"enabled": True}}}, "'/sources': additional properties 'Pest-Routes' not allowed"),
        ({"lake": {"secret": {"aws-key": "x"}}}, "'/lake/secret': additional properties 'aws-key' not allowed"),
        ({"sources": {"pestroutes": {"enabled": True, "secret": {"X": 12345678}}}}, "/secret/X': got number, want string"),
        ({"airflow": {"variables": {"limit": 1000000}}}, "'/airflow/variables/limit': got number, want string"),
        ({"airflow": {"ingress": {"enabled": True}}}, "'/airflow/ingress/host': minLength"),
        ({"airflow": {"pools": {"dbt": {"slots": "two"}}}}, "'/airflow/pools/dbt/slots': got string, want integer"),
        ({"airflow": {"connections": {"db": "no-uri"}}}, "'/airflow/connections/db': 'no-uri' does not match pattern '://'"),
        ({"airflow": {"scheduler": {"replicas": 0}}}, "'/airflow/scheduler/replicas': minimum"),
        ({"airflow": {"launchers": [{"name": "x"}]}}, "'/airflow/launchers/0': missing property 'namespace'"),
        ({"airflow": {"database": {"trial": False}}}, "name the Secret that holds your database's address"),
        ({"jobs": {"namespace": "Jobs_1"}}, "'/jobs/namespace': 'Jobs_1' does not match pattern"),
        ({"demo": {"size": ""}}, "'/demo/size': '' does not match pattern"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "/".join(re.findall(r"[\w-]+", str(value)))[:40],
)  # fmt: skip
def test_wrong_values_are_named(program: str, values: dict[str, Any], message: str) -> None:
    ended = helm("template", "transload", str(CHART), program=program, values=values)
    assert ended.returncode != 0
    assert re.search(message, re.sub(r"^- at ", "", ended.stderr, flags=re.MULTILINE)), ended.stderr


def paths(values: Any, schema: dict[str, Any], at: str = "") -> list[str]:
    """The paths of values that the schema does not name by a property of their own."""
    if not isinstance(values, dict) or "properties" not in schema:
        return []
    found = []
    for key, value in values.items():
        below = schema["properties"].get(key)
        if below is None:
            found.append(f"{at}.{key}")
        elif "$ref" not in below:
            found += paths(value, below, f"{at}.{key}")
    return found


def test_the_schema_and_the_values_name_the_same() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert paths(values, schema) == []

    def missing(part: dict[str, Any], given: Any, at: str = "") -> list[str]:
        found = []
        for key, below in part.get("properties", {}).items():
            if key not in given:
                found.append(f"{at}.{key}")
            elif isinstance(given[key], dict):
                found += missing(below, given[key], f"{at}.{key}")
        return found

    assert missing(schema, values) == [".global"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_sets_nothing_to_what_it_is_anyway(example: str) -> None:
    def repeated(given: Any, usual: Any, at: str) -> list[str]:
        if isinstance(given, dict) and isinstance(usual, dict):
            return [one for key in given for one in repeated(given[key], usual.get(key), f"{at}.{key}")]
        return [at] if given == usual else []

    values = yaml.safe_load((CHART / "examples" / f"{example}.yaml").read_text())
    kept = {".sources.pestroutes.enabled"}  # shown beside the one that is off
    assert set(repeated(values, yaml.safe_load((CHART / "values.yaml").read_text()), "")) <= kept
    assert render(example=example)
