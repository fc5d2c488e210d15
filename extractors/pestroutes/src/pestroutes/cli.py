"""The ``pestroutes`` command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pestroutes import __version__
from pestroutes.schema import TIMEZONE
from pestroutes.streams import STREAMS
from transload import parsing
from transload.cli import cli
from transload.source import Connection, Option, Runtime, Source


def _offices(text: str) -> str:
    words = [word.strip() for word in text.split(",")]
    if words == ["all"]:
        return "0"
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise ValueError("give office ids such as 1,2,5, or all")
    return ",".join(str(int(word)) for word in words)


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("give an IANA time zone such as America/Los_Angeles") from None


def _connect(options: Mapping[str, Any], runtime: Runtime) -> Connection:
    # Late: requests costs a quarter of a second at start.
    from pestroutes.client import PestRoutes

    return PestRoutes(options, runtime)


SOURCE = Source(
    name="pestroutes",
    title="PestRoutes",
    version=__version__,
    options=(
        Option("base-url", "The API's address, such as https://SUBDOMAIN.pestroutes.com/api.",
               required=True, parse=parsing.address("https://SUBDOMAIN.pestroutes.com/api"), affects_records=True),
        Option("authentication-key", "The API key.", secret=True, required=True),
        Option("authentication-token", "The API token.", secret=True, required=True),
        Option("office-ids", "Offices to read, such as 1,2,5.", default="all", parse=_offices, affects_records=True),
        Option("time-zone", "The zone of the account's timestamps.", default=TIMEZONE, parse=_zone, affects_records=True),
        Option("reserve", "Percent of the API quota to leave to other integrations.", default="20", parse=parsing.reserve),
    ),
    streams=STREAMS,
    connect=_connect,
)  # fmt: skip


def main() -> NoReturn:
    """The entry point."""
    cli(SOURCE)
