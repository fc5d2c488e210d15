"""Secrets: whatever happens, none is printed, logged or left anywhere."""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

UNTIL = "2026-10-02T00:00:00Z"

Run = Callable[..., Any]


@pytest.fixture
def secret_pair() -> tuple[str, str]:
    # With characters that URLs, JSON and Python's repr each write in their own way.
    return (f'K/{secrets.token_urlsafe(24)}+="', f"T\\{secrets.token_urlsafe(24)}'%é")


def leaks(text: str, secret: str) -> bool:
    """Whether the middle of a secret, which no encoding changes, stands in a text."""
    return secret[2:20] in text


@dataclass(frozen=True)
class Secrets:
    """Long random ones: what stands anywhere of them is a leak."""

    key: str = field(default_factory=lambda: f"K/{secrets.token_urlsafe(24)}+=")
    token: str = field(default_factory=lambda: f"T.{secrets.token_urlsafe(24)}/")
    mask_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def give(self, monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
        """Set them in the environment, or in files below a folder."""
        for name, value in (
            ("PESTROUTES_AUTHENTICATION_KEY", self.key),
            ("PESTROUTES_AUTHENTICATION_TOKEN", self.token),
            ("TRANSLOAD_MASK_KEY", self.mask_key),
        ):
            monkeypatch.delenv(name, raising=False)
            if folder is None:
                monkeypatch.setenv(name, value)
            else:
                (folder / name).write_text(f"{value}\n")
                monkeypatch.setenv(f"{name}_FILE", str(folder / name))

    def leak(self, text: str) -> bool:
        return any(leaks(text, one) for one in (self.key, self.token, self.mask_key))


def _make(case: str, sandbox: Any, own: Secrets, lake: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make something go wrong; returns arguments that are needed for it."""
    if case == "fault":
        # The vendor's own text holds what was sent.
        text = f"bad {own.key}, {own.token}"
        sandbox.faults({"fault": "success_false", "times": -1, "match": {"entity": "customer"}, "message": text})
    if case == "down":
        monkeypatch.setenv("PESTROUTES_BASE_URL", f"http://127.0.0.1:9/api/{own.key}")
    if case == "bug":
        monkeypatch.setattr(
            "pestroutes.client.split", Mock(side_effect=RuntimeError(f"{own.key} {own.token} {own.mask_key}"))
        )
    if case == "no-lake":
        lake.write_text("a file")
    return ["--since", UNTIL] if case == "usage" else []


@pytest.mark.parametrize("given_by", ["environment", "file"])
@pytest.mark.parametrize("case", ["good", "refused", "fault", "down", "usage", "bug", "no-lake"])
def test_secrets_are_never_echoed(
    run: Run,
    pestroutes: Any,
    connect_to: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given_by: str,
    case: str,
) -> None:
    own, lake = Secrets(), tmp_path / "lake"
    sandbox = pestroutes(records=20, key=own.key, token="other" if case == "refused" else own.token)
    connect_to(sandbox)
    own.give(monkeypatch, tmp_path if given_by == "file" else None)
    more = _make(case, sandbox, own, lake, monkeypatch)
    outcome = run(
        "extract", "customer", "--until", UNTIL, "--mask", "hash", "--retry-deadline", "0", "--json", "--debug",
        "--destination", lake, *more,
    )  # fmt: skip
    assert (outcome.code == 0) == (case == "good")
    assert not own.leak(outcome.out + outcome.err)
    for arguments in (["check", "--retry-deadline", "0", "--debug"], ["loads"], ["prune"]):
        outcome = run(*arguments, "--destination", lake)
        assert not own.leak(outcome.out + outcome.err)
    assert not own.leak(run("extract", "--help").out)
    for path in lake.rglob("*") if lake.is_dir() else ():
        data = path.read_bytes() if path.is_file() else b""
        assert not own.leak((gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1"))


def test_the_redactor_knows_the_forms_in_which_a_secret_is_written(secret_pair: tuple[str, str]) -> None:
    import urllib.parse

    from transload.redaction import Redactor

    redact = Redactor(secret_pair)
    for secret in secret_pair:
        for form in (
            secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), json.dumps(secret),
            json.dumps(secret, ensure_ascii=False), repr(secret),
        ):  # fmt: skip
            assert not leaks(redact(f"before {form} after"), secret)
    assert redact("key=key and id") == "key=key and id"
