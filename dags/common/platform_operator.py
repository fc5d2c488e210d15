"""PlatformOperator: one command of a platform image as a pod, or locally as a process or container.

A pod's settings are the platform's, not the DAG's; what an exit code means is in `common.outcome`.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import generic_api_retry
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodNotFoundException
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Context
from kubernetes.client import ApiException
from kubernetes.client import models as k8s

from common import pods, runners, settings
from common.outcome import Outcome


class PlatformOperator(KubernetesPodOperator):
    """One command of one image, run as the environment's runner has it; subclasses say which, and what its end means.

    In the cluster the image's entry point is the command. A pod is never relied on once it ended: it is deleted,
    and what it said is read from its termination message. Where the platform is deferrable, the triggerer waits for the
    pod, and `execute` is run a second time when it ended: what an end means is decided in one place.
    """

    # What has templates, and no more: every field is rendered for each task, kept in the database and shown in the UI.
    template_fields: Sequence[str] = (
        *("namespace", "image", "arguments", "env_vars", "destination", "endpoint_url", "placement", "deferrable"),
    )

    def __init__(
        self,
        *,
        command: str,
        source: str,
        size: settings.Size,
        pod_name: str,
        secret_names: Sequence[str],
        environ: dict[str, str],
        platform: settings.Settings | None = None,
        **kwargs: Any,
    ) -> None:
        self.platform = platform or settings.current()
        self.command = command
        self.source = source
        self.destination = self.platform.destination
        self.endpoint_url = self.platform.endpoint_url
        self.placement = dict(self.platform.placement)
        self._runner: runners.ProcessRunner | None = None
        self._outcome: Outcome | None = None
        self._event: dict[str, Any] | None = None
        self._watching = self._pod_made = False
        kwargs.setdefault("retries", self.platform.retries)
        kwargs.setdefault("retry_delay", self.platform.retry_delay)
        kwargs.setdefault("max_retry_delay", self.platform.max_retry_delay)
        kwargs.setdefault("retry_exponential_backoff", 2)
        kwargs.setdefault("execution_timeout", settings.SIZES[size].timeout)
        # With the environment, two Airflows that launch into one namespace find each its own pods.
        labels = {"app": "transload", "environment": self.platform.environment, "source": source}
        kwargs["labels"] = {**labels, **kwargs.get("labels", {})}
        super().__init__(
            name=pod_name.lower().replace("_", "-"),
            namespace=self.platform.namespace,
            image=self.platform.image(command),
            image_pull_policy="IfNotPresent",
            service_account_name=self.platform.service_account,
            env_vars=self._pod_environment(environ),
            env_from=[pods.secret(name) for name in secret_names],
            **pods.SECURITY,
            **pods.resources(settings.SIZES[size]),
            # The record of the load, not a kept pod, says what happened; a spec in the log would show its environment.
            on_finish_action="delete_pod",
            log_pod_spec_on_failure=False,
            log_events_on_failure=True,
            log_events_on_startup=False,
            startup_timeout_seconds=600,
            startup_check_interval_seconds=2,
            annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
            deferrable=self.platform.deferrable,
            do_xcom_push=False,
            **kwargs,
        )
        # Airflow gives each task a copy of its DAG's parameters and validates every copy at every parse, four fifths of
        # the time. A run's parameters reach the task all the same.
        self.params = type(self.params)()

    def build_pod_request_obj(self, context: Context | None = None, *, dry_run: bool = False) -> k8s.V1Pod:
        """Returns the pod in its place, without the arguments and variables that came out empty when rendered."""
        pod = super().build_pod_request_obj(context, dry_run=dry_run)
        pods.place(pod.spec, self.placement)
        container = pod.spec.containers[0]
        container.args = [argument for argument in container.args if argument]
        container.env = [variable for variable in container.env or () if variable.value or variable.value_from]
        return pod

    def run_command(self, context: Context) -> Outcome:
        """Runs the command to its end, wherever this environment runs commands, and returns how it ended.

        A pod that went away, or that ended without anybody seeing how, has no exit code. Raises what came in between
        while the pod was still there, or was never made.
        """
        if self.platform.runner != "kubernetes":
            return self._run_locally()
        self._outcome, self._watching = None, True
        try:
            if self._event is not None:
                self._pod_made = True
                super().trigger_reentry(context, self._event)
            else:
                self.deferrable = _switch("transload_deferrable", self.deferrable)
                super().execute(context)
        except pods.VariableError as error:
            raise AirflowFailException(str(error)) from None
        except (AirflowException, ApiException) as error:
            if self._outcome is None and not (self._pod_made and _is_gone(error)):
                raise
            self.log.info("The pod has ended: %s", str(error).strip().rpartition("\n")[2])
        finally:
            self._watching = False
        return self._outcome or Outcome(None)

    def trigger_reentry(self, context: Context, event: dict[str, Any]) -> None:
        """Goes on where the task was deferred: the triggerer says that the pod ended, or that time is up."""
        if self._watching:  # the pod had ended before the triggerer was asked to wait
            super().trigger_reentry(context, event)
        else:
            self._event = event
            self.execute(context)

    def invoke_defer_method(self, last_log_time: Any = None, context: Context | None = None) -> None:
        """Lets the triggerer wait, and reach Kubernetes as this process does: by itself it looks for a file only."""
        self.in_cluster = self.hook.is_in_cluster
        super().invoke_defer_method(last_log_time, context)

    def await_pod_completion(self, pod: k8s.V1Pod) -> None:
        """Shows the pod's log to its end. Where it can't be read, only says so: what follows waits for the pod's end.

        Kubernetes refuses the log of a container that is between two states; an error here would have the pod deleted at its work.
        """
        try:
            super().await_pod_completion(pod)
        except ApiException as error:
            self.log.warning("The pod's log can't be read (%s %s): waiting for its end", error.status, error.reason)

    @generic_api_retry
    def find_pod(self, namespace: str, context: Context, *, exclude_checked: bool = True) -> k8s.V1Pod | None:
        """Returns this task's pod of this run, whichever attempt made it, or None.

        One that is being deleted is not it any more. Of several, which an attempt left that was taken for dead, the
        newest is, and the others are deleted: it has taken the window over from them anyway.
        """
        labels = self._build_find_pod_label_selector(context, exclude_checked=exclude_checked)
        found = self.client.list_namespaced_pod(namespace=namespace, label_selector=labels).items
        found = sorted((p for p in found if not pods.is_leaving(p)), key=lambda p: p.metadata.creation_timestamp)
        for pod in found[:-1]:
            self.log.warning("Deleting pod %s: a newer one does the same", pod.metadata.name)
            self.pod_manager.delete_pod(pod)
        return found[-1] if found else None

    def get_or_create_pod(self, pod_request_obj: k8s.V1Pod, context: Context) -> k8s.V1Pod:
        """Returns the pod of an earlier attempt that still works or has done its work, else a new one."""
        pod = self.find_pod(pod_request_obj.metadata.namespace, context=context)
        if pod is not None and pod.status.phase != "Failed":
            self.log.info("Taking up pod %s of an earlier attempt (%s)", pod.metadata.name, pod.status.phase)
            self._pod_made = True
            return pod
        if pod is not None:
            self.pod_manager.delete_pod(pod)
        self._sweep(pod_request_obj.metadata.namespace)
        # Known before it is made, so that a kill in between deletes it; and if that came too early, then now.
        self.pod = pod_request_obj
        created = self.pod_manager.create_pod(pod=pod_request_obj)
        self._pod_made = True
        if self._killed:
            self.pod_manager.delete_pod(created)
            raise AirflowException("killed while its pod was made")
        return created

    def _sweep(self, namespace: str) -> None:
        """Deletes what others left. That this does not work is no reason for this task to fail."""
        try:
            swept = pods.sweep(self.client, namespace, self.platform.environment)
        except ApiException as error:
            self.log.warning("Pods that ended long ago could not be looked for: %s %s", error.status, error.reason)
            return
        if swept:
            self.log.info("Deleted pods that ended more than a day ago: %s", ", ".join(swept))

    def cleanup(
        self,
        pod: k8s.V1Pod,
        remote_pod: k8s.V1Pod,
        xcom_result: dict[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Keeps how the container ended and deletes the pod. That it failed is no exception yet: its code decides."""
        outcome = pods.container_outcome(remote_pod, self.base_container_name)
        if outcome.exit_code is not None or (remote_pod is not None and pods.has_ended(remote_pod)):
            self._outcome = outcome
        with suppress(AirflowException):
            super().cleanup(pod, remote_pod, xcom_result, context)

    def on_kill(self) -> None:
        """Asks the command to end: the pod by deleting it, a process by SIGTERM."""
        if self._runner is not None:
            self._runner.terminate()
        else:
            super().on_kill()

    def _run_locally(self) -> Outcome:
        environ = runners.environment(os.environ, self.source)
        environ.update({v.name: v.value for v in self.env_vars if v.value and v.name not in environ})
        arguments = [argument for argument in self.arguments if argument]
        command = [self.command, *arguments]
        if self.platform.runner == "docker":
            name = f"transload-{self.source}-{os.getpid()}"
            command = runners.docker_command(self.image, name, arguments, environ)
        self.log.info("Running: %s", " ".join(command))
        self._runner = runners.ProcessRunner(lambda line: self.log.info("%s", line))
        try:
            return self._runner.run(command, environ)
        except FileNotFoundError as error:
            raise AirflowFailException(str(error)) from None

    def _pod_environment(self, environ: dict[str, str]) -> list[k8s.V1EnvVar]:
        """Returns the variables of a pod, in a cluster with the lake's place, which is no secret."""
        if self.destination is not None:
            environ = {
                "TRANSLOAD_DESTINATION": self.destination,
                "TRANSLOAD_ENDPOINT_URL": self.endpoint_url or "",
                **environ,
            }
        return [k8s.V1EnvVar(name=name, value=value) for name, value in environ.items()]


def _is_gone(error: Exception) -> bool:
    """Returns whether an error says that the pod is not there any more."""
    return isinstance(error, PodNotFoundException) or (isinstance(error, ApiException) and error.status == 404)


def _switch(variable: str, text: str) -> bool:
    """Returns what a Variable of two words says. Raises AirflowFailException for any other word."""
    if text.lower() not in ("true", "false"):
        raise AirflowFailException(f"Variable {variable} is {text!r}: it must be true or false")
    return text.lower() == "true"
