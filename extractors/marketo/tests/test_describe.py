"""Which fields a kind of record has: what Marketo describes, less what it never exports (sources/marketo.md §4 and §7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from marketo.describe import ACTIVITIES, describe
from marketo.envelope import read_envelope
from marketo.streams import CUSTOM_OBJECTS, STREAMS
from transload.errors import ContractBroken

BY_NAME = {stream.name: stream for stream in STREAMS}
LEADS, MEMBERS = BY_NAME["leads"].detail, BY_NAME["program_members"].detail


class Described:
    """An API that describes whatever it is asked for in one way."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.asked: list[str] = []

    def get(self, path: str) -> Any:
        self.asked.append(path)
        return read_envelope(json.dumps({"success": True, "result": self.result}).encode(), f"GET {path}")


def found(result: Any, export: Any = LEADS, needed: tuple[str, ...] = ()) -> Any:
    return describe(Described(result), export, needed)  # type: ignore[arg-type]


def lead(name: str, data_type: str = "string", **more: Any) -> Any:
    return {
        "id": 1,
        "displayName": name.upper(),
        "dataType": data_type,
        "rest": {"name": name, "readOnly": False},
        **more,
    }


def test_leads_have_the_fields_that_rest_can_read_by_their_rest_names() -> None:
    described = found(
        [lead("id", "integer"), lead("email", "email"), {"displayName": "Owner", "dataType": "string", "soap": {}}]
    )
    assert (described.fields, described.named) == (("id", "email"), True)
    assert described.kinds == {"id": "number", "email": "text"}


def test_formula_fields_are_described_and_never_exported() -> None:
    assert found([lead("id", "integer"), lead("band", "formula")]).fields == ("id",)


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        ("string", "text"), ("text", "text"), ("textarea", "text"), ("email", "text"), ("phone", "text"), ("url", "text"),
        ("integer", "number"), ("float", "number"), ("currency", "number"), ("percent", "number"), ("score", "number"),
        ("reference", "number"), ("boolean", "boolean"), ("date", "moment"), ("datetime", "moment"), ("array", "json"),
        ("lead_function", "text"), ("what comes next year", "text"),
    ],
)  # fmt: skip
def test_every_type_is_written_in_its_way_and_one_that_nobody_knows_as_text(data_type: str, kind: str) -> None:
    assert found([lead("field", data_type)]).kinds == {"field": kind}


def test_names_that_differ_by_capitals_alone_are_two_fields() -> None:
    assert found([lead("regionCode_c"), lead("RegionCode_c")]).fields == ("regionCode_c", "RegionCode_c")


@pytest.mark.parametrize("export", [MEMBERS, CUSTOM_OBJECTS.make("car_c").detail])
def test_members_and_custom_objects_are_described_in_one_object(export: Any) -> None:
    fields = [{"name": "programId", "dataType": "integer"}, {"name": "paid", "dataType": "boolean"}, {"dataType": "string"},
              {"name": "untyped"}]  # fmt: skip
    described = found([{"name": "API Program Membership", "fields": fields}], export)
    assert described.fields == ("programId", "paid", "untyped")
    assert described.kinds == {"programId": "number", "paid": "boolean", "untyped": "text"}


def test_columns_of_activities_are_fixed_and_not_asked_for() -> None:
    api = Described([])
    described = describe(api, BY_NAME["activities"].detail, ("marketoGUID",))  # type: ignore[arg-type]
    assert (described.fields, described.kinds, described.named) == (tuple(ACTIVITIES), ACTIVITIES, False)
    assert api.asked == []


@pytest.mark.parametrize(
    ("result", "export"),
    [
        ([], LEADS), (None, LEADS), ([lead("email")], LEADS), ([lead("id", "formula")], LEADS), ([], MEMBERS),
        ([{"name": "x"}], MEMBERS),
    ],
)  # fmt: skip
def test_what_lacks_the_key_cannot_be_exported(result: Any, export: Any) -> None:
    needed = ("id",) if export is LEADS else ("programId", "leadId")
    with pytest.raises(
        ContractBroken, match=f"{export.describe} does not describe {', '.join(needed)}, which records are known by"
    ):
        found(result, export, needed)


@pytest.mark.parametrize(
    ("result", "export"),
    [
        ({}, LEADS), ([1], LEADS), ([{"rest": "id"}], LEADS), ([{"rest": {"name": 7}}], LEADS), ([{"fields": {}}], MEMBERS),
        ("x", MEMBERS),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_read_is_a_broken_contract(result: Any, export: Any) -> None:
    with pytest.raises(ContractBroken, match=f"{export.describe}: the description cannot be read"):
        found(result, export)


def test_what_the_sandbox_describes_is_what_it_exports(sandbox: Any, extract: Any, extracted: Any) -> None:
    for stream, kind in (("leads", "leads"), ("custom_object_subscription_c", "subscription_c")):
        assert extract(stream, "--since", "2026-09-28T00:00:00Z", "--until", "2026-10-01T15:00:00Z").code == 0
        assert {frozenset(row) for row in extracted(stream)} == {frozenset(sandbox.truth(kind)[0])}
    described = {one["rest"]["name"]: one["dataType"] for one in sandbox.truth("lead_fields") if "rest" in one}
    assert described.keys() - set(extracted("leads")[0]) == {
        name for name, kind in described.items() if kind == "formula"
    }
