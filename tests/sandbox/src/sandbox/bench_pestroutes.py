"""How fast the PestRoutes sandbox serves: `python -m sandbox.bench_pestroutes`.

The server runs as a process of its own, on one core where the system allows it. A bare client asks for pages of 1,000
ids one after the other and reads the answers without looking into them, so what is measured is the server. Beside the
time that passed, the server's own CPU time is shown: on a busy machine only that says what one core can do.
"""

from __future__ import annotations

import os
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from sandbox.client import SandboxProcess

PAGE = 1000
HEADERS = {"authenticationKey": "key", "authenticationToken": "token", "Content-Type": "application/json"}


class Bare:
    """A client that does as little as possible."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port)

    def post(self, path: str, body: dict[str, object]) -> bytes:
        """The body of the answer."""
        self._connection.request("POST", f"/api/{path}", msgspec.json.encode(body), HEADERS)
        return self._connection.getresponse().read()

    def ids(self, entity: str, above: int, **filters: object) -> list[int]:
        """One search."""
        answer = msgspec.json.decode(
            self.post(
                f"{entity}/search",
                {"officeIDs": 0, f"{entity}IDs": {"operator": ">", "value": above}, **filters},
            )
        )
        return list(answer[f"{entity}IDs"])


def cpu_seconds(pid: int) -> float:
    """What a process has used so far; 0 where the system does not tell."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return 0.0
    user, system = path.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure_get(client: Bare, pid: int, entity: str, records: int) -> str:
    """Get that many records; how fast it was."""
    count = size = above = 0
    spent = used = 0.0
    while count < records and (ids := client.ids(entity, above)):
        above = max(ids)
        ids = ids[: records - count]
        began, began_cpu = time.perf_counter(), cpu_seconds(pid)
        for start in range(0, len(ids), PAGE):
            size += len(client.post(f"{entity}/get", {f"{entity}IDs": ids[start : start + PAGE]}))
        spent, used = spent + time.perf_counter() - began, used + cpu_seconds(pid) - began_cpu
        count += len(ids)
    per_cpu = f"{count / used:,.0f} a CPU second" if used else "CPU time unknown"
    return f"{count / spent:,.0f} records/s, {per_cpu}, {size / spent / 2**20:.0f} MiB/s, {size / count:.0f} B each"


def seconds(client: Bare, entity: str, **filters: object) -> float:
    """How long a search takes."""
    began = time.perf_counter()
    client.ids(entity, 0, **filters)
    return time.perf_counter() - began


def peak_memory(pid: int) -> str:
    """The server's peak resident memory, where the system tells."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("VmHWM")), "unknown")


@click.command()
@click.option("--records", default=2_500_000, show_default=True, help="Customers in the sandbox.")
@click.option("--entity", "entities", multiple=True, default=("customer", "subscription", "appointment", "ticket"))
@click.option("--take", default=100_000, show_default=True, help="Records to get of each entity.")
def main(records: int, entities: tuple[str, ...], take: int) -> None:
    """Measure start, searches and gets."""
    began = time.perf_counter()
    with SandboxProcess("pestroutes", records=records) as sandbox:
        click.echo(f"start with {records:,} customers: {time.perf_counter() - began:.2f} s")
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(sandbox.pid, {0})
        client = Bare(sandbox.url)
        window = {"dateUpdated": {"operator": ">=", "value": "2026-09-30 00:00:00"}}
        click.echo(f"search all, first {50_000:,}: {seconds(client, 'customer'):.2f} s")
        click.echo(f"search by dateUpdated, first time: {seconds(client, 'customer', **window):.2f} s")
        click.echo(f"search by dateUpdated, again: {seconds(client, 'customer', **window):.2f} s")
        for entity in entities:
            for name in ("first", "again"):
                click.echo(f"get {entity}, {name}: {measure_get(client, sandbox.pid, entity, take)}")
        click.echo(f"peak memory: {peak_memory(sandbox.pid)}")


if __name__ == "__main__":
    main()
