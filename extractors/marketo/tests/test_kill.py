"""Killed in every state of an export: the next run commits the same records, and pays for no second export."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"
PATIENCE = 40  # seconds, on a busy machine


@pytest.fixture
def sandbox(marketo: Any, connect_to: Any, request: pytest.FixtureRequest) -> Any:
    """So many activities that a day's file is read in several pieces; none of them late, so that hours may pass."""
    per_day = getattr(request, "param", 20_000)
    found = marketo(
        records=200,
        activities_per_day=per_day,
        changes_per_day=60,
        late_minutes=0,
        users={"id": "secret", "other": "secret"},
    )
    connect_to(found)
    return found


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "marketo" / "activities"


@pytest.fixture
def load(tmp_path: Path) -> list[str]:
    """The command under test: a day, in one export. Its parts are small, so that some are noted before the file ends."""
    return [
        "extract", "activities", "--since", SINCE, "--until", UNTIL, "--destination", str(tmp_path / "lake"), "--json",
        "--batch-size", "8000",
    ]  # fmt: skip


def until(holds: Callable[[], Any]) -> Any:
    """Wait for something to hold, and give it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.01)
    raise AssertionError("what was waited for never came")


def checkpoint(lake: Path) -> dict[str, Any] | None:
    """The checkpoint of the open load; None if there is none, or it is just being written."""
    for path in (lake / "_checkpoints").glob("[!.]*.json"):
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            continue
        return found
    return None


def noted(lake: Path) -> dict[str, Any] | None:
    """The token of the open load, once it names an export."""
    token = (checkpoint(lake) or {}).get("token")
    return token if token and token["jobs"] else None


def status(sandbox: Any, wanted: str) -> bool:
    """Whether our export is in a state."""
    return any(job["status"] == wanted for job in sandbox.jobs() if job["user"] == "id")


def started(sandbox: Any, wanted: str) -> bool:
    """Whether our export is in a state, and the call that started it is over and in the log."""
    calls = [one for one in sandbox.requests() if one["action"] == "enqueue" and one["user"] == "id"]
    return bool(calls) and status(sandbox, wanted)


def occupy(sandbox: Any) -> None:
    """Let another integration keep Marketo busy with two exports that take an hour."""
    sandbox.faults({"fault": "slow_job", "seconds": 3600, "times": 2})
    form = {"grant_type": "client_credentials", "client_id": "other", "client_secret": "secret"}
    token = requests.post(f"{sandbox.url}/identity/oauth/token", data=form, timeout=30).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(2):
        body = {"filter": {"createdAt": {"startAt": "2026-10-01T00:00:00Z", "endAt": "2026-10-01T01:00:00Z"}}}
        base = f"{sandbox.url}/bulk/v1/activities/export"
        made = requests.post(f"{base}/create.json", json=body, headers=headers, timeout=30).json()
        requests.post(f"{base}/{made['result'][0]['exportId']}/enqueue.json", headers=headers, timeout=30)


SLOWLY = {"fault": "slow_drip", "pieces": 200, "seconds": 0.05, "match": {"action": "file"}}
# The state in which the run is killed: what makes it last, and how it is known.
STATES: dict[str, tuple[Any, Callable[[Any, Path], Any]]] = {
    "Created": (
        lambda sandbox: sandbox.faults({"fault": "slow", "seconds": 20, "match": {"action": "enqueue"}}),
        lambda sandbox, lake: noted(lake) and status(sandbox, "Created"),
    ),
    "Queued": (occupy, lambda sandbox, lake: noted(lake) and started(sandbox, "Queued")),
    "Processing": (
        lambda sandbox: sandbox.faults({"fault": "slow_job", "seconds": 3600}),
        lambda sandbox, lake: noted(lake) and started(sandbox, "Processing"),
    ),
    "Completed": (
        lambda sandbox: sandbox.faults({"fault": "hang", "match": {"action": "file"}}),
        lambda sandbox, lake: noted(lake) and status(sandbox, "Completed"),
    ),
    "downloading": (
        lambda sandbox: sandbox.faults(SLOWLY),
        lambda sandbox, lake: (checkpoint(lake) or {}).get("parts"),
    ),
    "writing": (
        lambda sandbox: sandbox.faults(SLOWLY),
        lambda sandbox, lake: (checkpoint(lake) or {}).get("parts") and list(lake.glob("load_date=*/*/.part-*")),
    ),
}


def guids(rows: Any) -> list[str]:
    return sorted(row["marketoGUID"] for row in rows)


@pytest.mark.parametrize("state", STATES)
def test_killed_in_any_state_no_export_is_paid_for_twice(
    sandbox: Any, start: Any, run_process: Any, extracted: Any, lake: Path, load: list[str], state: str
) -> None:
    prepare, reached = STATES[state]
    prepare(sandbox)
    process = start(*load)
    until(lambda: reached(sandbox, lake))
    process.kill()
    process.wait()
    left = noted(lake)
    assert left is not None
    sandbox.faults()
    sandbox.clear_requests()
    sandbox.advance(seconds=7300, changes=False)  # what takes an hour is done

    outcome = run_process(*load)
    assert outcome.code == 0, outcome.err
    ours = [job for job in sandbox.jobs() if job["user"] == "id"]
    assert [job["exportId"] for job in ours] == [left["jobs"][0]["export"]]
    asked = [one for one in sandbox.requests() if one["kind"] == "activities" and one["action"] != "status"]
    # Only the one that was not started yet is.
    assert [one["action"] for one in asked] == (["enqueue", "file"] if state == "Created" else ["file"])
    begin = int((asked[-1].get("range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
    assert begin == left["offset"]
    assert (begin > 0) == (state in ("downloading", "writing"))

    rows = extracted("activities")
    assert guids(rows) == guids(sandbox.truth("activities", startAt=SINCE, endAt="2026-10-01T15:00:00Z"))
    assert checkpoint(lake) is None


def test_killed_before_its_id_could_be_noted_an_export_is_never_started(
    sandbox: Any, start: Any, run_process: Any, extracted: Any, load: list[str]
) -> None:
    # Nobody knows of it but Marketo, which does not say what an export asks for. Made and not started it costs nothing.
    sandbox.faults({"fault": "hang", "match": {"action": "create"}})
    process = start(*load)
    until(lambda: status(sandbox, "Created"))
    process.kill()
    process.wait()
    assert run_process(*load).code == 0
    assert [job["status"] for job in sandbox.jobs()] == ["Created", "Completed"]
    assert guids(extracted("activities")) == guids(
        sandbox.truth("activities", startAt=SINCE, endAt="2026-10-01T15:00:00Z")
    )


def test_of_two_runs_at_once_one_commits_and_both_use_the_same_export(
    sandbox: Any, start: Any, extracted: Any, lake: Path, load: list[str]
) -> None:
    sandbox.faults({"fault": "slow_job", "seconds": 3600})
    first = start(*load)
    until(lambda: noted(lake) and status(sandbox, "Processing"))
    second = start(*load)
    until(lambda: (checkpoint(lake) or {}).get("attempt") == 2)
    sandbox.advance(seconds=7300, changes=False)
    codes = sorted(process.wait(PATIENCE) for process in (first, second))
    assert codes == [0, 73]
    assert len(sandbox.jobs()) == 1
    assert guids(extracted("activities")) == guids(
        sandbox.truth("activities", startAt=SINCE, endAt="2026-10-01T15:00:00Z")
    )


def test_a_stop_in_the_middle_of_waiting_keeps_the_export(
    sandbox: Any, start: Any, run_process: Any, lake: Path, load: list[str]
) -> None:
    sandbox.faults({"fault": "slow_job", "seconds": 3600})
    process = start(*load)
    until(lambda: noted(lake) and status(sandbox, "Processing"))
    process.terminate()
    assert process.wait(20) == 143
    sandbox.advance(seconds=7300, changes=False)
    assert run_process(*load).code == 0
    assert len(sandbox.jobs()) == 1


@pytest.fixture
def moving_clock(sandbox: Any) -> Iterator[Callable[[], None]]:
    """Returns a function that lets the sandbox's hours pass while something else is done."""
    ended = threading.Event()

    def move() -> None:
        while not ended.wait(0.2):
            sandbox.advance(seconds=600, changes=False)

    thread = threading.Thread(target=move, daemon=True)
    yield thread.start
    ended.set()
    if thread.is_alive():
        thread.join()


@pytest.mark.parametrize("sandbox", [200], indirect=True)
def test_killed_behind_its_first_file_a_long_load_goes_on_with_the_exports_that_are_under_way(
    sandbox: Any, start: Any, run_process: Any, extracted: Any, lake: Path, tmp_path: Path,
    moving_clock: Callable[[], None],
) -> None:  # fmt: skip
    sandbox.faults({"fault": "slow_job", "seconds": 3600, "after": 1, "times": -1})
    load = ["extract", "activities", "--since", "2026-07-15T00:00:00Z", "--until", UNTIL, "--destination",
            str(tmp_path / "lake"), "--json"]  # fmt: skip
    process = start(*load)
    # The first file is read; the second export is under way, and takes an hour.
    left = until(lambda: (token := noted(lake)) and token["done"] and token)
    process.kill()
    process.wait()
    moving_clock()
    outcome = run_process(*load)
    assert outcome.code == 0, outcome.err
    # One that was made and could not be noted is never started.
    paid = [job for job in sandbox.jobs() if job["status"] != "Created"]
    assert {one["export"] for one in (*left["done"], *left["jobs"])} <= {job["exportId"] for job in paid}
    spans = [job["filter"]["createdAt"] for job in paid]
    assert len(spans) == len(set(spans)), "a span was exported twice"
    assert guids(extracted("activities")) == guids(
        sandbox.truth("activities", startAt="2026-07-15T00:00:00Z", endAt="2026-10-01T15:00:00Z")
    )
