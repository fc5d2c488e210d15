"""Appointments, routes and spots: what technicians do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.pestroutes.ledger import ticket_date
from sandbox.pestroutes.model import Record, Row
from sandbox.pestroutes.people import employee_id, seller_id, technician_id
from sandbox.pestroutes.values import WORDS, ZERO_STAMP, moment, money
from sandbox.values import DAY, day_text, mix, stamp, time_text

if TYPE_CHECKING:
    from sandbox.pestroutes.world import World

PENDING, COMPLETED, NO_SHOW, CANCELLED, RESCHEDULED = 0, 1, 2, -1, -2
STATUS_TEXT = {
    PENDING: "Pending",
    COMPLETED: "Completed",
    NO_SHOW: "No Show",
    CANCELLED: "Cancelled",
    RESCHEDULED: "Rescheduled",
}
SERVICE_DAY = 8 * 3600  # the first visit of a day, wall clock


def ticket_of(world: World, a: int) -> int | None:
    """The invoice of a visit: the customer's nth visit has the customer's nth ticket, if there is one."""
    table, tickets = world.tables["appointment"], world.tables["ticket"]
    c = table.parent_of(a)
    mine = table.first_children(c)
    theirs = tickets.first_children(c)
    n = a - mine.start
    return theirs[n] if a in mine and n < len(theirs) else None


def _start_status(world: World, a: int, ticket: int | None) -> int:
    if a >= world.tables["appointment"].base:
        return PENDING
    if ticket is not None:
        return COMPLETED
    x = (mix(world.tables["appointment"].salt, a) >> 10) % 100
    if x < 50:
        return PENDING
    if x < 65:
        return NO_SHOW
    return CANCELLED if x < 85 else RESCHEDULED


def status(world: World, a: int) -> int:
    """The status now."""
    return _status(world, a, _start_status(world, a, ticket_of(world, a)))


def _status(world: World, a: int, start: int) -> int:
    """A pending visit that changes has taken place, or every fifth time has not."""
    if start == PENDING and world.tables["appointment"].versions.get(a, 0):
        h = mix(world.tables["appointment"].salt, a)
        return (COMPLETED, COMPLETED, COMPLETED, COMPLETED, CANCELLED)[(h >> 18) % 5]
    return start


def visit_day(world: World, a: int) -> int:
    """The wall-clock midnight of the day of the visit."""
    ticket = ticket_of(world, a)
    return _day(world, a, ticket, _start_status(world, a, ticket))


def _day(world: World, a: int, ticket: int | None, start: int) -> int:
    table = world.tables["appointment"]
    h = mix(table.salt, a)
    if start == PENDING and table.versions.get(a, 0):
        at = table.updated_at(a)
    elif ticket is not None:
        at = ticket_date(world, ticket)
    elif a >= table.base:
        at = table.added_at(a) + 7 * DAY
    elif start == PENDING:
        at = world.origin + DAY * (1 + (h >> 22) % 30)
    else:
        customer = world.customers.added_at(table.parent_of(a))
        at = customer + ((world.origin - customer) * ((h >> 24) & 0xFFFF) >> 16)
    wall = world.clock.wall(at)
    return wall - wall % DAY


def appointment_added(world: World, a: int) -> int:
    """Made within two weeks before the visit, but not before the customer was there."""
    table = world.tables["appointment"]
    customer = world.customers.added_at(table.parent_of(a))
    ticket = ticket_of(world, a)
    latest = ticket_date(world, ticket) if ticket is not None else world.origin
    return max(customer, min(latest, world.origin) - mix(table.salt, a) % (14 * DAY))


def appointment(row: Row) -> Record:
    """A visit."""
    world, k, h = row.world, row.k, row.h
    ticket = ticket_of(world, k)
    start = _start_status(world, k, ticket)
    now_status, day = _status(world, k, start), _day(world, k, ticket, start)
    done = now_status == COMPLETED
    begin = day + SERVICE_DAY + (h >> 26) % 36 * 900
    length = 20 + h % 5 * 10
    technician = technician_id(world, row.office, h >> 13)
    siblings = row.table.first_children(row.customer)
    subscriptions = world.tables["subscription"].first_children(row.customer)
    alone = not subscriptions or k not in siblings
    n = (k - siblings.start) % len(subscriptions) if not alone else 0
    at = world.clock.stamp(row.updated or row.added)
    checked_in, checked_out = (stamp(begin), stamp(begin + length * 60)) if done else (None, ZERO_STAMP)
    return {
        "appointmentID": str(row.id),
        "officeID": str(row.office),
        "customerID": str(world.customers.id_of(row.customer)),
        "subscriptionID": "-1" if alone else str(world.tables["subscription"].id_of(subscriptions[n])),
        "routeID": str(world.tables["route"].id_of(_route_near(world, row.office, day))),
        "spotID": str(world.tables["spot"].id_of(k)) if k < world.tables["spot"].base else "0",
        "date": day_text(day),
        "start": time_text(begin),
        "end": time_text(begin + length * 60),
        "timeWindow": ("AM", "PM", "AT", "")[h >> 4 & 3],
        "duration": str(length),
        "type": str(1 + h % 12),
        "dateAdded": world.clock.stamp(row.added),
        "employeeID": seller_id(world, row.office, h >> 7),
        "status": str(now_status),
        "statusText": STATUS_TEXT[now_status],
        "callAhead": "30",
        "isInitial": "1" if k == siblings.start else "0",
        "completedBy": technician if done else None,
        "servicedBy": technician if done else "",
        "dateCompleted": stamp(begin + length * 60) if done else (None if h & 1 else ZERO_STAMP),
        "notes": WORDS[h % len(WORDS)] if h & 6 == 0 else "",
        "officeNotes": f"reviewed {row.version}x" if row.version else None,
        "timeIn": checked_in,
        "timeOut": checked_out,
        "checkIn": checked_in,
        "checkOut": checked_out,
        "amountCollected": money(h % 4 * 2500) if done else "0.00",
        "paymentMethod": str(h % 5),
        "ticketID": str(world.tables["ticket"].id_of(ticket)) if ticket is not None else None,
        "dateCancelled": at if now_status == CANCELLED else ZERO_STAMP,
        "additionalTechs": ([], None, technician)[h % 3] if h & 8 else None,
        "cancellationReasonID": str(1 + h % 8) if now_status == CANCELLED else "0",
        "rescheduleReasonID": str(1 + h % 6) if now_status == RESCHEDULED else None,
        "reserviceReasonID": None if h & 16 else "0",
        "targetPests": ["ants", "spiders"] if h & 96 == 0 else [],
        "dateUpdated": moment(row.table.wall_updated(k)),
        "cancelledBy": employee_id(world, row.office, h) if now_status == CANCELLED else None,
        "assignedTech": technician,
        "latIn": f"{33 + h % 1000 / 1000:.6f}" if done else "",
        "longIn": f"-{117 + h % 1000 / 1000:.6f}" if done else None,
        "sequence": str(h % 18),
        "originalAppointmentID": "0",
    }


def _route_near(world: World, office: int, day: int) -> int:
    """A route of the office on about that day."""
    routes = world.tables["route"].base
    near = max(0, min(day - world.start, world.span)) * routes // (world.span + 1)
    near -= (near - (office - 1)) % world.offices
    return near if near >= 0 else min(office - 1, routes - 1)


def route_day(world: World, r: int) -> int:
    """The wall-clock midnight of the day that a route is driven."""
    wall = world.clock.wall(world.tables["route"].added_at(r))
    return wall - wall % DAY


def route(row: Row) -> Record:
    """A technician's day."""
    world, h = row.world, row.h
    return {
        "routeID": str(row.id),
        "title": f"Route {h % 40}" if h & 7 else "",
        "templateID": str(1 + h % 6),
        "dateAdded": world.clock.stamp(row.added),
        "addedBy": employee_id(world, row.office, h),
        "officeID": str(row.office),
        "groupID": str(h % 4),
        "groupTitle": ("Regular Routes", "Termite", "", None)[h % 4],
        "date": day_text(route_day(world, row.k)),
        "dayNotes": f"changed {row.version}x" if row.version else "",
        "dayAlert": None,
        "additionalTechs": ([], None)[h & 1],
        "assignedTech": technician_id(world, row.office, (h >> 13) + row.version),
        "apiCanSchedule": str(h & 1),
        "averageLatitude": f"{33 + h % 1000 / 1000:.6f}",
        "averageLongitude": "" if h & 2 else "-117.123456",
        "dateUpdated": moment(row.table.wall_updated(row.k)),
    }


def spot_day(world: World, s: int) -> int:
    """A spot is a place in the day of its route."""
    return route_day(world, world.tables["spot"].parent_of(s))


def spot(row: Row) -> Record:
    """A place in a route."""
    world, h = row.world, row.h
    r = row.table.parent_of(row.k)
    start = 8 * 3600 + row.k % 24 * 1200
    return {
        "spotID": str(row.id),
        "officeID": str(row.office),
        "routeID": str(world.tables["route"].id_of(r)),
        "date": day_text(spot_day(world, row.k)),
        "start": time_text(start),
        "end": time_text(start + 1200),
        "spotCapacity": str(20 + row.version),
        "description": f"{time_text(start)[:5]} #{h % 9}",
        "blockReason": None if h & 3 else "Lunch 🍱",
        "currentAppointment": None,
        "assignedTech": technician_id(world, row.office, h >> 13),
        "distanceToPrevious": "N/A" if h & 63 == 0 else f"{h % 400 / 10:.1f}",
        "previousLat": None,
        "previousLng": "",
        "reserved": "0",
        "reservationEnd": ZERO_STAMP,
        "appointmentIDs": [],
        "customerIDs": None,
        "dateUpdated": moment(row.table.wall_updated(row.k)),
    }
