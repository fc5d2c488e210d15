"""Tokens (sources/marketo.md §1)."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec


def test_a_token_by_query_and_by_form_is_the_same_with_what_is_left_of_its_life(marketo):
    sandbox, client = marketo()
    first = client.log_in()
    assert first["token_type"] == "bearer"
    assert 3590 <= first["expires_in"] <= 3600
    sandbox.advance(seconds=1000, changes=False)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = client.raw("POST", "/identity/oauth/token", urlencode(client.credentials).encode(), form)[2]
    again = msgspec.json.decode(body)
    assert again["access_token"] == first["access_token"]
    assert 2590 <= again["expires_in"] <= 2600


def test_a_token_expires_and_another_one_comes(marketo):
    sandbox, client = marketo()
    old = client.token
    sandbox.advance(seconds=3600, changes=False)
    assert client.get("/rest/v1/leads/describe")["errors"] == [{"code": "602", "message": "Access token expired"}]
    client.log_in()
    assert client.token != old
    assert client.get("/rest/v1/leads/describe")["success"]


def test_a_token_that_nobody_gave_is_invalid_and_so_is_one_in_the_url(marketo):
    _, client = marketo()
    token, client.token = client.token, "nonsense"
    assert client.get("/rest/v1/leads/describe")["errors"][0]["code"] == "601"
    client.token = ""
    assert client.get("/rest/v1/leads/describe", access_token=token)["errors"][0]["code"] == "601"


def test_bad_credentials_are_a_real_401(marketo):
    _, client = marketo()
    client.credentials["client_id"] = "who"
    status, _, body = client.raw("GET", f"/identity/oauth/token?{urlencode(client.credentials)}")
    assert status == 401
    assert msgspec.json.decode(body) == {
        "error": "unauthorized",
        "error_description": "No client with requested id: who",
    }
    client.credentials |= {"client_id": "id", "client_secret": "wrong"}
    assert client.raw("GET", f"/identity/oauth/token?{urlencode(client.credentials)}")[0] == 401


def test_faults_of_identity(marketo):
    sandbox, client = marketo()
    sandbox.faults({"fault": "no_access_token"})
    assert "access_token" not in client.log_in()
    sandbox.faults({"fault": "bad_credentials", "error": "invalid_client"})
    assert client.log_in()["error"] == "invalid_client"
    sandbox.faults({"fault": "short_token", "seconds": 100})
    client.log_in()
    sandbox.advance(seconds=100, changes=False)
    assert client.get("/rest/v1/leads/describe")["errors"][0]["code"] == "602"
    sandbox.faults({"fault": "html_502", "match": {"kind": "identity"}})
    assert client.raw("GET", "/identity/oauth/token")[0] == 502


def test_a_token_is_revoked_or_expires_by_fault_until_there_is_another(marketo):
    sandbox, client = marketo()
    for fault, code in (("token_invalid", "601"), ("token_expired", "602")):
        client.log_in()
        sandbox.faults({"fault": fault, "after": 2})
        answers = [client.get("/rest/v1/activities/types") for _ in range(5)]
        assert [answer["success"] for answer in answers] == [True, True, False, False, False]
        assert answers[-1]["errors"][0]["code"] == code
