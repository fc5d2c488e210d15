"""Keeps secrets out of everything that is printed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "[redacted]"

# Replacing a shorter value would garble ordinary words ("key", "id") and protect nothing.
SHORTEST = 8


class Redactor:
    """Replaces known secrets, plain or as URLs, JSON and Python write them, wherever they stand in a text.

    Args:
        secrets: the values; those under eight characters are passed over.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Learn more secrets."""
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        # The longest first: a secret that holds another one must not leave its rest behind.
        self._forms = sorted({*self._forms, *forms}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by ``[redacted]``."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text


def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is, and as URLs, JSON and Python's repr write it."""
    return (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    )


class RedactingFormatter(logging.Formatter):
    """Redacts what another formatter made, tracebacks included."""

    def __init__(self, inner: logging.Formatter, redact: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(self._inner.format(record))
