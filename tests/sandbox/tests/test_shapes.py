"""The envelopes of answers (sources/pestroutes.md §3)."""

from __future__ import annotations

import msgspec


def test_a_search_answer_has_the_known_keys_in_their_order(start):
    _, client = start()
    status, headers, body = client.raw("POST", "/api/customer/search", b"{}")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    answer = msgspec.json.decode(body)
    assert list(answer) == [
        *("params", "tokenUsage", "tokenLimits", "requestAPIKeyType", "requestAction", "endpoint", "success"),
        *("ignoredParams", "idName", "processingTime", "count", "customerIDs", "propertyName"),
    ]
    assert answer["idName"] == answer["propertyName"] == "customerIDs"
    assert all(isinstance(id_, int) for id_ in answer["customerIDs"])


def test_get_takes_a_thousand_ids_and_drops_the_rest_silently(start):
    _, client = start(records=1200)
    answer = client.call("customer/get", customerIDs=[10000 + 7 * k for k in range(1200)])
    assert answer["success"]
    assert answer["ignoredParams"] == []
    assert answer["count"] == len(answer["customers"]) == 1000


def test_ids_without_a_record_are_left_out(start):
    _, client = start()
    answer = client.call("customer/get", customerIDs=[10000, 10001, 99_999_999])
    assert [row["customerID"] for row in answer["customers"]] == ["10000"]
    assert client.call("customer/get", customerIDs=[])["customers"] == []


def test_include_data_splits_the_answer(start):
    _, client = start(page_limit=20)
    answer = client.call("customer/search", officeIDs=0, includeData=1)
    assert len(answer["customerIDs"]) == 60
    assert [int(row["customerID"]) for row in answer["customers"]] == answer["customerIDs"][:20]
    assert answer["customerIDsNoDataExported"] == answer["customerIDs"][20:]
    assert answer["propertyNameData"] == "customers"


def test_service_types_come_without_an_id_name(start):
    _, client = start()
    answer = client.call("serviceType/search", officeIDs=0)
    assert "idName" not in answer
    assert answer["propertyName"] == "serviceTypes"
    assert len(answer["serviceTypes"]) == 12
    got = client.call("serviceType/get", typeIDs=answer["serviceTypes"])
    assert {"typeID"} <= set(got["serviceTypes"][0])


def test_one_record_stands_under_the_singular_name(start):
    _, client = start()
    answer = client.query("customer/10007")
    assert answer["customer"]["customerID"] == "10007"
    assert client.query("customer/10008")["success"] is False


def test_errors_are_http_200(start):
    _, client = start()
    for path in ("lead/search", "changeLog/search", "customer/frobnicate"):
        status, _, body = client.raw("POST", f"/api/{path}", b"{}")
        answer = msgspec.json.decode(body)
        assert (status, answer["success"]) == (200, False)
        assert answer["errorMessage"]


def test_a_refused_key_is_echoed(start):
    _, client = start()
    answer = client.form("customer/search", "authenticationKey=wrong&authenticationToken=secret", headers={})
    assert answer["success"] is False
    assert answer["params"]["authenticationToken"] == "secret"
    assert answer["tokenUsage"] == {}


def test_gzip_only_if_asked_and_switched_on(start):
    asked = {"authenticationKey": "key", "authenticationToken": "token", "Accept-Encoding": "gzip"}
    _, plain = start()
    assert "Content-Encoding" not in plain.raw("POST", "/api/office/search", b"{}", asked)[1]
    _, client = start(gzipped=True)
    assert client.raw("POST", "/api/office/search", b"{}", asked)[1]["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in client.raw("POST", "/api/office/search", b"{}")[1]
