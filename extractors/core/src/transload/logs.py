"""Logs on stderr: JSON lines for machines, short lines for people. Secrets are redacted last, tracebacks included."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from transload.redaction import RedactingFormatter, Redactor

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class _Readable(logging.Formatter):
    """``12:30:01 part  key=... records=250000`` for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{name}={value}" for name, value in record.__dict__.items() if name not in _STANDARD)
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        text = f"{self.formatTime(record, '%H:%M:%S')} {level}{record.getMessage()}"
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return f"{text}  {extra}" if extra else text


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at that moment: a progress bar puts itself there, and moves down for each line."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """What the base class found at its start is of no use."""


def set_up_logs(redact: Redactor, *, debug: bool) -> None:
    """Send the log to stderr, as JSON lines unless that is a terminal.

    Args:
        redact: applied to every line.
        debug: also what only a developer wants to read.
    """
    inner: logging.Formatter
    if sys.stderr.isatty():
        inner = _Readable()
    else:
        # Late: a tenth of the start-up of commands that log nothing.
        from pythonjsonlogger.json import JsonFormatter

        inner = JsonFormatter(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )
    handler = _ToStderr()
    handler.setFormatter(RedactingFormatter(inner, redact))
    root = logging.getLogger("transload")
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(logging.DEBUG if debug else logging.INFO)
