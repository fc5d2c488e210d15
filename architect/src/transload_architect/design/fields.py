"""Reads fields of a table, and gathers what is wrong with them, so that all of it can be said at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast

T = TypeVar("T", bound=str)

_REQUIRED: Any = object()
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?) (?P<unit>minute|hour|day|week)s?")


class Problems:
    """What is wrong with a file, a line each.

    Args:
        name: the file's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.lines: list[str] = []

    def add(self, at: str, text: str) -> None:
        """Note one."""
        self.lines.append(f"{self._name}: {at} {text}")


class Table:
    """A table whose fields are read one by one. What was read wrong is a problem, and the reader goes on.

    Args:
        data: what stands there.
        at: where, for messages.
        problems: what is wrong goes there.
    """

    def __init__(self, data: Any, at: str, problems: Problems) -> None:
        self._at, self._problems = at, problems
        self._data: Mapping[str, Any] = data if isinstance(data, dict) else {}
        self._read: set[str] = set()
        if not isinstance(data, dict):
            problems.add(at or "the file", "must be a table of names and values")

    def wrong(self, key: str, text: str) -> None:
        """Note that a field is wrong."""
        self._problems.add(f"{self._at}.{key}".lstrip("."), text)

    def no_others(self) -> None:
        """Note the fields that nobody reads."""
        for key in self._data:
            if key not in self._read:
                self.wrong(str(key), f"is unknown here: there may be {', '.join(sorted(self._read))}")

    def _get(self, key: str, default: Any) -> Any:
        self._read.add(key)
        value = self._data.get(key)
        if value is None and default is _REQUIRED:
            self.wrong(key, "is missing")
        return default if value is None else value

    def text(self, key: str, default: str = _REQUIRED) -> str:
        """A text; a number counts as one."""
        value = self._get(key, default)
        if value is _REQUIRED:
            return ""
        if not isinstance(value, str | int | float) or not str(value).strip():
            self.wrong(key, "must be a text")
            return ""
        return str(value)

    def texts(self) -> dict[str, str]:
        """All fields, as texts."""
        return {str(key): self.text(str(key)) for key in self._data}

    def word(self, key: str, pattern: str, allowed: str, default: str = _REQUIRED) -> str:
        """A text that a pattern fits."""
        value = self._get(key, default)
        if value is _REQUIRED or value == default:
            return "" if value is _REQUIRED else str(value)
        if not re.fullmatch(pattern, str(value)):
            self.wrong(key, f"is {value!r}: it must be {allowed}")
            return default if default is not _REQUIRED else "unknown"
        return str(value)

    def choice(self, key: str, allowed: tuple[T, ...], default: T) -> T:
        """One of a few words."""
        value = self._get(key, default)
        if value not in allowed:
            self.wrong(key, f"is {value!r}: it must be one of {', '.join(allowed)}")
            return default
        return cast(T, value)

    def integer(self, key: str, default: int | None = _REQUIRED, *, least: int, most: int | None = None) -> int | None:
        """A whole number."""
        value = self._get(key, default)
        if value is _REQUIRED or value is None:
            return None
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or value < least
            or (most is not None and value > most)
        ):
            self.wrong(
                key, f"is {value!r}: it must be a whole number from {least}{f' to {most}' if most is not None else ''}"
            )
            return least
        return value

    def number(self, key: str, default: float = _REQUIRED, *, least: float) -> float:
        """A number."""
        value = self._get(key, default)
        if value is _REQUIRED:
            return least
        if not isinstance(value, int | float) or isinstance(value, bool) or value < least:
            self.wrong(key, f"is {value!r}: it must be a number from {least}")
            return least
        return float(value)

    def boolean(self, key: str, default: bool) -> bool:
        """Yes or no."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            self.wrong(key, f"is {value!r}: it must be true or false")
            return default
        return value

    def duration(self, key: str, default: Any = _REQUIRED) -> Any:
        """A time such as ``30 minutes``, as a timedelta; or the default."""
        value = self._get(key, default)
        if value is default and default is not _REQUIRED:
            return default
        found = duration(str(value)) if value is not _REQUIRED else timedelta(days=1)
        if found is None:
            self.wrong(key, f"is {value!r}: it must be a time such as 30 minutes, 1 hour, 1.5 days or 2 weeks")
            return timedelta(days=1)
        return found

    def list_of_texts(self, key: str, nothing: str = "", default: Sequence[str] = _REQUIRED) -> list[str]:
        """A list of texts, or one text for a list of one, or the word for none."""
        value = self._get(key, default)
        if value is _REQUIRED or (nothing and value == nothing):
            return []
        if isinstance(value, str):
            return [value]
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or not value:
            self.wrong(key, f"must be a list of texts{f', or {nothing}' if nothing else ''}")
            return []
        return value

    def table(self, key: str) -> Table:
        """A table within."""
        return Table(
            self._get(key, _REQUIRED) if key in self._data else self._missing(key), self._join(key), self._problems
        )

    def tables(self, key: str, names: str, *, required: bool = True) -> Iterator[tuple[str, Table]]:
        """The tables of a table, by their names, which a pattern must fit."""
        value = self._get(key, _REQUIRED if required else {})
        if value is _REQUIRED:
            return
        if not isinstance(value, dict):
            self.wrong(key, "must be a table of tables")
            return
        for name, one in value.items():
            if not re.fullmatch(names, str(name)):
                self.wrong(f"{key}.{name}", f"is no name that can be here: it must match {names}")
            else:
                yield str(name), Table({} if one is None else one, self._join(f"{key}.{name}"), self._problems)

    def _missing(self, key: str) -> dict[str, Any]:
        self._read.add(key)
        self.wrong(key, "is missing")
        return {}

    def _join(self, key: str) -> str:
        return f"{self._at}.{key}".lstrip(".")


def duration(text: str) -> timedelta | None:
    """A time such as ``30 minutes``; None for what is none."""
    found = _DURATION.fullmatch(text.strip())
    return timedelta(**{f"{found['unit']}s": float(found["number"])}) if found else None


def whole(value: int | None) -> int:
    """A number that was missing counts as 0: that it was, is a problem already."""
    return value or 0
