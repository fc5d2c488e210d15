"""The untidiness of real tenants, in one record of 128 (sources/pestroutes.md §5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sandbox.pestroutes.model import Record, Row

UNLISTED = ("newThing", "beta_flag", "x-migrated", "Campo nuevo")


def soil(row: Row, record: Record) -> None:
    """Make one thing about the record untidy."""
    _KINDS[(row.h >> 8) % len(_KINDS)](row, record)


def _free(row: Row, record: Record) -> list[str]:
    """Columns that no key, relation, filter or mart hangs on."""
    return [name for name, value in record.items() if isinstance(value, str) and name in _FREE]


_FREE = frozenset(
    {
        *("companyName", "email", "phone", "phone1", "phone2", "address", "city", "county", "lat", "lng", "squareFeet"),
        *("notes", "officeNotes", "title", "description", "name", "text", "website", "contactNumber"),
        *("balanceAge", "duration", "sequence", "averageLatitude"),
    }
)
_NUMBERS = ("squareFeet", "balanceAge", "duration", "sequence", "lat", "lng")


def _blank(row: Row, record: Record) -> None:
    for name in _free(row, record)[:2]:
        record[name] = f" {record[name]} "


def _empty(row: Row, record: Record) -> None:
    for n, name in enumerate(_free(row, record)[:3]):
        record[name] = None if n % 2 else ""


def _dirty_number(row: Row, record: Record) -> None:
    for n, name in enumerate(name for name in _NUMBERS if name in record):
        record[name] = ("", "N/A", "5.0")[(row.h + n) % 3]


def _unlisted(row: Row, record: Record) -> None:
    record[UNLISTED[row.h % len(UNLISTED)]] = "1"


def _big_integer(row: Row, record: Record) -> None:
    record["externalID"] = 9_223_372_036_854_775_807 + row.h % 1000  # beyond a signed 64-bit number


def _long_decimal(row: Row, record: Record) -> None:
    record["preciseValue"] = Decimal(f"0.{row.h:020d}{row.h:020d}")


def _nested(row: Row, record: Record) -> None:
    record["meta"] = {"tags": ["a", "b}"], "more": {"depth": 2, "none": None}} if row.h & 1 else []


def _numeric_scalar(row: Row, record: Record) -> None:
    """A scalar that for once is no string."""
    record["apiRevision"] = row.h % 10


_KINDS: tuple[Callable[[Row, Record], None], ...] = (
    _blank,
    _empty,
    _dirty_number,
    _unlisted,
    _big_integer,
    _long_decimal,
    _nested,
    _numeric_scalar,
)
