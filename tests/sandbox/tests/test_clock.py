"""Moving the clock changes data, always in the same way, and never behind a client's back."""

from __future__ import annotations

import pytest

from sandbox.pestroutes.catalogue import ENTITIES

MOVING = [entity for entity in ENTITIES if entity.daily]
DAY_LATER = "2026-10-02 08:00:00"
BEFORE = "2026-10-01 08:00:00"


def moments(row, entity):
    """The dates by which a client can find a row."""
    carriers = [row.get(column) for column in ("dateUpdated", entity.added) if column in entity.dates]
    return [value if len(value) > 10 else f"{value} 23:59:59" for value in carriers if value]


def test_a_day_changes_adds_and_deletes(start):
    sandbox, _ = start(records=300)
    changes = sandbox.advance(days=1)
    assert set(changes) == {entity.name for entity in MOVING}
    for entity in MOVING:
        counts = changes[entity.name]
        born_otherwise = entity.grouped or entity.name in ("ticketItem", "appliedPayment")
        assert counts["born"] or born_otherwise, entity.name
        assert counts["deleted"] or not entity.mortal, entity.name
        assert counts["changed"] or "dateUpdated" not in entity.dates, entity.name


@pytest.mark.parametrize("days", [1, 7])
def test_what_changed_can_be_found_by_its_dates(start, days):
    """A record that differs, or is new, has a moment within the time that passed."""
    sandbox, _ = start(records=150)
    before = {entity.name: sandbox.truth(entity.name) for entity in MOVING}
    sandbox.advance(days=days)
    for entity in MOVING:
        old = {repr(row) for row in before[entity.name]}
        fresh = [row for row in sandbox.truth(entity.name) if repr(row) not in old]
        assert fresh, entity.name
        for row in fresh:
            assert any(value >= BEFORE for value in moments(row, entity)), (entity.name, row)


def test_changes_can_be_seen_in_business_columns(start):
    sandbox, _ = start(records=300)
    before = {row["ticketID"]: row["balance"] for row in sandbox.truth("ticket")}
    sandbox.advance(days=3)
    after = {row["ticketID"]: row["balance"] for row in sandbox.truth("ticket")}
    assert any(before[id_] != after[id_] for id_ in before.keys() & after.keys())
    assert before.keys() - after.keys()
    assert after.keys() - before.keys()


def test_new_rows_may_lack_date_updated(start):
    sandbox, _ = start(records=300)
    known = {row["noteID"] for row in sandbox.truth("note")}
    sandbox.advance(days=20)
    new = [row for row in sandbox.truth("note") if row["noteID"] not in known]
    assert {row["dateUpdated"] is None or row["dateUpdated"][0] == "0" for row in new} == {True, False}


def test_nothing_is_later_than_now(start):
    sandbox, _ = start(records=150)
    for now in (BEFORE, DAY_LATER):
        for entity in MOVING:
            for row in sandbox.truth(entity.name):
                assert (row.get("dateUpdated") or "") <= now
                assert entity.added is None or (row[entity.added] or "") <= now
        sandbox.advance(days=1)


def test_search_follows_the_clock(start):
    """Columns that a first search made are kept up."""
    sandbox, client = start(records=150)
    since = {"dateUpdated": {"operator": ">=", "value": BEFORE}}
    assert client.ids("appointment", status=["0", "1", "2", "-1", "-2"], **since) == []
    pending = client.ids("appointment", status=0)
    sandbox.advance(days=2)
    rows = sandbox.truth("appointment")
    changed = [int(row["appointmentID"]) for row in rows if (row["dateUpdated"] or "") >= BEFORE]
    assert client.ids("appointment", status=["0", "1", "2", "-1", "-2"], **since) == changed
    now_pending = [int(row["appointmentID"]) for row in rows if row["status"] == "0"]
    assert client.ids("appointment", status=0) == now_pending != pending


def test_the_clock_over_http(start):
    sandbox, client = start()
    assert b"2026-10-01T15:00:00" in client.raw("GET", "/_sandbox/clock")[2]
    assert b"2026-10-03T00:00:00" in client.raw("POST", "/_sandbox/clock", b'{"now":"2026-10-03T00:00:00Z"}')[2]
    assert sandbox.now.startswith("2026-10-03T00:00:00")
    assert client.raw("POST", "/_sandbox/clock", b'{"now":"2020-01-01"}')[0] == 400
    assert client.raw("POST", "/_sandbox/clock", b"{}")[0] == 400


def test_the_same_seed_makes_the_same_world(start):
    first, _ = start(seed=3)
    second, _ = start(seed=3)
    other, _ = start(seed=4)
    for sandbox in (first, second, other):
        sandbox.advance(days=1)
        sandbox.advance(days=2)
    for entity in ENTITIES:
        assert first.truth(entity.name) == second.truth(entity.name), entity.name
    assert first.truth("customer") != other.truth("customer")


def test_autumn_writes_one_hour_twice(start):
    sandbox, _ = start(now="2026-11-01T08:30:00+00:00")
    clock = sandbox.world.clock
    assert clock.stamp(clock.now) == clock.stamp(clock.now + 3600) == "2026-11-01 01:30:00"
    assert clock.stamp(clock.now + 7200) == "2026-11-01 02:30:00"
