"""dbt/generate.py against an extractor that only says what it has."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest
from dbt_harness import PROJECT
from generating import generate, stream

sys.path.insert(0, str(PROJECT))
from generation.names import column_names


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

    generate(tmp_path, streams={"customer": stream({"customerID": "integer"}, "customerID")})

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


def test_a_stream_with_a_reserved_name_has_another_table(tmp_path: Path) -> None:
    """Without quotes no engine takes a table called group; Snowflake's grammar is what found it."""
    streams = {name: stream({"id": "integer"}, "id") for name in ("group", "order", "2fa", "team")}
    assert generate(tmp_path, streams=streams).returncode == 0
    written = contents(tmp_path)
    tables = [line.split()[1] for line in written["_sources.yml"].splitlines() if "identifier:" in line]
    assert tables == ["pestroutes_2fa", "pestroutes_group", "pestroutes_order", "team"]
    assert "stg_pestroutes__group.sql" in written


def test_guarantees_become_tests(tmp_path: Path) -> None:
    (tmp_path / "pestroutes").mkdir()
    (tmp_path / "pestroutes" / "guarantees.toml").write_text(
        '[appointment]\ncustomerID = { references = "customer.customerID" }\nstatus = { values = [0, 1] }\n'
        '[customer]\nfname = { values = ["Ana", "Bo"] }\n'
    )
    assert generate(tmp_path).returncode == 0

    staging = contents(tmp_path)["_staging.yml"]
    assert "{relationships: {arguments: {to: ref('stg_pestroutes__customer'), field: customer_id}" in staging
    assert "{accepted_values: {arguments: {values: [0, 1], quote: false}" in staging
    assert '{accepted_values: {arguments: {values: ["Ana", "Bo"], quote: true}' in staging


def test_a_stream_whose_changes_cannot_be_asked_for_is_loaded_weekly(tmp_path: Path) -> None:
    key = stream({"id": "integer", "updatedAt": "timestamp"}, "id", cursor="updatedAt")
    generate(tmp_path, streams={"daily": key, "weekly": {**key, "modes": ["full"]}})

    daily, weekly = contents(tmp_path)["_sources.yml"].split("- name: weekly")
    assert "warn_after: {count: 36, period: hour}" in daily
    assert "warn_after: {count: 8, period: day}" in weekly


@pytest.mark.parametrize("order", [1, -1])
def test_fields_that_would_be_called_the_same_are_numbered_in_whatever_order(tmp_path: Path, order: int) -> None:
    fields = ["url", "URL", "Url", "url_2", "größe", "東京", "2nd", "marketoGUID", "officeIDs"]
    fields = [*fields, "cost$usd", "$ref"][::order]
    generate(tmp_path, streams={"page": stream(dict.fromkeys(fields, "string"), "url")})

    model = contents(tmp_path)["stg_pestroutes__page.sql"]
    columns = {"url": "url", "URL": "url_3", "Url": "url_4", "url_2": "url_2", "größe": "grosse", "東京": "field"}
    columns |= {"2nd": "page_2nd", "marketoGUID": "marketo_guid", "officeIDs": "office_ids"}
    columns |= {"cost$usd": "cost_usd", "$ref": "ref"}
    for field, name in columns.items():
        assert f"['{field}', 'string', '{name}']," in model


def test_no_column_gets_a_name_that_duckdb_refuses() -> None:
    with duckdb.connect() as connection:
        words = [word for (word,) in connection.execute("select keyword_name from duckdb_keywords()").fetchall()]
        assert len(words) > 400
        for name in column_names(words, "page"):
            connection.execute(f"select page.{name}, {name} from (select 1 as {name}) as page")


def test_columns_that_only_the_account_has(tmp_path: Path) -> None:
    (tmp_path / "pestroutes").mkdir()
    (tmp_path / "pestroutes" / "columns.toml").write_text(
        "[customer]\n"
        'custom_c = "number"\n'
        'note_c = { type = "string", description = "By hand.", sensitive = true }\n'
        'balance = "string"\n'  # the extractor says number
        "[custom_object_car]\n"
        'wheels = "integer"\n'
    )
    car = {**stream({"guid": "string", "updatedAt": "timestamp"}, "guid", cursor="updatedAt"), "unlisted": True}
    customer = stream({"customerID": "integer", "balance": "number"}, "customerID")

    assert generate(tmp_path, streams={"customer": customer, "custom_object_car": car}).returncode == 0

    written = contents(tmp_path)
    model = written["stg_pestroutes__customer.sql"]
    assert "['custom_c', 'number', 'custom_c']," in model
    assert "['balance', 'string', 'balance']," in model
    assert (
        '- {name: note_c, description: "note_c. By hand.", config: {meta: {sensitive: true}}}'
        in written["_staging.yml"]
    )
    assert "- name: custom_object_car\n" in written["_sources.yml"]
    model = written["stg_pestroutes__custom_object_car.sql"]
    assert "primary_key=['guid'],\n    cursor='updatedAt'," in model
    assert "['wheels', 'integer', 'wheels']," in model


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ('[customer]\nx = "money"\n', "customer: field 'x' has the unknown type 'money'"),
        ("[customer]\nx = 5\n", "customer.x needs a type"),
        ('[customer]\nx = { type = "string", kind = "date" }\n', "customer.x needs a type"),
        ('customer = "string"\n', "in a table with the name of their stream"),
        ('[nobody]\nx = "string"\n', "schema nobody failed"),
        ("[customer\n", "columns.toml: "),
    ],
)
def test_columns_that_no_model_can_be_made_of_are_refused(tmp_path: Path, columns: str, complaint: str) -> None:
    (tmp_path / "pestroutes").mkdir()
    (tmp_path / "pestroutes" / "columns.toml").write_text(columns)

    refused = generate(tmp_path)

    assert refused.returncode == 2
    assert complaint in refused.stderr


@pytest.mark.parametrize(
    ("streams", "complaint"),
    [
        (
            {"aB": stream({"id": "string"}, "id"), "a_b": stream({"id": "string"}, "id")},
            "several streams would be named a_b",
        ),
        ({"customer": stream({"id": "money"}, "id")}, "unknown type 'money'"),
        ({"customer": stream({"fname": "string"}, "id")}, "customer has no field 'id'"),
    ],
    ids=["streams collide", "type", "key"],
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

    refused = generate(tmp_path, extractor=tmp_path / "broken.py")

    assert refused.returncode == 2
    assert "streams --json failed: no key" in refused.stderr
