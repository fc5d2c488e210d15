"""One HTTP client for every source: requests, with retries, a deadline, and errors that say what to do.

A source gives ``request`` a function that reads an answer. It returns what it read, or raises ``Transient`` for what is worth
another try, or any other error of the tree for what is not.
"""

from __future__ import annotations

import email.utils
import http.cookiejar
import io
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import requests
import requests.adapters
import tenacity
import urllib3.exceptions

from transload.errors import AccessDenied, ConfigError, Interrupted, SourceUnavailable, TransloadError
from transload.steps import Step, reached

log = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
ANSWER_SECONDS = 300.0
_PIECE = 1 << 18
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Transient(Exception):
    """An answer, or the lack of one, that is worth another try.

    Args:
        message: one line.
        wait: seconds that the source asked for.
        finally_raise: what to raise when the tries run out, instead of SourceUnavailable.
        tries: give up after so many of this kind, before the deadline.
        at_once: whether the try behind the first of its kind need not wait, not even for a deadline.
    """

    def __init__(
        self,
        message: str,
        *,
        wait: float | None = None,
        finally_raise: type[TransloadError] = SourceUnavailable,
        tries: int | None = None,
        at_once: bool = False,
    ) -> None:
        super().__init__(message)
        self.wait, self.finally_raise, self.tries, self.at_once = wait, finally_raise, tries, at_once


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Body:
    """An answer whose body is still to be read. Close it, or use it as a context manager: until then it holds a connection.

    Args:
        response: begun.
        url: for messages.
        redact: applied to what goes into messages.
        held: what is to be let go of with it.
    """

    def __init__(self, response: requests.Response, url: str, redact: Callable[[str], str], held: ExitStack) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response, self._url, self._redact, self._held = response, url, redact, held

    def pieces(self, *, decompress: bool = False) -> Iterator[bytes]:
        """The body in pieces of at most 256 KiB, as it comes.

        Raises:
            Transient: it broke off, or nothing came for a minute.
        """
        try:
            # read1 gives what has come; iter_content would wait until the piece is full, however slowly that comes.
            while piece := self._response.raw.read1(_PIECE, decode_content=decompress):
                yield piece
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Transient(self._redact(f"{self._url}: {_reason(error)}")) from error

    def read(self) -> bytes:
        """The whole body, decompressed; a server that drips for longer than ``ANSWER_SECONDS`` is given up.

        Raises:
            Transient: as ``pieces``, or it took too long.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        # One buffer that grows, and gives its bytes without a copy: many small pieces would leave holes in the heap.
        whole = io.BytesIO()
        for piece in self.pieces(decompress=True):
            whole.write(piece)
            if time.monotonic() > deadline:
                raise Transient(f"{self._url}: the answer was not complete after {ANSWER_SECONDS:.0f} s")
        return whole.getvalue()

    def close(self) -> None:
        """Let go of the connection; what has not been read is not."""
        self._response.close()
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


class HttpClient:
    """Sends requests to one service over a pool of connections; safe to use from many threads.

    Args:
        headers: sent with each request, credentials among them.
        connections: the size of the pool.
        retry_seconds: how long a failing request is tried again.
        stop: set when the run is to end; waits end with it.
        redact: applied to what goes into messages.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        connections: int,
        retry_seconds: float,
        stop: threading.Event,
        redact: Callable[[str], str],
    ) -> None:
        self._session = requests.Session()
        # No netrc and no cookies: what goes out is exactly what the source's client says.
        self._session.auth = lambda request: request
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update(headers)
        adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._environment_read = False
        self._retry_seconds, self._stop, self._redact = retry_seconds, stop, redact
        self._count_lock = threading.Lock()
        self.requests = 0

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request(
        self,
        method: str,
        url: str,
        read: Callable[[Answer], T],
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        headers: Callable[[], Mapping[str, str]] | None = None,
        before: Callable[[], None] = lambda: None,
        within: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> T:
        """Send a request until its answer can be read, or trying again makes no sense.

        Args:
            method: of HTTP.
            url: without credentials.
            read: reads an answer; see the module.
            params: the query string.
            data: a form; as bytes, one that is encoded already, or any body whose Content-Type is among ``headers``.
            headers: called before each try, gives what is sent beside the client's own (a token that is renewed between tries).
            before: called before each try (to keep to a rate), when its headers are known.
            within: entered around each try (to keep to a number of requests under way); waits between tries are outside.

        Raises:
            SourceUnavailable: no usable answer within the deadline.
            ConfigError: the URL is none, or a header cannot be sent.
            TransloadError: what ``read`` raised.
        """

        def once() -> T:
            with self._begin(method, url, params, data, headers, before, within) as body:
                answer = Answer(body.status, body.headers, body.read())
            self._demand_service(answer.status, answer.headers, url)
            return read(answer)

        return self._retried(once)

    def open(
        self,
        url: str,
        accept: Callable[[Body], None],
        *,
        headers: Callable[[], Mapping[str, str]] | None = None,
        before: Callable[[], None] = lambda: None,
        within: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Body:
        """GET what is too large to be read at once; the same arguments, tries and errors as ``request``.

        Args:
            url: without credentials.
            accept: looks at an answer that has begun; raises as ``read`` of ``request`` does.
            headers: as of ``request``.
            before: as of ``request``.
            within: entered around each try, and left when the body is closed.
        """

        def once() -> Body:
            body = self._begin("GET", url, None, None, headers, before, within)
            try:
                self._demand_service(body.status, body.headers, url)
                accept(body)
            except BaseException:
                body.close()
                raise
            return body

        return self._retried(once)

    def pause(self, seconds: float) -> None:
        """Wait. Raises Interrupted when the run is to end."""
        if self._stop.wait(seconds):
            raise Interrupted(15)

    def _retried(self, once: Callable[[], T]) -> T:
        began = time.monotonic()
        seen: _Seen = Counter()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Transient),
            stop=self._stopping(seen),
            wait=lambda state: _wait(state, seen),
            sleep=self.pause,
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            result: T = retrying(once)
            return result
        except Transient as error:
            tries = retrying.statistics.get("attempt_number", 1)
            message = f"{error} (after {tries} tries in {time.monotonic() - began:.0f} s)"
            # Refused credentials do not heal by themselves.
            what_to_do = "" if issubclass(error.finally_raise, AccessDenied) else AGAIN
            raise error.finally_raise(self._redact(message + what_to_do)) from error

    def _demand_service(self, status: int, headers: Mapping[str, str], url: str) -> None:
        if status == 429 or status >= 500:
            raise Transient(f"{url} answered HTTP {status}", wait=retry_after(headers))

    def _begin(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        data: Mapping[str, str] | bytes | None,
        headers: Callable[[], Mapping[str, str]] | None,
        before: Callable[[], None],
        within: Callable[[], AbstractContextManager[object]],
    ) -> Body:
        with ExitStack() as held:
            held.enter_context(within())
            own = {**(_FORM if isinstance(data, bytes) else {}), **(headers() if headers else {})}
            before()
            with self._count_lock:
                self.requests += 1
            self._read_environment(url)
            reached(Step.REQUEST)
            try:
                response = self._session.request(
                    method, url, params=params, data=data, headers=own, stream=True,
                    allow_redirects=False, timeout=(CONNECT_SECONDS, READ_SECONDS),
                )  # fmt: skip
            except (requests.exceptions.InvalidHeader, UnicodeEncodeError):
                # From None, and not quoted: both errors show the value, which may be a secret.
                raise ConfigError(
                    f"{url}: a header cannot be sent: a credential holds a line break, begins with a space, or is not Latin-1"
                ) from None
            except _NO_URL as error:
                raise ConfigError(self._redact(f"{url!r} is no URL: {error}")) from error
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
                raise Transient(self._redact(f"{url}: {_reason(error)}")) from error
            return Body(response, url, self._redact, held.pop_all())
        raise AssertionError("the block above returns or raises")

    def _read_environment(self, url: str) -> None:
        """Proxies and certificate authorities as the environment has them, once: requests would read them at every call."""
        with self._count_lock:
            if not self._environment_read:
                try:
                    found = self._session.merge_environment_settings(url, {}, True, None, None)
                except ValueError as error:  # the standard library's parser, of brackets that do not match
                    raise ConfigError(self._redact(f"{url!r} is no URL: {error}")) from error
                self._session.trust_env = False
                self._session.proxies, self._session.verify = found["proxies"], found["verify"]
                self._environment_read = True

    def _stopping(self, seen: _Seen) -> Callable[[tenacity.RetryCallState], bool]:
        """Whether to give up: at the deadline, or after as many errors of a kind as that kind is worth."""

        def stop(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, Transient):
                seen[_kind(error)] += 1
                if error.tries is not None and seen[_kind(error)] >= error.tries:
                    return True
                if error.at_once and seen[_kind(error)] == 1:
                    # Even behind the deadline: a token that has just expired, after minutes of other trouble, is no refusal.
                    return False
            return (state.seconds_since_start or 0.0) + state.upcoming_sleep > self._retry_seconds

        return stop

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "trying again",
            extra={
                "reason": self._redact(str(error)),
                "wait": round(state.upcoming_sleep, 1),
                "tries": state.attempt_number,
            },
        )


# What a message ends with where another run may succeed.
AGAIN = "; run the same command again later: an extract goes on from its checkpoint"

_Seen = Counter[tuple[type[TransloadError], int | None]]


def _kind(error: Transient) -> tuple[type[TransloadError], int | None]:
    return error.finally_raise, error.tries


_NO_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationValueError,
)
_BACK_OFF = tenacity.wait_random_exponential(multiplier=0.5, max=60)


def _wait(state: tenacity.RetryCallState, seen: _Seen) -> float:
    """Full jitter, but never less than the source asked for."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Transient) and error.at_once and not seen[_kind(error)]:
        return 0.0
    asked = error.wait if isinstance(error, Transient) and error.wait is not None else 0.0
    return max(asked, _BACK_OFF(state))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header, given as seconds or as an HTTP date; None if there is none that can be read."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _reason(error: Exception) -> str:
    """The innermost cause in one line: requests wraps urllib3 wraps the socket."""
    cause: BaseException = error
    while cause.args and isinstance(cause.args[0], BaseException):
        cause = cause.args[0]
    reason: Any = getattr(cause, "reason", None)
    text = str(reason if isinstance(reason, BaseException) else cause)
    return " ".join(f"{type(error).__name__}: {text}".split())
