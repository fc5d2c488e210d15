"""Everything of PestRoutes built over a small lake that has only that: every stream's model, every test, the marts' figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from dbt_harness import FixtureLake, Project, query


@pytest.fixture(scope="module")
def warehouse(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marts")
    lake = FixtureLake(folder / "lake")
    until = "2026-03-15T12:00:00Z"
    lake.load("office", [{"officeID": "1", "officeName": "北店"}], mode="full", until=until)
    lake.load(
        "customer",
        [
            {
                "customerID": "1",
                "officeID": "1",
                "fname": "Ana",
                "lname": "李 🐜",
                "statusText": "Active",
                "balance": "30.00",
            },
            {"customerID": "2", "officeID": "1", "fname": "", "companyName": "Ant Co", "balance": ""},
        ],
        mode="full",
        until=until,
    )
    lake.load(
        "subscription",
        [
            _subscription("10", "1", active="1", frequency="30", recurringCharge="45.00"),
            _subscription("11", "1", active="1", frequency="90", recurringCharge="120.00"),
            _subscription(
                "12", "2", active="0", frequency="30", recurringCharge="60", dateCancelled="2026-02-10 08:00:00"
            ),
            _subscription("13", "2", active="-3", frequency="30", recurringCharge="999"),
            _subscription(
                "14", "2", active="1", frequency="CUSTOM", recurringCharge="9", annualRecurringValue="120.00"
            ),
        ],
        mode="full",
        until=until,
    )
    lake.load(
        "appointment",
        [
            _appointment("20", "1", "2026-03-01", status="1", servicedBy="5"),
            _appointment("21", "1", "2026-03-10", status="2", assignedTech="5"),
            _appointment("22", "1", "2026-03-14", status="0", assignedTech="5"),
            _appointment("23", "1", "2026-03-15", status="0", assignedTech="5"),
            _appointment("24", "1", "2026-04-15", status="0", assignedTech="5"),
        ],
        mode="full",
        until=until,
    )
    lake.load(
        "employee", [{"employeeID": "5", "officeID": "1", "fname": "Bo", "active": "1"}], mode="full", until=until
    )
    lake.load(
        "ticket",
        [
            {
                "ticketID": "30",
                "officeID": "1",
                "customerID": "1",
                "active": "1",
                "balance": "10.00",
                "invoiceDate": "2026-03-01",
            },
            {
                "ticketID": "31",
                "officeID": "1",
                "customerID": "1",
                "active": "1",
                "balance": "20.00",
                "invoiceDate": "2025-12-01",
            },
            {
                "ticketID": "32",
                "officeID": "1",
                "customerID": "1",
                "active": "0",
                "balance": "99.00",
                "invoiceDate": "2025-12-01",
            },
        ],
        mode="full",
        until=until,
    )
    database = folder / "warehouse.duckdb"
    outcome = project.run("build", "--select", "source:pestroutes+", lake=lake.root, database=database)
    assert outcome.success, outcome.text
    assert not [one.unique_id for one in outcome.result.result.results if one.status == "warn"]
    return database


def _subscription(key: str, customer: str, **fields: str) -> dict[str, str]:
    return {
        "subscriptionID": key,
        "customerID": customer,
        "officeID": "1",
        "dateAdded": "2026-01-15 10:00:00",
        **fields,
    }


def _appointment(key: str, customer: str, day: str, **fields: str) -> dict[str, str]:
    return {
        "appointmentID": key,
        "customerID": customer,
        "officeID": "1",
        "subscriptionID": "-1",
        "date": day,
        **fields,
    }


def test_customers(warehouse: Path) -> None:
    columns = """customer_name, status, subscriptions, active_subscriptions, monthly_recurring_revenue::double, balance::double,
        completed_appointments, last_appointment_on, next_appointment_on"""
    assert query(warehouse, f"select {columns} from marts.customers order by customer_id") == [
        ("Ana 李 🐜", "Active", 2, 2, 85.0, 30.0, 1, date(2026, 3, 1), date(2026, 3, 15)),
        ("Ant Co", None, 2, 1, 10.0, 0.0, 0, None, None),
    ]


def test_recurring_revenue_by_month(warehouse: Path) -> None:
    columns = "month, active_subscriptions, recurring_revenue, started_subscriptions, cancelled_subscriptions"
    assert query(warehouse, f"select {columns} from marts.recurring_revenue_by_month order by month") == [
        (date(2026, 1, 1), 4, Decimal("155.00"), 4, 0),
        (date(2026, 2, 1), 3, Decimal("95.00"), 0, 1),
        (date(2026, 3, 1), 3, Decimal("95.00"), 0, 0),
    ]


def test_technician_appointments(warehouse: Path) -> None:
    columns = "technician_name, month, scheduled, completed, no_show, pending, completion_rate::double"
    assert query(warehouse, f"select {columns} from marts.technician_appointments order by month") == [
        ("Bo", date(2026, 3, 1), 4, 1, 1, 2, 0.5),
        ("Bo", date(2026, 4, 1), 1, 0, 0, 1, None),
    ]


def test_receivables_aging(warehouse: Path) -> None:
    columns = "customer_id, open_invoices, oldest_days, total_due::double, due_0_30::double, due_over_90::double"
    assert query(warehouse, f"select {columns} from marts.receivables_aging") == [(1, 2, 104, 30.0, 10.0, 20.0)]


def test_personal_data_in_marts_is_marked(project: Project) -> None:
    marts = [node for node in project.manifest.nodes.values() if "marts" in node.fqn and node.resource_type == "model"]
    marked = {
        f"{mart.name}.{column.name}"
        for mart in marts
        for column in mart.columns.values()
        if column.meta.get("sensitive")
    }
    assert marked == {"customers.customer_name", "technician_appointments.technician_name"}
