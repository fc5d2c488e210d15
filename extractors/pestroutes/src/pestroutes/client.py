"""The PestRoutes API: credentials, envelope, searches and gets. Facts are of sources/pestroutes.md, by section."""

from __future__ import annotations

import heapq
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import quote_plus

import msgspec

from pestroutes import __version__
from pestroutes.entities import Entity
from pestroutes.envelope import Envelope, read_envelope
from pestroutes.pace import Pace
from pestroutes.zone import local_span
from transload.errors import AccessDenied, ConfigError, ContractBroken
from transload.http_client import Answer, HttpClient, Transient
from transload.page import Look, Page, Records, Scalar, mark_unpaired, split
from transload.source import Checked, Runtime, Stream
from transload.tables import counted
from transload.window import Window

log = logging.getLogger("transload.pestroutes")

SEARCH_CAP = 50_000  # ids a search gives at most (§2)
GET_CAP = 1_000  # ids a get takes; more are cut off in silence (§2)
FEW = 10  # records that may vanish between search and get without looking like a fault
_PLAIN = re.compile(rb"[0-9A-Z%-]*")
ALL_OFFICES = "0"
PROBE = "office"  # the cheapest entity: tells a refused key from a refused entity


class PestRoutes:
    """A connection to one account.

    Args:
        options: base_url, authentication_key, authentication_token, office_ids, time_zone, reserve.
        runtime: of the run.
    """

    def __init__(self, options: Mapping[str, Any], runtime: Runtime) -> None:
        self._base, self._zone, self._offices = options["base_url"], options["time_zone"], options["office_ids"]
        self._runtime = runtime
        self._pace = Pace(options["reserve"], runtime.stop, runtime.clock)
        self._http = HttpClient(
            headers={
                # As headers, so that no body, URL or answer's echo of a body carries them (§1, §3).
                "authenticationKey": options["authentication_key"],
                "authenticationToken": options["authentication_token"],
                "Accept": "application/json",
                "User-Agent": f"transload-pestroutes/{__version__}",
            },
            connections=runtime.concurrency + 1,
            retry_seconds=runtime.retry_seconds,
            stop=runtime.stop,
            redact=runtime.redact,
        )
        self._offices_known = False
        self._accepted = False  # whether the credentials have been taken once
        self._rows_names: dict[str, str] = {}  # under which name each entity's rows came last
        self._threads = ThreadPoolExecutor(runtime.concurrency, thread_name_prefix="get")

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._http.requests

    def quota(self) -> dict[str, int]:
        """Reads left today of our share."""
        return self._pace.left()

    def close(self) -> None:
        """Drop what is under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.close()
        self._pace.close()

    def check(self) -> Checked:
        """One search of offices; says how many can be read and what is left of the quota."""
        found = self._chosen_offices()
        left = self._pace.left().get("reads_left_today")
        quota = "" if left is None else f", {counted(left, 'read')} left today"
        return Checked(f"ok, {counted(len(found.ids()), 'office')}{quota}")

    def pages(self, stream: Stream, window: Window, token: Any) -> Iterator[Page]:
        """The records of a window by ascending id, a page a get.

        The token is the greatest id asked for, ``{"after": 12345}``.
        """
        entity: Entity = stream.detail
        if self._offices != ALL_OFFICES and not self._offices_known:
            # Of an office that is not there, nothing would be found: a full load of nothing is one, too.
            self._chosen_offices()
        ids = self._ids(entity, window, token["after"] if token else None)
        size = min(GET_CAP, self._runtime.page_size)
        batches = iter(lambda: list(islice(ids, size)), [])
        look = Look(stream.primary_key, stream.cursor, entity.id_field)
        under_way: list[Future[Page]] = []
        # In order, and only a few ahead: what has been fetched waits here in memory.
        for batch in batches:
            under_way.append(self._threads.submit(self._page, entity, batch, look))
            if len(under_way) >= self._runtime.concurrency:
                yield under_way.pop(0).result()
        for future in under_way:
            yield future.result()

    def _chosen_offices(self) -> Envelope:
        """The offices that are asked for. Raises ConfigError if there is none of a number."""
        found = self._call(PROBE, "search", {"officeIDs": self._offices})
        if self._offices != ALL_OFFICES and (
            missing := {int(one) for one in self._offices.split(",")} - _numbers(found.ids())
        ):
            named = ", ".join(str(one) for one in sorted(missing))
            raise ConfigError(f"--office-ids: this key can read no office {named}; without the option, all are read")
        self._offices_known = True
        return found

    # Searching

    def _ids(self, entity: Entity, window: Window, after: int | None) -> Iterator[int]:
        """The ids of a window, ascending, each once: the union of the searches for each kind of change (§7)."""
        base: dict[str, Any] = {"officeIDs": self._offices}
        for name, values in entity.everything.items():
            base[name] = {"operator": "IN", "value": list(values)}
        if window.since is None:
            searches = [self._search(entity, base, after)]
        else:
            first, last = local_span(window.since, window.until, self._zone)
            searches = [
                self._search(entity, {**base, change: _between(change, first, last)}, after)
                for change in entity.changes
            ]
        last_id: int | None = None
        for one in heapq.merge(*searches) if len(searches) > 1 else searches[0]:
            if one != last_id:
                last_id = one
                yield one

    def _search(self, entity: Entity, filters: Mapping[str, Any], after: int | None) -> Iterator[int]:
        """The ids of one search, ascending, over as many answers as they take."""
        answer = self._find(entity, filters, after)
        while True:
            ids = answer.ids()
            full = len(ids) >= SEARCH_CAP
            if full and ids != sorted(ids):
                # What was left out could then be anything, and no later search would find it.
                raise ContractBroken(
                    f"{entity.name}/search gave {len(ids)} ids that are not in ascending order, so what lies beyond its cap "
                    "cannot be found; load a shorter window (--since, --until), whose searches stay below the cap"
                )
            ordered = sorted(set(ids))
            if after is not None and ordered and ordered[0] <= after:
                raise ContractBroken(f"{entity.name}/search gave id {ordered[0]} when asked for ids above {after}")
            if not full:
                yield from ordered
                return
            # The next answer is on its way while the records of this one are fetched.
            after = ordered[-1]
            upcoming = self._threads.submit(self._find, entity, filters, after)
            yield from ordered
            answer = upcoming.result()

    def _find(self, entity: Entity, filters: Mapping[str, Any], after: int | None) -> Envelope:
        above = {} if after is None else {entity.id_filter: {"operator": ">", "value": after}}
        return self._call(entity.name, "search", {**filters, **above})

    # Getting

    def _page(self, entity: Entity, ids: list[int], look: Look) -> Page:
        found, given = self._get(entity, ids, look)
        records, newest, rejected, joined = found.records, found.cursor_max, found.rejected, found.joined
        missing = set(ids) - given
        if missing:
            # A row may have been on its way between two states; gone the second time, it has been deleted (§7).
            again, given = self._get(entity, sorted(missing), look)
            records, joined = [*records, *again.records], joined + again.joined
            newest = max(filter(None, (newest, again.cursor_max)), default=None)
            # What was rejected the first time is so again: it counts once.
            rejected = rejected or again.rejected
            missing -= given
        # A rejected record cannot say which of the missing ids is its own.
        vanished = max(0, len(missing) - len(rejected))
        if vanished > max(FEW, len(ids) // 2):
            raise ContractBroken(
                f"{entity.name}/get gave {len(ids) - len(missing)} of {len(ids)} records that its search had just found: "
                "that is no deletion, and nothing of it is committed; try again, and report it if it stays so"
            )
        notes = {"vanished": vanished} if vanished else {}
        return Page(records, {"after": ids[-1]}, newest, rejected, notes, joined)

    def _get(self, entity: Entity, ids: list[int], look: Look) -> tuple[Records, set[int]]:
        answer = self._call(entity.name, "get", self._get_form(entity, ids))
        found = split(answer.rows(), look, marked=answer.marked)
        self._rows_names[entity.name] = answer.rows_name
        given = _numbers(found.ids)
        strangers = given.difference(ids)
        if strangers:
            raise ContractBroken(
                f"{entity.name}/get gave {len(strangers)} records that were not asked for, {min(strangers)} for one"
            )
        return found, given

    def _get_form(self, entity: Entity, ids: list[int]) -> dict[str, Any]:
        # The ids last: of the entity office, both have one name.
        return {"officeIDs": self._offices, entity.get: ids}

    # Calling

    def _call(self, entity: str, action: str, parameters: Mapping[str, Any]) -> Envelope:
        url = f"{self._base}/{entity}/{action}"
        return self._http.request(
            "POST",
            url,
            lambda answer: self._read(answer, entity, action),
            data=_form(parameters),
            before=self._pace.before,
        )

    def _read(self, answer: Answer, entity: str, action: str) -> Envelope:
        call = f"{self._base}/{entity}/{action}"
        if answer.status in (401, 403):
            raise AccessDenied(f"PestRoutes refused the key or the token (HTTP {answer.status} at {call}); check both")
        if answer.status != 200:
            raise ConfigError(f"{call} answered HTTP {answer.status}: is --base-url right? It ends in /api")
        envelope = self._envelope(answer.body, call, self._rows_names.get(entity, "") if action == "get" else "")
        if envelope.usage is not None:
            self._pace.after(envelope.usage)
        if not envelope.success:
            self._refused(envelope, entity, action)
        self._accepted = True
        if envelope.ignored:
            raise ContractBroken(
                f"{call} ignored {', '.join(envelope.ignored)}: it would have given rows that were not asked for; "
                "this account's API lacks that filter, leave the stream out and report it"
            )
        return envelope

    def _envelope(self, body: bytes, call: str, expected: str) -> Envelope:
        try:
            return read_envelope(body, call, expected=expected)
        except Transient:
            marked = mark_unpaired(body)
            if marked == body:
                raise
            # Only the records that hold them are unreadable, not the answer.
            return replace(read_envelope(marked, call), marked=True)

    def _refused(self, envelope: Envelope, entity: str, action: str) -> None:
        """Tell a used-up quota, refused credentials, and a refused entity apart: the texts are not documented (§4)."""
        said = self._runtime.redact(envelope.message)
        usage = envelope.usage or self._pace.usage
        if usage is not None and self._pace.exhausted(usage):
            if self._pace.day_exhausted(usage):
                raise self._pace.back_tomorrow()
            raise Transient(f"PestRoutes' minute limit is reached ({said!r})", wait=60.0)
        if entity == PROBE and self._accepted:
            raise Transient(
                f"PestRoutes refuses {entity}/{action}: {said!r}, though it took the same key before", wait=60.0
            )
        if entity == PROBE:
            raise AccessDenied(
                f"PestRoutes refused {entity}/{action}: {said!r}; check the key and the token "
                "(PESTROUTES_AUTHENTICATION_KEY, PESTROUTES_AUTHENTICATION_TOKEN)"
            )
        # With refused credentials this raises AccessDenied itself.
        self._call(PROBE, "search", {"officeIDs": self._offices})
        raise Transient(
            f"PestRoutes refuses {entity}/{action}: {said!r}, while {PROBE}/search works. "
            f"If this account has no {entity}, leave the stream out",
            finally_raise=ContractBroken,
            tries=3,
        )


def _form(parameters: Mapping[str, Any]) -> bytes:
    """A form whose values are JSON text: what the vendor declares and shows (§1); PHP would cut off long bracket lists."""
    return b"&".join(b"%s=%s" % (name.encode(), _quoted(value)) for name, value in parameters.items())


def _quoted(value: Any) -> bytes:
    if isinstance(value, str):
        return quote_plus(value).encode()
    text = msgspec.json.encode(value)
    if isinstance(value, list):
        # A thousand ids: all that needs quoting in numbers are these three, and quote_plus would look at each character.
        text = text.replace(b"[", b"%5B").replace(b",", b"%2C").replace(b"]", b"%5D")
        if _PLAIN.fullmatch(text):
            return text
    return quote_plus(msgspec.json.encode(value)).encode()


def _between(change: str, first: datetime, last: datetime) -> dict[str, Any]:
    """A filter on a span of wall-clock time. Both ends count (§2), and stamps are to the second."""
    if change == "date":
        # A column of days: a row of the first day counts as its midnight.
        first = first.replace(hour=0, minute=0, second=0)
    return {"operator": "BETWEEN", "value": [f"{first:%Y-%m-%d %H:%M:%S}", f"{last:%Y-%m-%d %H:%M:%S}"]}


def _numbers(ids: Sequence[Scalar]) -> set[int]:
    """Ids as numbers; some come with stray blanks or as ``5.0`` (§5), and what is no number is left out."""
    found = set()
    for one in ids:
        try:
            found.add(int(one))  # type: ignore[arg-type]
        except (ValueError, TypeError, OverflowError):
            with suppress(ValueError, TypeError, OverflowError):
                found.add(int(float(one)))  # type: ignore[arg-type]
    return found
