"""Reads fields of a table, and gathers what is wrong with them, so that all of it can be said at once: a line a cause."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast

T = TypeVar("T", bound=str)

_REQUIRED: Any = object()
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?) (?P<unit>minute|hour|day|week)s?")
_A_DURATION = "a time such as 30 minutes, 1 hour, 1.5 days or 2 weeks"


class Problems:
    """What is wrong with a file.

    Args:
        name: the file's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._found: list[tuple[str, str]] = []

    def add(self, at: str, text: str) -> None:
        """Note one."""
        self._found.append((at, text))

    def touch(self, *places: str) -> bool:
        """Whether something is wrong at one of these places, or below it."""
        return any(f"{at}.".startswith(f"{place}.") for at, _ in self._found for place in places)

    @property
    def lines(self) -> list[str]:
        """All of them."""
        return [f"{self._name}: {at} {text}" for at, text in self._found]


class Table:
    """A table whose fields are read one by one. What was read wrong is a problem, and the reader goes on.

    Args:
        data: what stands there. What is no table is one problem, and none of its fields is another.
        at: where, for messages.
        problems: what is wrong goes there.
    """

    def __init__(self, data: Any, at: str, problems: Problems) -> None:
        self._at, self._problems = at, problems
        self._is_table = isinstance(data, dict)
        self._data: Mapping[str, Any] = data if isinstance(data, dict) else {}
        self._read: set[str] = set()
        if data is not None and not self._is_table:
            problems.add(at or "the file", f"{_is(data)}: it must be a table of names and values")

    def wrong(self, key: str, text: str) -> None:
        """Note that a field is wrong."""
        if self._is_table:
            self._problems.add(self._join(key), text)

    def no_others(self) -> None:
        """Note the fields that nobody reads."""
        for key in self._data:
            if key not in self._read:
                self.wrong(_plain(key), f"is unknown here: there may be {', '.join(sorted(self._read))}")

    def has(self, key: str) -> bool:
        """Whether a field is given."""
        return self._data.get(key) is not None

    def _get(self, key: str, default: Any, allowed: str) -> Any:
        self._read.add(key)
        value = self._data.get(key)
        if value is None and default is _REQUIRED:
            self.wrong(key, f"is missing: it must be {allowed}")
        return default if value is None else value

    def _refuse(self, key: str, value: Any, allowed: str) -> None:
        self.wrong(key, f"{_is(value)}: it must be {allowed}")

    def text(self, key: str, allowed: str = "a text") -> str:
        """A text; a number counts as one."""
        value = self._get(key, _REQUIRED, allowed)
        if value is _REQUIRED:
            return ""
        if not isinstance(value, str | int | float) or isinstance(value, bool) or not str(value).strip():
            self._refuse(key, value, allowed)
            return ""
        return str(value)

    def texts(self) -> dict[str, str]:
        """All fields, as texts, whatever they are called."""
        named = Table({_plain(key): value for key, value in self._data.items()}, self._at, self._problems)
        return {key: named.text(key) for key in named._data}

    def word(self, key: str, pattern: str, allowed: str, default: str = _REQUIRED) -> str:
        """A text that a pattern fits."""
        value = self._get(key, default, allowed)
        if value is _REQUIRED or (value == default and not self.has(key)):
            return "" if value is _REQUIRED else str(value)
        if isinstance(value, bool) or not isinstance(value, str | int) or not re.fullmatch(pattern, str(value)):
            self._refuse(key, value, allowed)
            return "" if default is _REQUIRED else default
        return str(value)

    def choice(self, key: str, allowed: tuple[T, ...], default: T) -> T:
        """One of a few words."""
        among = f"one of {', '.join(allowed)}"
        value = self._get(key, default, among)
        if value not in allowed:
            self._refuse(key, value, among)
            return default
        return cast(T, value)

    def integer(self, key: str, default: int | None = _REQUIRED, *, least: int, most: int) -> int | None:
        """A whole number."""
        allowed = f"a whole number from {least:,} to {most:,}"
        value = self._get(key, default, allowed)
        if value is _REQUIRED or value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self._refuse(key, value, allowed)
            return least
        return value

    def number(self, key: str, default: float = _REQUIRED, *, least: float, most: float) -> float:
        """A number."""
        allowed = f"a number from {least:g} to {most:,g}"
        value = self._get(key, default, allowed)
        if value is _REQUIRED:
            return least
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not least <= value <= most:
            self._refuse(key, value, allowed)
            return least
        return float(value)

    def boolean(self, key: str, default: bool) -> bool:
        """Yes or no."""
        value = self._get(key, default, "true or false")
        if not isinstance(value, bool):
            self._refuse(key, value, "true or false")
            return default
        return value

    def duration(self, key: str, default: Any = _REQUIRED) -> Any:
        """A time such as ``30 minutes``, as a timedelta; or the default."""
        value = self._get(key, default, _A_DURATION)
        if value is default:
            return timedelta(days=1) if default is _REQUIRED else default
        found = duration(str(value))
        if found is None:
            self._refuse(key, value, _A_DURATION)
            return timedelta(days=1)
        return found

    def list_of_texts(
        self, key: str, allowed: str, *, pattern: str = r".*\S.*", nothing: str = "", default: Sequence[str] = _REQUIRED
    ) -> list[str]:
        """A list of texts that a pattern fits, or one text for a list of one, or the word for none."""
        value = self._get(key, default, allowed)
        if value is _REQUIRED or (nothing and value == nothing):
            return []
        found = [value] if isinstance(value, str) else value
        if (
            not isinstance(found, list)
            or not found
            or not all(isinstance(one, str) and re.fullmatch(pattern, one) for one in found)
        ):
            self._refuse(key, value, allowed)
            return []
        return found

    def table(self, key: str, allowed: str) -> Table:
        """A table within."""
        value = self._get(key, _REQUIRED, allowed)
        return Table(None if value is _REQUIRED else value, self._join(key), self._problems)

    def tables(
        self, key: str, names: tuple[str, str], allowed: str, *, required: bool = True
    ) -> Iterator[tuple[str, Table]]:
        """The tables of a table, by their names, which a pattern must fit; in words it is the second of ``names``."""
        value = self._get(key, _REQUIRED if required else {}, allowed)
        if value is _REQUIRED:
            return
        if not isinstance(value, dict) or (required and not value):
            self._refuse(key, value, allowed)
            return
        for name, one in value.items():
            if not re.fullmatch(names[0], str(name)):
                self.wrong(f"{key}.{_plain(name)}", f"is no name that can be here: it must be {names[1]}")
            else:
                yield str(name), Table({} if one is None else one, self._join(f"{key}.{name}"), self._problems)

    def _join(self, key: str) -> str:
        return f"{self._at}.{key}".lstrip(".")


def _plain(key: Any) -> str:
    """A key as it may stand in a message of one line."""
    return str(key) if re.fullmatch(r"[\w.-]+", str(key)) else repr(key)


def _is(value: Any) -> str:
    """What stands where something else should, in a few words."""
    shown = repr(value)
    return f"is {shown if len(shown) <= 60 else shown[:57] + '...'}"


def duration(text: str) -> timedelta | None:
    """A time such as ``30 minutes``; None for what is none."""
    found = _DURATION.fullmatch(text.strip())
    try:
        return timedelta(**{f"{found['unit']}s": float(found["number"])}) if found else None
    except OverflowError:
        return None


def whole(value: int | None) -> int:
    """A number that was missing counts as 0: that it was, is a problem already."""
    return value or 0
