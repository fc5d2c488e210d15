"""Quotas, sizes and codes (sources/marketo.md §2)."""

from __future__ import annotations

import gzip
import threading
from urllib.parse import urlencode

import msgspec
import pytest

TYPES = "/rest/v1/activities/types"


def codes(answers):
    return [answer["errors"][0]["code"] if not answer["success"] else "" for answer in answers]


def test_the_day_limit_passes_with_midnight_in_chicago(marketo):
    sandbox, client = marketo(day_limit=3, now="2026-10-01T04:30:00+00:00")
    assert codes(client.get(TYPES) for _ in range(4)) == ["", "", "", "607"]
    sandbox.advance(seconds=29 * 60, changes=False)  # 23:59 in Chicago, and 04:59 in London
    client.log_in()
    assert codes([client.get(TYPES)]) == ["607"]
    sandbox.advance(seconds=60, changes=False)
    assert codes([client.get(TYPES)]) == [""]


def test_the_rate_limit_passes_with_20_seconds(marketo):
    sandbox, client = marketo(rate_limit=3)
    assert codes(client.get(TYPES) for _ in range(4)) == ["", "", "", "606"]
    assert client.get(TYPES)["errors"][0]["message"] == "Max rate limit '100' exceeded with in '20' secs"
    sandbox.advance(seconds=20, changes=False)
    assert codes([client.get(TYPES)]) == [""]


def test_too_many_calls_at_once(marketo, second_user):
    sandbox, client = marketo(concurrency=2)
    sandbox.faults({"fault": "hang", "seconds": 0.4, "times": 2, "match": {"action": "types"}})
    others = [second_user(sandbox) for _ in range(2)]

    def call(other):
        with pytest.raises(OSError):  # noqa: PT011 - the connection is closed without an answer
            other.get(TYPES)

    threads = [threading.Thread(target=call, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    while sandbox.quota()["in_flight"] < 2:
        pass
    assert codes([client.get(TYPES)]) == ["615"]
    for thread in threads:
        thread.join()
    while sandbox.quota()["in_flight"]:
        pass
    assert codes([client.get(TYPES)]) == [""]


def test_some_codes_are_free(marketo):
    sandbox, client = marketo()
    for code in ("604", "608", "611", "606", "615", "1003"):
        sandbox.faults({"fault": "code", "code": code})
        assert codes([client.get(TYPES)]) == [code]
    client.raw("POST", f"{TYPES}.json")  # 605
    client.token = "nonsense"
    client.get(TYPES)  # 601
    assert sandbox.quota()["calls"] == 3


def test_usage_and_errors(marketo):
    sandbox, client = marketo()
    client.get(TYPES)
    client.get("/rest/v1/nothing")
    assert client.get("/rest/v1/stats/usage")["result"][0]["total"] == 3
    assert client.get("/rest/v1/stats/errors")["result"][0]["errors"] == [{"errorCode": "610", "count": 1}]
    sandbox.advance(days=1, changes=False)
    client.log_in()
    week = client.get("/rest/v1/stats/usage/last7days")["result"]
    assert [day["total"] for day in week] == [4, 1]
    assert week[0]["users"] == [{"userId": "id@example.com", "count": 4}]


def test_wrong_methods_and_paths(marketo):
    _, client = marketo()
    assert codes([client.post("/rest/v1/leads/describe"), client.get("/bulk/v1/leads/export/create")]) == ["605"] * 2
    assert codes([client.get("/rest/v1/nothing"), client.get("/rest/asset/v1/nothing")]) == ["610"] * 2


def test_large_bodies_and_long_addresses(marketo):
    sandbox, client = marketo()
    assert client.raw("POST", "/bulk/v1/leads/export/create.json", b"x" * (1 << 20))[0] == 200
    assert client.raw("POST", "/bulk/v1/leads/export/create.json", b"x" * ((1 << 20) + 1))[0] == 413
    assert client.raw("GET", f"{TYPES}.json?x={'x' * 8300}")[0] == 414
    assert [entry["status"] for entry in sandbox.requests()[-2:]] == [413, 414]


def test_a_long_query_in_a_form(marketo):
    _, client = marketo()
    values = ",".join(str(1001 + n) for n in range(4))
    query = {"filterType": "id", "filterValues": values, "fields": "id", "padding": "x" * 9000}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = client.raw("POST", "/rest/v1/leads.json?_method=GET", urlencode(query).encode(), form)[2]
    assert [row["id"] for row in msgspec.json.decode(body)["result"]] == [1001, 1002, 1003, 1004]


def test_gzip_for_those_who_ask_and_what_is_worth_it(marketo):
    _, client = marketo()
    wants = {"Accept-Encoding": "gzip"}
    _, headers, body = client.raw("GET", f"{TYPES}.json", headers=wants)
    assert headers["Content-Encoding"] == "gzip"
    assert msgspec.json.decode(gzip.decompress(body))["success"]
    assert "Content-Encoding" not in client.raw("GET", f"{TYPES}.json")[1]
    assert "Content-Encoding" not in client.raw("GET", "/rest/v1/stats/usage.json", headers=wants)[1]


def test_envelopes(marketo):
    _, client = marketo()
    first, second = client.get(TYPES), client.get("/rest/v1/nothing")
    assert first["requestId"] != second["requestId"]
    assert set(second) == {"requestId", "success", "errors"}
    assert isinstance(second["errors"][0]["code"], str)
