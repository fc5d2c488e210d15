"""A source of Transload for the race's API, written as any source is: options, a stream, and a connection that gives pages."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from transload.cli import cli
from transload.page import Look, Page, split
from transload.source import Checked, Connection, Option, Runtime, Source, Stream
from transload.window import Window


class _Answer(msgspec.Struct):
    pages: int
    records: list[msgspec.Raw]


ANSWER = msgspec.json.Decoder(_Answer)
LOOK = Look(("id",), "updated_at", "id")


class Race:
    """A connection to the API."""

    def __init__(self, options: Mapping[str, Any], runtime: Runtime) -> None:
        from transload.http_client import HttpClient

        self._url = f"{options['base_url']}/records"
        self._ahead = runtime.concurrency
        self._http = HttpClient(
            headers={"Accept": "application/json"}, connections=runtime.concurrency, retry_seconds=runtime.retry_seconds,
            stop=runtime.stop, redact=runtime.redact,
        )  # fmt: skip
        self._threads = ThreadPoolExecutor(runtime.concurrency, thread_name_prefix="get")

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._http.requests

    def quota(self) -> dict[str, int]:
        """There is none."""
        return {}

    def check(self) -> Checked:
        """One page."""
        return Checked(f"ok, {self._get(1)[0]} pages")

    def close(self) -> None:
        """Drop what is under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.close()

    def pages(self, _stream: Stream, _window: Window, token: Any) -> Iterator[Page]:
        """Page by page, a few ahead; the token is the number of the last one."""
        first = token["page"] + 1 if token else 1
        last, page = self._get(first)
        yield page
        under_way: deque[Future[tuple[int, Page]]] = deque()
        for number in range(first + 1, last + 1):
            under_way.append(self._threads.submit(self._get, number))
            if len(under_way) >= self._ahead:
                yield under_way.popleft().result()[1]
        while under_way:
            yield under_way.popleft().result()[1]

    def _get(self, number: int) -> tuple[int, Page]:
        answer = self._http.request("GET", self._url, lambda got: ANSWER.decode(got.body), params={"page": str(number)})
        found = split(answer.records, LOOK)
        page = Page(found.records, {"page": number}, found.cursor_max, found.rejected, joined=found.joined)
        return answer.pages, page


def _connect(options: Mapping[str, Any], runtime: Runtime) -> Connection:
    return Race(options, runtime)


_FIELDS = """id office updated_at created_at first_name last_name email active balance visits score cancelled_at address tags
notes""".split()
SOURCE = Source(
    name="race",
    title="the race's",
    version="0",
    options=(Option("base-url", "The API's address.", required=True, affects_records=True),),
    streams=(
        Stream(
            "records", "All records.", ("id",), "updated_at", ("full",), {"properties": {name: {} for name in _FIELDS}}
        ),
    ),
    connect=_connect,
)

if __name__ == "__main__":
    cli(SOURCE)
