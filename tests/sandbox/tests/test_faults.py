"""Each fault does what its name says, as often as it was asked to."""

from __future__ import annotations

import gzip
import time
from http.client import HTTPException, IncompleteRead

import msgspec
import pytest

from sandbox.pestroutes.faults import FAULTS

GET = b'{"customerIDs":[10000,10007,10014]}'


@pytest.fixture
def struck(start):
    """Switch a fault on and send one get."""

    def send(fault, **options):
        sandbox, client = start()
        sandbox.faults({"fault": fault, **options})
        return client.raw("POST", "/api/customer/get", GET)

    return send


@pytest.fixture
def rows(struck):
    """The rows of a get that a fault strikes."""
    return lambda fault, **options: msgspec.json.decode(struck(fault, **options)[2])["customers"]


@pytest.mark.parametrize(
    ("fault", "used", "limit"),
    [
        ("minute_limit", "requestsReadInLastMinute", "limitReadRequestsPerMinute"),
        ("day_limit", "requestsReadToday", "limitReadRequestsPerDay"),
    ],
)
def test_limits(struck, fault, used, limit):
    status, _, body = struck(fault)
    answer = msgspec.json.decode(body)
    assert (status, answer["success"]) == (200, False)
    assert answer["tokenUsage"][used] >= answer["tokenLimits"][limit]


@pytest.mark.parametrize("fault", ["bad_key", "unknown_entity_for_account", "success_false"])
def test_refusals(struck, fault):
    status, _, body = struck(fault)
    answer = msgspec.json.decode(body)
    assert (status, answer["success"]) == (200, False)
    assert answer["params"]["authenticationToken"] == "token"


def test_refusals_have_the_text_that_was_asked_for(struck):
    assert msgspec.json.decode(struck("success_false", message="No!")[2])["errorMessage"] == "No!"


@pytest.mark.parametrize(
    ("fault", "status"), [("html_502", 502), ("http_500", 500), ("http_503", 503), ("http_429", 429), ("html_200", 200)]
)
def test_statuses(struck, fault, status):
    assert struck(fault)[0] == status


def test_retry_after(struck):
    assert struck("http_429", retry_after=7)[1]["Retry-After"] == "7"
    date = "Thu, 01 Oct 2026 15:00:00 GMT"
    assert struck("http_429", retry_after=date)[1]["Retry-After"] == date


def test_ignored_params(start):
    sandbox, client = start()
    sandbox.faults({"fault": "ignored_params", "params": ["dateUpdated"]})
    answer = client.call("customer/search", officeIDs=0, dateUpdated={"operator": ">", "value": "2030-01-01"})
    assert (answer["ignoredParams"], answer["count"]) == (["dateUpdated"], 60)


def test_vanish(start, rows):
    assert [row["customerID"] for row in rows("vanish", count=2)] == ["10014"]
    sandbox, client = start()
    sandbox.faults({"fault": "vanish"})
    client.raw("POST", "/api/customer/get", GET)
    assert 10000 not in client.ids("customer")
    assert "10000" not in {row["customerID"] for row in sandbox.truth("customer")}


def test_not_json(struck):
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(struck("not_json")[2])


def test_wrong_content_type(struck):
    _, headers, body = struck("wrong_content_type", value="image/png")
    assert headers["Content-Type"] == "image/png"
    assert msgspec.json.decode(body)["success"]


def test_truncated_gzip(struck):
    _, headers, body = struck("truncated_gzip")
    assert headers["Content-Encoding"] == "gzip"
    with pytest.raises(EOFError):
        gzip.decompress(body)


def test_truncated_body(struck):
    with pytest.raises(IncompleteRead):
        struck("truncated_body")


def test_reset(struck):
    with pytest.raises(ConnectionResetError):
        struck("reset")


def test_hang(struck):
    began = time.monotonic()
    with pytest.raises((HTTPException, OSError)):
        struck("hang", seconds=0.2)
    assert time.monotonic() - began >= 0.2


def test_slow_drip(struck):
    began = time.monotonic()
    assert msgspec.json.decode(struck("slow_drip", pieces=4, seconds=0.05)[2])["count"] == 3
    assert time.monotonic() - began >= 0.15


def test_rows_out_of_order(rows):
    assert len(rows("huge_record", megabytes=1)[0]["blob"]) == 1_000_000
    assert "customerID" not in rows("record_without_key")[0]
    assert rows("record_not_object")[0] == 42
    assert [row["customerID"] for row in rows("duplicate_rows")] == ["10000", "10000", "10007", "10014"]
    twice = rows("office_minus_one_twice")
    assert [row["officeID"] for row in twice[:2]] == ["-1", "-1"]
    assert twice[0] == twice[1]
    assert len(twice) == 4


def test_unsorted_ids(start):
    sandbox, client = start()
    sandbox.faults({"fault": "unsorted_ids"})
    ids = client.ids("customer")
    assert ids != sorted(ids)
    assert sorted(ids) == client.ids("customer")


def test_token_usage(struck):
    assert msgspec.json.decode(struck("string_token_usage")[2])["tokenUsage"]["requestsReadToday"] == "1"
    assert "tokenUsage" not in msgspec.json.decode(struck("no_token_usage")[2])


def test_other_ways_to_write_the_same(start):
    sandbox, client = start()
    plain = client.call("customer/get", customerIDs=list(range(10000, 10300)))["customers"]
    for fault in ("extra_whitespace", "escaped"):
        sandbox.faults({"fault": fault})
        body = b'{"customerIDs":"%s"}' % ",".join(str(n) for n in range(10000, 10300)).encode()
        spelt = client.raw("POST", "/api/customer/get", body)[2]
        assert msgspec.json.decode(spelt)["customers"] == plain
        assert (b"\n" in spelt) == (fault == "extra_whitespace")
        assert spelt.isascii() == (fault == "escaped")


def test_result_wrapper(struck):
    answer = msgspec.json.decode(struck("result_wrapper")[2])
    assert answer["result"]["propertyName"] == "customers"
    assert "customers" not in answer


def test_match_times_and_after(start):
    sandbox, client = start()
    match = {"entity": "customer", "action": "get"}
    sandbox.faults({"fault": "http_500", "match": match, "times": 2, "after": 1})
    statuses = [client.raw("POST", "/api/customer/get", GET)[0] for _ in range(5)]
    assert statuses == [200, 500, 500, 200, 200]
    sandbox.faults({"fault": "http_503", "match": {"action": "search"}, "times": -1})
    assert [client.raw("POST", "/api/office/search")[0] for _ in range(3)] == [503] * 3
    assert client.raw("POST", "/api/customer/get", GET)[0] == 200
    sandbox.faults()
    assert client.raw("POST", "/api/office/search")[0] == 200


def test_unknown_faults_are_refused(start):
    _, client = start()
    status, _, body = client.raw("POST", "/_sandbox/faults", b'[{"fault":"flood"}]')
    assert status == 400
    assert "known:" in msgspec.json.decode(body)["error"]


def test_the_readme_names_every_fault():
    from pathlib import Path

    text = (Path(__file__).parents[1] / "README.md").read_text()
    assert [name for name in FAULTS if f"`{name}`" not in text] == []
