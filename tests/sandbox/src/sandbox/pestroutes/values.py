"""Made-up values as the vendor writes them: moments, money, names."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.values import stamp

NULL = -(1 << 62)  # an absent moment: no filter finds it
ZERO = -(1 << 61)  # "0000-00-00 00:00:00": smaller than every real moment
ZERO_STAMP = "0000-00-00 00:00:00"
ZERO_DATE = "0000-00-00"


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
