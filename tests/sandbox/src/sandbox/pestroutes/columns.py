"""Records out of a list of column names, for entities whose columns need no story of their own."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.pestroutes.model import Build, Record, Row
from sandbox.pestroutes.people import employee_id, seller_id, technician_id
from sandbox.pestroutes.values import FIRST_NAMES, LAST_NAMES, WORDS, ZERO_DATE, ZERO_STAMP, moment, money
from sandbox.values import DAY, day_text, pick, stamp

Kind = Callable[[Row], object]


def _wall(row: Row, after: int = 0) -> int:
    return row.world.clock.wall(min(row.added + after, max(row.world.origin, row.added)))


def _parent_id(name: str) -> Kind:
    """The id of the row above of that name; -1 if there is none."""

    def kind(row: Row) -> object:
        table, k = row.table, row.k
        while table.parent:
            k, table = table.parent_of(k), table.parent
            if table.entity.name == name:
                return str(table.id_of(k))
        return "-1"

    return kind


def _lookup(name: str) -> Kind:
    """The id of some row of a small table."""

    def kind(row: Row) -> object:
        table = row.world.tables[name]
        return str(table.id_of((row.h >> 7) % table.base))

    return kind


KINDS: dict[str, Kind] = {
    "id": lambda row: str(row.id),
    "office": lambda row: str(row.office),
    "customer": lambda row: str(row.world.customers.id_of(row.customer)) if row.customer >= 0 else "0",
    "subscription": _parent_id("subscription"),
    "appointment": _parent_id("appointment"),
    "ticket": _parent_id("ticket"),
    "payment": _parent_id("payment"),
    "disbursement": _parent_id("disbursement"),
    "door": _parent_id("door"),
    "genericFlag": _lookup("genericFlag"),
    "product": _lookup("product"),
    "unit": _lookup("unit"),
    "serviceType": _lookup("serviceType"),
    "clockCategory": _lookup("timeClockCategory"),
    "employee": lambda row: employee_id(row.world, row.office, row.h >> 5),
    "technician": lambda row: technician_id(row.world, row.office, row.h >> 5),
    "seller": lambda row: seller_id(row.world, row.office, row.h >> 5),
    "added": lambda row: stamp(_wall(row)),
    "day": lambda row: day_text(_wall(row)),
    "later": lambda row: stamp(_wall(row, 8 * 3600)) if row.h & 31 else None,
    "due": lambda row: day_text(_wall(row) + (row.h >> 9) % 30 * DAY),
    "updated": lambda row: moment(row.table.wall_updated(row.k)),
    "zero": lambda row: ZERO_STAMP if row.h & 256 else None,
    "zeroday": lambda row: ZERO_DATE if row.h & 512 else None,
    "flag": lambda row: str(row.h >> 11 & 1),
    "on": lambda row: "1" if row.h >> 12 & 7 else "0",
    "none": lambda row: "0",
    "absent": lambda row: None if row.h >> 13 & 1 else "",
    "code": lambda row: str((row.h >> 14) % 5),
    "number": lambda row: str((row.h >> 15) % 500),
    "money": lambda row: money((row.h >> 16) % 40_000),
    "decimal": lambda row: f"{(row.h >> 17) % 100_000 / 1000:.3f}",
    "lat": lambda row: f"{33 + (row.h >> 18) % 1_000_000 / 1e6:.6f}",
    "lng": lambda row: f"-{117 + (row.h >> 19) % 1_000_000 / 1e6:.6f}",
    "word": lambda row: pick(WORDS, row.h >> 20),
    "text": lambda row: pick(WORDS, row.h >> 21) if row.h & 1024 else ("" if row.h & 2048 else None),
    "title": lambda row: f"{row.table.entity.name} {row.k + 1}",
    "fname": lambda row: pick(FIRST_NAMES, row.h >> 22),
    "lname": lambda row: pick(LAST_NAMES, row.h >> 23),
    "email": lambda row: f"person{row.id}@example.com" if row.h & 3 else "",
    "phone": lambda row: f"555{row.h % 10_000_000:07d}",
    "ids": lambda row: f"{row.h % 9 + 1},{row.h % 9 + 10}" if row.h & 3 else None,
    "link": lambda row: f"https://files.example.com/{row.table.entity.name}/{row.id}?a=1&b=2",
    "points": lambda row: f"33.{row.h % 1000:03d},-117.1;33.2,-117.{row.h % 900:03d}",
    "four": lambda row: f"{row.h % 10_000:04d}",
    "map": lambda row: {str(row.h % 9): "Termite"} if row.h & 4096 else [],
    "list": lambda row: [str(row.h % 9)] if row.h & 8192 else (None if row.h & 16384 else []),
    "revision": lambda row: str(row.version),
    "notes": lambda row: f'{{"balance":["{row.h % 90}.00","{row.h % 80}.50"],"who":"\\u00e9 {row.version}"}}',
    "contactType": lambda row: ("customer", "lead", "employee")[row.h % 3],
}

# The kind of a column that is named without one.
USUAL: dict[str, str] = {
    "officeID": "office",
    "customerID": "customer",
    "subscriptionID": "subscription",
    "appointmentID": "appointment",
    "ticketID": "ticket",
    "paymentID": "payment",
    "employeeID": "employee",
    "dateAdded": "added",
    "dateCreated": "added",
    "dateUpdated": "updated",
    "date": "day",
    "active": "on",
    "visible": "on",
    "description": "text",
    "notes": "text",
    "name": "title",
    "amount": "money",
    "email": "email",
    "phone": "phone",
    "fname": "fname",
    "lname": "lname",
    "lat": "lat",
    "lng": "lng",
    "revision": "revision",
}


def columns(text: str) -> Build:
    """A builder from `name` and `name:kind` words."""
    plan = []
    for word in text.split():
        name, _, kind = word.partition(":")
        plan.append((name, KINDS[kind or USUAL[name]]))

    def build(row: Row) -> Record:
        return {name: kind(row) for name, kind in plan}

    return build
