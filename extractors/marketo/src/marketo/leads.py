"""Leads over REST (sources/marketo.md §4): those that activities name, or all by their ids, 300 at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from marketo.api import Api
from marketo.rest import RECORDS_A_PAGE, first_token, look_of
from transload.errors import ContractBroken
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

    def changed(self, types: Sequence[str], since: datetime, token: Any) -> Iterator[Page]:
        """The leads that activities of some types name, in a window, as they are now.

        The token is ``{"next": paging token, "waiting": [ids that are not fetched yet]}``. Activities of behind the window name
        leads as well: they cost a few records more, and leaving them out could lose one.
        """
        after: str | None = token["next"] if token else first_token(self._api, since)
        waiting: dict[int, None] = dict.fromkeys(token["waiting"] if token else ())
        fetched: set[int] = set()
        while after is not None:
            after = self._gather(types, after, waiting, fetched)
            while len(waiting) >= RECORDS_A_PAGE or (after is None and waiting):
                ids = list(waiting)[:RECORDS_A_PAGE]
                for one in ids:
                    del waiting[one]
                if len(fetched) > REMEMBERED:
                    fetched.clear()
                fetched.update(ids)
                yield replace(self.fetch(ids), token={"next": after, "waiting": list(waiting)})
        yield Page((), {"next": None, "waiting": []})

    def everybody(self, until: datetime, token: Any) -> Iterator[Page]:
        """Every lead, by ascending id. The token is ``{"from": id, "newest": id, "nobody": how many ids in a row had no lead}``."""
        begin, nobody = (token["from"], token["nobody"]) if token else (1, 0)
        newest: int = token["newest"] if token else self._newest_id(until)
        while begin <= newest or nobody < NOBODY:
            ids = range(begin, begin + RECORDS_A_PAGE)
            begin += RECORDS_A_PAGE
            page = self.fetch(ids)
            nobody = 0 if page.records else nobody + RECORDS_A_PAGE
            yield replace(page, token={"from": begin, "newest": newest, "nobody": nobody}, notes={})

    def fetch(self, ids: Sequence[int]) -> Page:
        """The leads of these ids, at most 300; notes how many of them are not there any more."""
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

    def _gather(self, types: Sequence[str], after: str, waiting: dict[int, None], fetched: set[int]) -> str | None:
        """Add the leads that one page of activities names; returns the token behind it, None at the end."""
        answer = self._api.get("/rest/v1/activities.json", {
            "activityTypeIds": ",".join(types), "nextPageToken": after, "batchSize": str(RECORDS_A_PAGE),
        })  # fmt: skip
        try:
            activities = _ACTIVITIES.decode(answer.result or b"[]")
        except msgspec.MsgspecError as error:
            raise ContractBroken(f"activities.json: the activities of leads cannot be read: {error}") from error
        waiting.update(dict.fromkeys(one.lead_id for one in activities if one.lead_id and one.lead_id not in fetched))
        return answer.next_page_token if answer.more_result else None

    def _newest_id(self, until: datetime) -> int:
        """The greatest id of a lead that was made lately; 0 if none was."""
        waiting: dict[int, None] = {}
        after: str | None = first_token(self._api, until - RECENT)
        while after is not None:
            after = self._gather((NEW_LEAD,), after, waiting, set())
            waiting = {max(waiting): None} if waiting else {}
        return max(waiting, default=0)
