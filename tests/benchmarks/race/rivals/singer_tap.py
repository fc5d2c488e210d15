"""A tap of the Singer SDK, as its documentation shows one, with what it offers for speed. Run by an environment of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from singer_sdk import RESTStream, Stream, Tap
from singer_sdk import typing as th
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.pagination import BaseHATEOASPaginator
from singer_sdk.streams.core import TypeConformanceLevel


class Next(BaseHATEOASPaginator):  # type: ignore[misc]
    """The address of the next page is in the page."""

    def get_next_url(self, response: Any) -> str | None:
        """What the server says."""
        following: str | None = response.json()["next"]
        return following


class Records(RESTStream):  # type: ignore[misc]
    """All records."""

    name = "records"
    path = "/records"
    records_jsonpath = "$.records[*]"
    primary_keys = ("id",)
    # Records are written as they came, not gone through for types.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    schema = th.PropertiesList(
        *(th.Property(name, th.IntegerType) for name in ("id", "office", "visits")),
        *(th.Property(name, th.StringType) for name in ("updated_at", "created_at", "first_name", "last_name", "email",
                                                        "balance", "cancelled_at", "notes")),
        th.Property("active", th.BooleanType),
        th.Property("score", th.NumberType),
        th.Property("address", th.ObjectType(additional_properties=True)),
        th.Property("tags", th.ArrayType(th.StringType)),
    ).to_dict()  # fmt: skip

    @property
    def url_base(self) -> str:
        """Where the API is."""
        url: str = self.config["url"]
        return url

    def get_new_paginator(self) -> Next:
        """Page by page."""
        return Next()

    def get_url_params(self, _context: Any, next_page_token: Any) -> dict[str, Any]:
        """Those of the next page's address."""
        return dict(parse_qsl(next_page_token.query)) if next_page_token else {"page": "1"}

    def parse_response(self, response: Any) -> Any:
        """The rows themselves: to find them by JSONPath takes longer."""
        yield from response.json()["records"]


class RaceTap(Tap):  # type: ignore[misc]
    """The tap."""

    name = "tap-race"
    message_writer_class = MsgSpecWriter
    config_jsonschema = th.PropertiesList(th.Property("url", th.StringType, required=True)).to_dict()

    def discover_streams(self) -> list[Stream]:
        """There is one."""
        return [Records(self)]


if __name__ == "__main__":
    RaceTap.cli()
