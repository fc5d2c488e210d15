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
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
import requests.adapters
import tenacity
import urllib3.exceptions

from transload.errors import ConfigError, Interrupted, SourceUnavailable, TransloadError

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
    """

    def __init__(
        self,
        message: str,
        *,
        wait: float | None = None,
        finally_raise: type[TransloadError] = SourceUnavailable,
        tries: int | None = None,
    ) -> None:
        super().__init__(message)
        self.wait, self.finally_raise, self.tries = wait, finally_raise, tries


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole and decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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
        began = time.monotonic()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Transient),
            stop=self._stop_retrying,
            wait=_wait,
            sleep=self._sleep,
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            result: T = retrying(self._once, method, url, read, params, data, headers, before, within)
            return result
        except Transient as error:
            tries = retrying.statistics.get("attempt_number", 1)
            message = f"{error} (after {tries} tries in {time.monotonic() - began:.0f} s)"
            raise error.finally_raise(self._redact(message)) from error

    def _once(
        self,
        method: str,
        url: str,
        read: Callable[[Answer], T],
        params: Mapping[str, str] | None,
        data: Mapping[str, str] | bytes | None,
        headers: Callable[[], Mapping[str, str]] | None,
        before: Callable[[], None],
        within: Callable[[], AbstractContextManager[object]],
    ) -> T:
        with within():
            own = {**(_FORM if isinstance(data, bytes) else {}), **(headers() if headers else {})}
            before()
            with self._count_lock:
                self.requests += 1
            answer = self._send(method, url, params, data, own)
        if answer.status == 429 or answer.status >= 500:
            raise Transient(f"{url} answered HTTP {answer.status}", wait=retry_after(answer.headers))
        return read(answer)

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        data: Mapping[str, str] | bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        self._read_environment(url)
        try:
            with self._session.request(
                method, url, params=params, data=data, headers=headers, stream=True,
                allow_redirects=False, timeout=(CONNECT_SECONDS, READ_SECONDS),
            ) as response:  # fmt: skip
                return Answer(response.status_code, response.headers, _body(response, url))
        except (requests.exceptions.InvalidHeader, UnicodeEncodeError):
            # From None, and not quoted: both errors show the value, which may be a secret.
            raise ConfigError(
                f"{url}: a header cannot be sent: a credential holds a line break, begins with a space, or is not Latin-1"
            ) from None
        except _NO_URL as error:
            raise ConfigError(self._redact(f"{url!r} is no URL: {error}")) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Transient(self._redact(f"{url}: {_reason(error)}")) from error

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

    def _stop_retrying(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Transient) and error.tries is not None and state.attempt_number >= error.tries:
            return True
        elapsed = state.seconds_since_start or 0.0
        return elapsed + state.upcoming_sleep > self._retry_seconds

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Interrupted(15)

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


_NO_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationValueError,
)
_BACK_OFF = tenacity.wait_random_exponential(multiplier=0.5, max=60)


def _wait(state: tenacity.RetryCallState) -> float:
    """Full jitter, but never less than the source asked for."""
    error = state.outcome.exception() if state.outcome else None
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


def _body(response: requests.Response, url: str) -> bytes:
    """The whole body; a server that drips for longer than ``ANSWER_SECONDS`` is given up."""
    deadline = time.monotonic() + ANSWER_SECONDS
    # One buffer that grows, and gives its bytes without a copy: many small pieces would leave holes in the heap.
    whole = io.BytesIO()
    # read1 gives what has come; iter_content would wait until the piece is full, however slowly that comes.
    while piece := response.raw.read1(_PIECE, decode_content=True):
        whole.write(piece)
        if time.monotonic() > deadline:
            raise Transient(f"{url}: the answer was not complete after {ANSWER_SECONDS:.0f} s")
    return whole.getvalue()


def _reason(error: Exception) -> str:
    """The innermost cause in one line: requests wraps urllib3 wraps the socket."""
    cause: BaseException = error
    while cause.args and isinstance(cause.args[0], BaseException):
        cause = cause.args[0]
    reason: Any = getattr(cause, "reason", None)
    text = str(reason if isinstance(reason, BaseException) else cause)
    return " ".join(f"{type(error).__name__}: {text}".split())
