"""Customers, subscriptions, employees, offices."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sandbox.pestroutes import values
from sandbox.pestroutes.ledger import TAX_RATES, owed
from sandbox.pestroutes.model import Record, Row
from sandbox.pestroutes.values import ZERO_DATE, ZERO_STAMP, moment, money
from sandbox.values import DAY, day_text, mix, pick

if TYPE_CHECKING:
    from sandbox.pestroutes.world import World

EMPLOYEES = 20  # in an office: 10 technicians, 4 in the office, 5 in sales, 1 other
TECHNICIANS = 10
_TYPES = ("1",) * TECHNICIANS + ("0",) * 4 + ("2",) * 5 + ("3",)
VARIANTS = 256
SERVICES = ("General Pest", "Termite", "Mosquito", "Rodent ", "Bed Bug", "Wildlife", "白蟻", "Ant & Spider 🕷️")
CHARGES = (3900, 4900, 5500, 6500, 7900, 8900, 9900, 12900)
FREQUENCIES = ("30", "30", "60", "90", "90", "90", "180", "360", "CUSTOM", "-1", "0")


def employee_id(world: World, office: int, h: int) -> str:
    """Somebody in the office."""
    return str(1 + (max(office, 1) - 1) + world.offices * (TECHNICIANS + h % 4))


def technician_id(world: World, office: int, h: int) -> str:
    """Somebody who drives out."""
    return str(1 + (max(office, 1) - 1) + world.offices * (h % TECHNICIANS))


def seller_id(world: World, office: int, h: int) -> str:
    """Somebody who sells."""
    return str(1 + (max(office, 1) - 1) + world.offices * (14 + h % 5))


@cache
def _person(n: int) -> Record:
    """Who a customer may be. Customers share 256 of these, so that a record is quickly put together."""
    h = mix(1, n)
    company = values.COMPANIES[h % len(values.COMPANIES)]
    return {
        "fname": pick(values.FIRST_NAMES, h >> 8),
        "lname": pick(values.LAST_NAMES, h >> 20),
        "companyName": company,
        "commercialAccount": "1" if company else "0",
        "spouse": None if h & 1 else "",
        "phone1": f"555{h % 10_000_000:07d}",
        "phone2": None if h & 256 else "",
    }


@cache
def _place(n: int) -> Record:
    """Where a customer may live."""
    h = mix(2, n)
    city, state, county, zip_code, _ = values.CITIES[h % len(values.CITIES)]
    address = f"{h % 9000 + 1} {values.STREETS[(h >> 16) % len(values.STREETS)]}"
    zip_text = f"{zip_code + (h >> 8) % 60:05d}"
    return {
        "address": address,
        "city": city,
        "state": state,
        "zip": zip_text,
        "billingAddress": address if h & 6 else "",
        "billingCity": city,
        "billingState": state,
        "billingZip": zip_text if h & 24 else None,
        "county": county,
        "lat": f"{32 + h % 9_000_000 / 1e6:.6f}",
        "lng": f"-{110 + (h >> 24) % 9_000_000 / 1e6:.6f}",
        "squareFeet": ("0", "1450", "2200", "", "5.0", "3100")[(h >> 40) % 6],
    }


@cache
def _habits(offices: int, office: int) -> list[Record]:
    """How customers of an office may be dealt with."""
    return [_habit(offices, office, n) for n in range(VARIANTS)]


def _habit(offices: int, office: int, n: int) -> Record:
    h = mix(3, n)
    return {
        "addedByID": str(office + offices * (TECHNICIANS + h % 4)),
        "sourceID": str(1 + h % 12),
        "source": pick(("Referral", "Web", "Door to door", "Radio ", ""), h),
        "aPay": ("No", "No", "CC", "ACH")[h >> 14 & 3],
        "preferredTechID": str(office + offices * (h % TECHNICIANS)) if h & 1024 else "0",
        "masterAccount": "0",
        "regionID": str(1 + h % 8),
        "unitIDs": [] if h & 2048 else None,
        "isMultiUnit": "0",
        "divisionID": "-1",
        "maxMonthlyCharge": "-1.00" if h & 12288 else "150.00",
        "pendingCancel": "0",
    }


def customer_active(world: World, c: int) -> bool:
    """One in eight has left; a changed customer may come back or leave."""
    table = world.customers
    h = mix(table.salt, c)
    return (h >> 33) % 8 != table.versions.get(c, 0) % 8


def customer(row: Row) -> Record:
    """A customer."""
    world, k, h, updated = row.world, row.k, row.h, row.updated
    wall, id_text = world.clock.wall, str(row.id)
    subscription, appointment, ticket, payment = world.shown
    tickets = ticket.children(k)
    payments = payment.below(tickets)
    debt, oldest = owed(world, tickets) if len(payments) < len(tickets) else (0, 0)
    active = (h >> 33) % 8 != row.version % 8  # as customer_active has it
    balance = money(debt) if debt else "0.00"
    at = updated or row.added
    at_text = world.clock.stamp(at)
    return {
        "customerID": id_text,
        "billToAccountID": id_text,
        "officeID": str(row.office),
        **_person(h % VARIANTS),
        "status": "1" if active else "0",
        "statusText": "Active" if active else "Inactive",
        "email": f"customer{id_text}@example.com" if h & 12288 else (None, "")[h >> 14 & 1],
        **_place((h >> 11) % VARIANTS),
        **_habits(world.offices, row.office)[(h >> 22) % VARIANTS],
        "dateAdded": world.clock.stamp(row.added),
        "dateCancelled": (None if h & 512 else ZERO_STAMP) if active else at_text,
        "dateUpdated": at_text if updated else (ZERO_STAMP if h & 64 else None),
        "paidInFull": "0" if debt else "1",
        "subscriptionIDs": subscription.ids(subscription.children(k)),
        "balance": balance,
        "balanceAge": str(max(0, at - oldest) // DAY) if oldest else "0",
        "responsibleBalance": balance,
        "appointmentIDs": appointment.ids(appointment.children(k)),
        "ticketIDs": ticket.ids(tickets),
        "paymentIDs": payment.ids(payments),
        "taxRate": TAX_RATES[k % len(TAX_RATES)],
        "agingDate": day_text(wall(oldest)) if oldest else (None if h & 16384 else ZERO_DATE),
    }


def subscription_active(world: World, s: int) -> int:
    """1, 0 or -3 for a lead (sources/pestroutes.md §6)."""
    table = world.tables["subscription"]
    x = (mix(table.salt, s) >> 30) % 100
    if x < 10:
        return -3 if table.versions.get(s, 0) < 2 else 1
    if x < 25:
        return 0
    return 0 if x < 40 and table.versions.get(s, 0) else 1


def subscription_added(world: World, s: int) -> int:
    """Within a month of the customer."""
    table = world.tables["subscription"]
    customer = world.customers.added_at(table.parent_of(s))
    return min(customer + mix(table.salt, s) % (30 * DAY), world.origin)


def subscription(row: Row) -> Record:
    """A subscription, or a lead: leads have no entity of their own (sources/pestroutes.md §6)."""
    world, k, h = row.world, row.k, row.h
    wall = world.clock.wall
    customer_id = str(world.customers.id_of(row.customer))
    active = subscription_active(world, k)
    at = row.updated or row.added
    charge = CHARGES[h % len(CHARGES)] + 500 * row.version
    frequency = FREQUENCIES[(h >> 8) % len(FREQUENCIES)]
    visits = 360 // int(frequency) if frequency not in ("CUSTOM", "-1", "0") else 0
    siblings = row.table.first_children(row.customer)
    appointments = world.tables["appointment"].first_children(row.customer)
    mine = appointments[k - siblings.start :: len(siblings)] if k in siblings else range(0)
    appointment_ids = world.tables["appointment"].ids(mine)
    lead = (h >> 30) % 100 < 10
    return {
        "subscriptionID": str(row.id),
        "customerID": customer_id,
        "billToAccountID": customer_id,
        "officeID": str(row.office),
        "dateAdded": world.clock.stamp(row.added),
        "active": str(active),
        "activeText": {1: "Active", 0: "Cancelled"}.get(active, "Lead"),
        "initialQuote": money(charge + 5000),
        "initialDiscount": "0.00",
        "initialServiceTotal": money(charge + 5000),
        "recurringCharge": money(charge),
        "contractValue": money(charge * max(visits, 1) + 5000),
        "annualRecurringValue": money(charge * visits),
        "billingFrequency": "-1" if h & 1 else "30",
        "frequency": frequency,
        "agreementLength": ("12", "24", "0", "")[h >> 4 & 3],
        "nextService": day_text(wall(at) + 30 * DAY) if active == 1 else ZERO_DATE,
        "lastCompleted": day_text(wall(at)) if active == 1 and mine else (None if h & 2 else ZERO_DATE),
        "serviceID": str(1 + h % 12),
        "serviceType": SERVICES[h % 12 % len(SERVICES)],
        "soldBy": seller_id(world, row.office, h),
        "soldBy2": "0",
        "soldBy3": None if h & 4 else "0",
        "preferredTech": technician_id(world, row.office, h >> 6) if h & 8 else "-1",
        "initialAppointmentID": str(world.tables["appointment"].id_of(mine[0])) if mine else "0",
        "initialStatus": "1",
        "dateCancelled": world.clock.stamp(at) if active == 0 else (None if h & 16 else ZERO_STAMP),
        "dateUpdated": moment(row.table.wall_updated(k)),
        "cxlNotes": "moved away" if active == 0 else "",
        "appointmentIDs": appointment_ids,
        "seasonalStart": ZERO_DATE,
        "seasonalEnd": None,
        "recurringTicket": _recurring_ticket(h, charge) if h & 32 else [],
        "addOns": [{"itemID": str(h % 50), "amount": "10.00", "description": "Gate, 2nd"}] if h & 192 == 0 else [],
        "leadID": str(row.id) if lead else None,
        "leadDateAdded": world.clock.stamp(row.added) if lead else None,
        "leadUpdated": moment(row.table.wall_updated(k)) if lead else None,
        "leadStatus": ("0" if active == -3 else "3") if lead else None,
        "leadStage": pick(("New", "Quoted", "Won", "Lost"), h >> 5) if lead else "",
        "leadValue": money(charge * 4) if lead else None,
        "leadDateClosed": world.clock.stamp(at) if lead and active != -3 else (ZERO_STAMP if lead else None),
        "sourceID": str(1 + h % 12),
        "renewalDate": day_text(wall(row.added) + 365 * DAY),
        "nextBillingDate": day_text(wall(at) + 30 * DAY) if active == 1 else None,
        "expirationDate": ZERO_DATE,
        "parentID": "0",
        "unitIDs": [] if h & 256 else None,
        "customDate": None,
    }


def _recurring_ticket(h: int, charge: int) -> Record:
    """The nested object; it has a list of lines in it."""
    return {
        "ticketID": str(900_000 + h % 90_000),
        "subTotal": money(charge),
        "total": money(charge),
        "items": [{"description": 'Recurring "service", {all}', "amount": money(charge), "isTaxable": "1"}],
    }


def employee(row: Row) -> Record:
    """An employee: one row for each person and office (sources/pestroutes.md §6)."""
    world, k, h = row.world, row.k, row.h
    n = k // world.offices
    person = _person(h % VARIANTS)
    linked = [str(1 + n * world.offices + o) for o in range(world.offices)] if n == EMPLOYEES - 1 else []
    skills = {str(1 + h % 5): "Termite", str(7 + h % 5): "Weeds"} if n < TECHNICIANS and h & 1 else []
    return {
        "employeeID": str(row.id),
        "officeID": str(row.office),
        "active": str(employee_active(world, k)),
        "fname": person["fname"],
        "lname": person["lname"],
        "type": _TYPES[n % EMPLOYEES],
        "phone": f"555{h % 10_000_000:07d}",
        "email": f"employee{row.id}@example.com" if h & 6 else "",
        "nickname": "" if h & 8 else None,
        "username": f"user{row.id}",
        "experience": str(row.version),
        "skills": skills,
        "skillIDs": ",".join(skills) or None,
        "linkedEmployeeIDs": ",".join(linked) or None,
        "supervisorID": employee_id(world, row.office, 0),
        "roamingRep": "0",
        "lastLogin": world.clock.stamp(row.updated) if row.updated else ZERO_STAMP,
        "teamIDs": str(1 + h % 10) if h & 16 else None,
        "accessControlProfileID": "0",
        "startAddress": f"{h % 900} Mill Rd",
        "startCity": "San Diego",
        "startLat": None,
        "startLng": "",
        "endAddress": "",
        "endCity": None,
        "regionalManagerOfficeIDs": [],
        "dateUpdated": moment(row.table.wall_updated(k)),
    }


def employee_active(world: World, k: int) -> int:
    """One in ten has left the firm; technicians 0 and 1 of each office are always there."""
    return 0 if k >= 2 * world.offices and (mix(world.tables["employee"].salt, k) >> 9) % 10 == 0 else 1


def office(row: Row) -> Record:
    """An office."""
    h = row.h
    city, state, county, zip_code, _ = values.CITIES[row.k % len(values.CITIES)]
    zones = ("America/Los_Angeles", "America/Los_Angeles", "America/Phoenix", "America/Los_Angeles", "PST")
    return {
        "officeID": str(row.id),
        "officeName": f"{city} {row.id}",
        "companyID": "1",
        "licenseNumber": f"PR{h % 10000:04d}",
        "contactNumber": f"555{h % 10_000_000:07d}",
        "contactEmail": f"office{row.id}@example.com",
        "website": "https://example.com/" if h & 1 else "",
        "timeZone": zones[row.k % len(zones)],
        "address": f"{h % 900 + 1} Harbor Blvd",
        "city": city,
        "state": state,
        "county": county,
        "zip": f"{zip_code:05d}",
        "cautionStatements": None,
        "officeLatitude": "",
        "officeLongitude": None,
        "invoiceAddress": f"P.O. Box {h % 900}",
        "invoiceCity": city,
        "invoiceState": state,
        "invoiceZip": f"{zip_code:05d}",
    }
