"""Time passes when it is told to, and always in the same way."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

KINDS = ("leads", "activities", "deleted_leads", "program_members", "subscription_c", "lead_changes", "programs")


def everything(sandbox):
    return {kind: sandbox.truth(kind) for kind in KINDS}


def test_the_same_seed_makes_the_same_and_another_one_another(marketo):
    first, second, third = (marketo(seed=seed)[0] for seed in (1, 1, 2))
    assert everything(first) == everything(second)
    assert first.truth("leads") != third.truth("leads")
    assert first.truth("activities") != third.truth("activities")


def test_the_steps_do_not_matter(marketo):
    at_once, _ = marketo()
    in_steps, _ = marketo()
    at_once.advance(days=2)
    for _ in range(24):
        in_steps.advance(seconds=7200)
    assert everything(at_once) == everything(in_steps)


def test_nothing_happens_without_changes(marketo):
    sandbox, _ = marketo(late_minutes=0)
    before = everything(sandbox)
    assert sandbox.advance(days=3, changes=False) == {}
    assert everything(sandbox) == before
    sandbox.advance(days=1)
    fresh = [row for row in sandbox.truth("activities") if row not in before["activities"]]
    assert min(row["activityDate"] for row in fresh) >= "2026-10-04T15:00:00Z"
    window = {"startAt": "2026-10-04T15:00:00Z", "endAt": "2026-10-05T15:00:00Z"}
    assert {row["marketoGUID"] for row in sandbox.truth("activities", **window)} == {
        row["marketoGUID"] for row in fresh
    }
    assert sandbox.truth("activities", startAt="2026-10-02T00:00:00Z", endAt="2026-10-04T00:00:00Z") == []


def test_moves_are_counted(marketo):
    sandbox, _ = marketo(changes_per_day=320, activities_per_day=1000)
    counts = sandbox.advance(days=1)
    assert sum(counts["leads"].values()) == 320
    assert counts["leads"] == {"changed": 260, "born": 40, "deleted": 10, "merged": 10}
    assert counts["activities"] == {"born": 1000}
    with pytest.raises(ValueError, match="forward"):
        sandbox.advance(seconds=-1)


def test_every_change_of_a_lead_is_in_a_window_of_updated_at(marketo):
    """And so is nothing else; but who was deleted or merged is in none."""
    sandbox, _ = marketo(changes_per_day=200)
    before = {row["id"]: row for row in sandbox.truth("leads")}
    sandbox.advance(days=1)
    after = {row["id"]: row for row in sandbox.truth("leads")}
    window = {"filter": "updatedAt", "startAt": "2026-10-01T15:00:01Z", "endAt": "2026-10-02T15:00:00Z"}
    found = {row["id"]: row for row in sandbox.truth("leads", **window)}
    assert {id_ for id_, row in after.items() if before.get(id_) != row} <= found.keys() < after.keys()
    assert any(row["updatedAt"] < "2026-10-01T15:00:01Z" for row in found.values()), (
        "scores move only the bulk updatedAt"
    )
    vanished = {row["leadId"] for row in sandbox.truth("vanished_leads")}
    assert before.keys() - after.keys() <= vanished


def test_hourly_windows_of_two_days_are_the_truth(marketo, records):
    """As an extractor would do it: leads by updatedAt, activities with a look-back for late ones, both by key."""
    sandbox, client = marketo(records=200, activities_per_day=2000, changes_per_day=300, history_days=8)
    fields = ["id", "email", "leadScore", "updatedAt"]
    types = {"id": "integer", "email": "string", "leadScore": "score", "updatedAt": "datetime"}
    leads = {row["id"]: {name: row[name] for name in fields} for row in sandbox.truth("leads")}
    start = now = datetime.fromisoformat("2026-10-01T15:00:00+00:00")
    activities = {}
    for _ in range(8):
        sandbox.advance(seconds=6 * 3600)
        client.log_in()
        window = {"startAt": now.isoformat(), "endAt": (now + timedelta(hours=6)).isoformat()}
        back = window | {"startAt": (now - timedelta(hours=1)).isoformat()}
        for row in records(client.export("leads", fields=fields, filter={"updatedAt": window}), types):
            leads[row["id"]] = row
        for row in records(client.export("activities", filter={"createdAt": back})):
            activities[row["marketoGUID"]] = row
        now += timedelta(hours=6)
    gone = {row["leadId"] for row in sandbox.truth("vanished_leads")}
    truth = {row["id"]: {name: row[name] for name in fields} for row in sandbox.truth("leads")}
    assert {id_: row for id_, row in leads.items() if id_ not in gone} == truth
    due = {row["marketoGUID"] for row in sandbox.truth("activities", startAt=start.isoformat())}
    assert due <= activities.keys()


def test_merges_and_deletions_can_be_followed_by_activities(marketo):
    sandbox, _ = marketo(changes_per_day=200)
    merged = {
        id_
        for row in sandbox.truth("activities", activityTypeIds="32")
        for id_ in row["attributes"]["Merge IDs"].strip("[]").split(",")
    }
    deleted = {str(row["leadId"]) for row in sandbox.truth("deleted_leads")}
    vanished = sandbox.truth("vanished_leads")
    assert merged == {str(row["leadId"]) for row in vanished if row["how"] == "merged"} != set()
    assert deleted == {str(row["leadId"]) for row in vanished if row["how"] == "deleted"} != set()


def test_a_change_tells_the_old_and_the_new_value(marketo):
    sandbox, _ = marketo(changes_per_day=100)
    sandbox.advance(seconds=1, changes=False)
    before = {row["id"]: row for row in sandbox.truth("leads")}
    sandbox.advance(days=1)
    after = {row["id"]: row for row in sandbox.truth("leads")}
    seen = 0
    for row in sandbox.truth("lead_changes", startAt="2026-10-01T15:00:01Z"):
        if row["leadId"] in before and row["leadId"] in after and row["fields"]:
            field = row["fields"][0]
            values = {_text(before[row["leadId"]][field["name"]]), _text(after[row["leadId"]][field["name"]])}
            seen += _text(field["newValue"]) in values
    assert seen > 30


def _text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).removesuffix(".0")
