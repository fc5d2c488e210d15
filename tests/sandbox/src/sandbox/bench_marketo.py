"""How fast the Marketo sandbox is: `python -m sandbox.bench_marketo`.

The server runs as a process of its own. A bare client makes bulk jobs one after the other, reads their files without
looking into them, and pages through activities over REST.
"""

from __future__ import annotations

import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import click
import msgspec

from sandbox.bench_pestroutes import cpu_seconds, peak_memory
from sandbox.client import SandboxProcess

PIECE = 1 << 20


class Bare:
    """A client that does as little as possible."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port)
        query = "grant_type=client_credentials&client_id=id&client_secret=secret"
        self._headers = {"Content-Type": "application/json"}
        token = self.call("GET", f"/identity/oauth/token?{query}")["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """One answer."""
        data = None if body is None else msgspec.json.encode(body)
        self._connection.request(method, path, data, self._headers)
        answer = msgspec.json.decode(self._connection.getresponse().read())
        assert isinstance(answer, dict)
        return answer

    def job(self, kind: str, body: object) -> dict[str, object]:
        """A finished job's status."""
        status = self._one(self.call("POST", f"/bulk/v1/{kind}/export/create.json", body))
        path = f"/bulk/v1/{kind}/export/{status['exportId']}"
        self.call("POST", f"{path}/enqueue.json")
        while status["status"] != "Completed":
            time.sleep(0.05)
            status = self._one(self.call("GET", f"{path}/status.json"))
        return status

    def download(self, kind: str, export: object) -> int:
        """Read a file away; its size."""
        self._connection.request("GET", f"/bulk/v1/{kind}/export/{export}/file.json", headers=self._headers)
        answer, size = self._connection.getresponse(), 0
        while piece := answer.read(PIECE):
            size += len(piece)
        return size

    @staticmethod
    def _one(answer: dict[str, object]) -> dict[str, object]:
        result = answer["result"]
        assert isinstance(result, list), answer
        found = result[0]
        assert isinstance(found, dict)
        return found


def measure(client: Bare, pid: int, kind: str, body: object) -> list[str]:
    """A job the first time and again, and its file."""
    lines = []
    for name in ("first", "again"):
        began, used = time.perf_counter(), cpu_seconds(pid)
        status = client.job(kind, body)
        spent, used = time.perf_counter() - began, cpu_seconds(pid) - used
        count = int(str(status["numberOfRecords"]))
        rate = f"{count / used:,.0f} a CPU second" if used else "CPU time unknown or nothing"
        lines.append(f"{kind} job, {name}: {count:,} records in {spent:.2f} s, {count / spent:,.0f}/s, {rate}")
    began = time.perf_counter()
    size = client.download(kind, status["exportId"])
    spent = time.perf_counter() - began
    return [*lines, f"{kind} file: {size / 2**20:.0f} MiB at {size / 2**20 / spent:,.0f} MiB/s"]


def measure_pages(client: Bare, pages: int) -> str:
    """Pages of activities over REST."""
    answer = client.call("GET", "/rest/v1/activities/pagingtoken.json?sinceDatetime=2026-09-25T00:00:00Z")
    began, rows = time.perf_counter(), 0
    for _ in range(pages):
        token = answer["nextPageToken"]
        answer = client.call("GET", f"/rest/v1/activities.json?activityTypeIds=1,2,3,6,7&nextPageToken={token}")
        result = answer.get("result", [])
        rows += len(result) if isinstance(result, list) else 0
    spent = time.perf_counter() - began
    return f"activities over REST: {rows / spent:,.0f} records/s, {pages / spent:.0f} pages/s"


@click.command()
@click.option("--records", default=1_000_000, show_default=True, help="Leads in the sandbox.")
@click.option("--activities", default=500_000, show_default=True, help="Activities a day.")
@click.option("--changes", default=50_000, show_default=True, help="Events of leads a day.")
def main(records: int, activities: int, changes: int) -> None:
    """Measure start, jobs, files, pages and the clock."""
    began = time.perf_counter()
    options = {"activities_per_day": activities, "changes_per_day": changes, "quota_mb": 100_000, "history_days": 20}
    with SandboxProcess("marketo", records=records, **options) as sandbox:
        click.echo(f"start: {time.perf_counter() - began:.2f} s")
        client = Bare(sandbox.url)
        days = {"startAt": "2026-09-28T00:00:00Z", "endAt": "2026-09-29T23:59:59Z"}
        month = {"startAt": "2026-09-01T15:00:00Z", "endAt": "2026-10-01T15:00:00Z"}
        described = msgspec.convert(
            client.call("GET", "/rest/v1/leads/describe.json")["result"], list[dict[str, object]]
        )
        readable = [msgspec.convert(one["rest"], dict[str, object])["name"] for one in described if "rest" in one]
        fields = [name for name in readable if name not in ("fullAddress_c", "leadScoreBand_c")]
        jobs: tuple[tuple[str, object], ...] = (
            ("activities", {"filter": {"createdAt": days}}),
            ("leads", {"fields": fields, "filter": {"updatedAt": month}}),
        )
        for kind, body in jobs:
            for line in measure(client, sandbox.pid, kind, body):
                click.echo(line)
        click.echo(measure_pages(client, 50))
        began = time.perf_counter()
        sandbox.advance(days=1)
        click.echo(f"a day passes: {time.perf_counter() - began:.2f} s")
        click.echo(f"peak memory: {peak_memory(sandbox.pid)}")


if __name__ == "__main__":
    main()
