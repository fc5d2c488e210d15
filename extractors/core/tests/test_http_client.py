"""The HTTP client against a server that misbehaves: bodies that drip or break off, URLs and headers that cannot be sent."""

from __future__ import annotations

import gzip
import http.server
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from transload import http_client
from transload.errors import AccessDenied, ConfigError, SourceUnavailable
from transload.http_client import Answer, HttpClient, Transient, retry_after
from transload.redaction import Redactor

BODY = b"".join(b'{"id":%d,"pad":"abcdefghij"},' % n for n in range(34_000))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the path's words: chunked or with a length, compressed or not, whole or cut, at once or dripping."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        words = self.path.strip("/").split("-")
        body = b"" if "empty" in words else gzip.compress(BODY) if "gzip" in words else BODY
        self.send_response(200)
        if "gzip" in words:
            self.send_header("Content-Encoding", "gzip")
        if "chunked" in words:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Client", str(self.client_address[1]))
        self.end_headers()
        size = 64 if "drip" in words else 50_000
        for at in range(0, len(body) // (2 if "cut" in words else 1), size):
            piece = body[at : at + size]
            try:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if "chunked" in words else piece)
            except OSError:
                break
            if "drip" in words:
                time.sleep(0.02)
        if "cut" in words:
            self.close_connection = True
        elif "chunked" in words:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of a running server."""
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def client() -> Iterator[Callable[..., HttpClient]]:
    """Returns a function that makes a client with the given headers; by default it does not try again."""
    made: list[HttpClient] = []

    def make(redact: Callable[[str], str] = str, retry_seconds: float = 0, **headers: str) -> HttpClient:
        made.append(
            HttpClient(
                headers=headers, connections=1, retry_seconds=retry_seconds, stop=threading.Event(), redact=redact
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def whole(answer: Answer) -> Answer:
    return answer


@pytest.mark.parametrize("path", ["plain", "gzip", "chunked", "gzip-chunked"])
def test_a_body_is_read_whole_and_decompressed_and_its_connection_is_used_again(
    server: str, client: Callable[..., HttpClient], path: str
) -> None:
    one = client()
    answers = [one.request("GET", f"{server}/{path}", whole) for _ in range(3)]
    assert {answer.body for answer in answers} == {BODY}
    assert len({answer.headers["X-Client"] for answer in answers}) == 1


@pytest.mark.parametrize("path", ["empty", "empty-chunked"])
def test_an_empty_body_is_empty(server: str, client: Callable[..., HttpClient], path: str) -> None:
    assert client().request("GET", f"{server}/{path}", whole).body == b""


@pytest.mark.parametrize("path", ["cut", "gzip-cut", "chunked-cut", "gzip-chunked-cut"])
def test_a_body_that_breaks_off_is_no_answer(server: str, client: Callable[..., HttpClient], path: str) -> None:
    with pytest.raises(SourceUnavailable, match="after 1 tries"):
        client().request("GET", f"{server}/{path}", whole)


@pytest.mark.parametrize("path", ["drip", "gzip-drip", "chunked-drip", "gzip-chunked-drip"])
def test_a_body_that_drips_is_given_up_at_the_deadline(
    server: str, client: Callable[..., HttpClient], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(http_client, "ANSWER_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match="not complete after"):
        client().request("GET", f"{server}/{path}", whole)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "url", ["127.0.0.1/api", "http://", "http://127.0.0.1:99999/api", "http://[::1/api", "ftp://127.0.0.1/api"]
)
def test_what_is_no_url_is_a_wrong_setting_and_not_tried_again(client: Callable[..., HttpClient], url: str) -> None:
    one = client(retry_seconds=30)
    with pytest.raises(ConfigError, match="no URL"):
        one.request("GET", url, whole)
    assert one.requests == 1


@pytest.mark.parametrize("bad", ["front-half\nback-half", " front-half", "beyond-latin-\u2026"])
def test_a_header_that_cannot_be_sent_is_a_wrong_setting_and_is_not_shown(
    server: str, client: Callable[..., HttpClient], bad: str
) -> None:
    one = client(Redactor(), 30, key=bad)
    with pytest.raises(ConfigError, match="header") as caught:
        one.request("GET", f"{server}/plain", whole)
    assert one.requests == 1
    assert bad.strip().split("\n")[0] not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("9" * 400, float("inf")), ("²", None), ("٣", None), ("-5", None), ("", None),
     ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_read_or_passed_over(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}) == seconds


def test_a_token_that_expires_behind_other_trouble_is_renewed_even_at_the_deadline(
    server: str, client: Callable[..., HttpClient]
) -> None:
    expired = Transient("token expired", finally_raise=AccessDenied, tries=6, at_once=True)

    def reading(*outcomes: Exception | None) -> Callable[[Answer], str]:
        left = iter(outcomes)

        def read(_: Answer) -> str:
            outcome = next(left)
            if outcome is not None:
                raise outcome
            return "read"

        return read

    assert client().request("GET", f"{server}/empty", reading(expired, None)) == "read"
    # A fresh one that is refused as well: it is not the token.
    with pytest.raises(AccessDenied):
        client().request("GET", f"{server}/empty", reading(expired, expired))
    began = time.monotonic()
    assert (
        client(retry_seconds=9).request("GET", f"{server}/empty", reading(Transient("busy"), expired, None)) == "read"
    )
    assert time.monotonic() - began < 1


def test_what_is_down_says_what_to_do(client: Callable[..., HttpClient]) -> None:
    with pytest.raises(
        SourceUnavailable, match=r"refused.* \(after 1 tries in 0 s\); run the same command again later"
    ):
        client().request("GET", "http://127.0.0.1:9/", lambda answer: answer)
