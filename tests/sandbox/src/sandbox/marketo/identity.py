"""Tokens (sources/marketo.md §1)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping

import msgspec

from sandbox.clock import Clock
from sandbox.faults import Fault
from sandbox.marketo.envelope import JSON, Answer, Refused

LIFE = 3600


class Identity:
    """The users of the tenant, and the tokens they have."""

    def __init__(self, clock: Clock, users: Mapping[str, str]) -> None:
        self._clock = clock
        self._users = users
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}  # token -> user, expiry
        self._current: dict[str, str] = {}  # user -> token
        self._revoked: set[str] = set()
        self._made = 0

    def grant(self, params: Mapping[str, str], struck: Mapping[str, Fault]) -> Answer:
        """A token: the same one, with what is left of its life, until it expires."""
        user, secret = params.get("client_id", ""), params.get("client_secret", "")
        if "bad_credentials" in struck:
            return _unauthorized(
                struck["bad_credentials"].text("error", "unauthorized"), f"No client with requested id: {user}"
            )
        if params.get("grant_type") != "client_credentials":
            return _unauthorized("unsupported_grant_type", "Unsupported grant type")
        if user not in self._users:
            return _unauthorized("unauthorized", f"No client with requested id: {user}")
        if self._users[user] != secret:
            return _unauthorized("invalid_client", "Bad client credentials")
        life = struck["short_token"].number("seconds", 1) if "short_token" in struck else None
        token, left = self._token(user, life)
        content: dict[str, object] = {"access_token": token, "token_type": "bearer"}
        content |= {"expires_in": left, "scope": f"{user}@example.com"}
        if "no_access_token" in struck:
            del content["access_token"]
        return Answer(msgspec.json.encode(content), content_type=JSON)

    def user(self, token: str) -> str:
        """Whose token it is, if anyone's."""
        with self._lock:
            return self._tokens.get(token, ("", 0.0))[0]

    def check(self, token: str) -> str:
        """The user of a token. Raises 601 or 602."""
        with self._lock:
            user, expiry = self._tokens.get(token, ("", 0.0))
            if not user or token in self._revoked:
                raise Refused("601")
            if expiry <= self._clock.ticking:
                raise Refused("602")
            return user

    def spoil(self, token: str, struck: Mapping[str, Fault]) -> None:
        """Revoke or expire a token by fault."""
        with self._lock:
            if "token_invalid" in struck:
                self._revoked.add(token)
            if "token_expired" in struck and token in self._tokens:
                self._tokens[token] = self._tokens[token][0], self._clock.ticking

    def _token(self, user: str, life: float | None) -> tuple[str, int]:
        with self._lock:
            token = self._current.get(user, "")
            left = self._tokens.get(token, ("", 0.0))[1] - self._clock.ticking
            if left <= 0 or token in self._revoked or life is not None:
                self._made += 1
                digest = hashlib.sha256(f"{user} {self._made} {self._clock.now}".encode()).hexdigest()
                token = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}:ab"
                left = LIFE if life is None else life
                self._tokens[token] = user, self._clock.ticking + left
                self._current[user] = token
            return token, max(0, int(left - 1e-3))


def _unauthorized(error: str, description: str) -> Answer:
    """Only identity has a real 401 (sources/marketo.md §1)."""
    body = msgspec.json.encode({"error": error, "error_description": description})
    return Answer(body, status=401, content_type=JSON, code="401")
