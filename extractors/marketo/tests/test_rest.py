"""What is read over REST: pages that slip, repeat or are empty, windows, ends, and going on where a run stood."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketo.cli import SOURCE
from marketo.envelope import read_envelope
from marketo.rest import assets
from transload.errors import ContractBroken
from transload.http_client import HttpClient
from transload.lake_directory import DirectoryLake
from transload.window import Window

SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"
WINDOW = ("--since", SINCE, "--until", UNTIL)
Extract = Callable[..., Any]
Read = Callable[[str], list[Any]]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for; none is waited out, nor is the disk."""
    asked: list[float] = []
    monkeypatch.setattr(HttpClient, "pause", lambda self, seconds: asked.append(seconds))
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    return asked


class Scripted:
    """An account whose answers are what a test says: a real HTTP server over a socket.

    ``answers`` has a function for a path. It takes the query, and gives rows, rows and the next token, or a status and a body.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[dict[str, str]], Any]] = {}
        self.asked: list[str] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = vendor.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        if parts.path == "/identity/oauth/token":
            return 200, b'{"access_token":"0b5e2f5e-7a0c-4c3e-9b53-5f0b6d2d1c11:ab","expires_in":3599}'
        self.asked.append(parts.path)
        found = self.answers[parts.path](dict(parse_qsl(parts.query)))
        if isinstance(found, tuple) and isinstance(found[0], int):
            return found
        rows, token = found if isinstance(found, tuple) else (found, None)
        more = b',"nextPageToken":"%s"' % token.encode() if token else b""
        return 200, b'{"requestId":"a1#2","success":true,"result":[%s]%s}' % (b",".join(rows), more)


@pytest.fixture
def vendor(connect_to: Any) -> Iterator[Scripted]:
    """A scripted account, to which the command is pointed."""
    scripted = Scripted()
    thread = Thread(target=scripted.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    connect_to(scripted.url)
    yield scripted
    scripted.server.shutdown()
    scripted.server.server_close()
    thread.join()


@pytest.fixture
def lake_bytes(committed: Any, tmp_path: Any, read_part: Callable[[Any, str], bytes]) -> Callable[..., bytes]:
    """Returns a function that reads the committed parts of some streams, as they are."""

    def read(*streams: str) -> bytes:
        lake = DirectoryLake(str(tmp_path / "lake"))
        parts = [part.key for stream in streams for record in committed(stream) for part in record.parts]
        return b"".join(read_part(lake, key) for key in parts)

    return read


def loaded(outcome: Any) -> Any:
    assert outcome.code == 0, outcome.err
    return outcome.summary["loads"][0]


def asked(sandbox: Any, action: str, *names: str) -> list[tuple[Any, ...]]:
    """Parameters of the answered calls, in order."""
    return [
        tuple(one["params"].get(name) for name in names)
        for one in sandbox.requests()
        if one["action"] == action and one["status"] == 200 and not one["code"]
    ]


def by_key(rows: Any) -> dict[Any, Any]:
    return {row.get("marketoGUID", row.get("id")): row for row in rows}


def deleted(sandbox: Any, **query: str) -> list[Any]:
    """The truth as the feed writes it."""
    return [
        {**row, "attributes": [], "activityDate": row["activityDate"].replace("Z", "+0000")}
        for row in sandbox.truth("deleted_leads", **query)
    ]


# Assets


@pytest.mark.parametrize("size", [3, 5, 15, 16])
def test_assets_are_read_page_by_page_and_a_full_page_is_not_the_end(
    sandbox: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("marketo.rest.ASSETS_A_PAGE", size + 3)  # three rows of each page are asked for again
    monkeypatch.setattr("marketo.rest.OVERLAP", 3)
    loaded(extract("forms", "--until", UNTIL))
    assert extracted("forms") == sandbox.truth("forms")
    offsets = [int(offset) for (offset,) in asked(sandbox, "forms", "offset")]
    assert offsets == [n for n in range(0, 15, size) if n == 0 or n + 3 <= 15]


def test_a_listing_of_exactly_two_hundred_ends_behind_them(
    sandbox: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = sandbox.truth("smartCampaigns")[:200]
    monkeypatch.setattr(type(sandbox.server.api.world.assets), "all", lambda self, name: list(rows))
    loaded(extract("smart_campaigns", "--full-refresh", "--until", UNTIL))
    assert extracted("smart_campaigns") == rows
    assert asked(sandbox, "smartCampaigns", "offset", "maxReturn") == [("0", "200"), ("197", "200")]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 30, -1, -2, -3, -4, -7, -30])
@pytest.mark.parametrize("page", [1, 3])
def test_assets_that_slip_between_pages_are_neither_lost_nor_doubled(
    sandbox: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch, rows: int, page: int
) -> None:
    monkeypatch.setattr("marketo.rest.ASSETS_A_PAGE", 60)
    sandbox.faults({"fault": "offset_slip", "count": rows, "after": page, "times": 1})
    outcome = extract("smart_campaigns", "--full-refresh", "--until", UNTIL)
    loaded(outcome)
    assert sorted(extracted("smart_campaigns"), key=lambda row: row["id"]) == sandbox.truth("smartCampaigns")
    # Fewer than the rows that are asked for twice do not matter.
    assert ("rows slipped" in outcome.err) == (abs(rows) >= 3)


class Shelf:
    """An asset API whose rows change between two pages: a fake, for there are more ways than a sandbox has faults.

    Args:
        rows: ids, in their order.
        changes: before each page, what becomes of the rows.
    """

    def __init__(self, rows: list[int], changes: list[tuple[str, float]]) -> None:
        self.rows, self.changes = rows, changes
        self.calls = 0

    def get(self, path: str, params: dict[str, str]) -> Any:
        self.calls += 1
        if self.calls > 1 and self.changes:
            what, where = self.changes.pop(0)
            at = int(where * len(self.rows))
            if what == "insert":
                self.rows.insert(at, 1_000_000 + self.calls)
            else:
                del self.rows[at : at + int(what)]
        offset, size = int(params["offset"]), int(params["maxReturn"])
        rows = [{"id": one, "updatedAt": "2026-09-01T00:00:00Z+0000"} for one in self.rows[offset : offset + size]]
        found = {"result": rows} if rows else {"warnings": ["No assets found for the given search criteria."]}
        return read_envelope(json.dumps({"success": True, "errors": [], **found}).encode(), path)


def listed(shelf: Shelf, token: Any = None) -> Iterator[Any]:
    stream = SOURCE.by_name["forms"]
    window = Window("full", None, datetime(2026, 10, 1, tzinfo=UTC))
    return assets(shelf, stream, stream.detail, window, token)  # type: ignore[arg-type]


def ids(page: Any) -> list[int]:
    return [json.loads(bytes(raw))["id"] for raw in page.records]


change = st.tuples(st.sampled_from(["insert", "1", "2", "5", "20"]), st.floats(0, 0.99))


@settings(deadline=None)
@given(count=st.integers(0, 90), changes=st.lists(change, max_size=8), stop=st.integers(0, 12))
def test_rows_that_stay_are_never_lost_whatever_comes_and_goes_meanwhile(
    count: int, changes: list[tuple[str, float]], stop: int
) -> None:
    shelf = Shelf(list(range(1, count + 1)), list(changes))
    found: list[int] = []
    token = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketo.rest.ASSETS_A_PAGE", 10)
        try:
            for page in islice(listed(shelf), stop):
                found += ids(page)
                token = page.token
            # Killed, and gone on with from what the checkpoint has.
            for page in listed(shelf, token):
                found += ids(page)
        except ContractBroken:
            return
    assert set(shelf.rows) & set(range(1, count + 1)) <= set(found)


def test_a_listing_whose_rows_go_on_slipping_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketo.rest.ASSETS_A_PAGE", 10)
    shelf = Shelf(list(range(1000)), [("20", 0.0)] * 40)
    with pytest.raises(ContractBroken, match="rows were deleted while it was read"):
        list(listed(shelf))
    assert shelf.calls < 20


def test_rows_that_cannot_be_read_do_not_look_like_rows_that_slipped(
    vendor: Any, extract: Extract, extracted: Read, quarantined: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketo.rest.ASSETS_A_PAGE", 20)
    rows = [b'{"id":%d}' % n for n in range(30)]
    for n in (16, 17, 18, 19, 27):
        rows[n] = b'{"name":"no id %d"}' % n
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: rows[int(query["offset"]) :][: int(query["maxReturn"])]
    load = loaded(extract("forms", "--until", UNTIL))
    assert (load["records"], load["quarantined"]) == (25, 5)
    assert [row["id"] for row in extracted("forms")] == [n for n in range(30) if n not in (16, 17, 18, 19, 27)]
    assert len(quarantined("forms")) == 5


def test_an_empty_listing_is_an_empty_load(sandbox: Any, extract: Extract, committed: Any) -> None:
    loaded(extract("programs", "--since", "2026-09-30T15:00:00Z", "--until", "2026-09-30T15:00:01Z"))
    assert [(record.records, record.parts) for record in committed("programs")] == [(0, [])]


def test_assets_that_can_be_asked_for_by_update_are(sandbox: Any, extract: Extract, extracted: Read) -> None:
    def moment(row: Any) -> str:
        return str(row["updatedAt"]).removesuffix("+0000")

    programs = sorted(sandbox.truth("programs"), key=moment)
    # Windows are half-open, the filter's ends inclusive: of two windows that meet at its moment one has the row.
    since, until = moment(programs[-4]), moment(programs[-1])
    loaded(extract("programs", "--since", since, "--until", until))
    assert asked(sandbox, "programs", "earliestUpdatedAt")[0] == (since,)
    assert by_key(extracted("programs")) == by_key(row for row in programs if since <= moment(row) < until)
    loaded(extract("programs", "--since", until, "--until", UNTIL))
    assert by_key(extracted("programs")) == by_key(programs[-4:])


def test_others_are_read_whole(sandbox: Any, extract: Extract) -> None:
    assert loaded(extract("forms", "--since", SINCE, "--until", UNTIL))["mode"] == "full"
    assert asked(sandbox, "forms", "earliestUpdatedAt", "latestUpdatedAt") == [(None, None)]


# Listings of the lead database


@pytest.mark.parametrize(("size", "pages"), [(300, 2), (160, 2), (320, 1), (100, 4)])
def test_a_listing_ends_at_the_page_without_a_token(
    sandbox: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch, size: int, pages: int
) -> None:
    monkeypatch.setattr("marketo.rest.RECORDS_A_PAGE", size)
    monkeypatch.setattr("sandbox.marketo.call.MAX_BATCH", 1000)
    loaded(extract("campaigns", "--until", UNTIL))
    assert extracted("campaigns") == sandbox.truth("campaigns")
    tokens = asked(sandbox, "campaigns", "nextPageToken")
    assert (len(tokens), len(set(tokens)), tokens[0]) == (pages, pages, (None,))


def test_a_listing_ends_at_an_empty_page_that_has_a_token(vendor: Any, extract: Extract, extracted: Read) -> None:
    pages = {None: ([b'{"id":1}'], "a"), "a": ([b'{"id":2}'], "b"), "b": ([], "c")}
    vendor.answers["/rest/v1/lists.json"] = lambda query: pages[query.get("nextPageToken")]
    loaded(extract("lists", "--until", UNTIL))
    assert extracted("lists") == [{"id": 1}, {"id": 2}]


def test_types_of_activities_are_one_answer(sandbox: Any, extract: Extract, extracted: Read) -> None:
    loaded(extract("activity_types", "--until", UNTIL))
    assert extracted("activity_types") == sandbox.truth("activity_types")


# Feeds


FEEDS = {
    "deleted_leads": ("deletedleads", deleted),
    "lead_changes": ("leadchanges", lambda sandbox, **query: sandbox.truth("lead_changes", **query)),
    "activities": ("activities", lambda sandbox, **query: sandbox.truth("activities_rest", **query)),
}
feeds = pytest.mark.parametrize("stream", FEEDS)


def feed_truth(sandbox: Any, stream: str, since: str = SINCE, until: str = "2026-10-01T15:00:00Z") -> dict[Any, Any]:
    return by_key(FEEDS[stream][1](sandbox, startAt=since, endAt=until))


@pytest.fixture
def feed(extract: Extract) -> Callable[..., Any]:
    """Returns a function that loads a stream over REST."""
    return lambda stream, *arguments: extract(stream, "--transport", "rest", *(arguments or WINDOW))


@feeds
@pytest.mark.parametrize("absent", [False, True])
def test_an_empty_page_is_not_the_end_of_a_feed(
    sandbox: Any, feed: Any, extracted: Read, stream: str, absent: bool
) -> None:
    sandbox.faults({"fault": "empty_page", "times": 3, "absent": absent})
    loaded(feed(stream))
    found = by_key(extracted(stream))
    assert found == feed_truth(sandbox, stream)
    assert found


def test_a_feed_that_does_not_move_on_is_not_asked_for_ever(
    sandbox: Any, feed: Any, committed: Any, waits: list[float]
) -> None:
    sandbox.faults({"fault": "empty_page", "times": -1})
    outcome = feed("deleted_leads")
    assert outcome.code == 69
    assert "deletedleads.json says that more comes" in outcome.summary["error"]["message"]
    assert committed("deleted_leads") == []
    assert waits == [float(n) for n in range(1, 20)]


@feeds
def test_tokens_that_are_too_long_for_a_url_go_in_a_form(sandbox: Any, feed: Any, extracted: Read, stream: str) -> None:
    # The sandbox takes a URL of 8 KB, as the vendor does: 414 beyond.
    sandbox.faults({"fault": "long_token", "length": 9000, "times": -1})
    loaded(feed(stream))
    assert by_key(extracted(stream)) == feed_truth(sandbox, stream)
    tokens = [token for (token,) in asked(sandbox, FEEDS[stream][0], "nextPageToken")]
    assert min(map(len, tokens)) > 9000


@feeds
def test_a_window_has_what_happened_in_it_and_nothing_else(
    sandbox: Any, feed: Any, extracted: Read, committed: Any, stream: str
) -> None:
    since, until = "2026-09-28T09:00:00Z", "2026-09-29T03:00:00Z"
    loaded(feed(stream, "--since", since, "--until", until))
    found, expected = by_key(extracted(stream)), feed_truth(sandbox, stream, since, "2026-09-29T02:59:59Z")
    assert found == expected
    (record,) = committed(stream)
    assert record.cursor.max == max(row["activityDate"] for row in found.values())
    # Well behind the window nothing is asked for any more: the feed would go on to now.
    assert all(row["activityDate"] < until for row in found.values())


def test_a_feed_is_not_read_to_its_end_for_an_old_window(
    sandbox: Any, feed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketo.rest.RECORDS_A_PAGE", 20)
    loaded(feed("lead_changes", "--since", "2026-09-25T00:00:00Z", "--until", "2026-09-26T00:00:00Z"))
    early = len(asked(sandbox, "leadchanges"))
    sandbox.clear_requests()
    loaded(feed("lead_changes", "--since", "2026-09-25T00:00:00Z", "--until", UNTIL))
    assert 2 <= early < len(asked(sandbox, "leadchanges")) / 2


def test_what_is_committed_late_comes_with_the_next_window(
    marketo: Any, connect_to: Any, feed: Any, extracted: Read
) -> None:
    sandbox = marketo(records=60, activities_per_day=500)
    connect_to(sandbox)
    sandbox.faults({"fault": "late_activities", "minutes": 50, "times": -1})
    loaded(feed("activities", "--until", UNTIL, "--start", "2026-09-30T00:00:00Z"))
    since = "2026-09-30T00:00:00Z"
    assert feed_truth(sandbox, "activities", since).keys() - by_key(extracted("activities")).keys()
    sandbox.faults()
    sandbox.advance(seconds=3600)
    loaded(feed("activities", "--until", "2026-10-01T16:00:01Z"))
    assert by_key(extracted("activities")) == feed_truth(sandbox, "activities", since, "2026-10-01T16:00:00Z")


def test_rows_that_come_twice_are_the_same_rows(sandbox: Any, feed: Any, extracted: Read) -> None:
    sandbox.faults({"fault": "duplicate_rows", "count": 5, "times": -1})
    load = loaded(feed("lead_changes"))
    assert by_key(extracted("lead_changes")) == feed_truth(sandbox, "lead_changes")
    assert load["records"] == len(feed_truth(sandbox, "lead_changes")) + 5


# Pages that take too long


@pytest.mark.parametrize(
    ("stream", "action", "parameter"),
    [("deleted_leads", "deletedleads", "batchSize"), ("campaigns", "campaigns", "batchSize"), ("forms", "forms", "maxReturn"),
     ("activities", "activities", "batchSize")],
)  # fmt: skip
def test_pages_get_smaller_when_marketo_takes_too_long_over_them(
    sandbox: Any, feed: Any, extracted: Read, stream: str, action: str, parameter: str
) -> None:
    sandbox.faults({"fault": "code", "code": "604", "times": 6, "match": {"action": action}})
    loaded(feed(stream, *(WINDOW if stream in FEEDS else ("--until", UNTIL))))
    size = 200 if parameter == "maxReturn" else 300
    assert asked(sandbox, action, parameter)[0] == (str(size // 4),)
    expected = feed_truth(sandbox, stream) if stream in FEEDS else by_key(sandbox.truth(stream))
    assert by_key(extracted(stream)) == expected


def test_fewer_leads_are_asked_for_when_marketo_takes_too_long_over_them(
    sandbox: Any, feed: Any, extracted: Read
) -> None:
    sandbox.faults({"fault": "code", "code": "604", "times": 3, "match": {"action": "leads", "kind": "rest"}})
    loaded(feed("leads", "--since", "2026-09-24T00:00:00Z", "--until", UNTIL))
    first, *others = [len(ids.split(",")) for (ids,) in asked(sandbox, "leads", "filterValues")]
    assert first >= sum(others)
    assert others
    assert {row["id"] for row in sandbox.truth("leads", filter="updatedAt", startAt=SINCE)} <= by_key(
        extracted("leads")
    ).keys()


# Going on where a run stood


@pytest.mark.parametrize(
    ("stream", "action", "names"),
    [
        ("smart_campaigns", "smartCampaigns", ("offset",)),
        ("campaigns", "campaigns", ("nextPageToken",)),
        ("lead_changes", "leadchanges", ("nextPageToken",)),
        ("activities", "activities", ("activityTypeIds", "nextPageToken")),
        ("leads", "activities", ("nextPageToken",)),
        ("leads", "leads", ("filterValues",)),
    ],
)
def test_a_run_that_fails_is_gone_on_with_where_it_stood(
    sandbox: Any,
    feed: Any,
    extracted: Read,
    monkeypatch: pytest.MonkeyPatch,
    stream: str,
    action: str,
    names: tuple[str, ...],
) -> None:
    for module in ("rest", "leads"):
        monkeypatch.setattr(f"marketo.{module}.RECORDS_A_PAGE", 20)
    monkeypatch.setattr("marketo.rest.ASSETS_A_PAGE", 60)
    span = ("--full-refresh",) if stream == "smart_campaigns" else ("--since", "2026-09-29T00:00:00Z")
    command = (stream, *span, "--until", UNTIL, "--retry-deadline", "0")
    runs = 0
    while True:
        sandbox.faults()
        sandbox.faults({"fault": "http_500", "times": -1, "after": 2, "match": {"action": action, "kind": "[ra]*"}})
        outcome = feed(*command)
        if outcome.code == 0:
            break
        assert outcome.code == 69
        assert extracted(stream) == []
        runs += 1
        assert runs < 20
    assert runs
    assert loaded(outcome)["resumed"]
    pages = asked(sandbox, action, *names)
    assert len(pages) > 2
    assert len(pages) == len(set(pages))
    if stream == "leads":
        expected = sandbox.truth("leads", filter="updatedAt", startAt="2026-09-29T00:00:00Z")
        assert {row["id"] for row in expected} <= {row["id"] for row in extracted("leads")}
    elif stream in FEEDS:
        assert by_key(extracted(stream)) == feed_truth(sandbox, stream, "2026-09-29T00:00:00Z")
    else:
        assert by_key(extracted(stream)) == by_key(sandbox.truth(action))


@pytest.mark.parametrize("stream", ["forms", "campaigns", "lead_changes", "activities", "leads"])
def test_a_load_that_was_read_to_its_end_is_not_read_again(
    sandbox: Any, feed: Any, extracted: Read, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    from transload.load import Load

    commit = Load.commit

    def lost(self: Load) -> Any:
        monkeypatch.setattr(Load, "commit", commit)
        raise ContractBroken("the record is lost")

    monkeypatch.setattr(Load, "commit", lost)
    assert feed(stream).code == 65
    load = loaded(feed(stream))
    assert load["resumed"]
    rows = extracted(stream)
    assert len(rows) == len(by_key(rows)) == load["records"] > 0


# Leads


def without_empty(row: Any) -> Any:
    """A file has an empty text where REST has null."""
    return {name: None if value == "" else value for name, value in row.items()}


@pytest.fixture
def ids_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's ids without its gaps of billions: over REST all leads can only be asked for by their ids."""
    monkeypatch.setattr("sandbox.marketo.leads._OFFSETS", [0] * 50)


def test_leads_that_changed_in_a_window_are_read_by_their_activities(
    sandbox: Any, feed: Any, extracted: Read, committed: Any
) -> None:
    sandbox.advance(days=1)
    loaded(feed("leads", "--since", UNTIL, "--until", "2026-10-02T15:00:01Z"))
    everybody = {row["id"]: without_empty(row) for row in sandbox.truth("leads")}
    found = by_key(extracted("leads"))
    assert found == {key: everybody[key] for key in found}
    changed = sandbox.truth("leads", filter="updatedAt", startAt=UNTIL, endAt="2026-10-02T15:00:00Z")
    assert {row["id"] for row in changed} <= found.keys()
    assert max(found) > 2**31
    gone = {row["leadId"] for row in sandbox.truth("vanished_leads") if row["at"] >= UNTIL}
    assert 0 < committed("leads")[0].notes["vanished"] <= len(gone)


@pytest.mark.usefixtures("ids_in_order")
def test_all_leads_are_asked_for_by_their_ids(sandbox: Any, feed: Any, extracted: Read) -> None:
    loaded(feed("leads", "--full-refresh", "--until", UNTIL))
    assert by_key(extracted("leads")) == {row["id"]: without_empty(row) for row in sandbox.truth("leads")}
    ids = [one for (ids,) in asked(sandbox, "leads", "filterValues") for one in ids.split(",")]
    assert ids == [str(n) for n in range(1, len(ids) + 1)]


@pytest.mark.usefixtures("ids_in_order")
def test_reading_all_leads_goes_on_where_it_stood(
    sandbox: Any, feed: Any, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketo.leads.RECORDS_A_PAGE", 100)
    monkeypatch.setattr("marketo.leads.NOBODY", 1000)
    command = ("leads", "--full-refresh", "--until", UNTIL, "--retry-deadline", "0")
    for after in (0, 4, 6):
        sandbox.faults({"fault": "reset", "after": after, "match": {"action": "leads", "kind": "rest"}})
        assert feed(*command).code == 69
        sandbox.faults()
    loaded(feed(*command))
    assert by_key(extracted("leads")) == {row["id"]: without_empty(row) for row in sandbox.truth("leads")}
    pages = asked(sandbox, "leads", "filterValues")
    assert len(pages) == len(set(pages))


@pytest.mark.usefixtures("ids_in_order")
def test_the_first_load_has_the_leads_of_which_no_activity_tells(
    marketo: Any, connect_to: Any, feed: Any, extracted: Read
) -> None:
    sandbox = marketo(records=60, changes_per_day=5)
    connect_to(sandbox)
    loaded(feed("leads", "--until", UNTIL))
    assert by_key(extracted("leads")).keys() == by_key(sandbox.truth("leads")).keys()


def test_leads_whose_ids_are_far_apart_are_not_asked_for_one_by_one(sandbox: Any, feed: Any, committed: Any) -> None:
    outcome = feed("leads", "--full-refresh", "--until", UNTIL)
    assert outcome.code == 64
    assert "use Bulk Extract" in outcome.summary["error"]["message"]
    assert asked(sandbox, "leads") == []
    assert committed("leads") == []


def test_an_account_where_no_lead_can_be_found_is_not_taken_for_an_empty_one(
    vendor: Any, feed: Any, committed: Any
) -> None:
    vendor.answers["/rest/v1/leads/describe.json"] = lambda query: [b'{"dataType":"integer","rest":{"name":"id"}}']
    vendor.answers["/rest/v1/activities/pagingtoken.json"] = lambda query: ([], "a")
    vendor.answers["/rest/v1/activities.json"] = lambda query: ([], "b")
    vendor.answers["/rest/v1/leads.json"] = lambda query: []
    outcome = feed("leads", "--full-refresh", "--until", UNTIL)
    assert outcome.code == 65
    assert "use Bulk Extract" in outcome.summary["error"]["message"]
    assert committed("leads") == []


def test_ids_are_gone_on_with_behind_the_newest_that_is_known_and_over_gaps(
    vendor: Any, feed: Any, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketo.leads.RECORDS_A_PAGE", 100)
    monkeypatch.setattr("marketo.leads.NOBODY", 300)
    # An activity tells of lead 650, and none of those behind it.
    there = {5, 650, *range(700, 1500), 1790}

    def activities(query: dict[str, str]) -> Any:
        return ([b'{"leadId":650}'] if "13" in query["activityTypeIds"].split(",") else [], "b")

    def leads(query: dict[str, str]) -> list[bytes]:
        return [b'{"id":%d}' % one for one in map(int, query["filterValues"].split(",")) if one in there]

    vendor.answers["/rest/v1/leads/describe.json"] = lambda query: [b'{"dataType":"integer","rest":{"name":"id"}}']
    vendor.answers["/rest/v1/activities/pagingtoken.json"] = lambda query: ([], "a")
    vendor.answers["/rest/v1/activities.json"] = activities
    vendor.answers["/rest/v1/leads.json"] = leads
    loaded(feed("leads", "--full-refresh", "--until", UNTIL))
    assert {row["id"] for row in extracted("leads")} == there


# Records as they were sent


ODD = [
    b'{"id": 1, "big": 9007199254742066, "bigger": 123456789012345678901234567890, "decimal": 0.10000000000000000555111512312}',
    '{"id":2,"unicode":"日本語 🏡 \u2028\x85","escaped":"\\u65e5\\u672c \\ud83c\\udfe1 \\/ \\u0000"}'.encode(),
    b'{"id":9007199254742067,"empty":{},"none":null,"twice":1,"twice":2,"nested":{"list":[1, 2,  {"a" : [ ]}]}}',
    b'{"updatedAt":"2026-11-18T15:25:35Z+0000","id":4,"exponent":1E+2,"zero":-0.0,"unknownField":"kept"}',
]


def test_records_stay_the_bytes_that_were_sent(vendor: Any, extract: Extract, lake_bytes: Callable[..., bytes]) -> None:
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: ODD
    loaded(extract("forms", "--until", UNTIL))
    assert lake_bytes("forms") == b"\n".join(ODD) + b"\n"


def test_white_space_between_tokens_is_all_that_a_record_loses(
    vendor: Any, extract: Extract, lake_bytes: Callable[..., bytes]
) -> None:
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: [
        b'{\r\n "id" : 1.50 ,\n\t"text":"a  b\\n"\n}',
        b'{"id":2}',
    ]
    loaded(extract("forms", "--until", UNTIL))
    assert lake_bytes("forms") == b'{"id":1.50,"text":"a  b\\n"}\n{"id":2}\n'


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (rb'{"id":3,"name":"\ud83d x"}', "an unpaired surrogate"),
        (b'{"id":3,"name":"\xff"}', "not UTF-8"),
        (b'{"name":"no id"}', "no primary key: id"),
        (b'{"id":null}', "no primary key: id"),
        (b"[3]", "not a record"),
        (b"null", "not a record"),
    ],
)
def test_a_record_that_cannot_be_read_goes_to_quarantine_and_no_other(
    vendor: Any, extract: Extract, extracted: Read, quarantined: Read, row: bytes, reason: str
) -> None:
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: [b'{"id":1}', row, b'{"id":2}']
    load = loaded(extract("forms", "--until", UNTIL))
    assert (load["records"], load["quarantined"]) == (2, 1)
    assert extracted("forms") == [{"id": 1}, {"id": 2}]
    assert reason in quarantined("forms")[0]["reason"]
    assert extract("forms", "--until", UNTIL, "--max-quarantined", "0").code == 65


def test_activities_and_leads_of_rest_are_raw_as_well(
    sandbox: Any, feed: Any, lake_bytes: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    read = read_envelope
    monkeypatch.setattr("marketo.api.read_envelope", lambda body, call: bodies.append(body) or read(body, call))
    loaded(feed("activities"))
    loaded(feed("leads"))
    lines = lake_bytes("activities", "leads").split(b"\n")
    assert len(lines) > 80
    sent = b"\n".join(bodies)
    assert all(line in sent for line in lines)
    assert any(b'"id":2147484' in line for line in lines)


# HTTP statuses, and envelopes that are none


STATUSES = {
    "401": (401, b"", 77, "AccessDenied", ("HTTP 401", "--base-url")),
    "403": (403, b"<html>", 77, "AccessDenied", ("HTTP 403", "--base-url")),
    "404": (404, b"Not Found", 65, "Missing", ("HTTP 404", "--base-url")),
    "413": (413, b"", 65, "ContractBroken", ("HTTP 413", "too long", "report it")),
    "414": (414, b"", 65, "ContractBroken", ("HTTP 414", "too long", "report it")),
    "302": (302, b"", 78, "ConfigError", ("HTTP 302", "--base-url")),
    "400": (400, b"", 78, "ConfigError", ("HTTP 400", "--base-url")),
    "502 of JSON": (502, b'{"success":true,"result":[]}', 69, "SourceUnavailable", ("HTTP 502",)),
    "nothing": (200, b"", 65, "ContractBroken", ("no envelope", "empty")),
    "a list": (200, b"[]", 65, "ContractBroken", ("no envelope", "other JSON")),
    "no success": (200, b'{"result":[]}', 65, "ContractBroken", ("no envelope", "`success`")),
    "JSON cut short": (200, b'{"success":true,"result":[{"id":1', 65, "ContractBroken", ("JSON cut short",)),
    "JSON that is too deep": (200, b'{"success":true,"result":' + b"[" * 5000, 65, "ContractBroken", ("no envelope",)),
    "no rows": (200, b'{"success":true,"result":{"id":1}}', 65, "ContractBroken", ("rows of an answer cannot be read",)),
    "a refusal without errors": (200, b'{"success":false}', 65, "Refusal", ("code none", "no reason given")),
    "a refusal with an empty list": (200, b'{"success":false,"errors":[]}', 65, "Refusal", ("no reason given",)),
    "a code that is a number": (200, b'{"success":false,"errors":[{"code":603,"message":null}]}', 77, "Denied", ("code 603",)),
    "a message of many lines": (200, b'{"success":false,"errors":[{"code":"610","message":"a\\nb\\r\\nc"}]}', 65, "Refusal",
                                ("'a b c'",)),
}  # fmt: skip


@pytest.mark.parametrize("name", STATUSES)
def test_what_is_no_good_answer_ends_in_one_clear_line(
    vendor: Any, extract: Extract, committed: Any, name: str
) -> None:
    status, body, code, error, words = STATUSES[name]
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: (status, body)
    outcome = extract("forms", "--until", UNTIL, "--retry-deadline", "0")
    assert (outcome.code, outcome.summary["error"]["type"]) == (code, error), outcome.err
    message = outcome.summary["error"]["message"]
    assert "/rest/asset/v1/forms.json" in message
    assert not [word for word in words if word not in message], message
    assert "\n" not in message
    assert committed("forms") == []


@pytest.mark.parametrize("result", [b"", b',"result":null', b',"result":[]'])
def test_a_success_without_rows_has_none(vendor: Any, extract: Extract, committed: Any, result: bytes) -> None:
    vendor.answers["/rest/asset/v1/forms.json"] = lambda query: (200, b'{"success":true' + result + b"}")
    loaded(extract("forms", "--until", UNTIL))
    assert committed("forms")[0].records == 0


@pytest.mark.parametrize("action", ["pagingtoken", "deletedleads"])
def test_a_feed_without_a_token_is_broken(vendor: Any, extract: Extract, committed: Any, action: str) -> None:
    vendor.answers["/rest/v1/activities/pagingtoken.json"] = lambda query: (
        [],
        None if action == "pagingtoken" else "a",
    )
    vendor.answers["/rest/v1/activities/deletedleads.json"] = lambda query: [b'{"marketoGUID":"1","activityDate":"x"}']
    outcome = extract("deleted_leads", *WINDOW)
    assert outcome.code == 65
    assert f"{action}.json" in outcome.summary["error"]["message"]
    assert "nextPageToken" in outcome.summary["error"]["message"]
    assert committed("deleted_leads") == []


@pytest.mark.parametrize(
    ("written", "inside"),
    [
        ("2026-10-01T15:00:00Z", True), ("2026-10-01T15:00:00+0000", True), ("2026-10-01T15:00:00Z+0000", True),
        ("2026-10-01T10:00:00-0500", True), ("2026-10-01T15:00:01Z", False), ("2026-10-01T17:00:01+02:00", False),
        ("", True), ("soon", True), ("2026-10-01T15:00:01", True), (None, True), (7, True),
    ],
)  # fmt: skip
def test_a_moment_of_a_feed_is_read_however_it_is_written_and_what_is_none_costs_no_row(
    vendor: Any, extract: Extract, extracted: Read, written: Any, inside: bool
) -> None:
    row = json.dumps({"marketoGUID": "1", "activityDate": written}).encode()
    vendor.answers["/rest/v1/activities/pagingtoken.json"] = lambda query: ([], "a")
    vendor.answers["/rest/v1/activities/deletedleads.json"] = lambda query: ([row], "b")
    loaded(extract("deleted_leads", *WINDOW))
    assert len(extracted("deleted_leads")) == inside
