"""A value in its three forms, and pools of made-up ones (sources/marketo.md §7 and §8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from sandbox.marketo.timeline import iso
from sandbox.values import DAY, day_text, mix, salt

POOL = 256
_MOMENT = 1_759_300_000  # around which made-up dates lie


class Cell(NamedTuple):
    """What a client should make of it, what a bulk file has before it is quoted, and what REST says."""

    truth: object
    bulk: str
    rest: object


NULL = Cell(None, "null", None)
EMPTY_TEXT = Cell("", "", None)  # a client cannot know better than "" (sources/marketo.md §7, inferred)
EMPTY = Cell(None, "", None)

FIRST_NAMES = (
    "Ana", "Ben", "Carla", "Dmitri", "Eun-ji", "Fátima", "Grace", "Hiroshi", "Ivy", "José", "Kofi", "Léa", "Mia",
    "Nadia", "Oscar", "Priya", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Viktor", "Wendy", "Xavier", "Yuki", "Zoë",
    "明美", "伟", "지훈", "さくら", "Ολγα", "Андрей", "محمد", "Sam 🐜", "Lou 🏡✨", " Pat ", "D'Arcy", 'Bo "Bug"',
)  # fmt: skip
LAST_NAMES = (
    "Test", "Garcia", "O'Neil", "Müller", "Nguyễn", "Smith", "Johnson", "Kowalski", "Åberg", "Santos", "李", "王",
    "佐藤", "김", "Иванов", "Brown}", "[Lane]", "Back\\slash", "Slash/Dot", "Young, Jr.", "Lopez", "Clark", "Semi;colon",
)  # fmt: skip
COMPANIES = (
    "Harbor Café 🍤",
    "Sunset Storage LLC",
    "株式会社テスト",
    "Oak & Pine, Inc.",
    '"Quoted" GmbH',
    "Tab\tbed Ltd",
)
PLACES = ("San Diego", "Sacramento", "Phoenix", "Reno", "Portland", "São Paulo", "Zürich", "東京", "Saint John's")
WORDS = ("Web", "Referral", "Trade show", "Partner", "Cold call", "Webinar", "Paid search", "señal", "后门", "N/A")
NOTES = (
    "plain", "line one\nline two", "dos one\r\ndos two", "old\rmac", "sep\u2028arated", "para\u2029graph",
    "next\u0085line", '"quoted"', 'a "b", c', "comma, and; semicolon\tand tab", "日本語の\nメモ 🏡", " blank around ",
    "back\\slash\\n", "ends with newline\n", "{\"json\": true}", "100% sure", "'single'", "\ufffd odd", "naïve\u00a0space",
)  # fmt: skip


def _text(values: tuple[str, ...], nulls: int = 24, empties: int = 6) -> Callable[[int], Cell]:
    """One of the values; of 256, some are null and some are empty."""

    def make(h: int) -> Cell:
        lot = h & 0xFF
        if lot < nulls:
            return NULL
        if lot < nulls + empties:
            return EMPTY_TEXT
        text = values[(h >> 8) % len(values)]
        return Cell(text, text, text)

    return make


def _number(low: int, high: int, pointed: bool = False) -> Callable[[int], Cell]:
    """A whole number; a third of those of some types come with `.0` (sources/marketo.md §7)."""

    def make(h: int) -> Cell:
        if h & 0xF == 0:
            return NULL if h & 0x10 else EMPTY
        n = low + (h >> 8) % (high - low + 1)
        if pointed and h % 3 == 0:
            return Cell(n, f"{n}.0", float(n))
        return Cell(n, str(n), n)

    return make


def _decimal(places: int) -> Callable[[int], Cell]:
    def make(h: int) -> Cell:
        if h & 0xF == 0:
            return NULL
        text = f"{(h >> 8) % 10**7 / 10**places - 500:.{places}f}"
        return Cell(float(text), text, float(text))

    return make


def _flag(h: int) -> Cell:
    if h & 0xF == 0:
        return NULL
    yes = bool(h & 0x100)
    return Cell(yes, "true" if yes else "false", yes)


def _day(h: int) -> Cell:
    text = day_text(_MOMENT - (h >> 8) % (2000 * DAY))
    return NULL if h & 0x3 == 0 else Cell(text, text, text)


def _moment(h: int) -> Cell:
    text = iso(_MOMENT - (h >> 8) % (2000 * DAY))
    return NULL if h & 0x3 == 0 else Cell(text, text, text)


def _phone(h: int) -> Cell:
    text = f"+1 ({(h >> 8) % 800 + 200}) 555-{(h >> 20) % 10000:04d}"
    return NULL if h & 0x7 == 0 else Cell(text, text, text)


def _digits(h: int) -> Cell:
    """Text that looks like a number."""
    text = f"{(h >> 8) % 99_999:05d}"
    return NULL if h & 0x7 == 0 else Cell(text, text, text)


def _url(h: int) -> Cell:
    text = f"https://example.com/{(h >> 8) % 9000}?utm_source=a,b&q=%22x%22"
    return NULL if h & 0x7 == 0 else Cell(text, text, text)


def _big(h: int) -> Cell:
    n = 9_007_199_254_740_993 + (h >> 24)
    return Cell(n, str(n), n)


def _array(h: int) -> Cell:
    text = ";".join(WORDS[(h >> (8 * n)) % len(WORDS)] for n in range(h & 3))
    return Cell(text, text, text) if text else NULL


MAKERS: Mapping[str, Callable[[int], Cell]] = {
    "first": _text(FIRST_NAMES),
    "last": _text(LAST_NAMES, nulls=6, empties=0),
    "company": _text(COMPANIES),
    "place": _text(PLACES),
    "word": _text(WORDS),
    "note": _text(NOTES),
    "long": _text((*NOTES, "長い文 " * 60)),
    "digits": _digits,
    "phone": _phone,
    "url": _url,
    "integer": _number(-50, 100_000),
    "score": _number(0, 250, pointed=True),
    "percent": _number(0, 100, pointed=True),
    "boolean": _flag,
    "float": _decimal(4),
    "currency": _decimal(2),
    "date": _day,
    "datetime": _moment,
    "big": _big,
    "array": _array,
}


@lru_cache(maxsize=1024)
def pool(seed: int, name: str, maker: str) -> tuple[Cell, ...]:
    """The values that a column takes."""
    start = salt(seed, f"pool {name}")
    return tuple(MAKERS[maker](mix(start, k)) for k in range(POOL))


def quoted(text: str, separator: str) -> str:
    """A field of a file: quoted if it must be, quotes doubled (sources/marketo.md §7)."""
    if separator in text or '"' in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text
