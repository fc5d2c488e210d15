"""Secrets that stand in code: by their form, or by the name that they are given to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from transload_architect.check.facts import Spot

_FORMS = re.compile(
    r"(?P<aws>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)|(?P<github>\bgh[pousr]_[A-Za-z0-9]{30,})|(?P<slack>\bxox[abprs]-[\w-]{10,})"
    r"|(?P<stripe>\b[sr]k_live_[A-Za-z0-9]{16,})|(?P<sendgrid>\bSG\.[\w-]{16,}\.[\w-]{16,})"
    r"|(?P<key>-----BEGIN [A-Z ]*PRIVATE KEY-----)|(?P<url>\b[a-z][a-z0-9+]*://[^\s:/@{}$<]+:(?P<password>[^\s@/{}$<]{4,})@[\w.-]+)"
)
_KINDS = {
    "aws": "an AWS access key",
    "github": "a GitHub token",
    "slack": "a Slack token",
    "stripe": "a Stripe key",
    "sendgrid": "a SendGrid key",
    "key": "a private key",
    "url": "an address with a password",
}
_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|secret|secret_key|client_secret|api_?key|access_key|(?:auth|access|api|bearer|refresh)_token|private_key|(?<!_)token)$",
    re.IGNORECASE,
)
# A name, a path, a template, a sentence and a placeholder are no secrets.
_NO_SECRET = re.compile(
    r"[A-Za-z_]*|.*[{}<>$ ].*|/.*|.*\*{3}.*|(?:x+|\.+|-+)|"
    r"|(?i:change[-_ ]?me.*|your[-_ ].*|example.*|dummy.*|test.*|none|null|.*placeholder.*)"
)


def is_secret_name(name: str) -> bool:
    """Whether what has this name should be secret."""
    return _NAME.search(name) is not None


def is_secret_value(text: str) -> bool:
    """Whether a constant looks like a secret, given to a name that is one."""
    return len(text) >= 6 and _NO_SECRET.fullmatch(text) is None


def secrets_of(tree: ast.Module) -> Iterator[Spot]:
    """Every secret of a file; the secret itself is not quoted."""
    prose: set[int] = set()  # of docstrings and other texts that stand alone
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            prose.add(id(node.value))
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and id(node) not in prose and (kind := _kind(node.value)):
                yield Spot(node.lineno, node.col_offset + 1, kind)
        else:
            yield from _by_name(node)


def _kind(text: str) -> str:
    """What kind of secret a text has the form of; empty for none, and for an address whose password is a placeholder."""
    found = _FORMS.search(text)
    if found is None or (found["password"] and _NO_SECRET.fullmatch(found["password"])):
        return ""
    return next(_KINDS[name] for name in _KINDS if found[name])


def _by_name(node: ast.AST) -> Iterator[Spot]:
    pairs: list[tuple[str, ast.expr | None]] = []
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=value)
        ):
            pairs = [(name, value)]
        case ast.keyword(arg=str() as name, value=value):
            pairs = [(name, value)]
        case ast.Dict(keys=keys, values=values):
            pairs = [
                (key.value, value)
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            ]
    for name, value in pairs:
        text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
        if is_secret_name(name) and is_secret_value(text) and not _FORMS.search(text):
            assert value is not None
            yield Spot(value.lineno, value.col_offset + 1, f"the value of {name}")
