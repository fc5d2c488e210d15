"""Every way to send a parameter is understood (sources/pestroutes.md §1)."""

from __future__ import annotations

import pytest

WANTED = ["10000", "10007"]


def rows(answer):
    assert answer["success"], answer
    return [row["customerID"] for row in answer["customers"]]


@pytest.mark.parametrize(
    "text", ["customerIDs[]=10000&customerIDs[]=10007", "customerIDs=[10000,10007]", "customerIDs=10000,10007"]
)
def test_a_list_in_a_form_or_a_query(start, text):
    _, client = start()
    assert rows(client.form("customer/get", text)) == WANTED
    assert rows(client.query("customer/get", text)) == WANTED


def test_a_list_in_a_json_body(start):
    _, client = start()
    assert rows(client.call("customer/get", customerIDs=[10000, "10007"])) == WANTED


def test_a_filter_in_every_form(start):
    sandbox, client = start()
    wall = sorted(row["dateUpdated"] for row in sandbox.truth("customer") if (row["dateUpdated"] or "0")[0] == "2")
    low, high = wall[10], wall[30]
    answers = [
        client.form(
            "customer/search",
            f"officeIDs=0&dateUpdated[operator]=BETWEEN&dateUpdated[value][]={low}&dateUpdated[value][]={high}",
        ),
        client.form(
            "customer/search",
            f'officeIDs=0&dateUpdated={{"operator":"between","value":["{low}","{high}"]}}',
        ),
        client.query("customer/search", f"officeIDs=0&dateUpdatedStart={low}&dateUpdatedEnd={high}"),
        client.call("customer/search", officeIDs=[0], dateUpdated={"operator": "BETWEEN", "value": [low, high]}),
    ]
    assert {answer["count"] for answer in answers} == {21}
    assert len({str(answer["customerIDs"]) for answer in answers}) == 1


def test_credentials_in_headers_query_form_or_json(start):
    _, client = start()
    text = "authenticationKey=key&authenticationToken=token"
    assert client.form("office/search", text, headers={})["success"]
    assert client.query("office/search", text, headers={})["success"]
    assert client.call("office/search", headers={}, authenticationKey="key", authenticationToken="token")["success"]
    assert client.call("office/search")["success"]
    assert client.call("office/search", headers={"authenticationkey": "key", "AuthenticationToken": "token"})["success"]
    assert not client.call("office/search", headers={})["success"]


def test_brackets_beyond_a_thousand_are_cut_off_silently(start):
    _, client = start(records=1500)
    many = "&".join(f"customerIDs[]={10000 + 7 * k}" for k in range(1000))
    assert client.form("customer/get", many)["count"] == 1000
    assert client.form("customer/get", "officeIDs=0&" * 400 + many)["count"] == 600
    cut = client.form("customer/get", many + "&authenticationKey=key&authenticationToken=token", headers={})
    assert not cut["success"]


def test_a_long_list_does_not_fit_a_url(start):
    _, client = start()
    status, _, _ = client.raw("GET", "/api/note/get?noteIDs=" + ",".join(str(n) for n in range(10_000, 12_000)))
    assert status == 414


def test_parameters_come_back_as_text_with_the_credentials(start):
    _, client = start()
    answer = client.call("customer/search", dateUpdated={"operator": ">", "value": "2026-09-01"})
    assert answer["params"] == {
        "endpoint": "customer",
        "action": "search",
        "dateUpdated": '{"operator":">","value":"2026-09-01"}',
        "authenticationKey": "key",
        "authenticationToken": "token",
    }
