"""Activities over REST (sources/marketo.md §3): ten types at a time, since a call takes no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from marketo.api import Api
from marketo.rest import feed
from transload.errors import ContractBroken
from transload.page import Page
from transload.source import Stream

PATH = "/rest/v1/activities.json"
TYPES_A_CALL = 10


class _Type(msgspec.Struct):
    id: int


def type_ids(api: Api) -> list[int]:
    """The ids of the account's types of activities, ascending."""
    answer = api.get("/rest/v1/activities/types.json")
    try:
        return sorted(one.id for one in msgspec.json.decode(answer.result or b"[]", type=list[_Type]))
    except msgspec.MsgspecError as error:
        raise ContractBroken(f"activities/types.json cannot be read: {error}") from error


def activities(api: Api, stream: Stream, since: datetime, until: datetime, token: Any) -> Iterator[Page]:
    """The activities of a window. The token is ``{"transport": "rest", "types": [left to read], "next": paging token}``."""
    types: Sequence[int] = token["types"] if token else type_ids(api)
    after: str | None = token["next"] if token else None
    while types:
        group, rest = types[:TYPES_A_CALL], types[TYPES_A_CALL:]
        params = {"activityTypeIds": ",".join(map(str, group))}
        left = list(types)
        yield from feed(
            api, stream, PATH, since, until, params, after,
            lambda next_, left=left: {"transport": "rest", "types": left, "next": next_},  # type: ignore[misc]
        )  # fmt: skip
        types, after = rest, None
        yield Page((), {"transport": "rest", "types": list(types), "next": None})
