"""Bulk jobs: their queue, their states, their quota (sources/marketo.md §6)."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.faults import Fault
from sandbox.marketo.envelope import Refused
from sandbox.marketo.files import Files, Made
from sandbox.marketo.limits import ZONE, Limits
from sandbox.marketo.selection import Selection
from sandbox.marketo.timeline import iso
from sandbox.marketo.world import World
from sandbox.values import DAY

CREATED, QUEUED, PROCESSING, COMPLETED, FAILED, CANCELLED = (
    "Created", "Queued", "Processing", "Completed", "Failed", "Cancelled",
)  # fmt: skip
AT_ONCE, IN_QUEUE = 2, 10
FILE_KEPT, JOB_KEPT, LISTED = 7 * DAY, 30 * DAY, 7 * DAY
PATIENCE = 0.25  # seconds that a status call waits for a small file
OTHER_SPELLING = {"Cancelled": "Canceled", "Canceled": "Cancelled"}


@dataclass
class Job:
    """One export."""

    id: str
    number: int
    user: str
    selection: Selection
    created: float
    spoilt: Mapping[str, Fault]  # the faults that struck its create call
    status: str = CREATED
    queued: float | None = None
    started: float | None = None
    finished: float | None = None
    error: str | None = None
    made: Made | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    polls: int = 0
    shown: dict[str, object] | None = None  # what status said last
    shown_at: float = 0.0

    @property
    def kind(self) -> str:
        """leads, activities, ..."""
        return self.selection.kind

    def moment(self, instant: float) -> str:
        """A time in its status; of one job in three with an offset, as in the docs' sample (sources/marketo.md §6)."""
        if self.number % 3 == 2:
            return datetime.fromtimestamp(int(instant), ZONE).isoformat()
        return iso(int(instant))

    def described(self, spelling: str) -> dict[str, object]:
        """Its status as an answer has it."""
        status = spelling if self.status == CANCELLED else self.status
        content: dict[str, object] = {"exportId": self.id, "format": self.selection.format, "status": status}
        moments = {
            "createdAt": self.created,
            "queuedAt": self.queued,
            "startedAt": self.started,
            "finishedAt": self.finished,
        }
        content |= {name: self.moment(instant) for name, instant in moments.items() if instant is not None}
        if self.status == COMPLETED and self.made:
            content |= {"numberOfRecords": self.made.records, "fileSize": self.made.size}
            content["fileChecksum"] = self.made.checksum
        if self.error:
            content["errorMsg"] = self.error
        return content


class Jobs:
    """All jobs of a tenant. Two are worked on at once, each in a thread that makes its file."""

    def __init__(self, world: World, limits: Limits, files: Files) -> None:
        self.world = world
        self.limits = limits
        self.files = files
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()

    @property
    def _now(self) -> float:
        return self.world.clock.ticking

    def create(self, user: str, selection: Selection, spoilt: Mapping[str, Fault]) -> Job:
        """A new job. Raises 1029 if the day's quota is used up."""
        with self._lock:
            self.settle()
            self._within_quota()
            number = len(self._jobs) + 1
            id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.world.settings.seed} {number} {self.world.settings.now}"))
            job = self._jobs[id_] = Job(id_, number, user, selection, self._now, spoilt)
            return job

    def get(self, user: str, kind: str, id_: str) -> Job | None:
        """A job; only the user that made it sees it, for 30 days."""
        with self._lock:
            self.settle()
            job = self._jobs.get(id_)
            known = job and job.user == user and job.kind == kind and self._now - job.created <= JOB_KEPT
            return job if known else None

    def listed(self, user: str, kind: str) -> list[Job]:
        """The user's jobs of the past 7 days."""
        with self._lock:
            self.settle()
            since = self._now - LISTED
            return [
                job for job in self._jobs.values() if job.user == user and job.kind == kind and job.created >= since
            ]

    def enqueue(self, job: Job) -> None:
        """Put it into the queue. Raises the three meanings of 1029."""
        with self._lock:
            self.settle()
            if job.status != CREATED:
                raise Refused("1029", "Job already queued")
            self._within_quota()
            if sum(other.status in (QUEUED, PROCESSING) for other in self._jobs.values()) >= IN_QUEUE:
                raise Refused("1029", "Too many jobs in queue")
            job.status, job.queued = QUEUED, self._now
            self.settle()

    def cancel(self, job: Job) -> None:
        """Stop it; one that has ended stays as it is (inferred)."""
        with self._lock:
            self.settle()
            if job.status in (CREATED, QUEUED, PROCESSING):
                job.status, job.finished = CANCELLED, self._now
                self.settle()

    def status(self, job: Job, spelling: str, stale: bool) -> dict[str, object]:
        """What status says. It is looked at anew after some seconds of the sandbox's clock, and never at once."""
        settings = self.world.settings
        if job.status in (QUEUED, PROCESSING) and not self._delay(job):
            job.ready.wait(PATIENCE)
        with self._lock:
            self.settle()
            job.polls += job.queued is not None
            now = self._now
            fresh = job.shown is None or now - job.shown_at >= settings.status_seconds
            if job.status != CANCELLED and (stale or not fresh):
                return job.shown or {**job.described(spelling), "status": CREATED}
            job.shown, job.shown_at = self._seen(job, spelling), now
            return job.shown

    def file(self, job: Job) -> Made | None:
        """Its file, for 7 days after it was made."""
        with self._lock:
            self.settle()
            kept = job.status == COMPLETED and job.finished is not None and self._now - job.finished <= FILE_KEPT
            return job.made if kept else None

    def quota(self) -> dict[str, object]:
        """For the controls."""
        with self._lock:
            self.settle()
            queue = sum(job.status in (QUEUED, PROCESSING) for job in self._jobs.values())
            return {"export_bytes": self._used(), "export_limit": self._limit, "in_queue": queue}

    def all(self) -> list[dict[str, object]]:
        """For the controls: every job as it really is."""
        with self._lock:
            self.settle()
            return [
                {**job.described(CANCELLED), "kind": job.kind, "user": job.user, "polls": job.polls}
                | {"fields": job.selection.columns, "filter": dict(job.selection.filter), "faults": list(job.spoilt)}
                for job in self._jobs.values()
            ]

    # --- the passage of time

    def settle(self) -> None:
        """Finish what is done, and begin what can be."""
        now = self._now
        for job in self._jobs.values():
            if job.status == PROCESSING and job.started is not None and job.ready.is_set():
                due = job.started + self._delay(job)
                if due <= now:
                    self._finish(job, due if self._delay(job) else now)
        running = sum(job.status == PROCESSING for job in self._jobs.values())
        for job in self._jobs.values():
            if job.status == QUEUED and running < AT_ONCE:
                job.status, job.started = PROCESSING, now
                running += 1
                threading.Thread(target=self._work, args=(job,), daemon=True).start()
        self._forget(now)

    def _delay(self, job: Job) -> float:
        """Seconds that it takes at least."""
        slow = job.spoilt["slow_job"].number("seconds", 3600) if "slow_job" in job.spoilt else 0
        return self.world.settings.job_seconds + slow

    def _finish(self, job: Job, when: float) -> None:
        job.finished = when
        if "failed_job" in job.spoilt:
            job.status, job.error = FAILED, job.spoilt["failed_job"].text("message", "Export failed: internal error")
        elif job.error:
            job.status = FAILED
        else:
            job.status = COMPLETED

    def _work(self, job: Job) -> None:
        """Make the file. Whatever goes wrong, the job must end, and say so."""
        try:
            job.made = self.files.make(job.selection, job.spoilt)
        except Exception as error:  # noqa: BLE001 - it is reported to the client
            job.error = f"sandbox: {error!r}"
        job.ready.set()

    def _forget(self, now: float) -> None:
        """Files that nobody can get any more are given back."""
        for job in self._jobs.values():
            if job.made and job.finished is not None and now - job.finished > FILE_KEPT:
                self.files.give_back(job.made)
                job.made = None

    def _seen(self, job: Job, spelling: str) -> dict[str, object]:
        seen = job.described(spelling)
        if job.status in (COMPLETED, FAILED) and job.polls <= self.world.settings.job_polls:
            late = ("finishedAt", "numberOfRecords", "fileSize", "fileChecksum", "errorMsg")
            seen = {name: value for name, value in seen.items() if name not in late} | {"status": PROCESSING}
        return seen

    # --- quota

    @property
    def _limit(self) -> int:
        return int(self.world.settings.quota_mb * 1_000_000)

    def _used(self) -> int:
        """Bytes of the jobs that finished today, Central time."""
        today = self.limits.today()
        done = [job for job in self._jobs.values() if job.status == COMPLETED and job.finished is not None]
        return sum(job.made.size for job in done if job.made and self.limits.day_of(job.finished or 0) == today)

    def _within_quota(self) -> None:
        if self._used() >= self._limit:
            raise Refused("1029", "Export daily quota 500MB exceeded")
