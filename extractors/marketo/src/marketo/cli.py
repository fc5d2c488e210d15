"""The ``marketo`` command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from marketo import __version__
from marketo.streams import CUSTOM_OBJECTS, STREAMS
from transload import parsing
from transload.cli import cli
from transload.source import Connection, Option, Runtime, Source

_ADDRESS = parsing.address("https://123-ABC-456.mktorest.com")


def _base_url(text: str) -> str:
    # The console shows the address with /rest or /identity behind it.
    return _ADDRESS(text).removesuffix("/rest").removesuffix("/identity")


def _connect(options: Mapping[str, Any], runtime: Runtime) -> Connection:
    # Late: requests costs a quarter of a second at start.
    from marketo.client import Marketo

    return Marketo(options, runtime)


SOURCE = Source(
    name="marketo",
    title="Marketo",
    version=__version__,
    options=(
        Option("base-url", "The account's address, such as https://123-ABC-456.mktorest.com.",
               required=True, parse=_base_url, affects_records=True),
        Option("client-id", "The client id of the API user's custom service.", secret=True, required=True),
        Option("client-secret", "The client secret.", secret=True, required=True),
        Option("transport", "How leads and activities are read: bulk (Bulk Extract), rest (no exports), or auto, which decides by "
               "the window and what is left of each quota, and says why.", default="auto",
               parse=parsing.one_of("auto", "bulk", "rest")),
        Option("reserve", "Percent of the day's calls and megabytes to leave to other integrations.",
               default="20", parse=parsing.reserve),
        Option("daily-calls", "API calls that the account has a day.", default="50000",
               parse=parsing.number(1, 100_000_000)),
        Option("daily-megabytes", "Megabytes of exports that the account has a day.", default="500",
               parse=parsing.number(1, 10_000_000)),
        Option("rate", "Calls in 20 seconds at most, of the 100 that all integrations have together.", default="50",
               parse=parsing.number(1, 1_000_000)),
        Option("job-deadline", "How long an export may be queued and worked on, in seconds, before the run gives up waiting; the "
               "next run takes the same export up.", default="14400", parse=parsing.seconds),
        Option("poll", "Seconds between two looks at an export's status; Marketo renews it once a minute.", default="60",
               parse=parsing.seconds),
    ),
    streams=STREAMS,
    families=(CUSTOM_OBJECTS,),
    connect=_connect,
)  # fmt: skip


def main() -> NoReturn:
    """The entry point."""
    cli(SOURCE)
