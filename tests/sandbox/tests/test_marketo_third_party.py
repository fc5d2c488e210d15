"""A public client runs to its end, with nothing changed but the host (sources/marketo.md §9)."""

from __future__ import annotations

import csv
import io

import pytest

pytestmark = pytest.mark.filterwarnings("default")  # what the client warns of is not ours to mend

WINDOW = {"startAt": "2026-09-20T00:00:00Z", "endAt": "2026-10-01T23:59:59Z"}


@pytest.fixture
def other(marketo):
    """The sandbox, and the client pointed at it. It limits itself to five calls a second."""
    from marketorestpython.client import MarketoClient

    sandbox, _ = marketo(records=60, activities_per_day=10, history_days=12)
    client = MarketoClient("123-ABC-456", "id", "secret")
    client.host = sandbox.url
    return sandbox, client


def test_reading(other):
    sandbox, client = other
    assert client.execute(method="describe") == sandbox.truth("lead_fields")
    assert client.execute(method="get_activity_types") == sandbox.truth("activity_types")
    found = client.execute(
        method="get_lead_activities", activityTypeIds=["1", "7"], sinceDatetime="2026-09-20T00:00:00Z"
    )
    truth = sandbox.truth("activities_rest", activityTypeIds="1,7", startAt="2026-09-20T00:00:00Z")
    assert found == truth != []
    assert client.execute(method="browse_programs") == sandbox.truth("programs")
    assert client.execute(method="get_multiple_lists") == sandbox.truth("lists")


@pytest.mark.parametrize("kind", ["leads", "activities"])
def test_exports(other, kind):
    sandbox, client = other
    more = {"fields": ["id", "email"]} if kind == "leads" else {}
    created = client.execute(method=f"create_{kind}_export_job", filters={"createdAt": WINDOW}, **more)
    export = created[0]["exportId"]
    assert client.execute(method=f"enqueue_{kind}_export_job", job_id=export)[0]["status"] == "Queued"
    status = {"status": ""}
    while status["status"] != "Completed":
        status = client.execute(method=f"get_{kind}_export_job_status", job_id=export)[0]
    data = client.execute(method=f"get_{kind}_export_job_file", job_id=export)
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert len(rows) == status["numberOfRecords"] > 0
    key = "id" if kind == "leads" else "marketoGUID"
    query = {"filter": "createdAt"} if kind == "leads" else {}
    assert [row[key] for row in rows] == [str(row[key]) for row in sandbox.truth(kind, **query, **WINDOW)]
    assert [job["exportId"] for job in client.execute(method=f"get_{kind}_export_jobs_list")] == [export]
