"""Each fault does what its name says, as often as it was asked to, to the call that it is meant for."""

from __future__ import annotations

import gzip
import hashlib
import time
from http.client import HTTPException, IncompleteRead

import msgspec
import pytest

from sandbox.marketo.faults import FAULTS

WINDOW = {"startAt": "2026-09-12T00:00:00Z", "endAt": "2026-10-01T23:59:59Z"}
LEADS = {"fields": ["id", "title", "email"], "filter": {"createdAt": WINDOW}}
TYPES = "/rest/v1/activities/types"


@pytest.fixture
def spoilt(marketo):
    """The status and the file of a job whose calls a fault strikes."""

    def run(fault, kind="leads", body=LEADS, headers=None, **options):
        sandbox, client = marketo()
        sandbox.faults({"fault": fault, **options})
        export = client.created(kind, **body)
        status = client.finished(kind, export)
        return status, *client.file(kind, export, **headers or {})

    return run


@pytest.fixture
def clean(marketo):
    """The file as it should be."""
    return lambda kind="leads", body=LEADS: marketo()[1].export(kind, **body)


def code(answer):
    return "" if answer["success"] else answer["errors"][0]["code"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("denied", "603"), ("rate_limit", "606"), ("daily_quota", "607"), ("concurrency", "615"), ("code", "611")],
)
def test_codes(marketo, fault, expected):
    sandbox, client = marketo()
    sandbox.faults({"fault": fault, "times": 2, "after": 1})
    assert [code(client.get(TYPES)) for _ in range(4)] == ["", expected, expected, ""]


def test_any_code_with_any_message(marketo):
    sandbox, client = marketo()
    sandbox.faults({"fault": "code", "code": "713", "message": "Oh"})
    assert client.get(TYPES)["errors"] == [{"code": "713", "message": "Oh"}]
    sandbox.faults({"fault": "code", "code": "614"})
    assert client.get(TYPES)["errors"] == [{"code": "614", "message": "Unreachable subscription"}]


def test_permissions_can_be_told_apart(marketo, second_user):
    sandbox, client = marketo(users={"id": "secret", "poor": "word"})
    poor = second_user(sandbox, "poor", "word")
    for match in ({"path": "/rest/asset/*"}, {"kind": "leads", "action": "create"}, {"user": "poor"}):
        sandbox.faults({"fault": "denied", "times": -1, "match": match})
    assert code(client.get("/rest/asset/v1/programs")) == "603"
    assert code(client.post("/bulk/v1/leads/export/create", LEADS)) == "603"
    assert code(client.post("/bulk/v1/activities/export/create", {"filter": {"createdAt": WINDOW}})) == ""
    assert [code(client.get(TYPES)), code(poor.get(TYPES))] == ["", "603"]


@pytest.mark.parametrize(
    ("fault", "status"), [("html_502", 502), ("http_500", 500), ("http_503", 503), ("http_429", 429), ("html_200", 200)]
)
def test_statuses(marketo, fault, status):
    sandbox, client = marketo()
    sandbox.faults({"fault": fault})
    answer = client.raw("GET", f"{TYPES}.json")
    assert answer[0] == status
    assert b"success" not in answer[2]


@pytest.mark.parametrize("fault", ["reset", "hang", "truncated_body"])
def test_connections_break(marketo, fault):
    sandbox, client = marketo()
    sandbox.faults({"fault": fault, "seconds": 0.1})
    with pytest.raises((HTTPException, OSError)):
        client.raw("GET", f"{TYPES}.json")


def test_bodies_that_are_no_json_or_come_slowly(marketo):
    sandbox, client = marketo()
    sandbox.faults({"fault": "not_json"})
    with pytest.raises(msgspec.DecodeError):
        client.get(TYPES)
    sandbox.faults({"fault": "wrong_content_type"})
    assert client.raw("GET", f"{TYPES}.json")[1]["Content-Type"] == "application/pdf"
    sandbox.faults({"fault": "truncated_gzip"})
    with pytest.raises(EOFError):
        gzip.decompress(client.raw("GET", f"{TYPES}.json")[2])
    for fault in ({"fault": "slow", "seconds": 0.1}, {"fault": "slow_drip", "pieces": 3, "seconds": 0.05}):
        sandbox.faults(fault)
        began = time.monotonic()
        assert client.get(TYPES)["success"]
        assert time.monotonic() - began >= 0.1


def test_1029_in_its_three_meanings(marketo):
    sandbox, client = marketo()
    sandbox.faults({"fault": "queue_full", "match": {"action": "create"}}, {"fault": "export_quota", "after": 1})
    answers = [client.post("/bulk/v1/leads/export/create", LEADS) for _ in range(3)]
    assert [code(answer) for answer in answers] == ["1029", "1029", ""]
    messages = [answer["errors"][0]["message"] for answer in answers[:2]]
    assert messages == ["Too many jobs in queue", "Export daily quota 500MB exceeded"]
    export = answers[2]["result"][0]["exportId"]
    sandbox.faults({"fault": "job_already_queued"})
    enqueued = client.post(f"/bulk/v1/leads/export/{export}/enqueue")
    assert enqueued["errors"] == [{"code": "1029", "message": "Job already queued"}]
    assert client.get(f"/bulk/v1/leads/export/{export}/status")["result"][0]["status"] == "Completed"


def test_refusals_of_create(marketo):
    sandbox, client = marketo()
    create = "/bulk/v1/leads/export/create"
    sandbox.faults({"fault": "filter_unsupported", "filter": "createdAt"})
    assert code(client.post(create, LEADS)) == "1035"
    sandbox.faults({"fault": "invalid_fields", "fields": ["title", "other"], "times": -1})
    assert client.post(create, LEADS)["errors"][0]["message"] == "Invalid fields [title]"
    assert client.post(create, LEADS | {"fields": ["id"]})["success"]
    sandbox.faults()
    sandbox.faults({"fault": "no_bulk_extract", "times": -1})
    assert [code(client.post(create, LEADS)), code(client.get("/bulk/v1/leads/export"))] == ["703", "703"]
    sandbox.faults()
    sandbox.faults({"fault": "create_without_result"})
    answer = client.post(create, LEADS)
    assert answer["success"]
    assert "result" not in answer
    assert len(client.get("/bulk/v1/leads/export")["result"]) == 2


def test_jobs_that_fail_and_jobs_that_take_long(marketo):
    sandbox, client = marketo()
    sandbox.faults({"fault": "failed_job", "message": "No luck"})
    failed = client.finished("leads", client.created("leads", **LEADS))
    assert (failed["status"], failed["errorMsg"]) == ("Failed", "No luck")
    assert "fileSize" not in failed
    sandbox.faults({"fault": "slow_job", "seconds": 100})
    path = f"/bulk/v1/leads/export/{client.created('leads', **LEADS)}"
    client.post(f"{path}/enqueue")
    assert client.get(f"{path}/status")["result"][0]["status"] == "Processing"
    sandbox.advance(seconds=100, changes=False)
    assert client.get(f"{path}/status")["result"][0]["status"] == "Completed"


def test_what_status_gets_wrong(marketo):
    sandbox, client = marketo()
    export = client.created("leads", **LEADS)
    path = f"/bulk/v1/leads/export/{export}/status"
    sandbox.faults({"fault": "stale_status", "times": 2})
    client.post(f"/bulk/v1/leads/export/{export}/enqueue")
    statuses = [client.get(path)["result"][0] for _ in range(3)]
    assert [status["status"] for status in statuses] == ["Created", "Created", "Completed"]
    right = statuses[-1]
    sandbox.faults(
        {"fault": "wrong_checksum"}, {"fault": "wrong_size", "after": 1}, {"fault": "no_checksum", "after": 2}
    )
    first, second, third = (client.get(path)["result"][0] for _ in range(3))
    assert first["fileChecksum"] != right["fileChecksum"]
    assert second["fileSize"] == right["fileSize"] + 1
    assert not {"fileChecksum", "fileSize"} & third.keys()


def test_files_that_are_missing_or_something_else(spoilt):
    assert spoilt("file_missing")[1] == 404
    _, status, headers, body = spoilt("file_is_json", code="601")
    assert (status, headers["Content-Type"]) == (200, "application/json;charset=UTF-8")
    assert code(msgspec.json.decode(body)) == "601"
    assert spoilt("html_502", match={"action": "file"})[1] == 502
    assert spoilt("wrong_content_type", match={"action": "file"})[2]["Content-Type"] == "application/pdf"


def test_files_that_are_cut(spoilt):
    with pytest.raises(IncompleteRead) as error:
        spoilt("cut_file", bytes=100)
    assert len(error.value.partial) == 100


def test_files_that_change_on_their_way(spoilt, clean):
    whole = clean()
    status, _, _, body = spoilt("corrupt_file", at=10)
    assert [n for n, (a, b) in enumerate(zip(whole, body, strict=True)) if a != b] == [10]
    assert status["fileChecksum"] == f"sha256:{hashlib.sha256(whole).hexdigest()}"
    assert spoilt("slow_drip", match={"action": "file"}, pieces=3, seconds=0.01)[3] == whole
    _, _, headers, body = spoilt("gzipped_file")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == whole


def test_ranges_that_go_wrong(spoilt, clean):
    whole, part = clean(), {"Range": "bytes=10-19"}
    _, status, headers, body = spoilt("range_loses_last_byte", headers=part)
    assert (status, body, headers["Content-Range"]) == (206, whole[10:19], f"bytes 10-19/{len(whole)}")
    _, status, _, body = spoilt("ignores_range", headers=part)
    assert (status, body) == (200, whole)


ACTIVITIES = {"filter": {"createdAt": WINDOW}}


@pytest.mark.parametrize(
    "fault", ["nul_bytes", "invalid_utf8", "ragged_quote", "bom", "crlf", "missing_column", "duplicate_rows"]
)
def test_what_is_wrong_in_a_file(spoilt, clean, fault):
    whole = clean("activities", ACTIVITIES)
    status, _, _, body = spoilt(fault, "activities", ACTIVITIES, count=2)
    assert body != whole
    assert (status["fileSize"], status["fileChecksum"]) == (len(body), f"sha256:{hashlib.sha256(body).hexdigest()}")
    lines = body.split(b"\n")
    mended = {
        "nul_bytes": body.replace(b"\0", b""),
        "invalid_utf8": body.replace(b"\xff", b""),
        "bom": body.removeprefix(b"\xef\xbb\xbf"),
        "crlf": body.replace(b"\r\n", b"\n"),
        "duplicate_rows": b"\n".join([lines[0], lines[1], lines[3], *lines[5:]]),
    }
    if fault in mended:
        assert mended[fault] == whole
    elif fault == "missing_column":
        assert lines[0] == whole.split(b"\n")[0].removesuffix(b",attributes")
    else:
        assert len(whole) - len(body) == 2


def test_late_activities_are_missing_in_a_file(spoilt, clean):
    whole = clean("activities", ACTIVITIES)
    assert 100 < len(spoilt("late_activities", "activities", ACTIVITIES, minutes=60 * 24 * 14)[3]) < len(whole)


def test_a_window_without_rows_may_be_zero_bytes(spoilt):
    past = LEADS | {"filter": {"createdAt": {"startAt": "2020-01-01T00:00:00Z", "endAt": "2020-01-02T00:00:00Z"}}}
    status, http, _, body = spoilt("zero_bytes", body=past)
    assert (status["numberOfRecords"], status["fileSize"], http, body) == (0, 0, 200, b"")


def test_a_fault_waits_for_a_call_that_it_can_strike(marketo):
    sandbox, client = marketo()
    sandbox.faults({"fault": "bom"}, {"fault": "offset_slip"}, {"fault": "no_access_token"})
    assert client.get(TYPES)["success"]
    assert len(sandbox.server.admin.handle("GET", "faults", {}, None)) == 3
    assert all(fault["times"] == 1 for fault in sandbox.server.admin.handle("GET", "faults", {}, None))


def test_unknown_faults_and_matches_are_refused(marketo):
    _, client = marketo()
    for fault in (b'{"fault":"flood"}', b'{"fault":"bom","match":{"entity":"x"}}', b'{"fault":"bom","times":"x"}'):
        assert client.raw("POST", "/_sandbox/faults", fault)[0] == 400


def test_the_readme_names_every_fault():
    from pathlib import Path

    text = (Path(__file__).parents[1] / "README.md").read_text()
    assert [name for name, does in FAULTS.items() if f"| `{name}` | {does} |" not in text] == []
