"""Messages about failed tasks and late runs: to the webhook in Variable `transload_webhook_url`, else to the log.

A webhook's address lets whoever knows it write, so it is masked in logs, and no error of a request is shown in full.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import httpx
from airflow.providers.common.compat.sdk import BaseNotifier, Context, Variable, mask_secret, redact

WEBHOOK_VARIABLE = "transload_webhook_url"
_TIMEOUT_SECONDS = 10


class WebhookNotifier(BaseNotifier, ABC):
    """Posts one line as `{"text": …}`, the form that chat systems take. A message that can't be sent fails nothing."""

    @abstractmethod
    def message(self, context: Any) -> str:
        """Returns the line to send."""

    def notify(self, context: Context) -> None:
        """Sends the message of `context`; called in the process of the task."""
        url = Variable.get(WEBHOOK_VARIABLE, None)
        text = self.message(context)
        if not url:
            self.log.warning("%s", text)
            return
        mask_secret(url)
        try:
            httpx.post(url, json={"text": text}, timeout=_TIMEOUT_SECONDS).raise_for_status()
        except httpx.HTTPStatusError as error:
            self.log.warning("%s (the webhook answered %d)", text, error.response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self.log.warning("%s (the webhook could not be reached: %s)", text, type(error).__name__)

    async def async_notify(self, context: Context) -> None:
        """The same from the triggerer, in a thread: reading a Variable and posting would both stop its event loop.

        Returns None: the triggerer stores what comes back, and dies of anything that is not text.
        """
        await asyncio.to_thread(self.notify, context)


class FailureNotifier(WebhookNotifier):
    """For `on_failure_callback` of a task: which task failed, in which run, and why."""

    def message(self, context: Any) -> str:
        """Returns task, run, try and the first line of the reason, masked."""
        ti = context["ti"]
        error = context.get("exception")
        reason = str(redact(f"{type(error).__name__}: {error}")).partition("\n")[0][:300] if error else "unknown"
        return f"Failed: {ti.dag_id} / {ti.task_id}, run {context['run_id']}, try {ti.try_number}: {reason}"


class LateNotifier(WebhookNotifier):
    """For a deadline alert: which run is late, and since when."""

    def message(self, context: Any) -> str:
        """Returns run, state and deadline, from the plain dictionaries that the scheduler hands over."""
        run, deadline = context["dag_run"], context["deadline"]
        return f"Late: {run['dag_id']}, run {run['dag_run_id']} is {run['state']}, due {deadline['deadline_time']}"
