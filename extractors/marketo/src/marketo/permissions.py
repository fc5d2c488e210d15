"""``check``: what this API user can read, asked for stream by stream (sources/marketo.md §2: 603)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from marketo.api import Api, Denied, Missing, Refusal
from marketo.rest import first_token
from marketo.streams import CUSTOM_OBJECTS, LEADS, STREAMS, Assets, Export, Feed
from transload.errors import AccessDenied
from transload.source import Checked, Stream

_ONE: Mapping[str, str] = {"batchSize": "1"}
NO_EXPORT = "only over REST, slowly: "


def check(api: Api) -> Checked:
    """Ask for one record of each stream.

    Raises:
        AccessDenied: the credentials are refused, or nothing can be read.
    """
    streams = {stream.name: _why_not(lambda stream=stream: _probe(api, stream)) for stream in STREAMS}  # type: ignore[misc]
    for name in _custom_objects(api):
        found = CUSTOM_OBJECTS.make(name)
        streams[found.name] = _why_not(lambda found=found: _probe(api, found))  # type: ignore[misc]
    readable = sum(not why for why in streams.values())
    if not readable and all(not why.startswith(NO_EXPORT) for why in streams.values()):
        raise AccessDenied(
            "Marketo took the client id and secret, but this API user can read nothing: give its role read permissions "
            f"({next(iter(streams.values()))})"
        )
    return Checked(f"ok, {readable} of {len(streams)} streams can be read{_usage(api)}", streams)


def _probe(api: Api, stream: Stream) -> str:
    """Ask for the least of a stream; what is refused raises."""
    place = stream.detail
    if isinstance(place, Assets):
        api.get(f"/rest/asset/v1/{place.path}.json", {"maxReturn": "1"})
    elif isinstance(place, Export):
        if place.describe:
            api.get(place.describe)
        if stream.name == "program_members":
            api.get("/rest/asset/v1/programs.json", {"maxReturn": "1"})  # they are exported program by program
        refused = _why_not(lambda: _listed(api, place.kind))
        if refused and stream.name in ("leads", "activities"):
            api.get("/rest/v1/activities/types.json")
            return f"{NO_EXPORT}{refused}"
        return refused
    elif isinstance(place, Feed):
        if place.with_fields:
            api.get(str(LEADS.describe))
        fields = {"fields": "email"} if place.with_fields else {}
        now = api.now().replace(microsecond=0)
        api.get(place.path, {**_ONE, **fields, "nextPageToken": first_token(api, now)})
    else:
        api.get(place.path, {} if place.path.endswith("types.json") else _ONE)
    return ""


def _listed(api: Api, kind: str) -> str:
    api.get(f"/bulk/v1/{kind}/export.json", _ONE)
    return ""


def _why_not(probe: Callable[[], str]) -> str:
    """An empty text if what was asked for can be read, else the reason in a few words."""
    try:
        return probe()
    except Denied as denied:
        return f"not allowed ({denied.said})"
    except Refusal as refusal:
        return f"{refusal.said} ({refusal.code})"
    except Missing:
        return "not there (404)"


class _Named(msgspec.Struct):
    name: str


class _Usage(msgspec.Struct):
    total: int = 0


def _custom_objects(api: Api) -> list[str]:
    """The names of the account's custom objects; none where they cannot be asked for."""
    try:
        answer = api.get("/rest/v1/customobjects.json")
        return [one.name for one in msgspec.json.decode(answer.result or b"[]", type=list[_Named])]
    except (Denied, Refusal, Missing, msgspec.MsgspecError):
        return []


def _usage(api: Api) -> str:
    """How many calls all integrations have made today; the ledger learns of it. Nothing where that cannot be asked for."""
    try:
        answer = api.get("/rest/v1/stats/usage.json")
        found = msgspec.json.decode(answer.result or b"[]", type=list[_Usage])
    except (Denied, Refusal, Missing, msgspec.MsgspecError):
        return ""
    if not found:
        return ""
    api.ledger.observe(calls=max(0, found[0].total))
    return f"; {found[0].total:,} calls were made today by all integrations"
