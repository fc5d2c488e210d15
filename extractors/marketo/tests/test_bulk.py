"""The life of an export: made, noted, started, awaited, read, checked; and what becomes of one that is lost on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"
Extract = Callable[..., Any]
WINDOW = ("--since", SINCE, "--until", UNTIL)


def actions(sandbox: Any, kind: str = "activities") -> list[str]:
    """What was asked of the exports of a kind, in order; the looks at the status in between left out."""
    return [one["action"] for one in sandbox.requests() if one["kind"] == kind and one["action"] != "status"]


def guids(rows: Any) -> list[str]:
    return sorted(row["marketoGUID"] for row in rows)


def truth(sandbox: Any) -> list[str]:
    return guids(sandbox.truth("activities", startAt=SINCE, endAt="2026-10-01T15:00:00Z"))


@pytest.fixture
def load(extract: Extract) -> Callable[..., Any]:
    """Returns a function that loads a day of activities."""
    return lambda *arguments: extract("activities", *WINDOW, *arguments)


# The usual way


def test_an_export_is_made_started_and_read_once(sandbox: Any, load: Any, extracted: Any, committed: Any) -> None:
    assert load().code == 0
    assert actions(sandbox) == ["create", "enqueue", "file"]
    (job,) = sandbox.jobs()
    # Both ends are inclusive: the window ends a second early, and names no type: all are in one export.
    assert job["filter"] == {"createdAt": "{'startAt': '2026-09-30T15:00:01Z', 'endAt': '2026-10-01T15:00:00Z'}"}
    assert guids(extracted("activities")) == truth(sandbox)
    (record,) = committed("activities")
    assert record.notes == {"exports": 1, "export_bytes": job["fileSize"]}


def test_the_id_is_in_the_checkpoint_before_the_export_is_started(
    sandbox: Any, load: Any, files: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    from marketo.exports import Exports

    enqueue = Exports.enqueue

    def looked_at(self: Exports, export: str) -> None:
        (checkpoint,) = files("marketo/activities/_checkpoints/")
        seen.append((export, json.loads((tmp_path / "lake" / checkpoint).read_bytes())["token"]["jobs"][0]["export"]))
        enqueue(self, export)

    monkeypatch.setattr(Exports, "enqueue", looked_at)
    assert load().code == 0
    assert [one == noted for one, noted in seen] == [True]


def test_a_long_window_is_cut_and_its_exports_follow_one_another(
    sandbox: Any, extract: Extract, extracted: Any
) -> None:
    assert extract("activities", "--since", "2026-06-01T00:00:00Z", "--until", UNTIL).code == 0
    spans = [json.loads(job["filter"]["createdAt"].replace("'", '"')) for job in sandbox.jobs()]
    assert len(spans) >= 4
    assert spans[0]["startAt"] == "2026-06-01T00:00:00Z"
    assert spans[-1]["endAt"] == "2026-10-01T15:00:00Z"
    # The first tells how large they are. From then on the next is under way before a file is read.
    assert actions(sandbox)[:8] == ["create", "enqueue", "file", "create", "enqueue", "create", "enqueue", "file"]
    expected = sandbox.truth("activities", startAt="2026-06-01T00:00:00Z", endAt="2026-10-01T15:00:00Z")
    assert guids(extracted("activities")) == guids(expected)


def test_members_are_asked_for_ten_programs_at_a_time(sandbox: Any, extract: Extract) -> None:
    assert extract("program_members", "--full-refresh", "--until", UNTIL).code == 0
    asked = [json.loads(job["filter"]["programIds"]) for job in sandbox.jobs()]
    programs = sorted(one["id"] for one in sandbox.truth("programs"))
    assert [one for ids in asked for one in ids] == programs
    assert max(map(len, asked)) == 10


def test_an_empty_window_is_a_load_of_nothing(sandbox: Any, extract: Extract, committed: Any) -> None:
    sandbox.faults({"fault": "zero_bytes", "times": -1})
    assert extract("activities", "--since", "2019-01-01T00:00:00Z", "--until", "2019-01-01T01:00:00Z").code == 0
    assert (committed("activities")[0].records, committed("activities")[0].parts) == (0, [])


# Waiting


def test_a_full_queue_is_waited_for(sandbox: Any, load: Any, extracted: Any) -> None:
    sandbox.faults({"fault": "queue_full", "times": 2, "match": {"action": "create"}},
                   {"fault": "queue_full", "times": 2, "match": {"action": "enqueue"}})  # fmt: skip
    assert load().code == 0
    assert Counter(actions(sandbox)) == {"create": 3, "enqueue": 3, "file": 1}
    assert guids(extracted("activities")) == truth(sandbox)


def test_a_queue_that_stays_full_ends_the_run_with_a_time_to_come_back(
    sandbox: Any, load: Any, monkeypatch: pytest.MonkeyPatch, committed: Any
) -> None:
    monkeypatch.setenv("MARKETO_JOB_DEADLINE", "0.3")
    sandbox.faults({"fault": "queue_full", "times": -1})
    outcome = load()
    assert (outcome.code, outcome.summary["error"]["type"]) == (75, "QuotaExhausted")
    assert "queue of exports has been full" in outcome.summary["error"]["message"]
    assert outcome.summary["retry_at"]
    assert committed("activities") == []


def test_an_export_that_takes_too_long_is_taken_up_by_the_next_run(
    sandbox: Any, load: Any, monkeypatch: pytest.MonkeyPatch, extracted: Any
) -> None:
    monkeypatch.setenv("MARKETO_JOB_DEADLINE", "0.3")
    sandbox.faults({"fault": "slow_job", "seconds": 3600})
    outcome = load()
    assert outcome.code == 69
    assert "still Processing" in outcome.summary["error"]["message"]
    sandbox.advance(seconds=3700, changes=False)
    assert load().code == 0
    assert actions(sandbox) == ["create", "enqueue", "file"]
    assert guids(extracted("activities")) == truth(sandbox)


def test_a_status_that_is_old_starts_nothing_twice(sandbox: Any, load: Any) -> None:
    # It says Created of an export that is under way: starting it again is answered with 1029 Job already queued.
    sandbox.faults({"fault": "stale_status", "times": 2})
    assert load().code == 0
    assert len(sandbox.jobs()) == 1


def test_an_answer_to_enqueue_that_says_it_was_queued_already_is_success(sandbox: Any, load: Any) -> None:
    sandbox.faults({"fault": "job_already_queued"})
    assert load().code == 0
    assert actions(sandbox) == ["create", "enqueue", "file"]


@pytest.mark.parametrize("action", ["create", "enqueue"])
def test_a_lost_answer_starts_nothing_twice(sandbox: Any, load: Any, action: str, extracted: Any) -> None:
    sandbox.faults({"fault": "reset", "match": {"action": action, "kind": "activities"}})
    assert load().code == 0
    assert [job["status"] for job in sandbox.jobs()].count("Completed") == 1
    assert guids(extracted("activities")) == truth(sandbox)


# Lost exports


@pytest.mark.parametrize(
    ("fault", "created"),
    [({"fault": "failed_job"}, 2), ({"fault": "file_missing", "times": 4}, 2), ({"fault": "create_without_result"}, 2)],
    ids=["failed", "no file", "no id"],
)
def test_another_export_is_made_for_one_that_gives_no_file(
    sandbox: Any, load: Any, extracted: Any, fault: Any, created: int
) -> None:
    sandbox.faults(fault)
    assert load().code == 0
    assert actions(sandbox).count("create") == created
    assert guids(extracted("activities")) == truth(sandbox)


def test_exports_that_fail_again_and_again_end_the_run(sandbox: Any, load: Any, committed: Any) -> None:
    sandbox.faults({"fault": "failed_job", "times": -1, "message": "out of coffee"})
    outcome = load()
    assert outcome.code == 69
    assert "it is Failed: out of coffee" in outcome.summary["error"]["message"]
    assert actions(sandbox).count("create") == 3
    assert committed("activities") == []


@pytest.mark.parametrize("spelling", ["Cancelled", "Canceled"])
def test_a_cancelled_export_is_made_anew_whatever_its_spelling(
    marketo: Any, connect_to: Any, load: Any, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = marketo(records=60, activities_per_day=20, changes_per_day=60, spelling=spelling)
    connect_to(sandbox)
    from marketo.exports import Exports

    enqueue = Exports.enqueue

    def cancelled(self: Exports, export: str) -> None:
        monkeypatch.setattr(Exports, "enqueue", enqueue)
        self._api.post(f"{self._base}/{export}/cancel.json")

    monkeypatch.setattr(Exports, "enqueue", cancelled)
    assert load().code == 0
    assert [job["status"] for job in sandbox.jobs()] == ["Cancelled", "Completed"]


def test_a_damaged_file_is_read_again_from_the_export_that_is_there(sandbox: Any, load: Any, extracted: Any) -> None:
    sandbox.faults({"fault": "corrupt_file", "at": 3000})
    outcome = load("--batch-size", "5", "--max-quarantined", "1000")
    assert outcome.code == 0, outcome.err
    assert actions(sandbox) == ["create", "enqueue", "file", "file"]
    assert guids(extracted("activities")) == truth(sandbox)


def test_a_file_that_stays_damaged_is_not_committed(sandbox: Any, load: Any, committed: Any) -> None:
    sandbox.faults({"fault": "wrong_checksum", "times": -1})
    outcome = load()
    assert outcome.code == 65
    assert "SHA-256 is another than Marketo says" in outcome.summary["error"]["message"]
    assert committed("activities") == []
    assert len(sandbox.jobs()) == 1


def test_a_file_without_a_checksum_is_checked_by_its_size(sandbox: Any, load: Any, extracted: Any) -> None:
    sandbox.faults({"fault": "no_checksum", "times": -1})
    outcome = load()
    assert outcome.code == 0
    assert "only the size of the file could be checked" in outcome.err
    assert guids(extracted("activities")) == truth(sandbox)


def test_a_size_that_is_wrong_does_not_matter_where_the_checksum_is_right(sandbox: Any, load: Any) -> None:
    sandbox.faults({"fault": "wrong_size", "times": -1})
    assert load().code == 0


# Fields and filters


def test_fields_that_are_not_exported_are_left_out_once_and_named(
    sandbox: Any, extract: Extract, committed: Any, extracted: Any
) -> None:
    sandbox.faults({"fault": "invalid_fields", "times": -1, "fields": ["fax", "rating"]})
    outcome = extract("leads", *WINDOW)
    assert outcome.code == 0, outcome.err
    assert outcome.summary["loads"][0]["dropped_fields"] == ["fax", "rating"]
    assert committed("leads")[0].dropped_fields == ["fax", "rating"]
    assert actions(sandbox, "leads") == ["create", "create", "enqueue", "file"]
    assert all("fax" not in lead and "email" in lead for lead in extracted("leads"))


def test_a_refusal_of_other_fields_after_that_is_not_guessed_around(
    sandbox: Any, extract: Extract, committed: Any
) -> None:
    sandbox.faults(
        {"fault": "invalid_fields", "fields": ["fax"]}, {"fault": "invalid_fields", "times": -1, "fields": ["rating"]}
    )
    outcome = extract("leads", *WINDOW)
    assert outcome.code == 65
    assert "rating" in outcome.summary["error"]["message"]
    assert committed("leads") == []


def test_a_key_that_is_not_exported_is_no_field_to_leave_out(sandbox: Any, extract: Extract) -> None:
    sandbox.faults({"fault": "invalid_fields", "times": -1, "fields": ["id"]})
    assert extract("leads", *WINDOW).code == 65


def test_an_account_without_the_filter_on_updates_loses_no_change_that_left_an_activity(
    marketo: Any, connect_to: Any, extract: Extract, extracted: Any
) -> None:
    sandbox = marketo(records=60, activities_per_day=20, changes_per_day=60, no_filter=("updatedAt",))
    connect_to(sandbox)
    assert extract("leads", "--until", UNTIL).code == 0
    sandbox.advance(days=2)
    outcome = extract("leads", "--until", "2026-10-03T15:00:01Z")
    assert outcome.code == 0, outcome.err
    assert "Changes that leave no activity" in outcome.err
    found = {lead["id"]: lead for lead in extracted("leads")}
    for lead in sandbox.truth("leads"):
        assert {name: value or None for name, value in found[lead["id"]].items()} == {
            name: value or None for name, value in lead.items()
        }


def test_members_of_an_account_without_the_filter_are_loaded_whole(
    marketo: Any, connect_to: Any, extract: Extract, extracted: Any
) -> None:
    sandbox = marketo(records=60, no_filter=("updatedAt",))
    connect_to(sandbox)
    outcome = extract("program_members", *WINDOW)
    assert outcome.code == 0, outcome.err
    assert "every load takes all members" in outcome.err
    programs = ",".join(str(one["id"]) for one in sandbox.truth("programs"))
    expected = sandbox.truth("program_members", programIds=programs)
    key = ("programId", "leadId")
    assert sorted(tuple(row[n] for n in key) for row in extracted("program_members")) == sorted(
        tuple(row[n] for n in key) for row in expected
    )


def test_a_custom_object_without_a_filter_cannot_be_read(marketo: Any, connect_to: Any, extract: Extract) -> None:
    sandbox = marketo(records=60, no_filter=("updatedAt",))
    connect_to(sandbox)
    outcome = extract("custom_object_subscription_c", *WINDOW)
    assert (outcome.code, outcome.summary["error"]["type"]) == (77, "StreamDenied")


# What an earlier run has left


def test_the_next_schedule_takes_up_the_export_of_the_one_before(
    sandbox: Any, extract: Extract, extracted: Any, committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert extract("activities", "--until", "2026-09-30T15:00:01Z").code == 0
    monkeypatch.setenv("MARKETO_JOB_DEADLINE", "0.3")
    sandbox.faults({"fault": "slow_job", "seconds": 3600})
    assert extract("activities", "--until", "2026-10-01T14:00:01Z").code == 69
    before = len(sandbox.jobs())
    sandbox.advance(seconds=3700, changes=False)
    outcome = extract("activities", "--until", UNTIL)
    assert outcome.code == 0, outcome.err
    # The window that was begun, and what lies behind it.
    assert [record.until.isoformat() for record in committed("activities")[1:]] == [
        "2026-10-01T14:00:01+00:00",
        "2026-10-01T15:00:01+00:00",
    ]
    assert len(sandbox.jobs()) == before + 1
    expected = sandbox.truth("activities", endAt="2026-10-01T15:00:00Z")
    assert set(guids(extracted("activities"))) == set(guids(expected))


def test_a_checkpoint_does_not_repeat_the_columns_of_each_export(
    sandbox: Any, extract: Extract, files: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETO_JOB_DEADLINE", "0.3")
    sandbox.faults({"fault": "slow_job", "seconds": 3600, "after": 4})
    assert extract("leads", "--until", UNTIL).code == 69
    (key,) = files("marketo/leads/_checkpoints/")
    text = (tmp_path / "lake" / key).read_text()
    assert text.count('"createdAt":{"startAt"') + text.count('"updatedAt":{"startAt"') > 4
    assert text.count('"mobilePhone"') <= 2  # the columns of all exports, and the header of the file that is read


@pytest.mark.parametrize("code", ["610", "1013"])
def test_an_export_that_is_not_found_is_made_anew_however_that_is_said(
    sandbox: Any, load: Any, extracted: Any, code: str
) -> None:
    sandbox.faults({"fault": "code", "code": code, "match": {"action": "status"}})
    assert load().code == 0
    assert actions(sandbox).count("create") == 2
    assert guids(extracted("activities")) == truth(sandbox)


def test_fields_that_are_hidden_when_an_export_is_made_again_are_left_out(
    sandbox: Any, extract: Extract, committed: Any
) -> None:
    sandbox.faults({"fault": "failed_job"}, {"fault": "invalid_fields", "times": -1, "after": 1, "fields": ["fax"]})
    outcome = extract("leads", *WINDOW)
    assert outcome.code == 0, outcome.err
    assert committed("leads")[0].dropped_fields == ["fax"]


def test_a_cursor_that_is_not_exported_is_done_without(sandbox: Any, extract: Extract, committed: Any) -> None:
    sandbox.faults({"fault": "invalid_fields", "times": -1, "fields": ["updatedAt"]})
    outcome = extract("leads", *WINDOW)
    assert outcome.code == 0, outcome.err
    assert committed("leads")[0].cursor.max is None
