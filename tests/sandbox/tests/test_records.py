"""Records are as untidy as the vendor's, and as consistent (sources/pestroutes.md §5 and §6)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sandbox.pestroutes.catalogue import ENTITIES


@pytest.fixture
def world(start):
    """The truth of a sandbox, by entity."""
    sandbox, _ = start(records=2000)
    return sandbox.truth


def test_scalars_are_strings(world):
    for entity in ENTITIES:
        if entity.key:
            assert all(isinstance(row[entity.key], str) for row in world(entity.name)[:200]), entity.name


def test_missing_is_null_or_empty_or_zero(world):
    rows = world("customer")
    assert {row["email"] for row in rows} >= {None, ""}
    assert {row["dateCancelled"] for row in rows} >= {None, "0000-00-00 00:00:00"}
    assert {row["agingDate"] for row in rows} >= {None, "0000-00-00"}
    assert {row["squareFeet"] for row in rows} >= {"", "0", "5.0"}


def test_lists_maps_and_sentinels(world):
    customers, subscriptions = world("customer"), world("subscription")
    assert any("," in (row["subscriptionIDs"] or "") for row in customers)
    assert {str(row["unitIDs"]) for row in customers} == {"[]", "None"}
    assert {type(row["recurringTicket"]) for row in subscriptions} == {dict, list}
    assert {type(row["skills"]) for row in world("employee")} == {dict, list}
    assert {row["divisionID"] for row in customers} == {"-1"}
    assert "CUSTOM" in {row["frequency"] for row in subscriptions}
    assert {row["officeID"] for row in world("serviceType")} >= {"-1", "0"}


def test_text_of_many_scripts(world):
    names = "".join(f"{row['fname']}{row['lname']}" for row in world("customer"))
    assert all(sample in names for sample in ("明美", "🐜", "Иванов", "\\", '"', "}"))


def test_some_rows_are_soiled(world):
    rows = world("customer")
    usual = set(rows[0]) if len(rows[0]) < len(rows[1]) else set(rows[1])
    unlisted = {name for row in rows for name in row} - usual
    assert {"externalID", "preciseValue", "meta", "newThing"} <= unlisted
    assert any(row.get("externalID", 0) > 2**63 - 1 for row in rows)
    assert any(text.startswith(" ") for row in rows for text in row.values() if isinstance(text, str))


def test_relations_hold(world):
    customers = {row["customerID"] for row in world("customer")}
    subscriptions = {row["subscriptionID"] for row in world("subscription")}
    tickets = {row["ticketID"] for row in world("ticket")}
    employees = {row["employeeID"] for row in world("employee")}
    routes = {row["routeID"] for row in world("route")}
    for row in world("appointment"):
        assert row["customerID"] in customers
        assert row["subscriptionID"] in subscriptions | {"-1"}
        assert row["servicedBy"] in employees | {""}
        assert row["routeID"] in routes
        assert row["ticketID"] is None or row["ticketID"] in tickets
    assert {row["customerID"] for row in world("ticket")} <= customers
    assert {row["invoiceIDs"] for row in world("payment")} <= tickets


def test_the_ledger_balances(start):
    sandbox, _ = start(records=300)
    for _ in range(2):
        check_ledger(sandbox.truth)
        sandbox.advance(days=5)


def check_ledger(world):
    applied, owed = {}, {}
    paying = {row["paymentID"] for row in world("payment")}
    for row in world("appliedPayment"):
        if row["paymentID"] in paying:
            applied[row["ticketID"]] = applied.get(row["ticketID"], 0) + Decimal(row["amount"])
    for row in world("ticket"):
        balance = Decimal(row["balance"])
        assert Decimal(row["total"]) == Decimal(row["subTotal"]) + Decimal(row["taxAmount"])
        assert sum(Decimal(item["amount"]) for item in row["items"]) == Decimal(row["subTotal"])
        assert balance == 0 or (row["active"] == "1" and row["ticketID"] not in applied)
        owed[row["customerID"]] = owed.get(row["customerID"], 0) + balance
    for row in world("customer"):
        assert Decimal(row["balance"]) == owed.get(row["customerID"], 0)


def test_marts_have_something_to_show(world):
    visits = world("appointment")
    assert {row["status"] for row in visits} == {"0", "1", "2", "-1", "-2"}
    assert all(row["dateCompleted"] for row in visits if row["status"] == "1")
    open_tickets = [row for row in world("ticket") if row["balance"] != "0.00"]
    assert 0.1 < len(open_tickets) / 3000 < 0.25
    months = {row["dateCreated"][:7] for row in open_tickets}
    assert "2026-09" in months
    assert len(months) > 4
    assert sum(Decimal(row["annualRecurringValue"]) for row in world("subscription") if row["active"] == "1") > 0


def test_about_two_in_a_hundred_lack_date_updated(world):
    for entity in ("customer", "ticket", "note"):
        rows = world(entity)
        lacking = [row for row in rows if not row["dateUpdated"] or row["dateUpdated"].startswith("0000")]
        assert 0.005 < len(lacking) / len(rows) < 0.04
