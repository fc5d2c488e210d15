"""The errors that end a run, each with the exit code that the process gives back.

::

    TransloadError            70  EX_SOFTWARE     our bug
    ├── UsageError            64  EX_USAGE        a wrong flag; nothing was tried
    ├── ContractBroken        65  EX_DATAERR      the source sent what it must not send
    ├── SourceUnavailable     69  EX_UNAVAILABLE  the source is down, after retries
    ├── LakeUnavailable       69  EX_UNAVAILABLE  the destination is down or full, after retries
    ├── WindowTaken           73  EX_CANTCREAT    another attempt took the window over, or committed it first
    ├── QuotaExhausted        75  EX_TEMPFAIL     come back at ``retry_at``
    ├── AccessDenied          77  EX_NOPERM       credentials refused, by the source or the destination
    │   └── StreamDenied      77  EX_NOPERM       the credentials do not open this stream; others may
    ├── ConfigError           78  EX_CONFIG       a setting is missing or makes no sense
    ├── NotVerified            1                  ``verify`` found the window not whole
    └── Interrupted          143                  SIGTERM (130: Ctrl-C); the checkpoint is kept

A message is one line that says what is wrong and what to do. It never holds a secret: what prints it redacts it first.
"""

from __future__ import annotations

import os
import signal
from datetime import datetime


class TransloadError(Exception):
    """The root of the tree.

    ``exit_code`` is what the process ends with. ``ends_run`` says whether the other streams of the run would meet the same, so that
    none of them is begun.
    """

    exit_code: int = os.EX_SOFTWARE
    ends_run: bool = False


class UsageError(TransloadError):
    """A flag or an argument is wrong; nothing was tried."""

    exit_code = os.EX_USAGE


class ContractBroken(TransloadError):
    """The source answered something that its contract rules out."""

    exit_code = os.EX_DATAERR


class SourceUnavailable(TransloadError):
    """The source did not answer usefully within the retry deadline."""

    exit_code = os.EX_UNAVAILABLE


class LakeUnavailable(TransloadError):
    """The destination did not take or give an object, after retries, or has no space left."""

    exit_code = os.EX_UNAVAILABLE
    ends_run = True


class WindowTaken(TransloadError):
    """Another attempt on the same window took it over, or committed it first. This attempt wrote nothing visible."""

    exit_code = os.EX_CANTCREAT


class QuotaExhausted(TransloadError):
    """The source's quota is used up.

    Args:
        message: one line.
        retry_at: the aware moment from which on it is worth trying again.
    """

    exit_code = os.EX_TEMPFAIL
    ends_run = True

    def __init__(self, message: str, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class AccessDenied(TransloadError):
    """The source or the destination refused the credentials."""

    exit_code = os.EX_NOPERM
    ends_run = True


class StreamDenied(AccessDenied):
    """The source refused this stream to these credentials, or does not have it for them."""

    ends_run = False


class ConfigError(TransloadError):
    """A setting is missing or makes no sense."""

    exit_code = os.EX_CONFIG
    ends_run = True


class NotVerified(TransloadError):
    """A window has no commit record, or a part of it is not there as recorded."""

    exit_code = 1


class Interrupted(TransloadError):
    """A signal asked the process to stop.

    Args:
        signal_number: the signal; the exit code is 128 plus it.
    """

    ends_run = True

    def __init__(self, signal_number: int) -> None:
        super().__init__("stopped by a signal; the checkpoint is kept: run the same command again to go on from it")
        self.exit_code = 128 + signal_number


class Stopped(KeyboardInterrupt):
    """What a signal's handler raises, wherever the main thread is. Where a run ends it becomes ``Interrupted``.

    It is no ``Exception``: botocore takes any of those for a failed request, and tries again.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number


def interrupted(error: BaseException | None) -> Interrupted:
    """The error of the tree for ``Stopped``, or for the ``KeyboardInterrupt`` of Ctrl-C."""
    return Interrupted(error.signal_number if isinstance(error, Stopped) else signal.SIGINT)
