"""Which fields a kind of record has, and how their values are written (sources/marketo.md §4 and §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from marketo.api import Api
from marketo.cells import Kind, kind_of
from marketo.streams import Export
from transload.errors import ContractBroken

# The columns of an export of activities that names none (§6), and what they hold.
ACTIVITIES: Mapping[str, Kind] = {
    "marketoGUID": "text", "leadId": "number", "activityDate": "moment", "activityTypeId": "number", "campaignId": "number",
    "primaryAttributeValueId": "number", "primaryAttributeValue": "text", "attributes": "json",
}  # fmt: skip


class _Rest(msgspec.Struct):
    name: str


class _Field(msgspec.Struct, rename="camel"):
    data_type: str = "string"
    name: str | None = None
    rest: _Rest | None = None


class _Object(msgspec.Struct):
    fields: list[_Field] = []


@dataclass(frozen=True, slots=True)
class Described:
    """The fields that can be exported.

    Args:
        fields: their API names.
        kinds: how each is written in a file.
        named: whether an export must name them.
    """

    fields: tuple[str, ...]
    kinds: Mapping[str, Kind]
    named: bool = True


def describe(api: Api, export: Export, needed: Sequence[str] = ()) -> Described:
    """Ask for the fields of a kind of record.

    Args:
        api: of the account.
        export: the kind.
        needed: fields that must be among them.

    Raises:
        ContractBroken: the answer is not as documented, or lacks a field that is needed.
    """
    if export.describe is None:
        return Described(tuple(ACTIVITIES), ACTIVITIES, named=False)
    answer = api.get(export.describe)
    try:
        found = _leads(answer.result) if export.kind == "leads" else _object(answer.result)
    except msgspec.MsgspecError as error:
        raise ContractBroken(f"{export.describe}: the description cannot be read: {error}") from error
    # Formula fields are described, and never exported (§7).
    kinds = {name: kind_of(one.data_type) for name, one in found if one.data_type != "formula"}
    if lacking := [name for name in needed if name not in kinds]:
        raise ContractBroken(f"{export.describe} does not describe {', '.join(lacking)}, which records are known by")
    return Described(tuple(kinds), kinds)


def _leads(result: Any) -> list[tuple[str, _Field]]:
    """A field without ``rest`` cannot be read (§4)."""
    fields = msgspec.json.decode(result or b"[]", type=list[_Field])
    return [(one.rest.name, one) for one in fields if one.rest]


def _object(result: Any) -> list[tuple[str, _Field]]:
    objects = msgspec.json.decode(result or b"[]", type=list[_Object])
    return [(one.name, one) for found in objects[:1] for one in found.fields if one.name]
