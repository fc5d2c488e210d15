"""Leads over REST (sources/marketo.md §4): those that activities name, or all by their ids, 300 at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from marketo.activities import PATH
from marketo.api import Api, TimedOut
from marketo.envelope import Envelope
from marketo.rest import LEAST_A_PAGE, RECORDS_A_PAGE, answers, first_token, look_of
from transload.errors import ContractBroken, UsageError
from transload.page import Page
from transload.source import Stream

log = logging.getLogger("transload.marketo")

# Activities behind which a lead is another than before: New Lead, Change Data Value, Change Score, Merge Leads (§3).
NEW_LEAD = "12"
CHANGES = ("13", "22", "32")
REMEMBERED = 200_000  # leads that are not fetched again when another of their activities comes
# Ids are given in ascending order (inferred): behind the newest lead that is known, so many in a row without one are the end.
NOBODY = 10_000
RECENT = timedelta(days=30)
MOST_DAYS = 7  # of the account's calls, that asking for all ids may take


class _Activity(msgspec.Struct, gc=False, rename="camel"):
    lead_id: int | None = None
    activity_date: str | None = None


_ACTIVITIES = msgspec.json.Decoder(list[_Activity])


class RestLeads:
    """Reads leads over REST.

    Args:
        api: of the account.
        stream: leads.
        fields: that are asked for.
    """

    def __init__(self, api: Api, stream: Stream, fields: Sequence[str]) -> None:
        self._api, self._stream, self._fields = api, stream, ",".join(fields)
        self._size = RECORDS_A_PAGE

    def changed(self, types: Sequence[str], since: datetime, token: Any) -> Iterator[Page]:
        """The leads that activities of some types name, in a window, as they are now.

        The token is ``{"next": paging token, "waiting": [ids that are not fetched yet]}``. Activities of behind the window name
        leads as well: they cost a few records more, and leaving them out could lose one.
        """
        after: str | None = token["next"] if token else first_token(self._api, since)
        waiting: dict[int, None] = dict.fromkeys(token["waiting"] if token else ())
        fetched: set[int] = set()
        for named, next_ in self._named(types, after):
            after = next_
            waiting.update(dict.fromkeys(one for one in named if one not in fetched))
            while len(waiting) >= RECORDS_A_PAGE:
                yield self._next(waiting, fetched, after)
            yield Page((), {"next": after, "waiting": list(waiting)})
        while waiting:
            yield self._next(waiting, fetched, None)
        yield Page((), {"next": None, "waiting": []})

    def _next(self, waiting: dict[int, None], fetched: set[int], after: str | None) -> Page:
        """Fetch the first leads of those that wait."""
        ids, page = self.fetch(list(waiting)[: self._size])
        for one in ids:
            del waiting[one]
        if len(fetched) > REMEMBERED:
            fetched.clear()
        fetched.update(ids)
        return replace(page, token={"next": after, "waiting": list(waiting)})

    def everybody(self, until: datetime, token: Any) -> Iterator[Page]:
        """Every lead, by ascending id. The token is ``{"from": id, "newest": id, "nobody": how many ids in a row had no lead}``.

        Raises:
            UsageError: it would take too many calls.
            ContractBroken: where the ids lie cannot be found out.
        """
        begin, nobody = (token["from"], token["nobody"]) if token else (1, 0)
        newest: int = token["newest"] if token else self._affordable(self._newest_id(until))
        while begin <= newest or nobody < NOBODY:
            ids, page = self.fetch(range(begin, begin + self._size))
            begin += len(ids)
            nobody = 0 if page.records else nobody + len(ids)
            yield replace(page, token={"from": begin, "newest": newest, "nobody": nobody}, notes={})
        if not newest and nobody == begin - 1:
            raise ContractBroken(
                f"no lead has an id up to {NOBODY:,}, and no activity of the last {RECENT.days} days names one: where their ids "
                "lie cannot be found out over REST; use Bulk Extract"
            )

    def fetch(self, ids: Sequence[int]) -> tuple[Sequence[int], Page]:
        """The leads of these ids, at most 300: of the first ones alone, where all of them take too long (604).

        Returns:
            The ids that were asked for, and a page that notes how many of them are not there any more.
        """
        while True:
            try:
                return ids, self._fetch(ids)
            except TimedOut:
                if len(ids) <= LEAST_A_PAGE:
                    raise
                self._size = max(LEAST_A_PAGE, len(ids) // 2)
                ids = ids[: self._size]

    def _fetch(self, ids: Sequence[int]) -> Page:
        answer = self._api.get("/rest/v1/leads.json", {
            "filterType": "id", "filterValues": ",".join(map(str, ids)), "fields": self._fields,
            "batchSize": str(RECORDS_A_PAGE),
        })  # fmt: skip
        found = answer.records(look_of(self._stream))
        if answer.next_page_token and len(found.records) + len(found.rejected) < len(ids):
            raise ContractBroken("leads.json gave fewer leads than fit a page, and a further page: report it")
        missing = len(ids) - len(found.records) - len(found.rejected)
        notes = {"vanished": missing} if missing else {}
        return Page(found.records, None, found.cursor_max, found.rejected, notes, found.joined)

    def _affordable(self, newest: int) -> int:
        calls = newest // RECORDS_A_PAGE
        if calls > MOST_DAYS * self._api.daily_calls:
            raise UsageError(
                f"leads have ids up to {newest:,}: to ask for each of them over REST would take {calls:,} calls; use Bulk Extract"
            )
        log.info("all leads are asked for by their ids", extra={"newest": newest, "calls": calls})
        return newest

    def _named(self, types: Sequence[str], after: str | None) -> Iterator[tuple[list[int], str | None]]:
        """The leads that each page of activities names, and the token behind it, None at the end."""
        if after is None:
            return
        for answer, next_ in answers(self._api, PATH, {"activityTypeIds": ",".join(types)}, after):
            yield _lead_ids(answer), next_ if answer.more_result else None

    def _newest_id(self, until: datetime) -> int:
        """The greatest id of a lead of which an activity told lately; 0 if none did."""
        since = first_token(self._api, until - RECENT)
        return max((max(named, default=0) for named, _ in self._named((NEW_LEAD, *CHANGES), since)), default=0)


def _lead_ids(answer: Envelope) -> list[int]:
    try:
        activities = _ACTIVITIES.decode(answer.result or b"[]")
    except msgspec.MsgspecError as error:
        raise ContractBroken(f"{PATH}: the activities of leads cannot be read: {error}") from error
    return [one.lead_id for one in activities if one.lead_id]
