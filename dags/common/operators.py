"""ExtractOperator and DbtOperator, the tasks of every DAG, and ChooseOperator before them."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    Asset,
    Context,
)
from airflow.providers.standard.operators.branch import BaseBranchOperator
from kubernetes.client import models as k8s

from common import pods, settings
from common.build import Build
from common.compat import AirflowRescheduleException
from common.hooks import CommitRecord, LakeHook
from common.outcome import Action, Summary, Verdict, in_words, judge, moment
from common.platform_operator import PlatformOperator

UNTIL = "{{ params.get('until') or (dag_run.data_interval_end or dag_run.run_after).strftime('%Y-%m-%dT%H:%M:%SZ') }}"
SINCE = "{{ '--since=' ~ params.since if params.get('since') else '' }}"

# The root file system of a container is read-only, and dbt writes beside the project unless told otherwise.
_DBT_CONTAINER = {"HOME": "/tmp", "DBT_TARGET_PATH": "/tmp/target", "DBT_LOG_PATH": "/tmp/logs"}  # noqa: S108  inside the container

# Which attempt it is since the task was last cleared: what was built before that is to be built again.
ATTEMPT = "{{ ti.try_number - (ti.max_tries - task.retries) }}"


def stream_asset(source: str, stream: str) -> Asset:
    """Returns the asset of a stream: the same name in every environment, for whoever schedules on data.

    Two assets with one URI and different names make tasks fail, so nobody else may make one.
    """
    return Asset(name=f"{source}/{stream}", uri=f"transload://{source}/{stream}")


class ExtractOperator(PlatformOperator):
    """Extracts one stream up to the end of the data interval, and succeeds when the commit record is in the lake.

    The window begins where the commit records say, so a missed or failed schedule leaves no gap. A run's parameters
    `since` and `until` make it a backfill. Fails at once on exit codes that no retry helps, comes back
    without using up a retry when the source said when, and returns the load's figures as XCom.
    """

    template_fields: Sequence[str] = (*PlatformOperator.template_fields, "until")

    def __init__(
        self,
        *,
        source: str,
        stream: str,
        size: settings.Size = "small",
        full_refresh: bool = False,
        platform: settings.Settings | None = None,
        **kwargs: Any,
    ) -> None:
        self.stream = stream
        self.full_refresh = full_refresh
        self.until = UNTIL
        window = ["--full-refresh"] if full_refresh else [SINCE]
        super().__init__(
            command=source,
            source=source,
            size=size,
            pod_name=f"{source}-{stream}",
            platform=platform,
            arguments=["extract", stream, "--until", UNTIL, *window, "--json"],
            secret_names=(f"transload-{source}", "transload-lake"),
            environ={},
            labels={"stream": stream},
            outlets=[stream_asset(source, stream)],
            **kwargs,
        )

    def execute(self, context: Context) -> None:
        """Runs the extractor and does what its end asks for, as `judge` says."""
        outcome = self.run_command(context)
        verdict = judge(outcome.exit_code, Summary.parse(outcome.text, self.stream))
        if verdict.action is Action.VERIFY:
            self._publish(context, self._verified(context, verdict))
        elif verdict.action is Action.RESCHEDULE and verdict.retry_at:
            when = max(verdict.retry_at, datetime.now(UTC) + self.platform.min_reschedule)
            self.log.info("%s: coming back at %s", verdict.reason, when.isoformat(timespec="seconds"))
            raise AirflowRescheduleException(when)
        elif verdict.action is Action.FAIL:
            raise AirflowFailException(verdict.reason)
        else:
            raise AirflowException(verdict.reason)

    def _verified(self, context: Context, verdict: Verdict) -> CommitRecord:
        """Returns the commit record that makes this task done, whatever the pod said. Raises if there is none.

        Where a summary names the load, it must be that load's. Else any load of this window will do that was committed
        after the attempts began: another attempt did the work, or this one did and could not say so. Windows that end
        at the same time are told apart by what this task asked for: everything, or from a given moment on.
        """
        lake = LakeHook(self.destination, self.endpoint_url)
        until = moment(self.until)
        if verdict.load_id:
            record = lake.load(self.source, self.stream, until, verdict.load_id)
            wanted = f"load {verdict.load_id}"
        else:
            since = None if self.full_refresh else context["params"].get("since")
            record = lake.committed_since(
                self.source,
                self.stream,
                until,
                _attempts_began(context),
                full=self.full_refresh,
                start=moment(since) if since else None,
            )
            wanted = "a load of these attempts"
        if record is None:
            raise AirflowException(f"{verdict.reason}, but no commit record of {wanted} up to {self.until}")
        return record

    def _publish(self, context: Context, record: CommitRecord) -> None:
        brief = record.brief()
        self.log.info("Committed: %s", brief)
        context["outlet_events"][stream_asset(self.source, self.stream)].extra = brief
        # Not the return value: that is pushed only with the XCom side-car, which would cost a container a pod.
        context["ti"].xcom_push(key="return_value", value=brief)


class ChooseOperator(BaseBranchOperator):
    """Skips the streams that a run does not ask for by its parameter `streams`; without one, none.

    A task that is skipped here is never started: on a busy scheduler a start costs seconds, and a DAG has forty.
    """

    def __init__(self, *, platform: settings.Settings | None = None, **kwargs: Any) -> None:
        platform = platform or settings.current()
        kwargs.setdefault("retries", platform.retries)
        kwargs.setdefault("retry_delay", timedelta(seconds=10))
        kwargs.setdefault("execution_timeout", timedelta(minutes=5))
        super().__init__(**kwargs)

    def choose_branch(self, context: Context) -> list[str]:
        """Returns the tasks of this run. Raises AirflowFailException if it names no stream of this DAG."""
        chosen = context["params"].get("streams")
        streams = {task.stream: task.task_id for task in self.downstream_list if isinstance(task, ExtractOperator)}
        found = [task_id for stream, task_id in streams.items() if not chosen or stream in chosen]
        if not found:
            raise AirflowFailException(f"none of {', '.join(chosen)} is a stream of this DAG")
        return found


class DbtOperator(PlatformOperator):
    """Stages, builds and tests the models of one source (`dbt/pod.py`), in a pod of the dbt image or with the dbt on PATH.

    What became of it, without its log, is the task's XCom. A retry goes on where the attempt before stopped.
    """

    template_fields: Sequence[str] = (*PlatformOperator.template_fields, "warehouse_claim")

    def __init__(self, *, source: str, select: str, platform: settings.Settings | None = None, **kwargs: Any) -> None:
        platform = platform or settings.current()
        self.warehouse_claim = platform.warehouse_claim
        super().__init__(
            command="dbt",
            source=source,
            size="models",
            pod_name=f"dbt-{source}",
            platform=platform,
            arguments=["source", source, "--select", select, "--json"],
            secret_names=("transload-dbt", "transload-lake"),
            environ={
                "DBT_TARGET": platform.dbt_target,
                "TRANSLOAD_DBT_VARS": platform.dbt_vars,
                "DBT_USE_COLORS": "false",
                "TRANSLOAD_DAG": "{{ dag.dag_id }}",
                "TRANSLOAD_RUN": "{{ run_id }}",
                "TRANSLOAD_ATTEMPT": ATTEMPT,
                **(_DBT_CONTAINER if platform.runner != "process" else {}),
            },
            **kwargs,
        )
        if platform.runner == "process":
            self.command = sys.executable  # which goes on with the Python of the dbt on PATH
            self.arguments = [str(settings.DBT_PROJECT / "pod.py"), *self.arguments]

    def build_pod_request_obj(self, context: Context | None = None, *, dry_run: bool = False) -> k8s.V1Pod:
        """Returns the pod, with its Secret's files, and with the volume of DuckDB's file if there is one."""
        pod = super().build_pod_request_obj(context, dry_run=dry_run)
        pods.mount_files(pod.spec, "transload-dbt-files")
        container = pod.spec.containers[0]
        if self.warehouse_claim:
            claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=self.warehouse_claim)
            mount = k8s.V1VolumeMount(name="warehouse", mount_path="/warehouse")
            container.volume_mounts = [*container.volume_mounts, mount]
            pod.spec.volumes = [*pod.spec.volumes, k8s.V1Volume(name="warehouse", persistent_volume_claim=claim)]
        return pod

    def execute(self, context: Context) -> None:
        """Runs dbt. Whatever it fails of is retried: it says the same of a wrong setting and of a lost connection.

        Raises AirflowFailException, before any pod, for variables of dbt that are no JSON object.
        """
        if self._event is None:  # what the Variable became while a pod worked is not that pod's
            try:
                pods.parsed("dbt_vars", next(v.value for v in self.env_vars if v.name == "TRANSLOAD_DBT_VARS"), dict)
            except pods.VariableError as error:
                raise AirflowFailException(str(error)) from None
        outcome = self.run_command(context)
        built = Build.parse(outcome.text)
        if built is not None:
            context["ti"].xcom_push(key="return_value", value=built.summary)
            for line in built.lines():
                self.log.error("%s", line)
        if outcome.exit_code != 0:
            raise AirflowException(built.reason() if built else f"dbt: {in_words(outcome.exit_code)}")


def _attempts_began(context: Context) -> datetime:
    """Returns when the first of this run's attempts at a task may have begun: now's own start, or the run's."""
    ti = context["ti"]
    began = ti.start_date if ti.try_number == 1 else context["dag_run"].start_date
    return began or ti.start_date
