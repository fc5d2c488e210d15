"""Messages reach the webhook, and its address reaches nobody."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from common.notifications import FailureNotifier, LateNotifier

LATE = {
    "dag_run": {"dag_id": "pestroutes_daily", "dag_run_id": "scheduled__1", "state": "running"},
    "deadline": {"id": "1", "deadline_time": "2026-01-31T07:00:00Z"},
}
FAILED = {
    "ti": SimpleNamespace(dag_id="pestroutes_daily", task_id="extract.customer", try_number=3),
    "run_id": "scheduled__1",
    "exception": RuntimeError("credentials refused: exit code 77\nTraceback …"),
}


class Webhook:
    """Keeps what it was sent and answers `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[Any] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hidden-path"


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    threading.Thread(target=hook.server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("AIRFLOW_VAR_TRANSLOAD_WEBHOOK_URL", hook.url)
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


def test_a_failure_says_which_task_and_why_in_one_line(webhook: Webhook) -> None:
    FailureNotifier()(FAILED)
    assert webhook.bodies == [
        {
            "text": "Failed: pestroutes_daily / extract.customer, run scheduled__1, try 3: "
            "RuntimeError: credentials refused: exit code 77"
        }
    ]


def test_a_missed_deadline_is_awaited_as_the_triggerer_does(webhook: Webhook) -> None:
    async def trigger() -> Any:
        return await LateNotifier(context=LATE)

    assert asyncio.run(trigger()) is None  # the triggerer dies of a dictionary
    assert webhook.bodies == [{"text": "Late: pestroutes_daily, run scheduled__1 is running, due 2026-01-31T07:00:00Z"}]


@pytest.mark.parametrize("fault", ["500", "refused", "nonsense"])
def test_a_webhook_that_fails_breaks_nothing_and_is_not_shown(
    webhook: Webhook, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.status = 500
    if fault != "500":
        url = "http://127.0.0.1:1/hidden-path" if fault == "refused" else "hidden-path"
        monkeypatch.setenv("AIRFLOW_VAR_TRANSLOAD_WEBHOOK_URL", url)
    notifier = FailureNotifier()
    lines: list[str] = []
    monkeypatch.setattr(type(notifier), "log", SimpleNamespace(warning=lambda text, *args: lines.append(text % args)))
    notifier(FAILED)
    assert len(lines) == 1
    assert lines[0].startswith("Failed: pestroutes_daily / extract.customer")
    assert "hidden-path" not in lines[0]
    assert "hidden-path" not in capsys.readouterr().err


def test_without_a_webhook_the_log_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_TRANSLOAD_WEBHOOK_URL", "")
    lines: list[str] = []
    monkeypatch.setattr(LateNotifier, "log", SimpleNamespace(warning=lambda text, *args: lines.append(text % args)))
    LateNotifier()(LATE)
    assert lines == ["Late: pestroutes_daily, run scheduled__1 is running, due 2026-01-31T07:00:00Z"]
