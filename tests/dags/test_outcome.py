"""Exit code and summary to what the task does next: the table of docs/design.md, line by line."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from common.outcome import Action, Summary, Verdict, judge, moment

LOAD = {"stream": "customer", "load_id": "20260131T010203456Z-7f3a9c", "window": "a-b", "error": None}


def summary(**changes: Any) -> str:
    return json.dumps({"format": 1, "error": None, "retry_at": None, "loads": [LOAD], **changes})


@pytest.mark.parametrize(
    ("code", "action"),
    [
        (0, Action.VERIFY),
        (64, Action.FAIL),
        (65, Action.RETRY),
        (69, Action.RETRY),
        (70, Action.RETRY),
        (73, Action.VERIFY),
        (75, Action.RETRY),  # without a time to come back
        (77, Action.FAIL),
        (78, Action.FAIL),
        (130, Action.RETRY),
        (143, Action.VERIFY),
        (1, Action.RETRY),
        (139, Action.RETRY),
    ],
)
def test_what_each_exit_code_leads_to(code: int, action: Action) -> None:
    assert judge(code, Summary.parse(summary(), "customer")).action is action


@pytest.mark.parametrize("code", [137, 143, None])
def test_who_was_killed_or_not_seen_may_still_have_committed(code: int | None) -> None:
    assert judge(code, None) == Verdict(Action.VERIFY, judge(code, None).reason, load_id=None)


def test_who_was_asked_to_end_need_not_have_committed_the_load_that_the_summary_names() -> None:
    """The signal may come just after the commit, or after another attempt's: any load of these attempts will do."""
    assert judge(143, Summary.parse(summary(), "customer")) == Verdict(Action.VERIFY, "exit code 143", load_id=None)


def test_an_exhausted_quota_comes_back_when_the_source_said() -> None:
    text = summary(retry_at="2026-02-01T08:00:00Z", error={"type": "QuotaExhausted", "message": "3,000 of 3,000 used"})
    verdict = judge(75, Summary.parse(text, "customer"))
    assert verdict.action is Action.RESCHEDULE
    assert verdict.retry_at == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert verdict.reason == "exit code 75, QuotaExhausted: 3,000 of 3,000 used"


def test_success_is_proved_by_the_load_that_the_summary_names() -> None:
    assert judge(0, Summary.parse(summary(), "customer")).load_id == LOAD["load_id"]


@pytest.mark.parametrize("text", [summary(loads=[]), summary(loads=[{**LOAD, "stream": "route"}])])
def test_a_shortened_summary_or_one_of_another_stream_names_no_load(text: str) -> None:
    assert judge(0, Summary.parse(text, "customer")).load_id is None


@pytest.mark.parametrize(
    "text",
    ["", "Killed", "[]", "null", "{}", '{"format": 2}', summary()[:-9], summary(loads=None), summary(retry_at="soon")],
)
def test_what_is_no_summary_is_none(text: str) -> None:
    assert Summary.parse(text, "customer") is None


def test_moments_are_compared_in_utc_to_the_second() -> None:
    assert moment("2026-01-31T01:00:00.987+01:00") == moment("2026-01-31T00:00:00Z")
    with pytest.raises(ValueError, match="has no time zone"):
        moment("2026-01-31T00:00:00")
