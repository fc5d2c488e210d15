"""What the pod of dbt says of its build: pure functions, the same for pods, containers and processes."""

import json
from dataclasses import dataclass
from typing import Any, Self

_NAMED = 3  # as many failed nodes fit into a notification's line


@dataclass(frozen=True, slots=True)
class Build:
    """The summary of `dbt/pod.py` (format 1)."""

    summary: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Returns the summary in `text`, or None where there is none that can be read: a killed pod left none."""
        try:
            summary = json.loads(text)
            if summary["format"] != 1:
                return None
            whole = isinstance(summary["nodes"], dict) and {"command", "error"} <= summary.keys()
            whole = whole and all({"node", "status", "message"} <= node.keys() for node in summary["failed"])
            return cls(summary) if whole else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def lines(self) -> list[str]:
        """Returns a line for each node that failed, for the log."""
        return [f"{node['status']}: {node['node']}: {node['message']}" for node in self.summary["failed"]]

    def reason(self) -> str:
        """Returns one line for the notification: which nodes failed, or why dbt could not do its work."""
        failed = [node["node"] for node in self.summary["failed"]]
        if not failed:
            return f"dbt {self.summary['command']}: {self.summary['error'] or 'failed'}"
        count = sum(self.summary["nodes"].get(status, 0) for status in ("error", "fail", "runtime error"))
        more = f" and {count - _NAMED} more" if count > _NAMED else ""
        return f"dbt {self.summary['command']}: {', '.join(failed[:_NAMED])}{more} failed"
