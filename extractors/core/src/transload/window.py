"""Windows: the half-open spans of time, in UTC and to the second, that loads are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from transload.errors import UsageError

Mode = Literal["incremental", "full", "sample"]

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(?:(?P<since>\d{8}T\d{6}Z)|(?P<mode>full|sample))-(?P<until>\d{8}T\d{6}Z)")


@dataclass(frozen=True, slots=True)
class Window:
    """What one load covers: ``[since, until)`` for ``incremental``, everything as of ``until`` otherwise.

    Raises:
        UsageError: ``since`` is not before ``until``.
    """

    mode: Mode
    since: datetime | None
    until: datetime

    def __post_init__(self) -> None:
        if (self.since is None) == (self.mode == "incremental"):
            raise ValueError("an incremental window has a since, any other has none")
        if self.since is not None and self.since >= self.until:
            raise UsageError(
                f"since ({iso(self.since)}) is not before until ({iso(self.until)}): a window is [since, until)"
            )

    @property
    def name(self) -> str:
        """The window's name in the lake, such as ``20260130T000000Z-20260131T000000Z``."""
        start = self.mode if self.since is None else self.since.strftime(_STAMP)
        return f"{start}-{self.until.strftime(_STAMP)}"

    @classmethod
    def parse(cls, name: str) -> Window | None:
        """Read a window's name; None if it is not one (a compacted file of commit records, say)."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        until = _stamp(match["until"])
        if match["since"]:
            return cls("incremental", _stamp(match["since"]), until)
        return cls("full" if match["mode"] == "full" else "sample", None, until)


def _stamp(text: str) -> datetime:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)


def moment(text: str, name: str) -> datetime:
    """Read an ISO 8601 moment with its zone; fractions of a second are cut off.

    Args:
        text: what the user gave.
        name: the option it was given to, for the message.

    Raises:
        UsageError: it is not a moment, has no zone, or is outside the calendar in UTC.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name}: {text!r} is not an ISO 8601 moment such as 2026-01-30T00:00:00Z") from None
    if value.tzinfo is None:
        raise UsageError(f"{name}: {text!r} has no time zone; write {value.isoformat()}Z for UTC, or an offset")
    try:
        return value.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise UsageError(f"{name}: {text!r} is not between the years 1 and 9999 in UTC") from None


def iso(value: datetime, *, milliseconds: bool = False) -> str:
    """Write an aware moment in UTC as ISO 8601 with a Z."""
    text = value.astimezone(UTC).isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.replace("+00:00", "Z")
