"""The command and its helper; the request log; the other controls."""

from __future__ import annotations

from pathlib import Path

import msgspec
from click.testing import CliRunner

from sandbox.cli import main, marketo
from sandbox.client import SandboxProcess

LEADS = {
    "fields": ["id"],
    "filter": {"createdAt": {"startAt": "2026-09-20T00:00:00Z", "endAt": "2026-10-01T00:00:00Z"}},
}


def test_as_a_process():
    with SandboxProcess("marketo", records=20, seed=2, user="me:word", job_polls=0) as sandbox:
        from urllib.request import urlopen

        query = "grant_type=client_credentials&client_id=me&client_secret=word"
        with urlopen(f"{sandbox.url}/identity/oauth/token?{query}") as answer:
            assert "access_token" in msgspec.json.decode(answer.read())
        assert len(list(sandbox.truth("leads"))) >= 15
        assert list(sandbox.truth("leads", filter="createdAt", startAt="2020-01-01", endAt="2020-01-02")) == []
        sandbox.advance(days=1)
        assert sandbox.now.startswith("2026-10-02")
        sandbox.faults({"fault": "reset"})
        assert sandbox.faults() == []
        assert [entry["kind"] for entry in sandbox.requests()] == ["identity"]
        assert (sandbox.jobs(), sandbox.quota()["calls"]) == ([], 0)


def test_every_option_is_explained_here_and_in_the_readme():
    text = CliRunner().invoke(main, ["marketo", "--help"]).output
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    options = [option for parameter in marketo.params for option in parameter.opts]
    assert [option for option in options if option not in text or f"`{option}" not in readme] == []


def test_the_log_knows_what_was_asked_but_no_secret(marketo):
    sandbox, client = marketo()
    export = client.created("leads", **LEADS)
    client.finished("leads", export)
    size = len(client.file("leads", export)[2])
    client.file("leads", export, Range="bytes=0-3")
    client.get("/rest/v1/nothing", x="y")
    token, client.token = client.token, ""
    client.get("/rest/v1/activities/types", access_token=token)
    log = sandbox.requests()
    assert [entry["action"] for entry in log] == "token create enqueue status file file nothing types".split()
    assert [entry["bytes"] for entry in log[4:6]] == [size, 4]
    assert (log[5]["status"], log[5]["range"]) == (206, "bytes=0-3")
    assert {entry["export"] for entry in log[1:6]} == {export}
    assert log[3]["job_status"] == "Completed"
    assert (log[6]["code"], log[6]["params"]) == ("610", {"x": "y"})
    assert log[7]["code"] == "601"
    assert token not in str(log)
    assert "secret" not in str(log)
    assert sandbox.requests(since=log[-2]["n"]) == log[-1:]
    client.raw("DELETE", "/_sandbox/requests")
    assert sandbox.requests() == []


def test_jobs_and_quota(marketo):
    _, client = marketo()
    export = client.created("leads", **LEADS)
    client.finished("leads", export)
    body = client.raw("GET", "/_sandbox/jobs")[2]
    job = msgspec.json.decode(body)[0]
    assert (job["exportId"], job["kind"], job["user"], job["status"]) == (export, "leads", "id", "Completed")
    assert job["fields"] == ["id"]
    quota = msgspec.json.decode(client.raw("GET", "/_sandbox/quota")[2])
    assert quota["export_bytes"] == job["fileSize"]
    assert (quota["calls"], quota["in_queue"]) == (3, 0)


def test_controls_refuse_what_makes_no_sense(marketo):
    _, client = marketo()
    assert client.raw("GET", "/_sandbox/truth/nothing")[0] == 400
    assert client.raw("GET", "/_sandbox/nothing")[0] == 400
    assert client.raw("POST", "/_sandbox/clock", b'{"now":"2020-01-01"}')[0] == 400


def test_latency(marketo):
    import time

    _, client = marketo(latency=0.1)
    began = time.monotonic()
    client.get("/rest/v1/activities/types")
    assert time.monotonic() - began >= 0.1
