"""What options of sources have in common: each is, or gives, an ``Option.parse``. They raise ValueError with what is allowed."""

from __future__ import annotations

from collections.abc import Callable


def address(example: str) -> Callable[[str], str]:
    """A whole address, without the slash at its end."""

    def parse(text: str) -> str:
        if not text.startswith(("https://", "http://")):
            raise ValueError(f"give the whole address, such as {example}")
        if "@" in text.partition("://")[2].partition("/")[0]:
            raise ValueError(f"give the address without a user and a password, such as {example}")
        return text.rstrip("/")

    return parse


def number(low: int, high: int, what: str = "a number") -> Callable[[str], int]:
    """A whole number, between bounds that are themselves allowed."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"give {what} from {low} to {high}")
        return int(text)

    return parse


#: percent of a quota that is left to others
reserve = number(0, 99, "a percentage")


def seconds(text: str) -> float:
    """A time, in seconds."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found < float("inf"):
        raise ValueError("give a number of seconds, more than 0")
    return found


def one_of(*allowed: str) -> Callable[[str], str]:
    """One of two words or more."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"give {', '.join(allowed[:-1])} or {allowed[-1]}")
        return text

    return parse
