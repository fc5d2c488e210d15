"""The kit of all sources, on Marketo: a load by REST, and one by Bulk Extract, of which no export may be paid for twice."""

from __future__ import annotations

from typing import Any

from marketo.cli import SOURCE
from sandbox.marketo import MarketoSandbox
from transload.testing.kit import SourceUnderTest, declarations, kit

SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"


def sandbox() -> MarketoSandbox:
    """So many activities of a day that they are several pages, over REST and in a file."""
    return MarketoSandbox(records=60, activities_per_day=1900, changes_per_day=20, late_minutes=0)


def environment(sandbox: Any) -> dict[str, str]:
    return {
        "MARKETO_BASE_URL": sandbox.url,
        "MARKETO_CLIENT_ID": "id",
        "MARKETO_CLIENT_SECRET": "secret",
        "MARKETO_POLL": "0.05",
        "MARKETO_RATE": "1000000",
        "TRANSLOAD_START": SINCE,  # of a full refresh
    }


def started(sandbox: Any) -> int:
    """Marketo bills an export when it is started."""
    return sum(job["status"] != "Created" for job in sandbox.jobs())


def activities(transport: str) -> SourceUnderTest:
    return SourceUnderTest(
        "marketo.cli:SOURCE",
        "activities",
        sandbox=sandbox,
        environment=environment,
        since=SINCE,
        until=UNTIL,
        options=("--transport", transport, "--batch-size", "400"),
        bill=started,
        title=f"marketo activities ({transport})",
    )


TestRest = kit(activities("rest"))
TestBulk = kit(activities("bulk"))
TestDeclarations = declarations(SOURCE)
