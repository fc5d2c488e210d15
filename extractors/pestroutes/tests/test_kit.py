"""The kit of all sources, on PestRoutes."""

from __future__ import annotations

from typing import Any

from pestroutes.cli import SOURCE
from sandbox.pestroutes import PestRoutesSandbox
from transload.testing.kit import SourceUnderTest, declarations, kit


def environment(sandbox: Any) -> dict[str, str]:
    return {
        "PESTROUTES_BASE_URL": sandbox.url,
        "PESTROUTES_AUTHENTICATION_KEY": "key",
        "PESTROUTES_AUTHENTICATION_TOKEN": "token",
    }


def sent(sandbox: Any) -> int:
    # A killed process's last requests may still be under way here.
    sandbox.server.wait_until_left()
    return sum(request["ids"] for request in sandbox.requests() if request["action"] == "get")


TestCustomer = kit(
    SourceUnderTest(
        "pestroutes.cli:SOURCE",
        "customer",
        sandbox=lambda: PestRoutesSandbox(records=105),
        environment=environment,
        since="2020-01-01T00:00:00Z",
        until="2026-10-02T00:00:00Z",
        # A page makes a part, in one piece: its upload to S3 can be one of several pieces though it is small.
        options=("--batch-size", "20", "--concurrency", "3", "--compression", "none"),
        piece_bytes=1,
        sent=sent,
    )
)
TestDeclarations = declarations(SOURCE)
