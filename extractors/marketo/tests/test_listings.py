"""Listings over REST: pages that slip, repeat or are empty, ends, and what is asked for by its update."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketo.cli import SOURCE
from marketo.envelope import read_envelope
from marketo.rest import assets
from transload.errors import ContractBroken
from transload.window import Window

pytestmark = pytest.mark.usefixtures("waits")
SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"
Extract = Callable[..., Any]
Read = Callable[[str], list[Any]]


def by_key(rows: Any) -> dict[Any, Any]:
    return {row.get("marketoGUID", row.get("id")): row for row in rows}


# Assets


@pytest.mark.parametrize("size", [3, 5, 15, 16])
def test_assets_are_read_page_by_page_and_a_full_page_is_not_the_end(
    sandbox: Any, asked: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("marketo.rest.ASSETS_A_PAGE", size + 3)  # three rows of each page are asked for again
    monkeypatch.setattr("marketo.rest.OVERLAP", 3)
    extract("forms", "--until", UNTIL).loaded()
    assert extracted("forms") == sandbox.truth("forms")
    offsets = [int(offset) for (offset,) in asked("forms", "offset")]
    assert offsets == [n for n in range(0, 15, size) if n == 0 or n + 3 <= 15]


def test_a_listing_of_exactly_two_hundred_ends_behind_them(
    sandbox: Any, asked: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = sandbox.truth("smartCampaigns")[:200]
    monkeypatch.setattr(type(sandbox.server.api.world.assets), "all", lambda self, name: list(rows))
    extract("smart_campaigns", "--full-refresh", "--until", UNTIL).loaded()
    assert extracted("smart_campaigns") == rows
    assert asked("smartCampaigns", "offset", "maxReturn") == [("0", "200"), ("197", "200")]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 30, -1, -2, -3, -4, -7, -30])
@pytest.mark.parametrize("page", [1, 3])
def test_assets_that_slip_between_pages_are_neither_lost_nor_doubled(
    sandbox: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch, rows: int, page: int
) -> None:
    monkeypatch.setattr("marketo.rest.ASSETS_A_PAGE", 60)
    sandbox.faults({"fault": "offset_slip", "count": rows, "after": page, "times": 1})
    outcome = extract("smart_campaigns", "--full-refresh", "--until", UNTIL)
    outcome.loaded()
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
    load = extract("forms", "--until", UNTIL).loaded()
    assert (load["records"], load["quarantined"]) == (25, 5)
    assert [row["id"] for row in extracted("forms")] == [n for n in range(30) if n not in (16, 17, 18, 19, 27)]
    assert len(quarantined("forms")) == 5


def test_an_empty_listing_is_an_empty_load(sandbox: Any, extract: Extract, committed: Any) -> None:
    extract("programs", "--since", "2026-09-30T15:00:00Z", "--until", "2026-09-30T15:00:01Z").loaded()
    assert [(record.records, record.parts) for record in committed("programs")] == [(0, [])]


def test_assets_that_can_be_asked_for_by_update_are(
    sandbox: Any, asked: Any, extract: Extract, extracted: Read
) -> None:
    def moment(row: Any) -> str:
        return str(row["updatedAt"]).removesuffix("+0000")

    programs = sorted(sandbox.truth("programs"), key=moment)
    # Windows are half-open, the filter's ends inclusive: of two windows that meet at its moment one has the row.
    since, until = moment(programs[-4]), moment(programs[-1])
    extract("programs", "--since", since, "--until", until).loaded()
    assert asked("programs", "earliestUpdatedAt")[0] == (since,)
    assert by_key(extracted("programs")) == by_key(row for row in programs if since <= moment(row) < until)
    extract("programs", "--since", until, "--until", UNTIL).loaded()
    assert by_key(extracted("programs")) == by_key(programs[-4:])


def test_others_are_read_whole(sandbox: Any, asked: Any, extract: Extract) -> None:
    assert extract("forms", "--since", SINCE, "--until", UNTIL).loaded()["mode"] == "full"
    assert asked("forms", "earliestUpdatedAt", "latestUpdatedAt") == [(None, None)]


# Listings of the lead database


@pytest.mark.parametrize(("size", "pages"), [(300, 2), (160, 2), (320, 1), (100, 4)])
def test_a_listing_ends_at_the_page_without_a_token(
    sandbox: Any, asked: Any, extract: Extract, extracted: Read, monkeypatch: pytest.MonkeyPatch, size: int, pages: int
) -> None:
    monkeypatch.setattr("marketo.rest.RECORDS_A_PAGE", size)
    monkeypatch.setattr("sandbox.marketo.call.MAX_BATCH", 1000)
    extract("campaigns", "--until", UNTIL).loaded()
    assert extracted("campaigns") == sandbox.truth("campaigns")
    tokens = asked("campaigns", "nextPageToken")
    assert (len(tokens), len(set(tokens)), tokens[0]) == (pages, pages, (None,))


def test_a_listing_ends_at_an_empty_page_that_has_a_token(vendor: Any, extract: Extract, extracted: Read) -> None:
    pages = {None: ([b'{"id":1}'], "a"), "a": ([b'{"id":2}'], "b"), "b": ([], "c")}
    vendor.answers["/rest/v1/lists.json"] = lambda query: pages[query.get("nextPageToken")]
    extract("lists", "--until", UNTIL).loaded()
    assert extracted("lists") == [{"id": 1}, {"id": 2}]


def test_types_of_activities_are_one_answer(sandbox: Any, extract: Extract, extracted: Read) -> None:
    extract("activity_types", "--until", UNTIL).loaded()
    assert extracted("activity_types") == sandbox.truth("activity_types")
