"""Whatever goes wrong between us and the S3 server: no load is lost, none doubled, and the next run is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from transload.testing.faults import drip, reset, s3_error
from transload.testing.proxy import Exchange, Fault, Proxy

from .conftest import PESTROUTES, Bench


@dataclass(frozen=True)
class Call:
    """A kind of request that a load makes of the store.

    Args:
        name: of it.
        method: of HTTP.
        path: as of ``Rule``.
        header: that it must carry.
        first: which of them is struck.
        large: whether it takes a part of several pieces.
    """

    name: str
    method: str
    path: str
    header: str | None = None
    first: int = 1
    large: bool = False

    def which(self) -> dict[str, Any]:
        """The arguments of ``Rule``."""

        def where(exchange: Exchange) -> bool:
            return self.header is None or bool(exchange.header(self.header))

        return {"method": self.method, "path": self.path, "where": where, "first": self.first}


COMMIT = Call("commit", "PUT", "/_loads/")
CHECKPOINT = Call("checkpoint created", "PUT", "/_checkpoints/", "If-None-Match")
NOTED = Call("checkpoint updated", "PUT", "/_checkpoints/", "If-Match", first=2)
PART = Call("part", "PUT", "/load_date(=|%3D)", first=3)
CALLS = (
    CHECKPOINT,
    PART,
    NOTED,
    COMMIT,
    Call("list", "GET", "list-type=2"),
    Call("read of the checkpoint", "GET", "/_checkpoints/.*json"),
    Call("checkpoint removed", "DELETE", "/_checkpoints/"),
    Call("upload begun", "POST", "uploads", large=True),
    Call("piece", "PUT", "partNumber=1", large=True),
    Call("upload completed", "POST", "uploadId=", large=True),
)
FAULTS = (
    s3_error(503, "SlowDown"),
    s3_error(500, "InternalError"),
    s3_error(500, "InternalError", served=True),
    reset("before"),
    reset("within"),
    reset("lost"),
    drip(0.2),
)
TELLING = ("503 SlowDown", "answer lost", "500 InternalError after the work", "reset within")
CHEAP = {
    ("commit", "answer lost"),
    ("read of the checkpoint", "reset within"),
    ("upload completed", "answer lost"),
    ("part", "503 SlowDown"),
}
LARGE = replace(
    PESTROUTES,
    name="pestroutes, large",
    sandbox={"records": 5500},
    options=(*PESTROUTES.options[:4], "--compression", "none", "--batch-size", 250_000),
)


def cases(mode: str, times: int | None, faults: tuple[Fault, ...] = FAULTS) -> list[Any]:
    """Every call with every fault."""
    found = []
    for call in CALLS:
        for fault in faults:
            marks = [pytest.mark.fault(step=fault.name, mode=mode, source="pestroutes", lake="s3")]
            if times != 1 or (call.name, fault.name) not in CHEAP:
                marks.append(pytest.mark.exhaustive)
            if (times == 3 and fault.name not in TELLING[:2]) or (call.large and fault.name not in TELLING):
                continue  # more of the same
            way = LARGE if call.large else PESTROUTES
            found.append(pytest.param(way, call, fault, times, id=f"{call.name}-{fault.name}-{mode}", marks=marks))
    return found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 tries as often as ever, and waits less in between."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0.01)


@pytest.fixture
def store(bench: Bench, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the S3 server, to which the command is pointed; the vendor is undisturbed."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    bench.point_at(bench.sandbox.url)
    bench.destination = f"s3://raw/{bench.folder.name}-{bench.sandbox.port}"
    bench.endpoint_url = s3.endpoint_url
    with Proxy(s3.endpoint_url) as proxy:
        monkeypatch.setenv("TRANSLOAD_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.mark.fault(table="Lake faults")
@pytest.mark.parametrize(("way", "call", "fault", "times"), [*cases("once", 1), *cases("in a burst", 3)])
def test_once_and_in_a_burst_it_costs_nothing_but_time(
    bench: Bench, store: Proxy, call: Call, fault: Fault, times: int
) -> None:
    expected = bench.undisturbed()
    rule = store.add(fault, **call.which(), times=times)
    outcome = bench.extract()
    assert outcome.code == 0, outcome.err
    assert 1 <= rule.struck <= times
    assert bench.visible() == expected
    assert bench.checkpoint() is None


@pytest.mark.fault(table="Lake faults")
@pytest.mark.parametrize(("way", "call", "fault", "times"), cases("for ever", None, (FAULTS[0], *FAULTS[2:-1])))
def test_for_ever_the_run_ends_with_69_and_the_next_one_is_right(
    bench: Bench, store: Proxy, call: Call, fault: Fault, times: None
) -> None:
    expected = bench.undisturbed()
    store.add(fault, **call.which(), times=times)
    outcome = bench.extract()
    if call.name == "checkpoint removed":
        assert outcome.code == 0, outcome.err
    else:
        assert outcome.code == 69, outcome.err
        message = outcome.summary["error"]["message"]
        assert "run the same command again" in message
        if call is not COMMIT:
            assert bench.visible() == {}
    # Committed whole or not at all: of a commit whose answers are all lost, the run cannot know.
    assert bench.visible() in ({}, expected)
    store.clear()
    outcome = bench.extract()
    assert outcome.code == 0, outcome.err
    assert bench.visible() == expected
    assert bench.checkpoint() is None


@pytest.mark.exhaustive
@pytest.mark.fault(table="Lake faults", mode="for ever", source="pestroutes", lake="s3")
@pytest.mark.parametrize("way", [PESTROUTES])
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(name, marks=pytest.mark.fault(step=f"AccessDenied on {name.split('(')[0].strip('/')}"))
        for name in ("/_loads/", "/_checkpoints/", "/load_date(=|%3D)")
    ],
)
def test_a_prefix_that_is_denied_ends_the_run_with_77_and_is_named(bench: Bench, store: Proxy, folder: str) -> None:
    expected = bench.undisturbed()
    store.add(s3_error(403, "AccessDenied"), path=f"{folder}[^&]*json", times=None)
    outcome = bench.extract()
    assert outcome.code == 77, outcome.err
    message = outcome.summary["error"]["message"]
    assert folder.split("(")[0].strip("/") in message
    assert "AccessDenied" in message
    assert "let the credentials" in message
    store.clear()
    assert bench.visible() == {}
    assert bench.extract().code == 0
    assert bench.visible() == expected


@pytest.mark.fault(
    table="Lake faults", step="credentials that expire in the middle", mode="for ever", source="pestroutes", lake="s3"
)
@pytest.mark.parametrize("way", [PESTROUTES])
@pytest.mark.parametrize(
    "call",
    [PART, pytest.param(NOTED, marks=pytest.mark.exhaustive), pytest.param(COMMIT, marks=pytest.mark.exhaustive)],
    ids=lambda call: call.name,
)
def test_credentials_that_expire_in_the_middle_end_the_run_with_77_and_the_next_one_goes_on(
    bench: Bench, store: Proxy, call: Call
) -> None:
    expected = bench.undisturbed()
    expired: list[bool] = []

    def act(exchange: Exchange) -> None:
        expired.append(True)
        s3_error(400, "ExpiredToken", "The provided token has expired.").act(exchange)

    store.add(Fault("ExpiredToken", act), **call.which(), times=None)
    store.add(Fault("ExpiredToken", act), where=lambda _: bool(expired), times=None)
    outcome = bench.extract()
    assert outcome.code == 77, outcome.err
    assert "ExpiredToken" in outcome.summary["error"]["message"]
    store.clear()
    assert bench.visible() == {}
    kept = bench.checkpoint()
    assert kept is not None
    assert kept.parts
    outcome = bench.extract()
    assert outcome.code == 0, outcome.err
    assert outcome.summary["loads"][0]["load_id"] == kept.load_id
    assert bench.visible() == expected


@pytest.mark.exhaustive
@pytest.mark.fault(table="Lake faults", step="connections refused", mode="for ever", source="pestroutes", lake="s3")
@pytest.mark.parametrize("way", [PESTROUTES])
def test_a_store_that_refuses_connections_ends_the_run_with_69(bench: Bench, store: Proxy) -> None:
    expected = bench.undisturbed()
    with store.refusing():
        outcome = bench.extract()
    assert outcome.code == 69, outcome.err
    assert "run the same command again" in outcome.summary["error"]["message"]
    assert bench.extract().code == 0
    assert bench.visible() == expected
