"""The records of the race: made up once, before anything is measured, into one file of pages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

OFFICES = 8
PAGE_BYTES, PAGE_RECORDS = 1_000_000, 1_000
FIRST_ID = 100_000_001
_SHAPES = 2_000  # records that differ in more than their id: 2 MB of them at 1 KB, far beyond what gzip looks back
_WORDS = """account acre after april ant attic autumn balance barn basement bee branch cancel carpet cellar change charge
city client cockroach contract county customer door drive entry fence field flea floor garage garden gate ground house inside
invoice kitchen ladder lawn letter mouse notice office order outside payment pest phone plan plant porch rain rat renewal report
road roof room route season second service shed side spider spray spring station step street summer team termite trap tree visit
wall wasp water week window winter yard""".split()


@dataclass(frozen=True, slots=True)
class Slot:
    """One page in the file: the array of its records, and whose it is."""

    office: int
    offset: int
    length: int
    records: int


def _shape(chance: random.Random, size: int) -> bytes:
    """A record without its id, about as large as asked for: text, numbers, numbers as text, nothing, and what is nested."""
    changed = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(20_000_000))
    record = {
        "updated_at": f"{changed:%Y-%m-%d %H:%M:%S}",
        "created_at": f"{changed - timedelta(days=chance.randrange(1, 2_000)):%Y-%m-%d %H:%M:%S}",
        "first_name": chance.choice(_WORDS).title(),
        "last_name": f"{chance.choice(_WORDS).title()}é",
        "email": f"{chance.choice(_WORDS)}.{chance.randrange(10**6)}@example.com",
        "active": chance.random() < 0.9,
        "balance": f"{chance.randrange(10**5) / 100:.2f}",
        "visits": chance.randrange(500),
        "score": round(chance.random(), 6),
        "cancelled_at": None,
        "address": {
            "street": f"{chance.randrange(9_999)} {chance.choice(_WORDS)} St",
            "zip": f"{chance.randrange(10**5):05}",
            "at": [round(chance.uniform(25, 48), 6), round(chance.uniform(-123, -70), 6)],
        },
        "tags": chance.sample(_WORDS, 3),
        "notes": "",
    }
    left = size - len(msgspec.json.encode(record)) - len('"id":100000001,"office":1,')
    words = []
    while left > 0:
        words.append(chance.choice(_WORDS) if chance.random() < 0.95 else f'"{chance.randrange(10**6)}"')
        left -= len(words[-1]) + 1
    record["notes"] = " ".join(words)
    return msgspec.json.encode(record)[1:]


def write_pages(path: Path, records: int, size: int) -> list[Slot]:
    """Write the arrays of all pages one behind the other, and say where each is.

    Args:
        path: of the file.
        records: how many, over all offices.
        size: bytes of a record, about.
    """
    chance = random.Random(1)
    shapes = [_shape(chance, size) for _ in range(_SHAPES)]
    page = max(1, min(PAGE_RECORDS, PAGE_BYTES // size))
    slots, offset = [], 0
    with path.open("wb") as file:
        for office, first, count in _pages(records, page):
            head = b'{"id":%%d,"office":%d,%%b' % office
            array = (
                b"[" + b",".join([head % (n, shapes[n * 7919 % _SHAPES]) for n in range(first, first + count)]) + b"]"
            )
            file.write(array)
            slots.append(Slot(office, offset, len(array), count))
            offset += len(array)
    return slots


def _pages(records: int, page: int) -> Iterator[tuple[int, int, int]]:
    """The office, first id and number of records of each page: an office's pages follow each other."""
    first = FIRST_ID
    for office in range(1, OFFICES + 1):
        left = records * office // OFFICES - records * (office - 1) // OFFICES
        while left:
            count = min(page, left)
            yield office, first, count
            first += count
            left -= count
