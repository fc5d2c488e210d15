"""The routes of bulk extract (sources/marketo.md §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from sandbox.marketo.call import Call, Route, paged
from sandbox.marketo.envelope import Answer, Refused, refusal
from sandbox.marketo.files import SPOILERS, Made
from sandbox.marketo.jobs import CANCELLED, OTHER_SPELLING, Job, Jobs
from sandbox.marketo.selection import select
from sandbox.marketo.world import World

Content = dict[str, object]
CSV = "text/csv;charset=UTF-8"
PLAIN = "text/plain;charset=UTF-8"
KINDS = ("leads", "activities", "program/members", "customobjects/{name}")


class NotFound(Exception):
    """HTTP 404 with text: a bad id, or a file that is not ready."""


class Bulk:
    """The routes."""

    def __init__(self, world: World, jobs: Jobs) -> None:
        self.world = world
        self.jobs = jobs

    def routes(self) -> Sequence[Route]:
        """Method, path, what answers."""
        base = "/bulk/v1/{kind:path}/export"
        return (
            ("POST", f"{base}/create.json", self._create),
            ("POST", f"{base}/{{id}}/enqueue.json", self._enqueue),
            ("GET", f"{base}/{{id}}/status.json", self._status),
            ("POST", f"{base}/{{id}}/cancel.json", self._cancel),
            ("GET", f"{base}.json", self._list),
        )

    def _create(self, call: Call, kind: str) -> Content:
        self._enabled(call, kind)
        if "json" not in call.content_type:
            raise Refused("612")
        try:
            given = msgspec.json.decode(call.body)
        except msgspec.DecodeError:
            raise Refused("609") from None
        _refuse_by_fault(call, given)
        selection = select(self.world, kind, given)
        spoilt = {name: f for name, f in call.struck.items() if name in (*SPOILERS, "slow_job", "failed_job")}
        job = self.jobs.create(call.user, selection, spoilt)
        call.noted["export"] = job.id
        if "create_without_result" in call.struck:
            return {}
        return {"result": [job.described(CANCELLED)]}

    def _enqueue(self, call: Call, kind: str, id: str) -> Content:  # noqa: A002 - as in the path
        self._enabled(call, kind)
        job = self._job(call, kind, id)
        if "queue_full" in call.struck:
            raise Refused("1029", "Too many jobs in queue")
        if "export_quota" in call.struck:
            raise Refused("1029", "Export daily quota 500MB exceeded")
        self.jobs.enqueue(job)
        if "job_already_queued" in call.struck:
            raise Refused("1029", "Job already queued")
        # It may be at work by now, but what was asked for was a place in the queue.
        return {"result": [{**job.described(CANCELLED), "status": "Queued"}]}

    def _status(self, call: Call, kind: str, id: str) -> Content:  # noqa: A002 - as in the path
        job = self._job(call, kind, id)
        seen = dict(self.jobs.status(job, self._spelling(call), "stale_status" in call.struck))
        call.noted["job_status"] = seen["status"]
        if "no_checksum" in call.struck:
            seen = {name: value for name, value in seen.items() if name not in ("fileChecksum", "fileSize")}
        if "wrong_checksum" in call.struck and "fileChecksum" in seen:
            seen["fileChecksum"] = "sha256:" + "0" * 64
        if "wrong_size" in call.struck and "fileSize" in seen:
            seen["fileSize"] = int(str(seen["fileSize"])) + 1
        return {"result": [seen]}

    def _cancel(self, call: Call, kind: str, id: str) -> Content:  # noqa: A002 - as in the path
        job = self._job(call, kind, id)
        self.jobs.cancel(job)
        return {"result": [job.described(self._spelling(call))]}

    def _list(self, call: Call, kind: str) -> Content:
        self._enabled(call, kind)
        wanted = {OTHER_SPELLING["Canceled"] if one == "Canceled" else one for one in call.many("status")}
        jobs = [job for job in self.jobs.listed(call.user, kind) if not wanted or job.status in wanted]
        page = paged(call, jobs, call.batch())
        shown = page["result"]
        assert isinstance(shown, list)
        return page | {"result": [job.described(self._spelling(call)) for job in shown]}

    def file(self, call: Call, kind: str, id_: str) -> Answer:
        """The file, or what takes its place."""
        job = self._job(call, kind, id_)
        if "file_is_json" in call.struck:
            code = call.struck["file_is_json"].text("code", "611")
            return Answer(refusal(code, "System error"), noted=call.noted, struck=call.struck, code=code)
        made: Made | None = self.jobs.file(job)
        if made is None or "file_missing" in call.struck:
            raise NotFound(f"File not found for export {id_}")
        return Answer(path=str(made.path), content_type=CSV, noted=call.noted, struck=call.struck, compressible=False)

    def _job(self, call: Call, kind: str, id_: str) -> Job:
        call.noted["export"] = id_
        job = self.jobs.get(call.user, kind, id_)
        if job is None:
            raise NotFound(f"Export job not found: {id_}")
        return job

    def _enabled(self, call: Call, kind: str) -> None:
        if kind not in KINDS[:3] and not kind.startswith("customobjects/"):
            raise Refused("610")
        if "no_bulk_extract" in call.struck:
            raise Refused(call.struck["no_bulk_extract"].text("code", "703"))

    def _spelling(self, call: Call) -> str:
        usual = self.world.settings.spelling
        return OTHER_SPELLING[usual] if "canceled_spelling" in call.struck else usual


def _refuse_by_fault(call: Call, given: object) -> None:
    """The faults of create that look at what is asked for."""
    body: Mapping[str, object] = given if isinstance(given, dict) else {}
    filter_, fields = body.get("filter"), body.get("fields")
    if "queue_full" in call.struck:
        raise Refused("1029", "Too many jobs in queue")
    if "export_quota" in call.struck:
        raise Refused("1029", "Export daily quota 500MB exceeded")
    unsupported = call.struck.get("filter_unsupported")
    if unsupported and isinstance(filter_, dict) and unsupported.text("filter", "updatedAt") in filter_:
        raise Refused("1035")
    if "invalid_fields" in call.struck and isinstance(fields, list):
        bad = call.struck["invalid_fields"].options.get("fields", [])
        if found := [str(name) for name in fields if isinstance(bad, list) and name in bad]:
            raise Refused("1003", f"Invalid fields [{', '.join(found)}]")
