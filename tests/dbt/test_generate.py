"""dbt/generate.py against an extractor that only says what it has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from dbt_harness import PROJECT

FAKE = Path(__file__).parent / "fake_extractor.py"


def generate(
    models: Path, *arguments: str, streams: dict[str, object] | None = None
) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} {FAKE}"
    if streams is not None:
        changed = models / "streams.json"
        changed.write_text(json.dumps(streams), encoding="utf-8")
        command += f" {changed}"
    script = [sys.executable, str(PROJECT / "generate.py"), "--models", str(models), "--command", command, *arguments]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def contents(models: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (models / "pestroutes").iterdir()}


def test_twice_gives_the_same_and_check_tells_what_is_stale(tmp_path: Path) -> None:
    assert generate(tmp_path, "--check").returncode == 1
    assert not (tmp_path / "pestroutes").exists()

    assert generate(tmp_path).returncode == 0
    written = contents(tmp_path)
    assert set(written) == {
        "_sources.yml",
        "_staging.yml",
        "stg_pestroutes__appointment.sql",
        "stg_pestroutes__customer.sql",
        "stg_pestroutes__customer_flag.sql",
    }
    again = generate(tmp_path)
    assert (again.returncode, again.stdout) == (0, "")
    assert contents(tmp_path) == written
    assert generate(tmp_path, "--check").returncode == 0

    model = tmp_path / "pestroutes" / "stg_pestroutes__customer.sql"
    model.write_text(written[model.name] + "-- by hand\n", encoding="utf-8")
    stale = generate(tmp_path, "--check")
    assert (stale.returncode, stale.stdout) == (1, f"stale: {model}\n")
    assert "-- by hand" in model.read_text(encoding="utf-8")


def test_what_the_extractor_dropped_goes_and_what_is_kept_by_hand_stays(tmp_path: Path) -> None:
    generate(tmp_path)
    by_hand = tmp_path / "pestroutes" / "_unit_tests.yml"
    by_hand.write_text("unit_tests: []\n")

    generate(tmp_path, streams={"customer": stream({"customerID": "integer"})})

    assert set(contents(tmp_path)) == {
        "_sources.yml",
        "_staging.yml",
        "_unit_tests.yml",
        "stg_pestroutes__customer.sql",
    }


def test_a_model_names_its_fields_types_and_columns(tmp_path: Path) -> None:
    generate(tmp_path)
    written = contents(tmp_path)

    appointment = written["stg_pestroutes__appointment.sql"]
    assert "primary_key=['appointmentID']," in appointment
    assert "cursor='dateUpdated',\n    cursor_type='timestamp'," in appointment
    assert "zone=account_zone('pestroutes', 'America/Los_Angeles')" in appointment
    assert "['end', 'time', 'appointment_end']," in appointment  # a reserved word
    assert "['additionalTechs', 'list', 'additional_techs']," in appointment
    assert "['subscriptionIDs', 'id_list', 'subscription_ids']," in written["stg_pestroutes__customer.sql"]
    assert "cursor" not in written["stg_pestroutes__customer_flag.sql"]
    assert "identifier: customer_flag" in written["_sources.yml"]
    assert 'name: fname, description: "fname", config: {meta: {sensitive: true}}' in written["_staging.yml"]
    assert "primary_key: {arguments: {columns: [customer_id, flag]}}" in written["_staging.yml"]


def test_guarantees_become_tests(tmp_path: Path) -> None:
    (tmp_path / "pestroutes").mkdir()
    (tmp_path / "pestroutes" / "guarantees.toml").write_text(
        '[appointment]\ncustomerID = { references = "customer.customerID" }\nstatus = { values = [0, 1] }\n'
    )
    assert generate(tmp_path).returncode == 0

    staging = contents(tmp_path)["_staging.yml"]
    assert "{relationships: {arguments: {to: ref('stg_pestroutes__customer'), field: customer_id}" in staging
    assert "{accepted_values: {arguments: {values: [0, 1], quote: false}" in staging


def stream(fields: dict[str, str], primary_key: str = "customerID") -> dict[str, object]:
    return {"primary_key": [primary_key], "cursor": None, "sensitive": [], "fields": fields}


@pytest.mark.parametrize(
    ("streams", "complaint"),
    [
        (
            {"customer": stream({"customerID": "integer", "customerId": "string"})},
            "several fields would be named customer_id",
        ),
        (
            {"aB": stream({"customerID": "string"}), "a_b": stream({"customerID": "string"})},
            "several streams would be named a_b",
        ),
        ({"customer": stream({"customerID": "money"})}, "unknown x-type 'money'"),
        ({"customer": stream({"fname": "string"})}, "customer has no field 'customerID'"),
        ({"customer": stream({"customerID": "integer", "a'b": "string"})}, "cannot be put in a JSON path"),
    ],
    ids=["columns collide", "streams collide", "type", "key", "field name"],
)
def test_what_no_model_can_be_made_of_is_refused(tmp_path: Path, streams: dict[str, object], complaint: str) -> None:
    refused = generate(tmp_path, streams=streams)

    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert not (tmp_path / "pestroutes").exists()


@pytest.mark.parametrize(
    ("guarantee", "complaint"),
    [
        ("[nobody]\nid = { values = [1] }\n", "the unknown stream nobody"),
        ("[customer]\nnothing = { values = [1] }\n", "customer has no field 'nothing'"),
        ('[customer]\nfname = { references = "nobody.id" }\n', "the unknown stream nobody"),
        ("[customer]\nfname = {}\n", "needs `references` or `values`"),
    ],
)
def test_a_guarantee_about_nothing_is_refused(tmp_path: Path, guarantee: str, complaint: str) -> None:
    (tmp_path / "pestroutes").mkdir()
    (tmp_path / "pestroutes" / "guarantees.toml").write_text(guarantee)

    refused = generate(tmp_path)

    assert refused.returncode == 2
    assert complaint in refused.stderr


def test_an_extractor_that_fails_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import sys; sys.exit('no key')")
    script = [sys.executable, str(PROJECT / "generate.py"), "--command", f"{sys.executable} {tmp_path / 'broken.py'}"]
    refused = subprocess.run([*script, "--models", str(tmp_path)], capture_output=True, text=True, check=False)

    assert refused.returncode == 2
    assert "streams --json failed: no key" in refused.stderr
