"""Comments that ask for silence: ``# architect: ignore[ARC104] reason``, on the line, on a line above it, or for a file."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

from transload_architect.check.facts import Ignore

_COMMENT = re.compile(
    r"#\s*architect:\s*(?P<verb>ignore(?:-file)?)\s*(?:\[(?P<rules>[^\]]*)\])?\s*[:–-]?\s*(?P<reason>.*)"
)


def ignores_of(text: str) -> Iterator[Ignore]:
    """Every such comment of a file."""
    if "architect:" not in text:
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and (found := _COMMENT.match(token.string)):
                yield _ignore(found, token)
    except (tokenize.TokenError, IndentationError):
        return


def _ignore(found: re.Match[str], token: tokenize.TokenInfo) -> Ignore:
    line = token.start[0]
    covers = line
    if found["verb"] == "ignore-file":
        covers = 0
    elif not token.line[: token.start[1]].strip():  # a line of its own speaks of the next
        covers = line + 1
    rules = tuple(word.strip() for word in (found["rules"] or "").split(",") if word.strip())
    return Ignore(line, covers, rules, found["reason"].strip())
