"""The commands: one for each sandbox."""

from __future__ import annotations

import json
import signal

import click

from sandbox.pestroutes.clock import PACIFIC
from sandbox.pestroutes.sandbox import NOW, PLENTY, PestRoutesSandbox


@click.group()
def main() -> None:
    """Local stand-ins for vendors' APIs."""


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
    ready = {"url": sandbox.url, "admin": sandbox.url.removesuffix("/api") + "/_sandbox", "port": sandbox.port}
    click.echo(json.dumps(ready | {"records": options["records"], "seed": options["seed"], "now": sandbox.now}))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sandbox.server.serve_forever()
    except KeyboardInterrupt:
        sandbox.server.server_close()
