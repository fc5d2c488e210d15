"""Usage is counted and limited (sources/pestroutes.md §4)."""

from __future__ import annotations

from http.client import HTTPConnection


def usage(answer):
    return answer["tokenUsage"]["requestsReadToday"], answer["tokenUsage"]["requestsReadInLastMinute"]


def test_every_search_and_get_is_a_read(start):
    _, client = start()
    assert usage(client.call("customer/search")) == (1, 1)
    assert usage(client.call("customer/get", customerIDs=[10000])) == (2, 2)
    assert usage(client.query("customer/10000")) == (3, 3)


def test_the_minute_limit_passes_with_the_minute(start):
    sandbox, client = start(minute_limit=3, day_limit=100)
    assert [client.call("office/search")["success"] for _ in range(4)] == [True, True, True, False]
    refused = client.call("office/search")
    assert refused["tokenUsage"]["requestsReadInLastMinute"] == 3
    assert refused["tokenLimits"]["limitReadRequestsPerMinute"] == 3
    sandbox.advance(seconds=61, changes=False)
    assert client.call("office/search")["success"]


def test_the_day_limit_passes_with_midnight_in_the_pacific_zone(start):
    sandbox, client = start(day_limit=2, now="2026-10-01T15:00:00+00:00")
    assert [client.call("office/search")["success"] for _ in range(3)] == [True, True, False]
    sandbox.advance(seconds=15 * 3600, changes=False)  # 23:00
    assert not client.call("office/search")["success"]
    sandbox.advance(seconds=3600, changes=False)
    assert usage(client.call("office/search")) == (1, 1)


def test_a_refused_key_and_the_controls_are_not_counted(start):
    _, client = start()
    client.call("office/search", headers={})
    client.raw("GET", "/_sandbox/truth/office")
    assert usage(client.call("office/search")) == (1, 1)


def test_documentation_usage_reports_the_week(start):
    sandbox, client = start()
    client.call("office/search")
    sandbox.advance(days=1, changes=False)
    client.call("office/search")
    assert [day["requestsRead"] for day in client.query("documentation/usage")["usage"]] == [1, 2]
    assert len(client.query("documentation/usage", "today=1")["usage"]) == 1


def test_many_connections_are_counted_once_each(start):
    sandbox, client = start()
    connections = [HTTPConnection("127.0.0.1", sandbox.port, timeout=10) for _ in range(20)]
    headers = {"authenticationKey": "key", "authenticationToken": "token"}
    for connection in connections:
        connection.request("POST", "/api/office/search", b"{}", headers)
    for connection in connections:
        assert connection.getresponse().read()
        connection.close()
    assert usage(client.call("office/search")) == (21, 21)
