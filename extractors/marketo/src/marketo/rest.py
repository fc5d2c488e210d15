"""What is read over REST a page at a time: assets by offset (sources/marketo.md §5), listings and feeds by token (§3, §4)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from marketo.api import Api, Refusal, TimedOut
from marketo.envelope import EMPTY, Envelope
from marketo.streams import Assets, Feed, Listing
from transload.errors import ContractBroken, SourceUnavailable
from transload.page import Look, Page, Records, lines
from transload.source import Stream
from transload.window import Window, iso

log = logging.getLogger("transload.marketo")

ASSETS_A_PAGE, RECORDS_A_PAGE, LEAST_A_PAGE = 200, 300, 20  # (§2)
OVERLAP = 3  # rows of a page that are asked for again with the next
STILL = 20  # pages in a row that do not move on
STEPS_BACK = 5  # from rows that slipped away, before the listing is given up
# Behind a window by so much, no activity that belongs to it comes any more: the feed is in the order in which they were committed.
COMMITTED_WITHIN = timedelta(hours=1)


def look_of(stream: Stream) -> Look:
    """What is looked up in each record of a stream."""
    return Look(stream.primary_key, stream.cursor, stream.primary_key[0])


class Sized:
    """Asks for pages of a size, and for smaller ones when Marketo takes too long over them (604, §2)."""

    def __init__(self, api: Api, parameter: str, size: int) -> None:
        self._api, self._parameter, self.size = api, parameter, size

    def get(self, path: str, params: Mapping[str, str]) -> Envelope:
        """One page; raises as ``Api.get``, ``TimedOut`` only when even small pages take too long."""
        while True:
            try:
                return self._api.get(path, {**params, self._parameter: str(self.size)})
            except TimedOut:
                if self.size <= LEAST_A_PAGE:
                    raise
                self.size = max(LEAST_A_PAGE, self.size // 2)
                log.warning(
                    "Marketo takes too long: smaller pages are asked for", extra={"path": path, "size": self.size}
                )

    def rows(self, path: str, params: Mapping[str, str]) -> Envelope:
        """One page of a listing. 702, no data found, is one without rows (§2)."""
        try:
            return self.get(path, params)
        except Refusal as refusal:
            if refusal.code != "702":
                raise
            return EMPTY


def assets(api: Api, stream: Stream, place: Assets, window: Window, token: Any) -> Iterator[Page]:
    """Assets by offset. Pages are no snapshot (§5): the last rows of each are asked for again, and must come again.

    Raises:
        ContractBroken: rows kept slipping away.
    """
    path = f"/rest/asset/v1/{place.path}.json"
    span: dict[str, str] = {}
    if place.by_update and window.since is not None:
        span = {
            "earliestUpdatedAt": iso(window.since),
            "latestUpdatedAt": iso(window.until - timedelta(seconds=1)),
        }
    pages = Sized(api, "maxReturn", ASSETS_A_PAGE)
    offset, last = (token["offset"], token["last"]) if token else (0, [])
    seen: set[Any] = set()
    back = 0
    while True:
        found = pages.rows(path, {**span, "offset": str(offset)}).records(look_of(stream))
        count = len(found.records) + len(found.rejected)
        if last and not set(last) & set(found.ids):
            back += 1
            if back > STEPS_BACK:
                raise ContractBroken(f"{path}: rows were deleted while it was read, {back} times; run it again")
            log.warning(
                "rows slipped while they were read: some are read again", extra={"path": path, "offset": offset}
            )
            # A page back they may be; if they are not, they are gone themselves, and only the beginning is certain.
            offset, last = (offset - pages.size, last) if back % 2 and offset > pages.size else (0, [])
            continue
        fresh = replace(
            _only(found, [id_ not in seen for id_ in found.ids]),
            rejected=[one for one in found.rejected if one.text not in seen],
        )
        seen.update(found.ids, [one.text for one in found.rejected])
        if count < pages.size:
            yield _page(fresh, {"offset": offset + count, "last": []})
            return
        last = list(found.ids[-OVERLAP:])
        # What is rejected has no id by which it could be known again: the rows before it are asked for as well.
        offset += max(1, count - OVERLAP - len(found.rejected))
        yield _page(fresh, {"offset": offset, "last": last})


def listing(api: Api, stream: Stream, place: Listing, token: Any) -> Iterator[Page]:
    """Records by nextPageToken, to a page without one, or without records (§4)."""
    if token and token["next"] is None:
        return  # its last page was read before
    pages = Sized(api, "batchSize", RECORDS_A_PAGE)
    after = token["next"] if token else None
    while True:
        answer = pages.rows(place.path, {"nextPageToken": after} if after else {})
        found = answer.records(look_of(stream))
        after = answer.next_page_token if found.records or found.rejected else None
        yield _page(found, {"next": after})
        if after is None:
            return


def feed(
    api: Api,
    stream: Stream,
    path: str,
    since: datetime,
    until: datetime,
    params: Mapping[str, str],
    token: str | None,
    wrap: Callable[[str], Any] = lambda after: {"next": after},
) -> Iterator[Page]:
    """Activities of a window, by paging token, while moreResult is true: pages may be empty (§3).

    Args:
        api: of the account.
        stream: whose records they are.
        path: in the URL.
        since: where the window begins.
        until: where it ends; the feed goes on to now, and what lies behind is left out.
        params: what else is asked for.
        token: where to go on; None for the beginning.
        wrap: makes a token of the load out of one of the feed.
    """
    for answer, after in answers(api, path, params, token or first_token(api, since)):
        inside, beyond = _within(answer.records(look_of(stream)), until)
        yield _page(inside, wrap(after))
        if beyond:
            return


def answers(api: Api, path: str, params: Mapping[str, str], after: str) -> Iterator[tuple[Envelope, str]]:
    """The pages of a feed from a token on, to the one that says that no more come; each with the token behind it.

    Raises:
        ContractBroken: one has no token.
        SourceUnavailable: the token stays as it is.
    """
    pages = Sized(api, "batchSize", RECORDS_A_PAGE)
    still = 0
    while True:
        answer = pages.get(path, {**params, "nextPageToken": after})
        if answer.next_page_token is None:
            raise ContractBroken(f"{path}: an answer has no nextPageToken, which is always there")
        still = still + 1 if answer.next_page_token == after else 0
        after = answer.next_page_token
        yield answer, after
        if not answer.more_result:
            return
        if still > STILL:
            raise SourceUnavailable(
                f"{path} says that more comes, and gave the same nextPageToken {still} times; run the same command again later"
            )
        if still > 1:
            api.http.pause(still - 1.0)


def first_token(api: Api, since: datetime) -> str:
    """The paging token of a moment (§3)."""
    answer = api.get("/rest/v1/activities/pagingtoken.json", {"sinceDatetime": iso(since)})
    if answer.next_page_token is None:
        raise ContractBroken("activities/pagingtoken.json gave no nextPageToken")
    return answer.next_page_token


def feed_of(
    api: Api, stream: Stream, place: Feed, window: Window, since: datetime, token: Any, fields: Sequence[str]
) -> Iterator[Page]:
    """Deleted leads, or changes of lead fields."""
    params = {"fields": ",".join(fields)} if place.with_fields else {}
    return feed(api, stream, place.path, since, window.until, params, token["next"] if token else None)


class _Dated(msgspec.Struct, gc=False, rename="camel"):
    activity_date: Any = None


_DATED = msgspec.json.Decoder(_Dated)


def _within(found: Records, until: datetime) -> tuple[Records, bool]:
    """The records of before the window's end, and whether all of them lie well behind it."""
    dates = [_DATED.decode(raw).activity_date for raw in found.records]
    moments = [moment_of(date) for date in dates]
    known = [moment for moment in moments if moment is not None]
    beyond = bool(known) and min(known) >= until + COMMITTED_WITHIN
    inside = [moment is None or moment < until for moment in moments]
    newest = max((date for date, moment in zip(dates, moments, strict=True) if moment and moment < until), default=None)
    return replace(_only(found, inside), cursor_max=newest), beyond


def moment_of(text: Any) -> datetime | None:
    """A moment as Marketo writes it: ``Z``, ``+0000``, or both (§3, §5); None for what is none."""
    try:
        moment = datetime.fromisoformat(str(text).replace("Z+", "+"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _only(found: Records, keep: Sequence[bool]) -> Records:
    if all(keep):
        return found
    records = [raw for raw, wanted in zip(found.records, keep, strict=True) if wanted]
    ids = [id_ for id_, wanted in zip(found.ids, keep, strict=True) if wanted]
    return Records(records, ids, found.cursor_max, found.rejected, lines(records))


def _page(found: Records, token: Any) -> Page:
    return Page(found.records, token, found.cursor_max, found.rejected, joined=found.joined)
