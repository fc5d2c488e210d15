"""The shape that every source's DAG has: extraction, a task per stream, then dbt. The DAG files say what and when."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import Param, TaskGroup, TriggerRule

from common.compat import late_after
from common.notifications import FailureNotifier, LateNotifier
from common.operators import ChooseOperator, DbtOperator, ExtractOperator
from common.settings import Size, current

Streams = Mapping[Size, Sequence[str]]


def defaults(source: str, *, done_within: timedelta) -> dict[str, Any]:
    """Returns the arguments that all DAGs of a source share.

    No catch-up and one run at a time: the next run takes up where the last commit ended, whatever was missed. No
    deadline in the local environment: `airflow dags test` of Airflow 3.3.2 breaks on one just when a run has succeeded.
    """
    local = current().environment == "local"
    return {
        "start_date": datetime(2026, 1, 1, tzinfo=UTC),
        "catchup": False,
        "max_active_runs": 1,
        "deadline": None if local else late_after(done_within, LateNotifier),
        "default_args": {"owner": "data-platform", "on_failure_callback": FailureNotifier()},
        "tags": ["transload", source],
    }


def backfill_params(streams: Streams, *, since: bool = True) -> dict[str, Param]:
    """Returns the parameters of a manual run; `since` is left out where every load is a full one anyway."""
    moment: dict[str, Any] = {"type": ["null", "string"], "format": "date-time"}
    names = sorted(_names(streams))
    params = {
        "until": Param(None, **moment, title="Until", description="End of the window; empty: of the data interval"),
        "streams": Param(
            [],
            type="array",
            items={"type": "string", "enum": names},
            examples=names,
            title="Streams",
            description="Only these; empty: all",
        ),
    }
    if since:
        params["since"] = Param(
            None, **moment, title="Since", description="Start of the window; empty: where the last commit ended"
        )
    return params


def extraction(source: str, streams: Streams, *, full_refresh: bool = False) -> TaskGroup:
    """Returns the group with one task per stream, behind one that skips the streams that a run does not ask for.

    The source's pool keeps them within the vendor's limits.
    """
    choose = ChooseOperator(task_id="choose")
    with TaskGroup("extract", tooltip=f"{source}: one load per stream") as group:
        for size, names in streams.items():
            for name in names:
                ExtractOperator(
                    task_id=name, source=source, stream=name, size=size, full_refresh=full_refresh, pool=source
                )
    choose >> group
    return group


def transformation(source: str) -> DbtOperator:
    """Returns the task that rebuilds the source's models, once every chosen stream is committed."""
    return DbtOperator(
        task_id="dbt",
        source=source,
        select=f"source:{source}+",
        pool="dbt",
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
    )


def _names(streams: Streams) -> list[str]:
    return [name for names in streams.values() for name in names]
