"""The steps of a run at which a process may be killed and nothing may be lost: tests listen here.

Production code says ``reached`` and goes on; without a listener, that is one comparison. Nothing in production sets one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable


class Step(enum.Enum):
    """A step, by the name that reports show. Most come more than once a run."""

    REQUEST = "first request"  # a request is about to be sent to the source: also every later one
    MID_PAGE = "mid-page"  # some of a page's records are in the open part; their token stands nowhere yet
    PART_OPENED = "part opened"
    MID_UPLOAD = "mid-upload"  # some of an object's bytes are on their way, or it is about to be stored
    UPLOAD_COMPLETED = "upload completed"  # a part is in the lake, and in no checkpoint yet
    CHECKPOINT_WRITTEN = "checkpoint written"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"  # the commit record is there, and the checkpoint too
    DURING_PRUNE = "during prune"  # before each object that prune removes


listener: Callable[[Step], None] | None = None


def reached(step: Step) -> None:
    """Tell whoever listens; it may hold this thread up, or end the process."""
    if listener is not None:
        listener(step)
