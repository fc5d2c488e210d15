"""How a tenant and its sandbox are set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NOW = "2026-10-01T15:00:00+00:00"  # Thursday, 10:00 in Chicago
PLENTY = 1_000_000
CENTRAL = "America/Chicago"  # where days of quotas begin (sources/marketo.md §2)


@dataclass(frozen=True)
class Settings:
    """What can be chosen."""

    records: int = 1000
    seed: int = 1
    now: str = NOW
    users: Mapping[str, str] = field(default_factory=lambda: {"id": "secret"})
    history_days: int = 90
    activities_per_day: int = 0  # 0: a tenth of the records
    changes_per_day: int = 0  # 0: a twentieth of the records
    late_minutes: int = 30
    day_limit: int = PLENTY  # the vendor's: 50,000
    rate_limit: int = PLENTY  # calls in 20 seconds; the vendor's: 100
    concurrency: int = 10
    quota_mb: float = 500
    job_seconds: float = 0.0  # that a job takes at least
    job_polls: int = 1  # status answers before one may say Completed
    status_seconds: int = 0  # the vendor's: 60
    spelling: str = "Cancelled"
    no_filter: tuple[str, ...] = ()  # filters that this account lacks: 1035
    scan: int = 1000  # activities that one page of REST looks at
    latency: float = 0.0

    @property
    def activities(self) -> int:
        """A day's."""
        return self.activities_per_day or max(10, self.records // 10)

    @property
    def changes(self) -> int:
        """A day's, of leads."""
        return self.changes_per_day or max(10, self.records // 20)
