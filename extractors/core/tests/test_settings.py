"""Settings: where a secret may come from, and which can be sent at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from transload.errors import ConfigError
from transload.redaction import Redactor
from transload.settings import resolve
from transload.source import Option, Source


class Declared:
    """As much of a source as settings look at."""

    name = "vendor"
    options = (Option("key", "The key.", secret=True, required=True), Option("note", "A note.", default="none"))


def resolved(redact: Redactor | None = None, **given: str | None) -> dict[str, Any]:
    return resolve(cast(Source, Declared()), given, redact or Redactor())


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_secrets_last_line_break_is_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    redact = Redactor()
    assert resolved(redact, key=f"a-long-key{end}")["key"] == "a-long-key"
    assert redact("a-long-key") == "[redacted]"
    (tmp_path / "key").write_bytes(f"a-long-key{end}".encode())
    monkeypatch.setenv("VENDOR_KEY_FILE", str(tmp_path / "key"))
    assert resolved()["key"] == "a-long-key"


@pytest.mark.parametrize("empty", [None, "", "\n"])
def test_an_empty_secret_is_none(empty: str | None) -> None:
    with pytest.raises(ConfigError, match=r"--key is not set: .*VENDOR_KEY, or VENDOR_KEY_FILE"):
        resolved(key=empty)


@pytest.mark.parametrize("bad", ["\n", "\r", "\t", "\0", "\x7f", "\x85", "…", "\udcff"])
def test_a_secret_that_no_header_can_carry_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(ConfigError, match="--key") as caught:
        resolved(key=f"front-half{bad}back-half")
    assert "half" not in str(caught.value)
    assert bad not in str(caught.value)


def test_a_secret_in_latin_1_and_other_values_are_taken_as_they_are() -> None:
    assert resolved(key="clé secrète", note="more…\n") == {"key": "clé secrète", "note": "more…\n"}
