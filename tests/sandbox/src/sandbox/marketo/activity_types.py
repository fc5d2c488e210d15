"""The types of activities and what theirs look like (sources/marketo.md §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sandbox.marketo.cells import NOTES, WORDS
from sandbox.marketo.timeline import iso
from sandbox.values import mix, salt

VARIANTS = 64
LATE = 6  # Send Email is committed late (sources/marketo.md §3)
DELETE_LEAD = 37  # not exported in bulk (sources/marketo.md §6)


@dataclass(frozen=True)
class ActivityType:
    """One type."""

    id: int
    name: str
    primary: tuple[str, str] | None  # name and data type
    attributes: tuple[tuple[str, str], ...]
    weight: int  # of 1000 activities that come by themselves; 0: only of events

    def described(self) -> dict[str, object]:
        """As activities/types.json has it."""
        shown: dict[str, object] = {"id": self.id, "name": self.name, "description": f"{self.name} (made up)"}
        if self.id > 100_000:
            shown["apiName"] = self.name.lower().replace(" ", "") + "_c"
        if self.primary:
            shown["primaryAttribute"] = {"name": self.primary[0], "dataType": self.primary[1]}
        return shown | {"attributes": [{"name": name, "dataType": type_} for name, type_ in self.attributes]}


# id | name | primary | attributes | weight. What has no type is a string.
_TEXT = """
1|Visit Webpage|Webpage ID:integer|Client IP Address,Query Parameters,Referrer URL,User Agent,Webpage URL|300
2|Fill Out Form|Webform ID:integer|Client IP Address,Form Fields:text,Query Parameters,Referrer URL,Webpage ID:integer|60
3|Click Link|Link ID:integer|Client IP Address,Query Parameters,Referrer URL,Webpage ID:integer|50
6|Send Email|Mailing ID:integer|Campaign Run ID:integer,Choice Number:integer,Has Predictive:boolean,Step ID:integer|120
7|Email Delivered|Mailing ID:integer|Campaign Run ID:integer,Choice Number:integer,Has Predictive:boolean,Step ID:integer|110
8|Email Bounced|Mailing ID:integer|Campaign Run ID:integer,Category,Details:text,Email:email,Subcategory|10
9|Unsubscribe Email|Mailing ID:integer|Campaign Run ID:integer,Client IP Address,User Agent|6
10|Open Email|Mailing ID:integer|Campaign Run ID:integer,Device,Is Mobile Device:boolean,Platform,User Agent|80
11|Click Email|Mailing ID:integer|Campaign Run ID:integer,Device,Is Mobile Device:boolean,Link:url,Link ID|40
12|New Lead||Created Date:date,Form Name,Lead Source,Source Type|0
13|Change Data Value|Attribute Name:integer|API Method Name,New Value,Old Value,Reason,Source|0
22|Change Score|Score Name:integer|Change Value,New Value:score,Old Value:score,Reason|60
24|Add to List|List ID:integer|Source|20
25|Remove from List|List ID:integer|Source|10
27|Email Bounced Soft|Mailing ID:integer|Campaign Run ID:integer,Category,Details:text,Email:email|8
32|Merge Leads|Lead ID:integer|Master Updated:boolean,Merge IDs,Merge Source,Merged in Sales:boolean|0
34|Add to Opportunity|Opportunity ID:integer|Is Primary:boolean,Role|10
37|Delete Lead|Lead ID:integer|Campaign,Remove From CRM:boolean|0
38|Send Alert|Mailing ID:integer|Send To List,Step ID:integer|8
41|Change Segment|Segmentation ID:integer|New Segment ID:integer,Old Segment ID:integer|10
46|Interesting Moment|Type|Date:datetime,Description:text,Source|4
101|Change Revenue Stage|Revenue Cycle Model ID:integer|New Stage ID:integer,Old Stage ID:integer,Reason|8
104|Change Status in Progression|Program ID:integer|Acquired By:boolean,New Status ID:integer,Old Status ID:integer,Success|30
110|Call Webhook|Webhook ID:integer|Error Type:integer,Response:text|20
113|Add to Nurture|Program ID:integer|Track ID:integer,Track Name|10
400|Receive Sales Email|Artifact ID:integer|Source,Sent By|6
100001|Attended Tasting|Venue|Score:float,score,Guests:integer,Paid:currency,Day:date,Notes:text|12
100002|Scanned Coupon|Coupon|Value:currency,Redeemed:boolean,At:datetime|6
100017|Called Support|Topic|Minutes:percent,Solved:boolean,Transcript:text|2
"""


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    parts = (part.partition(":") for part in text.split(",") if part)
    return tuple((name, type_ or "string") for name, _, type_ in parts)


def _types() -> tuple[ActivityType, ...]:
    found = []
    for line in _TEXT.strip().splitlines():
        id_, name, primary, attributes, weight = line.split("|")
        found.append(
            ActivityType(int(id_), name, _pairs(primary)[0] if primary else None, _pairs(attributes), int(weight))
        )
    return tuple(found)


TYPES = _types()
BY_ID = {type_.id: type_ for type_ in TYPES}


@dataclass(frozen=True)
class Variant:
    """What stands in an activity besides its key, its lead and its moment."""

    campaign: int | None
    primary_id: int | None
    primary: str | None
    attributes: dict[str, object]
    result: str


def _value(type_: str, h: int) -> object:
    """An attribute of some data type, native as in bulk files (sources/marketo.md §7)."""
    number = (h >> 8) % 5000
    makers: Mapping[str, Callable[[], object]] = {
        "integer": lambda: number + (1 << 53) + 1 if h & 0xF == 3 else number,
        "score": lambda: number % 200,
        "percent": lambda: number % 100,
        "boolean": lambda: bool(h & 0x100),
        "float": lambda: number / 8,
        "currency": lambda: number / 4,
        "date": lambda: iso(1_700_000_000 + number * 3600)[:10],
        "datetime": lambda: iso(1_700_000_000 + number * 3600),
        "text": lambda: NOTES[number % len(NOTES)],
        "url": lambda: f'https://example.com/?a={number}&b=,"',
        "email": lambda: f"user{number}@example.com",
    }
    return makers[type_]() if type_ in makers else f"{WORDS[number % len(WORDS)]} {number}"


@lru_cache(maxsize=256)
def variants(seed: int, type_: ActivityType) -> list[Variant]:
    """The different ones of a type. Empty attributes are left out, null or "" (sources/marketo.md §3)."""
    start, made = salt(seed, f"activity {type_.id}"), []
    for n in range(VARIANTS):
        h = mix(start, n)
        attributes: dict[str, object] = {}
        for k, (name, kind) in enumerate(type_.attributes):
            lot = mix(h, k)
            if lot & 0x1F < 2:
                continue
            attributes[name] = None if lot & 0x1F == 2 else "" if lot & 0x1F == 3 else _value(kind, lot)
        primary_id = (h >> 20) % 900 + 1 if type_.primary and type_.primary[1] == "integer" else None
        primary = None if not type_.primary else f'{WORDS[(h >> 30) % len(WORDS)]}, "{h % 40}"'
        result = ("succeeded", "succeeded", "skipped", "failed")[h >> 60 & 3]
        made.append(Variant(None if h & 3 == 0 else 2001 + (h >> 10) % 60, primary_id, primary, attributes, result))
    return made


def rest_attributes(attributes: dict[str, object]) -> list[dict[str, object]]:
    """Names and values, all text; null is left out (sources/marketo.md §3 and §7)."""
    return [{"name": name, "value": _rest_text(value)} for name, value in attributes.items() if value is not None]


def _rest_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
