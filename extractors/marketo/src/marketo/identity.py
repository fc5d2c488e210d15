"""Access tokens (sources/marketo.md §1): by client credentials, kept until they expire, never in a URL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from marketo.envelope import TRIES
from transload.errors import AccessDenied, ConfigError, SourceUnavailable, TransloadError
from transload.http_client import Answer, HttpClient, Transient
from transload.redaction import Redactor

PATH = "/identity/oauth/token"
LIFE = 3600.0  # seconds, where an answer does not say what is left (§1)


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """An access token as it was given: asked for again before its end the vendor gives the same text, and that is another."""

    text: str
    expires_at: float


class _Granted(msgspec.Struct, gc=False):
    access_token: str | None = None
    expires_in: float = LIFE


class _Refusal(msgspec.Struct, gc=False):
    error: str = ""
    error_description: str = ""


_GRANTED = msgspec.json.Decoder(_Granted, strict=False)
_REFUSAL = msgspec.json.Decoder(_Refusal)


class Identity:
    """The tokens of one API user; safe to use from many threads.

    Args:
        base_url: of the account.
        client_id: of the custom service.
        client_secret: of the custom service.
        http: sends the requests.
        redact: learns each token.
        now: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        http: HttpClient,
        redact: Redactor,
        now: Callable[[], float] = lambda: time.monotonic(),
    ) -> None:
        self._url = base_url + PATH
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._http, self._redact, self._now = http, redact, now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._failed: tuple[float, TransloadError] | None = None

    def token(self) -> Token:
        """A token that has not expired. Renewed at its end and no earlier: before, the vendor gives the same again (§1).

        Raises:
            AccessDenied: the credentials are refused.
            ConfigError: there is no such service at the base URL.
            SourceUnavailable: no token within the retry deadline.
        """
        arrived = self._now()
        with self._lock:
            if self._token is not None and self._now() < self._token.expires_at:
                return self._token
            if self._failed is not None and self._failed[0] >= arrived:
                # Who waited for another thread's request waits for no second one.
                raise self._failed[1]
            asked_at = self._now()
            try:
                granted = self._http.request("POST", self._url, self._read, data=self._form)
            except TransloadError as error:
                self._failed = self._now(), error
                raise
            self._token = Token(granted.access_token or "", asked_at + granted.expires_in)
            return self._token

    def refused(self, token: Token) -> None:
        """A call was answered with 601 or 602: forget the token, unless another thread has renewed it meanwhile."""
        with self._lock:
            if self._token is token:
                self._token = None

    def _read(self, answer: Answer) -> _Granted:
        if answer.status in (400, 401, 403):
            raise AccessDenied(
                f"Marketo refused the client id or the client secret (HTTP {answer.status} at {self._url}"
                f"{self._said(answer.body)}); check MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET, and that they are of "
                f"the account {urlsplit(self._url).hostname}"
            )
        if answer.status != 200:
            raise ConfigError(
                f"{self._url} answered HTTP {answer.status}: is --base-url right? It is https://MUNCHKIN-ID.mktorest.com"
            )
        try:
            granted = _GRANTED.decode(answer.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # From None, and not quoted: the answer may hold a token.
            raise self._no_token(f"an answer that cannot be read ({len(answer.body)} bytes)") from None
        if not granted.access_token:
            raise self._no_token("an answer without access_token")
        self._redact.add(granted.access_token)
        return granted

    def _no_token(self, what: str) -> Transient:
        return Transient(f"{self._url}: {what}", finally_raise=SourceUnavailable, tries=TRIES)

    def _said(self, body: bytes) -> str:
        """What the refusal says, in one line."""
        try:
            refusal = _REFUSAL.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""
        words = " ".join(f"{refusal.error} {refusal.error_description}".split())
        return f": {self._redact(words)[:200]!r}" if words else ""
