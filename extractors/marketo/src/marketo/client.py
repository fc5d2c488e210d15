"""A connection to one Marketo account: which way each stream is read. Facts are of sources/marketo.md, by section."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from marketo.activities import activities
from marketo.api import Api
from marketo.bulk import BulkLoad, Otherwise
from marketo.describe import describe
from marketo.exports import Exports
from marketo.leads import CHANGES, NEW_LEAD, RestLeads
from marketo.megabytes import Megabytes
from marketo.permissions import check
from marketo.plan import LONGEST, Plan, Programs, Spans
from marketo.rest import assets, feed_of, listing
from marketo.state import State, read_state
from marketo.streams import LEADS, Assets, Export, Feed, Listing
from marketo.transport import Load, decide
from marketo.waiting import Waiting
from transload.errors import StreamDenied, UsageError
from transload.page import Page
from transload.source import Checked, Runtime, Stream
from transload.window import Window

log = logging.getLogger("transload.marketo")

A_DAY = timedelta(days=1)
MANY_EXPORTS = 24
FIXED_CALLS = 20  # that REST takes for a window without records: a token and a page for each ten types of activities
BY_REST = ("leads", "activities")  # that can be read over REST instead of by exports

_UNSEEN = (
    "Changes that leave no activity (formula fields, fields whose changes are not logged, activities that are older than Marketo "
    "keeps them) are not seen before the next full refresh"
)
_BY_ACTIVITIES = f"leads are read over REST: those that activities of creation, change, score or merge name. {_UNSEEN}"
_NO_UPDATED_AT = {
    "leads": "this account has no filter on updatedAt: leads are exported by createdAt, and those that activities of change, score "
    f"or merge name are fetched over REST. {_UNSEEN}",
    "program_members": "this account has no filter on updatedAt: every load takes all members of all programs",
}
_FORGOTTEN = "a full load has the deletions of 14 days, which Marketo still keeps: older ones, loaded before, are not read any more"


class Marketo:
    """A connection.

    Args:
        options: of the command line.
        runtime: of the run.
    """

    def __init__(self, options: Mapping[str, Any], runtime: Runtime) -> None:
        self._options, self._runtime = options, runtime
        self._api = Api(options, runtime)

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._api.http.requests

    def quota(self) -> dict[str, int]:
        """What is left of our share today, as far as this pod knows."""
        left = self._api.ledger.last_left()
        if not left:
            return {}
        return {"calls_left_today": left["calls"], "megabytes_left_today": left["export_bytes"] // 1_000_000}

    def check(self) -> Checked:
        """Ask once for each stream: which ones this API user can read."""
        return check(self._api)

    def close(self) -> None:
        """Give back what was reserved and not spent."""
        self._api.close()

    def pages(self, stream: Stream, window: Window, token: Any) -> Iterator[Page]:
        """The records of a window; the token's form is that of the way by which the stream is read."""
        place = stream.detail
        if isinstance(place, Assets):
            return assets(self._api, stream, place, window, token)
        if isinstance(place, Listing):
            return listing(self._api, stream, place, token)
        if isinstance(place, Feed):
            fields = describe(self._api, LEADS).fields if place.with_fields else ()
            since = self._since(window)
            if place.kept is not None:
                # Older ones are of leads that were gone before anybody loaded them.
                since = max(since, window.until - place.kept)
                if window.mode == "full":
                    log.warning(_FORGOTTEN, extra={"stream": stream.name})
            return feed_of(self._api, stream, place, window, since, token, fields)
        return self._exported(stream, place, window, token)

    def _since(self, window: Window) -> datetime:
        """Where a window begins, for what must be asked for spans of time: of a sample a day is enough."""
        if window.mode == "sample":
            return max(self._runtime.start, window.until - A_DAY)
        return window.since or min(self._runtime.start, window.until - A_DAY)

    # Leads, activities, members, custom objects

    def _exported(self, stream: Stream, place: Export, window: Window, token: Any) -> Iterator[Page]:
        ways: dict[str, Callable[[], Iterator[Page]]] = {
            "bulk": lambda: self._bulk(stream, place, window, read_state(token)),
            "rest": lambda: self._over_rest(stream, place, window, token),
        }
        chosen = self._transport(stream, window, token)
        other = "rest" if chosen == "bulk" else "bulk"
        taken = False
        try:
            for page in ways[chosen]():
                taken = True
                yield page
            return
        except StreamDenied as refused:
            if self._options["transport"] != "auto" or stream.name not in BY_REST or token is not None:
                raise
            log.warning(
                f"{chosen} is refused: it is read by {other}", extra={"stream": stream.name, "reason": str(refused)}
            )
        if taken:
            # The two write some values differently: a load has the rows of one of them.
            yield Page((), None, restart=True)
        yield from ways[other]()

    def _transport(self, stream: Stream, window: Window, token: Any) -> str:
        asked = self._options["transport"]
        if stream.name not in BY_REST:
            if asked == "rest":
                raise UsageError(
                    f"{stream.name} can only be read by Bulk Extract: leave --transport away, or the stream"
                )
            return "bulk"
        if token is not None:
            # As the load began; an export that is under way is not thrown away.
            return "rest" if token["transport"] == "rest" else "bulk"
        if asked != "auto":
            return str(asked)
        if stream.name == "leads":
            # What leaves no activity is seen only by exports: leads go over REST where these are refused, or by --transport rest.
            return "bulk"
        chosen, why = decide(self._expected(stream, window), self._api.ledger.left())
        log.info("transport", extra={"stream": stream.name, "transport": chosen, "why": why})
        return chosen

    def _expected(self, stream: Stream, window: Window) -> Load:
        """What a load will take, by what the last one of the stream took."""
        length = None if window.since is None else window.until - window.since
        last = self._runtime.last_load(stream)
        if length is None or last is None or last.since is None:
            return Load(length, None, None, FIXED_CALLS)
        share = length / (last.until - last.since)
        return Load(length, int(last.notes.get("export_bytes", 0) * share), int(last.records * share), FIXED_CALLS)

    def _over_rest(self, stream: Stream, place: Export, window: Window, token: Any) -> Iterator[Page]:
        if stream.name == "activities":
            yield from activities(self._api, stream, self._since(window), window.until, token)
            return
        reader = RestLeads(self._api, stream, describe(self._api, place, stream.primary_key).fields)
        inner = token["inner"] if token else None
        log.warning(_BY_ACTIVITIES, extra={"stream": stream.name})
        if window.since is not None and window.since > self._runtime.start:
            pages = reader.changed((NEW_LEAD, *CHANGES), self._since(window), inner)
        else:
            # From the very beginning on: of a lead that has long been as it is, no activity tells any more.
            pages = reader.everybody(window.until, inner)
        for page in pages:
            yield _with_token(page, {"transport": "rest", "inner": page.token})

    def _bulk(self, stream: Stream, place: Export, window: Window, state: State) -> Iterator[Page]:
        described = describe(self._api, place, stream.primary_key)
        plan, otherwise = self._plans(place, window)
        if state.mark is None:
            self._hint(stream, plan)
            state = self._begun(stream, state)
        waiting = Waiting(
            self._options["poll"], self._options["job_deadline"], self._api.http.pause, self._runtime.clock
        )
        load = BulkLoad(
            stream,
            Exports(self._api, place.kind),
            described,
            plan,
            otherwise,
            Megabytes(self._api.ledger, self._api.share_of_megabytes),
            waiting,
            state,
        )
        if state.catch_up is None:
            yield from load.pages()
        if load.state.fallback and stream.name == "leads":
            inner = load.state.catch_up["inner"] if load.state.catch_up else None
            reader = RestLeads(self._api, stream, described.fields)
            for page in reader.changed(CHANGES, self._since(window), inner):
                yield _with_token(page, replace(load.state, catch_up={"inner": page.token}))

    def _plans(self, place: Export, window: Window) -> tuple[Plan, Otherwise | None]:
        since, newest_first = self._since(window), window.mode == "sample"
        if place.kind == "program/members":
            every = Programs(self._program_ids, None, window.until)
            changed = every if window.since is None else Programs(self._program_ids, window.since, window.until)
            return changed, Otherwise(every, _NO_UPDATED_AT["program_members"])
        # By createdAt all leads are found, whatever became of them since; by updatedAt those that changed.
        full = "createdAt" if place.kind == "leads" else str(place.changes)
        name = full if window.since is None else str(place.changes)
        beyond = timedelta()
        if window.mode == "full" and name != "createdAt":
            # What has changed since then is found by no span before it, and would count as deleted.
            beyond = min(max(timedelta(), self._runtime.clock() - window.until), A_DAY)
        plan = Spans(name, since, window.until, newest_first=newest_first, beyond=beyond)
        if place.kind == "leads" and name != "createdAt":
            return plan, Otherwise(Spans("createdAt", since, window.until), _NO_UPDATED_AT["leads"])
        return plan, None

    def _begun(self, stream: Stream, state: State) -> State:
        """The state of the beginning, with what the last load tells of sizes."""
        last = self._runtime.last_load(stream)
        size = last.notes.get("export_bytes", 0) if last else 0
        if last is None or last.since is None or not size or stream.detail.kind == "program/members":
            return state
        seconds = (last.until - last.since).total_seconds()
        return replace(state, rate=size / seconds, weight=seconds)

    def _hint(self, stream: Stream, plan: Plan) -> None:
        exports = plan.whole / LONGEST.total_seconds() if isinstance(plan, Spans) else 0
        if exports > MANY_EXPORTS:
            log.warning(
                "this load takes many exports, one for each 31 days at least: --start with the month in which the account began "
                "makes them fewer", extra={"stream": stream.name, "exports": int(exports) + 1},
            )  # fmt: skip

    def _program_ids(self) -> list[int]:
        from marketo.streams import STREAMS

        programs = next(one for one in STREAMS if one.name == "programs")
        every = Window("full", None, self._runtime.clock())
        ids: list[int] = []
        for page in assets(self._api, programs, programs.detail, every, None):
            ids += [msgspec.json.decode(raw, type=_WithId).id for raw in page.records]
        return ids


class _WithId(msgspec.Struct):
    id: int


def _with_token(page: Page, token: Any) -> Page:
    from dataclasses import replace as changed

    return changed(page, token=token)
