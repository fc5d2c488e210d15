"""Models of Marketo's activities, out of the types that an account has."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from dbt_harness import FixtureLake
from generating import generate, stream

ACTIVITY = {
    "marketoGUID": "string",
    "leadId": "integer",
    "activityDate": "timestamp",
    "activityTypeId": "integer",
    "campaignId": "integer",
    "primaryAttributeValueId": "integer",
    "primaryAttributeValue": "string",
    "attributes": "json",
}
STREAMS = {
    "activities": {**stream(ACTIVITY, "marketoGUID", cursor="activityDate"), "sensitive": ["attributes"]},
    "deleted_leads": stream(ACTIVITY, "marketoGUID", cursor="activityDate"),
    "activity_types": stream({"id": "integer", "name": "string"}, "id"),
}
VISIT = {
    "id": 1,
    "name": "Visit Webpage",
    "description": "Somebody came.",
    "primaryAttribute": {"name": "Webpage ID", "dataType": "integer"},
    "attributes": [{"name": "Client IP Address", "dataType": "string"}, {"name": "Step ID", "dataType": "integer"}],
}
CALL = {
    "id": 100017,
    "name": "Called Support",
    "description": "One line\u2028and another.",
    "attributes": [{"name": "Minutes", "dataType": "percent"}],
}


def models(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (folder / "marketo" / "activities").iterdir()}


def generated(folder: Path, *types: dict[str, Any]) -> dict[str, str]:
    """The files that are made of these types."""
    ended = generate(
        folder, "--activity-types", "-", source="marketo", streams=STREAMS, stdin="\n".join(map(json.dumps, types))
    )
    assert ended.returncode == 0, ended.stderr
    return models(folder)


def test_a_model_per_type_with_a_column_per_attribute(tmp_path: Path) -> None:
    written = generated(tmp_path, VISIT, {"id": 37, "name": "Delete Lead"})

    assert set(written) == {
        "_activities.yml",
        "stg_marketo__activity_visit_webpage.sql",
        "stg_marketo__activity_delete_lead.sql",
    }
    visit = written["stg_marketo__activity_visit_webpage.sql"]
    assert "'stg_marketo__activities',\n    activity_type_id=1," in visit
    assert "['Client IP Address', 'string', 'client_ip_address']," in visit
    assert "['Step ID', 'integer', 'step_id']," in visit
    # Bulk Extract leaves them out of the activities.
    assert "'stg_marketo__deleted_leads'," in written["stg_marketo__activity_delete_lead.sql"]

    entries = written["_activities.yml"]
    assert 'description: "Activities of type 1, Visit Webpage. Somebody came."' in entries
    assert 'name: primary_attribute_value, description: "primaryAttributeValue. Of: Webpage ID."' in entries
    assert '{name: client_ip_address, description: "Client IP Address", config: {meta: {sensitive: true}}}' in entries
    assert '{name: step_id, description: "Step ID"}' in entries


def test_data_types_of_the_vendor(tmp_path: Path) -> None:
    types = {
        **dict.fromkeys(["string", "text", "textarea", "email", "phone", "url", "reference", "new"], "string"),
        **dict.fromkeys(["float", "currency", "percent", "score"], "number"),
        "integer": "integer",
        "boolean": "boolean",
        "date": "date",
        "datetime": "timestamp",
    }
    attributes = [{"name": f"a {kind}", "dataType": kind} for kind in types]

    model = generated(tmp_path, {"id": 1, "name": "All", "attributes": [*attributes, {"name": "untyped"}]})

    for kind, meant in (types | {"untyped": "string"}).items():
        assert f"{kind}', '{meant}', '" in model["stg_marketo__activity_all.sql"]


def test_names_that_collide_or_are_taken(tmp_path: Path) -> None:
    attributes = ["score", "Score", "At", "Lead ID", "Lead Id", "Score"]
    odd = {"attributes": [{"name": name, "dataType": "string"} for name in attributes]}

    written = generated(
        tmp_path,
        {"id": 100003, "name": "visit-webpage", **odd},
        VISIT,
        {"id": 100002, "name": "東京"},
        {"id": 100001, "name": "Types"},
    )

    assert set(written) == {
        "_activities.yml",
        "stg_marketo__activity_visit_webpage.sql",
        "stg_marketo__activity_visit_webpage_100003.sql",  # the later one of two
        "stg_marketo__activity_100002.sql",  # nothing of its name can be written
        "stg_marketo__activity_types_100001.sql",  # a stream is called so
    }
    model = written["stg_marketo__activity_visit_webpage_100003.sql"]
    names = {"score": "score", "Score": "score_2", "At": "visit_webpage_at"}
    names |= {"Lead ID": "visit_webpage_lead_id", "Lead Id": "visit_webpage_lead_id_2"}
    for attribute, name in names.items():
        assert model.count(f"['{attribute}', 'string', '{name}'],") == 1


def test_types_that_are_gone_take_their_models_with_them(tmp_path: Path) -> None:
    generated(tmp_path, VISIT, CALL)
    by_hand = tmp_path / "marketo" / "activities" / "_unit_tests.yml"
    by_hand.write_text("unit_tests: []\n")

    assert set(generated(tmp_path, CALL)) == {
        "_activities.yml",
        "_unit_tests.yml",
        "stg_marketo__activity_called_support.sql",
    }


def test_the_committed_types_stay_until_others_are_given(tmp_path: Path) -> None:
    first = generated(tmp_path, VISIT)

    again = generate(tmp_path, source="marketo", streams=STREAMS)
    assert (again.returncode, again.stdout) == (0, "")
    assert models(tmp_path) == first
    others = tmp_path / "types.json"
    others.write_text(json.dumps([CALL]))
    stale = generate(tmp_path, "--check", "--activity-types", str(others), source="marketo", streams=STREAMS)
    assert stale.returncode == 1
    assert f"stale: {tmp_path / 'marketo' / 'activity_types.json'}\n" in stale.stdout
    assert models(tmp_path) == first


def _lake(folder: Path) -> Path:
    lake = FixtureLake(folder / "lake", "marketo")
    lake.load("activity_types", [{"id": 1, "name": "Old"}], mode="full")
    lake.load("activity_types", [VISIT, CALL], mode="full", parts=2)
    lake.load("activity_types", [{"id": 2, "name": "Sample"}], mode="sample")
    lake.load("activity_types", [{"id": 3, "name": "Lost"}], mode="full", commit=False)
    return lake.root


def _file(name: str, text: str) -> Any:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


LINES = f"{json.dumps(CALL, ensure_ascii=False)}\n\n{json.dumps(VISIT)}\n"
ANSWER = json.dumps({"requestId": "7d1#1", "success": True, "result": [VISIT, CALL]}, indent=1)


@pytest.mark.parametrize(
    "place",
    [_lake, _file("types.json", json.dumps([VISIT, CALL])), _file("part.json.gz", LINES), _file("answer", ANSWER)],
    ids=["lake", "list", "lines", "answer"],
)
def test_types_are_taken_from_where_they_are(tmp_path: Path, place: Any) -> None:
    ended = generate(tmp_path, "--activity-types", str(place(tmp_path)), source="marketo", streams=STREAMS)

    assert ended.returncode == 0, ended.stderr
    kept = (tmp_path / "marketo" / "activity_types.json").read_text(encoding="utf-8")
    assert json.loads(kept) == [VISIT, CALL]
    assert kept.count("\n") == 4  # a line a type, so that a difference is readable


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        (_file("none.json", "{}"), "none.json holds no activity types"),
        (_file("text.json", "no JSON"), "text.json holds no activity types"),
        (_file("lines.json", "1\n2\n"), "lines.json holds no activity types"),
        (
            _file("nameless.json", '[{"id": 1, "name": "x", "attributes": [{}]}]'),
            "nameless.json holds no activity types",
        ),
        (_file("packed.json.zst", ""), "must be unpacked first"),
        (lambda folder: folder / "nowhere", "nowhere has no full load of marketo's activity_types"),
    ],
    ids=["no types", "no JSON", "no objects", "an attribute without a name", "zstd", "nowhere"],
)
def test_what_holds_no_types_is_refused(tmp_path: Path, place: Any, complaint: str) -> None:
    refused = generate(tmp_path, "--activity-types", str(place(tmp_path)), source="marketo", streams=STREAMS)

    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert not (tmp_path / "marketo").exists()
