"""Bulk extract: jobs and their rules (sources/marketo.md §6)."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

WEEK = {"startAt": "2026-09-25T00:00:00Z", "endAt": "2026-10-01T23:59:59Z"}
LEADS = {"fields": ["id", "email"], "filter": {"updatedAt": WEEK}}
ACTIVITIES = {"filter": {"createdAt": WEEK}}


def code(answer):
    return "" if answer["success"] else answer["errors"][0]["code"]


def message(answer):
    return answer["errors"][0]["message"]


def test_a_job_from_create_to_file(marketo, table):
    _, client = marketo(job_polls=2)
    made = client.post("/bulk/v1/leads/export/create", LEADS)["result"][0]
    assert made.keys() == {"exportId", "format", "status", "createdAt"}
    path = f"/bulk/v1/leads/export/{made['exportId']}"
    assert client.get(f"{path}/status")["result"][0]["status"] == "Created"
    status, headers, body = client.file("leads", made["exportId"])
    assert (status, headers["Content-Type"].partition(";")[0]) == (404, "text/plain")
    assert body
    assert client.post(f"{path}/enqueue")["result"][0]["status"] == "Queued"
    statuses = [client.get(f"{path}/status")["result"][0] for _ in range(4)]
    assert [status["status"] for status in statuses] == ["Processing", "Processing", "Completed", "Completed"]
    status, headers, body = client.file("leads", made["exportId"])
    assert (status, headers["Content-Type"]) == (200, "text/csv;charset=UTF-8")
    assert statuses[-1]["fileSize"] == len(body)
    assert statuses[-1]["fileChecksum"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert statuses[-1]["numberOfRecords"] == len(table(body)) - 1 > 0
    assert {"queuedAt", "startedAt", "finishedAt"} <= statuses[-1].keys()


def test_ranges(marketo):
    _, client = marketo()
    export = client.created("activities", **ACTIVITIES)
    client.finished("activities", export)
    whole = client.file("activities", export)[2]
    for asked, low, high in (("0-99", 0, 100), ("100-", 100, len(whole)), ("-50", len(whole) - 50, len(whole))):
        status, headers, body = client.file("activities", export, Range=f"bytes={asked}")
        assert (status, headers["Accept-Ranges"]) == (206, "bytes")
        assert headers["Content-Range"] == f"bytes {low}-{high - 1}/{len(whole)}"
        assert body == whole[low:high]
    assert client.file("activities", export, Range=f"bytes={len(whole)}-")[0] == 416
    assert "Content-Encoding" not in client.file("activities", export, **{"Accept-Encoding": "gzip"})[1]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("leads", {"filter": {"updatedAt": WEEK}}, "1002"),
        ("leads", {"fields": [], "filter": {"updatedAt": WEEK}}, "1002"),
        ("leads", {"fields": ["id"]}, "1003"),
        ("leads", {"fields": ["id"], "filter": {}}, "1003"),
        ("leads", {"fields": ["id"], "filter": {"updatedAt": WEEK, "createdAt": WEEK}}, "1003"),
        ("leads", {"fields": ["id"], "filter": {"score": 1}}, "1035"),
        ("leads", {"fields": ["id"], "filter": {"staticListId": 9}}, "1003"),
        ("leads", {"fields": ["id", "leadScoreBand_c", "nope"], "filter": {"updatedAt": WEEK}}, "1003"),
        ("leads", {"fields": ["id"], "format": "XML", "filter": {"updatedAt": WEEK}}, "1003"),
        ("activities", {"filter": {"activityTypeIds": [1]}}, "1003"),
        ("activities", {"filter": {"createdAt": WEEK, "primaryAttributeValues": ["x"]}}, "1003"),
        (
            "activities",
            {
                "filter": {
                    "createdAt": WEEK,
                    "activityTypeIds": [1],
                    "primaryAttributeValues": ["x"],
                    "primaryAttributeValueIds": [1],
                }
            },
            "1003",
        ),
        ("program/members", {"fields": ["leadId"], "filter": {"statusNames": ["Invited"]}}, "1003"),
        ("program/members", {"fields": ["leadId"], "filter": {"programIds": list(range(1001, 1012))}}, "1003"),
        ("program/members", {"filter": {"programId": 1001}}, "1002"),
        ("customobjects/other_c", {"fields": ["leadId"], "filter": {"updatedAt": WEEK}}, "1013"),
        ("nothing", {}, "610"),
    ],
)
def test_what_create_refuses(marketo, kind, body, expected):
    _, client = marketo()
    assert code(client.post(f"/bulk/v1/{kind}/export/create", body)) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-09-01T00:00:00Z", "2026-10-02T00:00:00Z", ""),
        ("2026-09-01T00:00:00Z", "2026-10-02T00:00:01Z", "1003"),
        ("2026-09-01T00:00:00-05:00", "2026-09-02T00:00:00+02:00", ""),
        ("2026-09-01T00:00:00.000Z", "2026-09-02T00:00:00Z", "1003"),
        ("2026-09-02T00:00:00Z", "2026-09-01T00:00:00Z", "1003"),
        ("yesterday", "2026-09-01T00:00:00Z", "704"),
    ],
)
def test_windows(marketo, start, end, expected):
    _, client = marketo()
    body = {"filter": {"createdAt": {"startAt": start, "endAt": end}}}
    assert code(client.post("/bulk/v1/activities/export/create", body)) == expected


def test_invalid_fields_are_named(marketo):
    _, client = marketo()
    body = {"fields": ["id", "leadScoreBand_c", "nope"], "filter": {"updatedAt": WEEK}}
    assert message(client.post("/bulk/v1/leads/export/create", body)) == "Invalid fields [leadScoreBand_c, nope]"


def test_create_wants_json(marketo):
    _, client = marketo()
    path = "/bulk/v1/leads/export/create.json"
    for type_, body, expected in (("application/json", b"{", "609"), ("text/plain", b"{}", "612")):
        answer = msgspec.json.decode(client.raw("POST", path, body, {"Content-Type": type_})[2])
        assert code(answer) == expected


def test_a_filter_that_the_account_lacks(marketo):
    _, client = marketo(no_filter=("updatedAt",))
    answer = client.post("/bulk/v1/leads/export/create", LEADS)
    assert (code(answer), message(answer)) == ("1035", "Unsupported filter type for target subscription")
    assert client.created("leads", fields=["id"], filter={"createdAt": WEEK})


@pytest.mark.parametrize("fields", [None, [], ...])
def test_default_columns_of_activities(marketo, fields):
    _, client = marketo()
    body = ACTIVITIES if fields is ... else ACTIVITIES | {"fields": fields}
    header = client.export("activities", **body).split(b"\n")[0].decode()
    assert header == (
        "marketoGUID,leadId,activityDate,activityTypeId,campaignId,primaryAttributeValueId,"
        "primaryAttributeValue,attributes"
    )


def test_columns_formats_and_headers(marketo, table):
    _, client = marketo()
    fields = ["leadScore", "id", "firstName"]
    names = {"firstName": "First, name", "nope": "x"}
    for format_, separator in (("CSV", ","), ("TSV", "\t"), ("SSV", ";")):
        body = LEADS | {"fields": fields, "columnHeaderNames": names, "format": format_}
        header, *rows = table(client.export("leads", **body), separator)
        assert header == ["leadScore", "id", "First, name"]
        assert rows
        assert {len(row) for row in rows} == {3}


def test_two_are_processed_and_ten_are_in_the_queue(marketo):
    sandbox, client = marketo(job_seconds=60)
    jobs = [("leads", client.created("leads", **LEADS)) for _ in range(6)]
    jobs += [("activities", client.created("activities", **ACTIVITIES)) for _ in range(5)]
    answers = [client.post(f"/bulk/v1/{kind}/export/{export}/enqueue") for kind, export in jobs]
    assert [code(answer) for answer in answers] == [""] * 10 + ["1029"]
    assert message(answers[-1]) == "Too many jobs in queue"
    assert [job["status"] for job in sandbox.jobs()] == ["Processing"] * 2 + ["Queued"] * 8 + ["Created"]
    wait_for_files(sandbox, 2)
    sandbox.advance(seconds=61, changes=False)
    assert [job["status"] for job in sandbox.jobs()][:5] == ["Completed"] * 2 + ["Processing"] * 2 + ["Queued"]
    assert code(client.post(f"/bulk/v1/activities/export/{jobs[-1][1]}/enqueue")) == ""
    assert message(client.post(f"/bulk/v1/activities/export/{jobs[-1][1]}/enqueue")) == "Job already queued"


def wait_for_files(sandbox, count):
    """Until that many jobs have made theirs."""
    for job in list(sandbox.api.jobs._jobs.values())[:count]:
        assert job.ready.wait(10)


def test_the_quota_of_a_day_resets_at_midnight_in_chicago(marketo):
    sandbox, client = marketo(quota_mb=0.0001, now="2026-10-01T04:00:00+00:00")
    waiting = client.created("leads", **LEADS)
    assert client.export("leads", **LEADS)
    answers = [
        client.post("/bulk/v1/leads/export/create", LEADS),
        client.post(f"/bulk/v1/leads/export/{waiting}/enqueue"),
    ]
    assert [(code(answer), message(answer)) for answer in answers] == [
        ("1029", "Export daily quota 500MB exceeded")
    ] * 2
    assert sandbox.quota()["export_bytes"] > 100
    sandbox.advance(seconds=3600, changes=False)
    client.log_in()
    assert sandbox.quota()["export_bytes"] == 0
    assert client.finished("leads", waiting)["status"] == "Completed"


def test_status_is_looked_at_anew_after_a_minute(marketo):
    sandbox, client = marketo(status_seconds=60)
    export = client.created("leads", **LEADS)
    path = f"/bulk/v1/leads/export/{export}"
    client.get(f"{path}/status")
    client.post(f"{path}/enqueue")
    assert client.get(f"{path}/status")["result"][0]["status"] == "Created"
    sandbox.advance(seconds=60, changes=False)
    assert client.get(f"{path}/status")["result"][0]["status"] == "Completed"


@pytest.mark.parametrize("spelling", ["Cancelled", "Canceled"])
def test_cancel(marketo, spelling):
    sandbox, client = marketo(spelling=spelling, job_seconds=60)
    exports = [client.created("leads", **LEADS) for _ in range(2)]
    client.post(f"/bulk/v1/leads/export/{exports[1]}/enqueue")
    for export in exports:
        path = f"/bulk/v1/leads/export/{export}"
        assert client.post(f"{path}/cancel")["result"][0]["status"] == spelling
        assert client.get(f"{path}/status")["result"][0]["status"] == spelling
        assert client.file("leads", export)[0] == 404
    for asked in ("Cancelled", "Canceled"):
        assert len(client.get("/bulk/v1/leads/export", status=asked)["result"]) == 2
    sandbox.faults({"fault": "canceled_spelling"})
    other = client.get("/bulk/v1/leads/export")["result"][0]["status"]
    assert {spelling, other} == {"Cancelled", "Canceled"}


def test_lists_of_jobs(marketo):
    sandbox, client = marketo()
    old = client.created("leads", **LEADS)
    sandbox.advance(days=7, seconds=1, changes=False)
    client.log_in()
    exports = [client.created("leads", **LEADS) for _ in range(3)]
    client.created("activities", **ACTIVITIES)
    client.finished("leads", exports[0])
    assert [job["exportId"] for job in client.get("/bulk/v1/leads/export")["result"]] == exports
    done = client.get("/bulk/v1/leads/export", status="Completed,Failed")["result"]
    assert [job["exportId"] for job in done] == exports[:1]
    first = client.get("/bulk/v1/leads/export", batchSize=2)
    second = client.get("/bulk/v1/leads/export", batchSize=2, nextPageToken=first["nextPageToken"])
    assert [len(page["result"]) for page in (first, second)] == [2, 1]
    assert "nextPageToken" not in second
    assert client.get(f"/bulk/v1/leads/export/{old}/status")["success"]


def test_jobs_are_seen_only_by_the_user_that_made_them(marketo, second_user):
    sandbox, client = marketo(users={"id": "secret", "other": "word"})
    export = client.created("leads", **LEADS)
    other = second_user(sandbox, "other", "word")
    assert other.get("/bulk/v1/leads/export")["result"] == []
    assert other.raw("GET", f"/bulk/v1/leads/export/{export}/status.json")[0] == 404
    assert client.raw("GET", f"/bulk/v1/activities/export/{export}/status.json")[0] == 404


def test_files_are_kept_7_days_and_jobs_30(marketo):
    sandbox, client = marketo()
    export = client.created("leads", **LEADS)
    client.finished("leads", export)
    for days, file, job in ((7, 200, 200), (1, 404, 200), (22, 404, 200), (1, 404, 404)):
        sandbox.advance(days=days, changes=False, seconds=-5 if days == 7 else 0)
        client.log_in()
        assert client.file("leads", export)[0] == file
        assert client.raw("GET", f"/bulk/v1/leads/export/{export}/status.json")[0] == job


def test_the_same_window_is_written_once(marketo):
    sandbox, client = marketo()
    window = {"createdAt": {"startAt": "2026-09-20T00:00:00Z", "endAt": "2026-09-21T00:00:00Z"}}
    first = client.export("activities", filter=window)
    sandbox.advance(days=1)
    client.log_in()
    assert client.export("activities", filter=window) == first
    folder = sandbox.api.files._folder
    assert len(list(folder.iterdir())) == 1
    sandbox.advance(days=8, changes=False)
    assert [job["status"] for job in sandbox.jobs()] == ["Completed"] * 2
    assert list(folder.iterdir()) == []


def test_moments_of_some_jobs_have_an_offset(marketo):
    _, client = marketo()
    created = [client.post("/bulk/v1/leads/export/create", LEADS)["result"][0]["createdAt"] for _ in range(3)]
    assert sum(moment.endswith("-05:00") for moment in created) == 1
    assert sum(moment.endswith("Z") for moment in created) == 2
