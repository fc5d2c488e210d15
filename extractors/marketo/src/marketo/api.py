"""Calls to one Marketo account: token, limits, envelope, and what each of its codes means (sources/marketo.md §1 and §2)."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from marketo import __version__
from marketo.envelope import Envelope, read_envelope
from marketo.identity import Identity, Token
from marketo.pace import RESET_ZONE, Pace, midnight, next_midnight
from transload.allowance import Allowance
from transload.download import download
from transload.errors import (
    AccessDenied,
    ConfigError,
    ContractBroken,
    QuotaExhausted,
    SourceUnavailable,
    StreamDenied,
    TransloadError,
)
from transload.http_client import Answer, Body, HttpClient, Transient
from transload.redaction import Redactor
from transload.source import Runtime
from transload.window import iso

log = logging.getLogger("transload.marketo")

LONGEST_QUERY = 6_000  # bytes of a URL are 8 KB at most (§2); base, path and what proxies add are in them
JUST_AFTER = timedelta(minutes=10)  # of midnight: the vendor's clock may still be in the day before

# Codes by what they ask for (§2). What is in none of these is the caller's to understand, or a broken contract.
RENEW = frozenset({"601", "602"})
AGAIN = frozenset({"502", "608", "611", "713", "718", "719"})
OURS = frozenset({"605", "609", "612", "613"})
FREE = frozenset({"601", "602", "604", "605", "608", "611"})  # do not count against the day's calls


class Refusal(ContractBroken):
    """Marketo refused a call for what it asks.

    Args:
        call: method and path.
        code: of §2.
        said: the message, redacted.
        request: its id, for Marketo's support.
    """

    def __init__(self, call: str, code: str, said: str, request: str) -> None:
        super().__init__(
            f"Marketo refused {call} with code {code}: {said!r} (request {request}); leave the stream out, and report it"
        )
        self.code, self.said = code, said


class Denied(StreamDenied):
    """Marketo refused a call to this API user (603), or does not have it for this account (703).

    Args:
        text: what was refused, and the message.
        said: the message alone.
    """

    def __init__(self, text: str, said: str) -> None:
        super().__init__(
            f"Marketo refuses {text}: the API user's role lacks the permission, the account the feature, or its list of allowed IP "
            "addresses this machine's; `marketo check` shows what can be read"
        )
        self.said = said


class TimedOut(SourceUnavailable):
    """Marketo took too long over a call (604), several times: less should be asked for at once."""


class Missing(ContractBroken):
    """There is no such export, or its file is not there (HTTP 404, §2)."""


class Api:
    """One account's API; safe to use from many threads.

    Args:
        options: base_url, client_id, client_secret, reserve, daily_calls, daily_megabytes, rate.
        runtime: of the run.
    """

    def __init__(self, options: Mapping[str, Any], runtime: Runtime) -> None:
        self.base: str = options["base_url"]
        self._clock = runtime.clock
        self._redact: Redactor = runtime.redact
        self.daily_calls: int = options["daily_calls"]
        self.share_of_megabytes: int = options["daily_megabytes"] * 1_000_000 * (100 - options["reserve"]) // 100
        self._limits = {"calls": self.daily_calls, "export_bytes": options["daily_megabytes"] * 1_000_000}
        self.ledger = runtime.ledger(_account(self.base), self._limits, RESET_ZONE, reserve_percent=options["reserve"])
        self._allowance = Allowance(self.ledger, "calls")
        self.pace = Pace(runtime.stop, self._allowance.take, calls=options["rate"])
        self.http = HttpClient(
            headers={"Accept": "application/json", "User-Agent": f"transload-marketo/{__version__}"},
            connections=runtime.concurrency + 1,
            retry_seconds=runtime.retry_seconds,
            stop=runtime.stop,
            redact=runtime.redact,
        )
        self._identity = Identity(self.base, options["client_id"], options["client_secret"], self.http, runtime.redact)

    def close(self) -> None:
        """Give back the calls that were reserved and not made, and close the connections."""
        self._allowance.close()
        self.http.close()
        self.pace.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Envelope:
        """Ask; a long query goes into a form (§8: long paging tokens).

        Args:
            path: behind the base URL.
            params: the query.

        Raises:
            Refusal: for a code that means neither another try nor one of those below.
            TimedOut: 604, several times.
            StreamDenied: 603, or 703: this API user cannot have that.
            QuotaExhausted: the day's calls are used up.
            Missing: HTTP 404.
            TransloadError: as ``HttpClient.request``.
        """
        query = urlencode(params or {})
        if len(query) > LONGEST_QUERY:
            return self._call("POST", path, {"_method": "GET"}, query.encode(), "application/x-www-form-urlencoded")
        return self._call("GET", path, params)

    def post(self, path: str, content: Any = None) -> Envelope:
        """Send JSON, or nothing; raises as ``get`` does."""
        return self._call(
            "POST", path, None, b"" if content is None else msgspec.json.encode(content), "application/json"
        )

    def file(self, path: str, offset: int) -> Iterator[bytes]:
        """The bytes of an export's file from an offset on; a connection that breaks is taken up again.

        Raises:
            Missing: HTTP 404, several times.
            TransloadError: as ``get``, or as ``download``.
        """
        used: list[Token] = []

        def accept(body: Body) -> None:
            sent = body.headers.get("Content-Type", "").lower()
            if body.status in (200, 206) and "html" in sent:
                raise Transient(f"GET {path} gave {sent} in place of the file", finally_raise=ContractBroken, tries=3)
            if body.status in (200, 206) and "json" not in sent:
                return
            if body.status == 416:
                raise ContractBroken(
                    f"GET {path} has fewer bytes than were read of it before ({body.headers.get('Content-Range')})"
                )
            # An error's envelope in place of the file (§6).
            answer = Answer(body.status, body.headers, body.read())
            if answer.status == 404:
                raise Transient(f"GET {path} answered HTTP 404", finally_raise=Missing, tries=3)
            self._read(answer, f"GET {path}", used[-1])
            raise Transient(f"GET {path} gave an envelope in place of the file", finally_raise=ContractBroken, tries=3)

        return download(
            self.http, self.base + path, accept, offset=offset, headers=lambda: self._headers(used),
            before=self.pace.spend, within=self.pace.slot,
        )  # fmt: skip

    def now(self) -> datetime:
        """This machine's clock."""
        return self._clock()

    def exhausted(self, what: str) -> QuotaExhausted:
        """The error for a quota of the day that Marketo says is used up: when it is reset, in the time zone of §2."""
        now = self._clock()
        retry_at = now + JUST_AFTER if self._day_has_just_begun() else next_midnight(now)
        return QuotaExhausted(
            f"Marketo says that {what} are used up, by all integrations together. "
            f"Run the same command again after {iso(retry_at)}; it goes on from its checkpoint",
            retry_at,
        )

    def observe_all(self, counter: str) -> None:
        """Let the other pods know that a quota is used up."""
        if not self._day_has_just_begun():
            self.ledger.observe(**{counter: self._limits[counter]})

    def _day_has_just_begun(self) -> bool:
        now = self._clock()
        return now - midnight(now) < JUST_AFTER

    def _headers(self, used: list[Token], content_type: str | None = None) -> Mapping[str, str]:
        used.append(self._identity.token())
        own = {"Content-Type": content_type} if content_type else {}
        return {"Authorization": f"Bearer {used[-1].text}", **own}

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        data: bytes | None = None,
        kind: str | None = None,
    ) -> Envelope:
        used: list[Token] = []
        return self.http.request(
            method,
            self.base + path,
            lambda answer: self._read(answer, f"{method} {path}", used[-1]),
            params=params,
            data=data,
            headers=lambda: self._headers(used, kind),
            before=self.pace.spend,
            within=self.pace.slot,
        )

    def _read(self, answer: Answer, call: str, token: Token) -> Envelope:
        if answer.status == 404:
            raise Missing(f"{call} answered HTTP 404: there is no such thing, or --base-url ({self.base}) is wrong")
        if answer.status in (401, 403):
            raise AccessDenied(f"{call} answered HTTP {answer.status}: is --base-url ({self.base}) right?")
        if answer.status in (413, 414):
            raise ContractBroken(f"{call} answered HTTP {answer.status}: it is too long for Marketo; report it")
        if answer.status != 200:
            raise ConfigError(f"{call} answered HTTP {answer.status}: is --base-url ({self.base}) right?")
        envelope = read_envelope(answer.body, call)
        if not envelope.success:
            self._refused(envelope, call, token)
        return envelope

    def _refused(self, envelope: Envelope, call: str, token: Token) -> None:
        problem = envelope.problems[0] if envelope.problems else None
        code = str(problem.code) if problem else "none"
        said = self._redact(" ".join((problem.message or "").split()))[:500] if problem else "no reason given"
        text = f"{call}: {said} (code {code}, request {envelope.request_id})"
        if code in FREE:
            self.pace.give_back()
        if code in RENEW:
            self._identity.refused(token)
            raise Transient(
                f"{text}: where fresh tokens are refused as well, see whether the API user's custom service is still there",
                at_once=True, finally_raise=AccessDenied, tries=6,
            )  # fmt: skip
        if code in ("604", "606", "607", "614", "615"):
            raise self._later(code, text)
        if code in AGAIN:
            raise Transient(text)
        if code in ("603", "703"):
            raise Denied(text, said)
        if code in OURS:
            raise TransloadError(f"a bug of Transload: Marketo does not understand {text}; report it")
        raise Refusal(call, code, said, envelope.request_id)

    def _later(self, code: str, text: str) -> Transient | QuotaExhausted:
        """What a call that came too early, or took too long, is to raise."""
        if code == "607":
            self.observe_all("calls")
            return self.exhausted("the day's API calls (607)")
        if code == "606":
            # Everybody's calls are counted together: all of ours wait for the window to pass, and not to the same moment.
            wait = self.pace.window_seconds * random.uniform(1.0, 1.5)
            self.pace.pause(wait)
            return Transient(text, wait=wait)
        if code == "615":
            return Transient(text, wait=random.uniform(1.0, 5.0))
        if code == "614":
            return Transient(
                f"{text}: is the subscription active, and --base-url ({self.base}) right?",
                finally_raise=AccessDenied,
                tries=4,
            )
        return Transient(text, finally_raise=TimedOut, tries=3)


def _account(base: str) -> str:
    """What the vendor counts by: the Munchkin id, which is the first label of the host (§1)."""
    try:
        host = urlsplit(base).netloc.lower()
    except ValueError as error:
        raise ConfigError(f"--base-url ({base}) is no URL: {error}") from error
    return host.removesuffix(".mktorest.com").upper() if host.endswith(".mktorest.com") else host
