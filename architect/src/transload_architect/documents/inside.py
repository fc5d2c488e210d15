"""Runs inside Airflow's environment: loads a folder of DAGs as the dag-processor does, and prints what they are, as JSON.

    python inside.py FOLDER

Nothing of the architect is imported here: it is not installed there.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

# A Sunday that is the first of its month, in winter time: everything that runs at all runs on it.
DAY = datetime(2026, 3, 1, tzinfo=ZoneInfo("UTC"))


def main(folder: Path) -> None:
    """Prints one JSON object: the DAGs, and the errors of files that could not be imported."""
    with tempfile.TemporaryDirectory(prefix="architect-") as home:
        os.environ.update(
            AIRFLOW_HOME=home,
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
            AIRFLOW__CORE__DAGS_FOLDER=str(folder),
            AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite:////nonexistent/airflow.db",
            AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
            # Here a slow machine is no reason to give a file up.
            AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT="0",
        )
        os.environ.setdefault("TRANSLOAD_ENVIRONMENT", "production")
        sys.path.append(str(folder))
        from airflow.dag_processing.dagbag import BundleDagBag

        bag = BundleDagBag(str(folder), bundle_path=folder, bundle_name="dags-folder")
        errors = {
            str(Path(path).relative_to(folder) if Path(path).is_absolute() else path): text.strip().splitlines()[-1]
            for path, text in bag.import_errors.items()
        }
        found = {"dags": [dag_facts(bag.dags[one], folder) for one in sorted(bag.dags)], "errors": errors}
        sys.stdout.write(json.dumps(found, default=str) + "\n")


def dag_facts(dag: Any, folder: Path) -> dict[str, Any]:
    """One DAG."""
    deadlines = dag.deadline if isinstance(dag.deadline, list) else [dag.deadline] if dag.deadline else []
    return {
        "id": dag.dag_id,
        "file": Path(dag.fileloc).relative_to(folder).as_posix(),
        "description": dag.description or "",
        "schedule": cron_of(dag)[0] or schedule_of(dag.timetable),
        "timezone": cron_of(dag)[1],
        "runs": run_times(dag),
        "catchup": bool(dag.catchup),
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "params": sorted(dag.params),
        "deadline": sum(one.interval.total_seconds() for one in deadlines[:1]) or None,
        "tasks": [task_facts(one) for one in dag.tasks],
    }


def cron_of(dag: Any) -> tuple[str, str]:
    """Its schedule as cron has it, empty where it has none, and its time zone; timetables of the SDK call them otherwise."""
    timetable = dag.timetable
    expression = getattr(timetable, "_expression", None) or getattr(timetable, "expression", None) or ""
    zone = getattr(timetable, "_timezone", None) or getattr(timetable, "timezone", None) or "UTC"
    return str(expression), str(getattr(zone, "name", zone))


def schedule_of(timetable: Any) -> str:
    """What runs a DAG that has no cron expression: a span of time, or the name of its timetable, such as AssetTriggered."""
    name = type(timetable).__name__.removesuffix("Timetable")
    return str(getattr(timetable, "delta", "") or ("none" if name == "Null" else name))


def run_times(dag: Any) -> list[str]:
    """When it runs on the busiest day, in UTC; nothing for what no cron expression says."""
    from croniter import croniter

    expression, name = cron_of(dag)
    if not expression:
        return []
    zone = ZoneInfo(name)
    times = croniter(expression, (DAY - timedelta(seconds=1)).astimezone(zone))
    found: list[str] = []
    while (moment := times.get_next(datetime)) < DAY + timedelta(days=1):
        found.append(moment.astimezone(ZoneInfo("UTC")).isoformat())
    return found


def task_facts(task: Any) -> dict[str, Any]:
    """One task."""
    seconds = {
        name: getattr(task, name).total_seconds() if getattr(task, name, None) else None
        for name in ("retry_delay", "max_retry_delay", "execution_timeout")
    }
    resources = getattr(task, "container_resources", None)
    return {
        "id": task.task_id,
        "operator": type(task).__name__,
        "group": task.task_group.group_id if task.task_group and not task.task_group.is_root else "",
        "upstream": sorted(task.upstream_task_ids),
        "pool": task.pool,
        "owner": task.owner,
        "retries": task.retries,
        "backoff": task.retry_exponential_backoff,
        **seconds,
        "trigger_rule": str(task.trigger_rule),
        "outlets": sorted(str(getattr(one, "uri", one)) for one in task.outlets),
        "image": getattr(task, "image", None),
        "namespace": getattr(task, "namespace", None),
        "arguments": getattr(task, "arguments", None),
        "variables": {one.name: one.value for one in getattr(task, "env_vars", None) or () if hasattr(one, "name")},
        "connection": getattr(task, "kubernetes_conn_id", None),
        "secrets": sorted(one.secret_ref.name for one in getattr(task, "env_from", None) or () if one.secret_ref),
        "optional_secrets": sorted(
            one.secret_ref.name
            for one in getattr(task, "env_from", None) or ()
            if one.secret_ref and one.secret_ref.optional
        ),
        "requests": dict(resources.requests or {}) if resources else {},
        "limits": dict(resources.limits or {}) if resources else {},
        "templates": sorted({text for name in task.template_fields for text in templates(getattr(task, name, None))}),
        "stream": getattr(task, "stream", ""),
        "source": getattr(task, "source", ""),
        "full_refresh": bool(getattr(task, "full_refresh", False)),
    }


def templates(value: Any) -> Iterator[str]:
    """The texts in a field that are read when a task runs."""
    if isinstance(value, str):
        if "{{" in value:
            yield value
    elif isinstance(value, dict):
        yield from (text for one in value.values() for text in templates(one))
    elif isinstance(value, list | tuple | set):
        yield from (text for one in value for text in templates(one))
    elif hasattr(value, "value"):  # a variable of a pod's environment
        yield from templates(value.value)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
