"""What the soak stands on: sandboxes whose clocks run, an S3 server, and a proxy that goes wrong before each of them."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sandbox.client import Controls, SandboxProcess
from tools import services
from transload.testing.faults import (
    answered,
    closed_within,
    drip,
    hang,
    reset,
    s3_error,
    too_many,
    truncated_gzip,
    wrong_length,
)
from transload.testing.proxy import Fault, Proxy

# Where the sandboxes' clocks begin: long past, since no window may end ahead of this machine's clock.
BEGIN = "2025-06-02T15:00:00+00:00"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A source, what is read of it, and how its sandbox is made.

    Args:
        name: of the source.
        streams: that are extracted; each has incremental loads.
        start: of the first window.
        extra: the extractor's own variables.
        sandbox: options, beside the number of records.
        faults: in a body that the vendor sends with 200.
        forgotten: streams of which the vendor has only what is new: a full load would lose the rest.
    """

    name: str
    streams: tuple[str, ...]
    start: str
    extra: dict[str, str]
    sandbox: dict[str, object]
    faults: tuple[Fault, ...]
    forgotten: frozenset[str] = frozenset()

    def runs(self, *, full: bool) -> list[tuple[str, ...]]:
        """What ``extract`` is given to load all streams, a run each."""
        if not full:
            return [self.streams]
        whole = tuple(name for name in self.streams if name not in self.forgotten)
        rest = tuple(name for name in self.streams if name in self.forgotten)
        return [(*whole, "--full-refresh"), *([rest] if rest else [])]


def _marketo(code: str, message: str) -> Fault:
    body = f'{{"requestId":"1#1","success":false,"errors":[{{"code":"{code}","message":"{message}"}}]}}'
    return answered(200, body.encode(), [("Content-Type", "application/json")], name=f"200 with code {code}")


VENDORS = (
    Vendor(
        "pestroutes",
        ("customer", "subscription", "appointment", "ticket", "ticketItem", "payment", "note", "route"),
        "2000-01-01T00:00:00Z",
        {"PESTROUTES_AUTHENTICATION_KEY": "key", "PESTROUTES_AUTHENTICATION_TOKEN": "token"},
        {},
        (answered(200, b'{"success":false,"errorMessage":"try later"}', name="200 with success false"),
         answered(200, b"<html>", [("Content-Type", "text/html")], name="200 with HTML")),
    ),
    Vendor(
        "marketo",
        ("leads", "activities", "program_members", "deleted_leads", "lead_changes", "programs"),
        "2025-04-01T00:00:00Z",
        {"MARKETO_CLIENT_ID": "id", "MARKETO_CLIENT_SECRET": "secret", "MARKETO_POLL": "0.1", "MARKETO_RATE": "1000000",
         "MARKETO_DAILY_CALLS": "10000000", "MARKETO_DAILY_MEGABYTES": "1000000"},
        {"job_polls": 0, "quota_mb": 1_000_000, "history_days": 20, "activities_per_day": 300},
        (_marketo("601", "Access token invalid"), _marketo("602", "Access token expired"),
         _marketo("611", "System error")),
        frozenset({"deleted_leads"}),
    ),
)  # fmt: skip

_HTTP = (
    too_many(), too_many(1), too_many(1, as_date=True), answered(500), answered(502), answered(503), answered(504),
    reset("before"), reset("within"), reset("after"), reset("lost"), closed_within(), truncated_gzip(), drip(0.5), hang(1),
    wrong_length(7), wrong_length(-7),
)  # fmt: skip
_LAKE = (
    s3_error(503, "SlowDown"), s3_error(500, "InternalError"), s3_error(500, "InternalError", served=True), reset("before"),
    reset("within"), reset("lost"), drip(0.3),
)  # fmt: skip
_SETTINGS = ("TRANSLOAD_", "PESTROUTES_", "MARKETO_", "AWS_")
SHARE_OF_FAULTS = {"vendor": 0.05, "lake": 0.02}


class Clock:
    """Lets time pass at a vendor while it runs: some minutes every second or two.

    Args:
        controls: of the sandbox.
        dice: for how much.
    """

    def __init__(self, controls: Controls, dice: random.Random) -> None:
        self._controls, self._dice = controls, dice
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Stop for good."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Nothing changes for as long as the context lasts."""
        with self._lock:
            yield

    def now(self) -> datetime:
        """The vendor's moment."""
        return datetime.fromisoformat(self._controls.now)

    def _run(self) -> None:
        while not self._stopped.wait(self._dice.uniform(0.5, 2.5)):
            with self._lock:
                self._controls.advance(seconds=self._dice.randrange(5 * 60, 35 * 60))


@dataclass(frozen=True, slots=True)
class Running:
    """A vendor at work."""

    vendor: Vendor
    controls: Controls
    clock: Clock
    proxy: Proxy
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """All of it."""

    folder: Path
    endpoint: str
    lake: Proxy
    vendors: tuple[Running, ...]
    environment: dict[str, str]

    def proxies(self) -> dict[str, Proxy]:
        """By what stands behind them."""
        return {"lake": self.lake} | {one.vendor.name: one.proxy for one in self.vendors}


def troubled(proxy: Proxy, faults: Sequence[Fault], share: float, dice: random.Random) -> None:
    """Let a share of all requests be struck, each by one of the faults."""
    for fault in faults:
        proxy.add(fault, where=lambda _: dice.random() < share / len(faults), times=None)


def trouble(world: World, dice: random.Random) -> None:
    """Faults everywhere, from now on."""
    for one in world.vendors:
        troubled(one.proxy, [*_HTTP, *one.vendor.faults], SHARE_OF_FAULTS["vendor"], random.Random(dice.random()))
    troubled(world.lake, _LAKE, SHARE_OF_FAULTS["lake"], random.Random(dice.random()))


@contextmanager
def world(folder: Path, records: int, seed: int, dice: random.Random) -> Iterator[World]:
    """All parts, for as long as the context lasts; nothing goes wrong yet, and the clocks stand.

    Args:
        folder: for logs and the lake's data.
        records: PestRoutes customers, and Marketo leads.
        seed: of the vendors' data.
        dice: for what changes when.
    """
    with ExitStack() as stack:
        endpoint = stack.enter_context(services.s3(folder, memory="512MiB"))
        lake = stack.enter_context(Proxy(endpoint))
        credentials = {
            "AWS_ACCESS_KEY_ID": services.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": services.SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        os.environ.update(credentials)  # the comparison reads the lake from this process
        common = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)},
            "TRANSLOAD_DESTINATION": f"s3://{services.BUCKET}", "TRANSLOAD_ENDPOINT_URL": lake.url,
            **credentials,
        }  # fmt: skip
        running = []
        for vendor in VENDORS:
            sandbox = stack.enter_context(
                SandboxProcess(vendor.name, records=records, seed=seed, now=BEGIN, port=0, **vendor.sandbox)
            )
            proxy = stack.enter_context(Proxy(sandbox.url))
            clock = Clock(sandbox, random.Random(dice.random()))
            stack.callback(clock.end)
            own = {f"{vendor.name.upper()}_BASE_URL": proxy.url, "TRANSLOAD_START": vendor.start, **vendor.extra}
            running.append(Running(vendor, sandbox, clock, proxy, common | own))
        yield World(folder, endpoint, lake, tuple(running), common)
