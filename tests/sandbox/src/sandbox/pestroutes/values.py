"""Made-up values: hashes, moments, money, names. Everything follows from a number; nothing is random."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

MASK = (1 << 64) - 1
DAY = 86_400
NULL = -(1 << 62)  # an absent moment: no filter finds it
ZERO = -(1 << 61)  # "0000-00-00 00:00:00": smaller than every real moment
ZERO_STAMP = "0000-00-00 00:00:00"
ZERO_DATE = "0000-00-00"

_EPOCH = date(1970, 1, 1)
_MINUTES = tuple(f" {m // 60:02d}:{m % 60:02d}:" for m in range(1440))
_SECONDS = tuple(f"{s:02d}" for s in range(60))
_days: dict[int, str] = {}


def salt(seed: int, name: str) -> int:
    """A 64-bit start value for the hashes of one entity."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")


def mix(start: int, k: int) -> int:
    """A 64-bit hash of row `k`."""
    x = (k * 0x9E3779B97F4A7C15 + start) & MASK
    x = ((x ^ (x >> 31)) * 0xBF58476D1CE4E5B9) & MASK
    return x ^ (x >> 29)


def day_text(wall: int) -> str:
    """`YYYY-MM-DD` of a wall-clock second."""
    n = wall // DAY
    text = _days.get(n)
    if text is None:
        text = _days[n] = (_EPOCH + timedelta(days=n)).isoformat()
    return text


def time_text(wall: int) -> str:
    """`HH:MM:SS` of a wall-clock second."""
    second = wall % DAY
    return _MINUTES[second // 60][1:] + _SECONDS[second % 60]


def stamp(wall: int) -> str:
    """`YYYY-MM-DD HH:MM:SS`, without zone (sources/pestroutes.md §5)."""
    n = wall // DAY
    second = wall % DAY
    text = _days.get(n) or day_text(wall)
    return text + _MINUTES[second // 60] + _SECONDS[second % 60]


def moment(wall: int) -> str | None:
    """A stamp, or one of the two ways in which the vendor writes its absence (sources/pestroutes.md §5)."""
    if wall == NULL:
        return None
    return ZERO_STAMP if wall == ZERO else stamp(wall)


def parse_moment(text: object) -> int:
    """The wall-clock second of a date or date-time text; a bare date is its midnight (sources/pestroutes.md §2)."""
    if not isinstance(text, str) or not text.strip():
        return NULL
    text = text.strip()
    if text.startswith("0000-00-00"):
        return ZERO
    parsed = datetime.fromisoformat(text)
    return int(parsed.replace(tzinfo=UTC).timestamp())


def money(cents: int) -> str:
    """`12.50`, as text."""
    sign = "-" if cents < 0 else ""
    cents = abs(cents)
    return f"{sign}{cents // 100}.{cents % 100:02d}"


def pick(values: Sequence[str], h: int) -> str:
    """One of `values`."""
    return values[h % len(values)]


FIRST_NAMES = (
    "Ana", "Ben", "Carla", "Dmitri", "Eun-ji", "Fátima", "Grace", "Hiroshi", "Ivy", "José", "Kofi", "Léa", "Mia",
    "Nadia", "Oscar", "Priya", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Viktor", "Wendy", "Xavier", "Yuki", "Zoë",
    "明美", "伟", "지훈", "さくら", "Ολγα", "Андрей", "محمد", "Sam 🐜", "Lou 🏡✨", " Pat ", "D'Arcy", 'Bo "Bug"',
)  # fmt: skip
LAST_NAMES = (
    "Test", "Garcia", "O'Neil", "Müller", "Nguyễn", "Smith", "Johnson", "Kowalski", "Åberg", "Santos", "李", "王",
    "佐藤", "김", "Иванов", "Brown}", "[Lane]", "Back\\slash", "Slash/Dot", "Young, Jr.", "Lopez", "Clark", "Hill",
    "King", "Wright", "Scott", "Green", "Baker", "Adams", "Nelson", "Carter", "Mitchell", "Perez", "Roberts",
)  # fmt: skip
COMPANIES = ("", "", "", "", "", "Harbor Café 🍤", "Sunset Storage LLC", "株式会社テスト", "Oak & Pine, Inc.", None)
STREETS = ("Elm St", "2nd Ave", "Harbor Blvd", "Camino Real", "Ocean View Dr", "Mill Rd", "Sunset Blvd", "Oak Ln")
CITIES = (
    ("San Diego", "CA", "San Diego", 92101, 775),
    ("Sacramento", "CA", "Sacramento", 95814, 875),
    ("Phoenix", "AZ", "Maricopa", 85001, 860),
    ("Reno", "NV", "Washoe", 89501, 826),
    ("Portland", "OR", "Multnomah", 97201, 0),
)
WORDS = (
    "ants", "spiders", "gate code on file", "call ahead", "dog in yard", "wasps under eaves", "no access", "señal",
    "后门", "line one\nline two", "tab\there", "100% satisfied", '"quoted"', "bait station", "re-treat", "garage",
)  # fmt: skip
