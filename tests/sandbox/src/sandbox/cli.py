"""The commands: one for each sandbox."""

from __future__ import annotations

import json
import signal

import click

from sandbox.local import LocalSandbox
from sandbox.marketo.sandbox import MarketoSandbox
from sandbox.marketo.settings import NOW as MARKETO_NOW
from sandbox.pestroutes.clock import PACIFIC
from sandbox.pestroutes.sandbox import NOW, PLENTY, PestRoutesSandbox


@click.group(context_settings={"auto_envvar_prefix": "SANDBOX"})
def main() -> None:
    """Local stand-ins for vendors' APIs. Options are also environment variables: SANDBOX_PESTROUTES_HOST is --host."""


@main.command()
@click.option("--records", default=1000, show_default=True, help="Customers; all else is in proportion.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same data.")
@click.option("--port", default=0, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--offices", default=3, show_default=True)
@click.option("--key", default="key", show_default=True, help="authenticationKey.")
@click.option("--token", default="token", show_default=True, help="authenticationToken.")
@click.option("--cap", default=50_000, show_default=True, help="Most ids in a search answer.")
@click.option("--page-limit", default=1000, show_default=True, help="Most records in a get answer.")
@click.option("--latency", default=0, show_default=True, help="Milliseconds that an answer takes at least.")
@click.option("--gzip", "gzipped", is_flag=True, help="Compress for clients that accept it.")
@click.option("--now", default=NOW, show_default=True, help="Where the sandbox's clock starts (ISO).")
@click.option("--minute-limit", default=PLENTY, show_default=True, help="Reads a minute; the vendor's is 60.")
@click.option("--day-limit", default=PLENTY, show_default=True, help="Reads a day; the vendor's is 3000.")
@click.option("--timezone", default=PACIFIC, show_default=True, help="The zone of moments in records and filters.")
@click.option("--cache-mb", default=1024, show_default=True, help="Room for encoded records; once read, quickly read.")
def pestroutes(latency: int, **options: object) -> None:
    """Serve PestRoutes. Prints one JSON line when ready."""
    sandbox = PestRoutesSandbox(latency=latency / 1000, **options)  # type: ignore[arg-type]
    serve(sandbox, {"records": options["records"], "seed": options["seed"]})


@main.command()
@click.option("--records", default=1000, show_default=True, help="Leads; members and custom objects are in proportion.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same data.")
@click.option("--port", default=0, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--user",
    "users",
    multiple=True,
    default=("id:secret",),
    show_default=True,
    help="client_id:client_secret; repeatable.",
)
@click.option("--now", default=MARKETO_NOW, show_default=True, help="Where the sandbox's clock starts (ISO).")
@click.option("--history-days", default=90, show_default=True, help="Days of activities before that.")
@click.option("--activities-per-day", default=0, help="Default: a tenth of the records.")
@click.option("--changes-per-day", default=0, help="Events of leads; default: a twentieth of the records.")
@click.option("--late-minutes", default=30, show_default=True, help="By how much Send Email may be late.")
@click.option("--day-limit", default=PLENTY, show_default=True, help="Calls a day; the vendor's is 50000.")
@click.option("--rate-limit", default=PLENTY, show_default=True, help="Calls in 20 seconds; the vendor's is 100.")
@click.option("--concurrency", default=10, show_default=True, help="Calls in flight.")
@click.option("--quota-mb", default=500.0, show_default=True, help="Megabytes of exported files a day.")
@click.option("--job-seconds", default=0.0, show_default=True, help="The least time that a bulk job takes.")
@click.option("--job-polls", default=1, show_default=True, help="Status answers that come before Completed.")
@click.option("--status-seconds", default=0, show_default=True, help="How old a status may be; the vendor's is 60.")
@click.option("--spelling", type=click.Choice(["Cancelled", "Canceled"]), default="Cancelled", show_default=True)
@click.option(
    "--no-filter", multiple=True, help="A bulk filter that the account lacks (1035), as updatedAt; repeatable."
)
@click.option("--scan", default=1000, show_default=True, help="Activities that a page of REST looks at.")
@click.option("--latency", default=0, show_default=True, help="Milliseconds that an answer takes at least.")
def marketo(users: tuple[str, ...], latency: int, **options: object) -> None:
    """Serve Marketo. Prints one JSON line when ready."""
    known = {user: secret for user, _, secret in (text.partition(":") for text in users)}
    sandbox = MarketoSandbox(latency=latency / 1000, users=known, **options)  # type: ignore[arg-type]
    serve(sandbox, {"records": options["records"], "seed": options["seed"]})


def serve(sandbox: LocalSandbox, facts: dict[str, object]) -> None:
    """Say that it is ready, and serve until SIGTERM or Ctrl-C."""
    ready = {"url": sandbox.url, "admin": sandbox.admin_url, "port": sandbox.port, **facts, "now": sandbox.now}
    click.echo(json.dumps(ready))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sandbox.server.serve_forever()
    except KeyboardInterrupt:
        sandbox.close()
