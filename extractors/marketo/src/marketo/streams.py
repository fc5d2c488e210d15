"""The streams of Marketo: where each is read, and what identifies its records (sources/marketo.md §3 to §6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from marketo.fields import SENSITIVE
from marketo.schema import schema
from transload.source import Family, Stream
from transload.window import Mode


@dataclass(frozen=True, slots=True)
class Export:
    """Read by Bulk Extract (§6).

    Args:
        kind: in the URL.
        changes: the filter that finds what has changed; None if an export is always of everything.
        describe: the path that tells the fields and their types; None where the columns are fixed.
    """

    kind: str
    changes: str | None
    describe: str | None


@dataclass(frozen=True, slots=True)
class Assets:
    """Read from the asset API, by offset (§5).

    Args:
        path: the last part of the URL.
        by_update: whether it takes earliestUpdatedAt and latestUpdatedAt.
    """

    path: str
    by_update: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Read from the lead database, a page a token (§3, §4)."""

    path: str


@dataclass(frozen=True, slots=True)
class Feed:
    """Read by a paging token of activities (§3).

    Args:
        path: in the URL.
        with_fields: whether it must be told every lead field.
    """

    path: str
    with_fields: bool = False


Place = Export | Assets | Listing | Feed

_BOTH: tuple[Mode, ...] = ("incremental", "full")
_FULL: tuple[Mode, ...] = ("full",)
# Marketo's own clock stamps a change, and it may be seen a little later (§3 tells of minutes for some activities).
_SOON = timedelta(minutes=10)
_LATE = timedelta(hours=1)


def _stream(
    name: str,
    key: str,
    cursor: str | None,
    place: Place,
    about: str,
    *,
    look_back: timedelta | None = None,
    fields: str | None = None,
) -> Stream:
    fields = fields or name
    modes = _FULL if look_back is None else _BOTH
    primary_key = tuple(key.split())
    return Stream(
        name,
        about,
        primary_key,
        cursor,
        modes,
        schema(fields, name, about, primary_key, cursor, modes),
        look_back or timedelta(0),
        SENSITIVE.get(fields, frozenset()),
        place,
    )


LEADS = Export("leads", "updatedAt", "/rest/v1/leads/describe.json")
_MEMBERS = Export("program/members", "updatedAt", "/rest/v1/programs/members/describe.json")

STREAMS: tuple[Stream, ...] = (
    _stream("leads", "id", "updatedAt", LEADS,
            "People: every field that can be exported, custom ones too.", look_back=_SOON),
    _stream("activities", "marketoGUID", "activityDate", Export("activities", "createdAt", None),
            "What leads did and what was done to them, all types.", look_back=_LATE),
    _stream("program_members", "programId leadId", "updatedAt", _MEMBERS,
            "Which lead is in which program, and how far it came.", look_back=_SOON),
    _stream("activity_types", "id", None, Listing("/rest/v1/activities/types.json"),
            "The types of activities and their attributes, custom ones too."),
    _stream("programs", "id", "updatedAt", Assets("programs", by_update=True),
            "Programs: events, engagements, email blasts and others.", look_back=_SOON),
    _stream("campaigns", "id", "updatedAt", Listing("/rest/v1/campaigns.json"),
            "Campaigns as the lead database knows them."),
    _stream("smart_campaigns", "id", "updatedAt", Assets("smartCampaigns", by_update=True),
            "Smart campaigns, with their folder and state.", look_back=_SOON),
    _stream("lists", "id", "updatedAt", Listing("/rest/v1/lists.json"),
            "Static lists as the lead database knows them."),
    _stream("static_lists", "id", "updatedAt", Assets("staticLists", by_update=True),
            "Static lists, with their folder.", look_back=_SOON),
    _stream("smart_lists", "id", "updatedAt", Assets("smartLists", by_update=True),
            "Smart lists, with their folder.", look_back=_SOON),
    _stream("emails", "id", "updatedAt", Assets("emails", by_update=True),
            "Emails: subject, sender, state.", look_back=_SOON),
    _stream("forms", "id", "updatedAt", Assets("forms"), "Forms."),
    _stream("landing_pages", "id", "updatedAt", Assets("landingPages"), "Landing pages."),
    _stream("channels", "id", "updatedAt", Assets("channels"), "Channels and the statuses of their programs."),
    _stream("tags", "tagType", None, Assets("tagTypes"), "Types of tags and their allowed values."),
    _stream("folders", "id", "updatedAt", Assets("folders"), "Folders of assets."),
    _stream("segmentations", "id", "updatedAt", Assets("segmentation"), "Segmentations."),
    _stream("deleted_leads", "marketoGUID", "activityDate", Feed("/rest/v1/activities/deletedleads.json"),
            "Leads that were deleted; kept by Marketo for 14 days.", look_back=_LATE),
    _stream("lead_changes", "marketoGUID", "activityDate", Feed("/rest/v1/activities/leadchanges.json", with_fields=True),
            "Changes of lead fields: old and new values.", look_back=_LATE),
)  # fmt: skip


def _custom_object(name: str) -> Stream:
    place = Export(f"customobjects/{name}", "updatedAt", f"/rest/v1/customobjects/{name}/describe.json")
    return _stream(
        f"{CUSTOM_OBJECTS.prefix}{name}", "marketoGUID", "updatedAt", place,
        f"The custom object {name}.", look_back=_SOON, fields="custom_object",
    )  # fmt: skip


CUSTOM_OBJECTS = Family("custom_object_", "API_NAME", "A custom object, by its API name.", _custom_object)
