"""The one module that knows in which Airflow version a name lives.

Names that `airflow.providers.common.compat.sdk` has are imported from there, by whoever needs them. Here stands the
rest, for Airflow 3.3: what moved between versions without the shim knowing it, and what 2.11 does not have (deadlines).
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowRescheduleException

__all__ = ["AirflowRescheduleException", "late_after"]


def late_after(interval: timedelta, notifier: Callable[..., Any]) -> DeadlineAlert:
    """Returns an alert that awaits `notifier(context=…)` when a run is not done `interval` after it was queued.

    Always asynchronous: the scheduler itself fails on a synchronous callback where the executor is Kubernetes'.
    The triggerer runs it, so `PYTHONPATH` of the triggerer must have the folder of the DAGs.
    """
    return DeadlineAlert(
        name=f"not done after {interval}",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=interval,
        callback=AsyncCallback(notifier),
    )
