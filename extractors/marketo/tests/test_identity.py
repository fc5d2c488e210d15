"""Access tokens: kept until they expire, renewed once by whoever notices, and never shown (sources/marketo.md §1)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from marketo.api import Api
from marketo.identity import LIFE, Identity, Token
from transload.errors import AccessDenied, ConfigError, SourceUnavailable, TransloadError
from transload.http_client import Answer, HttpClient, Transient
from transload.lake_directory import DirectoryLake
from transload.ledger import QuotaLedger
from transload.redaction import Redactor
from transload.source import Runtime

UNTIL = "2026-10-01T15:00:01Z"
URL = "https://123-ABC-456.mktorest.com"


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpClient, "pause", lambda self, seconds: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


class Service:
    """An identity service that answers what it is told, and counts the requests for tokens."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.forms: list[Any] = []
        self.wait: Callable[[], Any] = lambda: None

    def request(self, method: str, url: str, read: Callable[[Answer], Any], *, data: Any) -> Any:
        assert (method, url) == ("POST", f"{URL}/identity/oauth/token")
        self.forms.append(data)
        self.wait()
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, body = found if isinstance(found, tuple) else (200, found)
        return read(Answer(status, {}, body if isinstance(body, bytes) else body.encode()))


def granted(token: str = "0b5e2f5e-7a0c-4c3e-9b53-5f0b6d2d1c11:ab", life: Any = 3599) -> str:
    return f'{{"access_token":"{token}","token_type":"bearer","expires_in":{life},"scope":"elt@example.com"}}'


class Clock:
    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


def identity(service: Service, clock: Callable[[], float] | None = None, redact: Redactor | None = None) -> Identity:
    return Identity(URL, "client-id", "client-secret", service, redact or Redactor(), clock or Clock())  # type: ignore[arg-type]


def test_the_credentials_go_in_a_form() -> None:
    service = Service(granted())
    assert identity(service).token().text == "0b5e2f5e-7a0c-4c3e-9b53-5f0b6d2d1c11:ab"
    assert service.forms == [
        {"grant_type": "client_credentials", "client_id": "client-id", "client_secret": "client-secret"}
    ]


@pytest.mark.parametrize(("life", "seconds"), [("3599", 3599), ('"3599"', 3599), ("12.5", 12.5), ("1", 1)])
def test_a_token_is_renewed_at_its_end_and_no_earlier(life: str, seconds: float) -> None:
    service, clock = Service(granted("one", life), granted("two", life)), Clock()
    tokens = identity(service, clock)
    assert tokens.token().text == "one"
    clock.now += seconds - 0.01
    assert tokens.token().text == "one"
    clock.now += 0.02
    assert tokens.token().text == "two"
    assert len(service.forms) == 2


def test_a_token_whose_life_is_not_said_lives_an_hour() -> None:
    clock = Clock()
    assert identity(Service('{"access_token":"one"}'), clock).token().expires_at == clock.now + LIFE == 5000.0 + 3600


def test_the_time_that_the_answer_took_is_part_of_its_life() -> None:
    service, clock = Service(granted(life=10)), Clock()
    service.wait = lambda: setattr(clock, "now", clock.now + 4)
    assert identity(service, clock).token().expires_at == 5010.0


def test_a_token_that_was_refused_is_forgotten_unless_it_was_renewed_meanwhile() -> None:
    # Asked again, the vendor gives the same text: it is another token all the same.
    service = Service(granted("same"))
    tokens = identity(service)
    first = tokens.token()
    tokens.refused(first)
    second = tokens.token()
    assert (first.text, first is second) == (second.text, False)
    tokens.refused(first)
    assert tokens.token() is second
    assert len(service.forms) == 2


def many(tokens: Identity) -> list[Token | TransloadError]:
    """What eight threads get that ask at once."""

    def one() -> Token | TransloadError:
        try:
            return tokens.token()
        except TransloadError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(8)]]


def held_up(tokens: Identity, service: Service) -> None:
    """Let the first request wait until all others are waiting for it."""
    waiting = threading.Semaphore(0)
    service.wait = lambda: [waiting.acquire(timeout=5) for _ in range(7)]
    real = tokens._lock

    class Lock:
        def __enter__(self) -> None:
            if not real.acquire(blocking=False):
                waiting.release()
                real.acquire()

        def __exit__(self, *raised: object) -> None:
            real.release()

    tokens._lock = Lock()  # type: ignore[assignment]


def test_threads_that_need_a_token_at_once_ask_for_one() -> None:
    service = Service(granted())
    tokens = identity(service)
    held_up(tokens, service)
    assert len(set(many(tokens))) == 1
    assert len(service.forms) == 1


def test_threads_that_waited_for_a_request_in_vain_make_no_second_one() -> None:
    service = Service((401, b'{"error":"unauthorized"}'))
    ticks = iter(range(1000))
    tokens = identity(service, lambda: float(next(ticks)))
    held_up(tokens, service)
    assert {type(one) for one in many(tokens)} == {AccessDenied}
    assert len(service.forms) == 1


def test_a_failure_is_not_remembered_for_ever() -> None:
    service, clock = Service((401, b""), granted("one")), Clock()
    tokens = identity(service, clock)
    with pytest.raises(AccessDenied):
        tokens.token()
    clock.now += 1
    assert tokens.token().text == "one"


ANSWERS = {
    "unauthorized": ((401, b'{"error":"unauthorized","error_description":"No client with requested id: x"}'), AccessDenied,
                     "HTTP 401.*'unauthorized No client with requested id: x'.*MARKETO_CLIENT_ID"),
    "invalid client": ((401, b'{"error":"invalid_client","error_description":"Bad client credentials"}'), AccessDenied,
                       "'invalid_client Bad client credentials'.*123-abc-456.mktorest.com"),
    "400": ((400, b"no JSON"), AccessDenied, "HTTP 400 at https://123-ABC-456.mktorest.com/identity/oauth/token[)]"),
    "403": ((403, b"[]"), AccessDenied, "HTTP 403"),
    "404": ((404, b""), ConfigError, "HTTP 404: is --base-url right"),
    "302": ((302, b""), ConfigError, "HTTP 302"),
    "no token": (b'{"expires_in":1}', Transient, "without access_token"),
    "an empty token": (b'{"access_token":""}', Transient, "without access_token"),
    "null": (b'{"access_token":null}', Transient, "without access_token"),
    "nothing": (b"", Transient, "cannot be read [(]0 bytes"),
    "a page": (b"<html>down</html>", Transient, "cannot be read [(]17 bytes"),
    "a list": (b"[1]", Transient, "cannot be read"),
    "no UTF-8": (b'{"access_token":"\xff"}', Transient, "cannot be read"),
    "a life that is none": (b'{"access_token":"secret-token","expires_in":"soon"}', Transient, "cannot be read"),
    "too deep": (b'{"a":' + b"[" * 5000, Transient, "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "error", "says"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_without_a_token_says_what_to_do(answer: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        identity(Service(answer)).token()
    assert "secret-token" not in str(raised.value)
    # Neither is in the chain, which --debug prints: the parser's error would quote the answer.
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    if isinstance(raised.value, Transient):
        assert (raised.value.finally_raise, raised.value.tries) == (SourceUnavailable, 4)


def test_what_the_refusal_echoes_is_redacted() -> None:
    redact = Redactor(["client-secret"])
    body = b'{"error":"unauthorized","error_description":"client-secret is\\nwrong"}'
    with pytest.raises(AccessDenied, match=r"'unauthorized \[redacted\] is wrong'"):
        identity(Service((401, body)), redact=redact).token()


def test_a_token_is_a_secret_from_the_moment_it_is_there() -> None:
    redact = Redactor()
    token = identity(Service(granted()), redact=redact).token().text
    assert redact(f"Bearer {token}") == "Bearer [redacted]"


# At the sandbox


@pytest.fixture
def api(sandbox: Any, tmp_path: Path) -> Iterator[Api]:
    """The calls of one account, without a command."""
    lake = DirectoryLake(str(tmp_path / "lake"))

    def now() -> datetime:
        return datetime(2026, 10, 1, 15, tzinfo=UTC)

    runtime = Runtime(
        Redactor(), threading.Event(), now, 8, 1000, 60, now(),
        lambda account, limits, zone, *, reserve_percent: QuotaLedger(lake, account, limits, zone, now), lambda stream: None,
    )  # fmt: skip
    options = {
        "base_url": sandbox.url, "client_id": "id", "client_secret": "secret", "reserve": 20, "daily_calls": 50_000,
        "daily_megabytes": 500, "rate": 1_000_000,
    }  # fmt: skip
    found = Api(options, runtime)
    yield found
    found.close()


def tokens_asked_for(sandbox: Any) -> int:
    return sum(one["kind"] == "identity" for one in sandbox.requests())


@pytest.mark.parametrize("fault", ["token_invalid", "token_expired"])
def test_a_storm_of_refusals_renews_the_token_once(sandbox: Any, api: Api, fault: str) -> None:
    path = "/rest/v1/activities/types.json"
    api.get(path)
    together = threading.Barrier(5)
    sandbox.faults({"fault": fault, "match": {"path": path}})

    def one() -> bool:
        together.wait(5)
        return all(api.get(path).success for _ in range(3))

    with ThreadPoolExecutor(5) as pool:
        assert [future.result() for future in [pool.submit(one) for _ in range(5)]] == [True] * 5
    assert 1 <= sum(one["code"] is not None for one in sandbox.requests() if one["path"] == path) <= 5
    assert tokens_asked_for(sandbox) == 2


def test_short_tokens_are_renewed_as_often_as_it_takes(sandbox: Any, extract: Any) -> None:
    sandbox.faults({"fault": "short_token", "seconds": 0.9, "times": -1})
    # Their life is said in whole seconds: they are over before they begin.
    assert extract("forms", "channels", "folders", "--until", UNTIL).code == 0
    calls = [one["code"] for one in sandbox.requests() if one["kind"] != "identity"]
    assert calls == [None, None, None]
    assert tokens_asked_for(sandbox) == 3


def test_one_token_is_enough_for_a_run(sandbox: Any, extract: Any) -> None:
    assert extract("forms", "channels", "activity_types", "--until", UNTIL).code == 0
    assert tokens_asked_for(sandbox) == 1
    assert {one["method"] for one in sandbox.requests() if one["kind"] == "identity"} == {"POST"}


def test_a_user_that_is_gone_ends_the_run(sandbox: Any, extract: Any) -> None:
    sandbox.faults({"fault": "token_expired"}, {"fault": "bad_credentials", "after": 1, "times": -1})
    outcome = extract("forms", "channels", "--until", UNTIL)
    assert (outcome.code, outcome.summary["error"]["type"]) == (77, "AccessDenied")
    assert [load["window"] is None for load in outcome.summary["loads"]] == [False, True]
