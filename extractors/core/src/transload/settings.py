"""Settings: flag, then environment variable, then (for secrets) the file that an environment variable names."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transload.errors import ConfigError, UsageError
from transload.redaction import Redactor
from transload.source import Option, Source


def variable(prefix: str, option: str) -> str:
    """The environment variable of an option: ``--base-url`` of pestroutes is ``PESTROUTES_BASE_URL``."""
    return f"{prefix}_{option.replace('-', '_')}".upper()


def secret_from_file(name: str) -> str | None:
    """The content of the file that ``NAME_FILE`` names, without its last newline; None if that is not set.

    Raises:
        ConfigError: it is set, and the file cannot be read.
    """
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE: {path} cannot be read: {getattr(error, 'strerror', error)}") from error


def resolve(source: Source, given: Mapping[str, str | None], redact: Redactor) -> dict[str, Any]:
    """The values of a source's options, by ``Option.key``.

    Args:
        source: whose options.
        given: what flags and environment variables gave, by ``Option.key``.
        redact: learns the secrets.

    Raises:
        ConfigError: a required one is missing (the message names every way to give it), or a secret cannot be sent.
        UsageError: a value is not what the option takes.
    """
    values: dict[str, Any] = {}
    for option in source.options:
        text = given.get(option.key) or None
        if option.secret:
            text = (text or "").rstrip("\r\n") or secret_from_file(variable(source.name, option.name))
        if not text and option.required:
            raise ConfigError(_missing(source, option))
        if option.secret and text:
            _check_secret(option, text)
            redact.add(text)
        values[option.key] = _parsed(option, text if text is not None else option.default)
    return values


def _check_secret(option: Option, text: str) -> None:
    """Refuse what no HTTP header can carry, without showing it."""
    if any(character > "\xff" or unicodedata.category(character) == "Cc" for character in text):
        raise ConfigError(
            f"--{option.name}: its value (not shown) holds a control character, such as a line break, or one that is not "
            "Latin-1; was it copied whole, and nothing else with it?"
        )


def _missing(source: Source, option: Option) -> str:
    name = variable(source.name, option.name)
    file = f", or {name}_FILE to a file that holds it" if option.secret else ""
    return f"--{option.name} is not set: {option.help[0].lower()}{option.help[1:]} Set {name}{file}"


def _parsed(option: Option, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return option.parse(text)
    except ValueError as error:
        # An address may hold a password.
        shown = "its value" if option.secret or "@" in text else repr(text)
        raise UsageError(f"--{option.name}: {shown} is not valid: {error}") from None
