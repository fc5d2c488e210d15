"""What an extractor's end means for its task: pure functions, the same for pods, containers and processes."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Self

PERMANENT = {64: "wrong usage", 77: "credentials refused", 78: "wrong configuration"}
TAKEN_OVER = 73
TRY_LATER = 75
KILLED = 128 + 9  # what a container or process shows that was killed, by the kernel for memory or with its node
TERMINATED = 128 + 15  # what an extractor shows that was asked to end


class Action(Enum):
    """What the task does next."""

    VERIFY = "success, if the commit record is there"
    FAIL = "fail at once"
    RETRY = "fail, and be retried"
    RESCHEDULE = "come back at a given time, without a retry"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its exit code (None if nobody saw it) and the text that holds its summary."""

    exit_code: int | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a task needs of the summary of `extract` (format 1); `load_id` and `window` are those of its stream."""

    error: str | None
    retry_at: datetime | None
    load_id: str | None
    window: str | None

    @classmethod
    def parse(cls, text: str, stream: str) -> Self | None:
        """Returns the summary in `text`, or None where there is none that can be read: a killed process left none."""
        try:
            data = json.loads(text)
            if data["format"] != 1:
                return None
            load: dict[str, Any] = next((load for load in data["loads"] if load["stream"] == stream), {})
            error = data["error"] or load.get("error")
            return cls(
                error=f"{error['type']}: {error['message']}" if error else None,
                retry_at=instant(data["retry_at"]) if data["retry_at"] else None,
                load_id=load.get("load_id"),
                window=load.get("window"),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """An action, and the reason in one line for the log.

    With it goes the load whose record proves success (None: any load of these attempts), or the time to come back.
    """

    action: Action
    reason: str
    load_id: str | None = None
    retry_at: datetime | None = None


def judge(exit_code: int | None, summary: Summary | None) -> Verdict:
    """Returns what a task does after its command ended so. Whoever verifies asks the lake, not the exit code."""
    said = in_words(exit_code)
    if summary and summary.error:
        said = f"{said}, {summary.error}"
    if exit_code == 0:
        return Verdict(Action.VERIFY, said, load_id=summary.load_id if summary else None)
    if exit_code in PERMANENT:
        return Verdict(Action.FAIL, f"{PERMANENT[exit_code]}: {said}; a retry would not help")
    if exit_code == TRY_LATER and summary and summary.retry_at:
        return Verdict(Action.RESCHEDULE, said, retry_at=summary.retry_at)
    if exit_code in (TAKEN_OVER, TERMINATED) or (summary is None and exit_code in (None, KILLED)):
        # Another attempt may have committed this window, or this one before its end.
        return Verdict(Action.VERIFY, said)
    return Verdict(Action.RETRY, said)


def in_words(exit_code: int | None) -> str:
    """Returns how a command ended. Kubernetes does not always say of a killed container that memory was the reason."""
    if exit_code is None:
        return "nobody saw the end"
    hint = " (killed: if for want of memory, see docs/runbook.md)" if exit_code == KILLED else ""
    return f"exit code {exit_code}{hint}"


def instant(text: str) -> datetime:
    """Returns an ISO 8601 time as an aware datetime in UTC. Raises ValueError for anything else, and without a zone."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return value.astimezone(UTC)


def moment(text: str) -> datetime:
    """Returns the same to the second, which is what windows are counted in."""
    return instant(text).replace(microsecond=0)
