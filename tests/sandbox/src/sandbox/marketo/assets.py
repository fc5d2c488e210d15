"""Assets (sources/marketo.md §5), and the lists and campaigns of the lead database (§4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.marketo.cells import NOTES, WORDS
from sandbox.marketo.timeline import Timeline, iso, odd_iso
from sandbox.values import DAY, mix, salt

Record = dict[str, object]
CHANNELS = ("Web Content", "Webinar", "Trade Show", "Nurture", "Email Send")
PROGRAM_TYPES = ("Default", "Event", "Event with Webinar", "Engagement", "Email")
NEW_EVERY = 10 * DAY  # an asset of each kind that grows


@dataclass(frozen=True)
class Kind:
    """One kind of asset."""

    name: str
    count: int
    first: int  # id
    own: Callable[[Assets, int, int], Record]  # what it has besides the usual: assets, position, hash
    grows: bool = True
    by_update: bool = False  # takes earliestUpdatedAt and latestUpdatedAt
    database: bool = False  # of the lead database: plain dates, no url


class Assets:
    """Every asset is updated once in 30 days, and every ten days there is a new one of most kinds."""

    def __init__(self, seed: int, timeline: Timeline) -> None:
        self.timeline = timeline
        self.origin = timeline.live
        self._salts = {kind.name: salt(seed, kind.name) for kind in KINDS.values()}

    def all(self, name: str) -> list[Record]:
        """Every asset of a kind as it is now, by id."""
        kind = KINDS[name]
        return [self._record(kind, k) for k in range(self._count(kind))]

    def updated(self, name: str, k: int) -> int:
        """The instant at which asset k last changed."""
        created = self._created(KINDS[name], k)
        lived = (self.timeline.live // DAY - k) // 30 * 30 + k  # the last day on which it was touched
        touched = lived * DAY + mix(self._salts[name], k) % HALF_A_DAY
        if touched > self.timeline.live:
            touched -= 30 * DAY
        return self.timeline.instant(touched) if touched > created else self.timeline.instant(created)

    def _count(self, kind: Kind) -> int:
        return kind.count + ((self.timeline.live - self.origin) // NEW_EVERY if kind.grows else 0)

    def _created(self, kind: Kind, k: int) -> int:
        """Live second; the first ones are older than all else."""
        if k >= kind.count:
            return self.origin + (k - kind.count + 1) * NEW_EVERY
        return -(kind.count - k) * DAY

    def _record(self, kind: Kind, k: int) -> Record:
        h = mix(self._salts[kind.name], k)
        write = iso if kind.database else odd_iso
        record: Record = {
            "id": kind.first + k,
            "name": f"{kind.name} {k:04d} {WORDS[h % len(WORDS)]}",
            "description": None if h & 3 == 0 else NOTES[(h >> 8) % len(NOTES)],
            "createdAt": write(self.timeline.instant(self._created(kind, k))),
            "updatedAt": write(self.updated(kind.name, k)),
        }
        if not kind.database:
            record["url"] = f"https://app.example.com/#{kind.name}{kind.first + k}"
        return record | kind.own(self, k, h)


HALF_A_DAY = DAY // 2


def _folder(h: int) -> Record:
    return {"type": "Folder", "value": h % 12 + 1, "folderName": f"Folder {h % 12 + 1}"}


def _program(_: Assets, k: int, h: int) -> Record:
    """Browsing omits tags (sources/marketo.md §5)."""
    event = h % 5 in (1, 2)
    return {
        "type": PROGRAM_TYPES[h % 5],
        "channel": CHANNELS[(h >> 4) % len(CHANNELS)],
        "folder": _folder(h >> 8),
        "status": ("", "locked", "unlocked", "on", "off")[(h >> 12) % 5],
        "workspace": "Default",
        "headStart": bool(h & 1),
        "costs": [{"startDate": "2026-09-01", "cost": 2000 + k, "note": "booth"}] if h & 2 else [],
        "startDate": "2026-10-05T08:00:00Z+0000" if event else None,
        "endDate": "2026-10-06T17:00:00Z+0000" if event else None,
        "sfdcId": None if h & 8 else f"701{h & 0xFFFFFF:015x}",
        "sfdcName": None if h & 8 else f"SF {k}",
    }


def _smart_campaign(_: Assets, k: int, h: int) -> Record:
    return {
        "type": ("batch", "trigger", "default")[h % 3],
        "status": ("Active", "Inactive", "Single Run", "Never Run")[h % 4],
        "isSystem": False,
        "isActive": bool(h & 1),
        "isRequestable": bool(h & 2),
        "folder": _folder(h >> 8) | {"type": "Program", "value": 1001 + k % 12},
        "parentProgramId": None if h & 4 else 1001 + k % 12,
        "workspace": "Default",
    }


def _list(_: Assets, k: int, h: int) -> Record:
    return {"folder": _folder(h >> 8), "computedUrl": f"https://app.example.com/#ST{k}", "workspace": "Default"}


def _email(_: Assets, k: int, h: int) -> Record:
    return {
        "subject": {"type": "Text", "value": f"Hello {{{{lead.First Name}}}} 👋 {k}"},
        "fromName": {"type": "Text", "value": 'Étienne, "Ops"'},
        "fromEmail": {"type": "Text", "value": "ops@example.com"},
        "replyEmail": {"type": "Text", "value": "ops@example.com"},
        "folder": _folder(h >> 8),
        "operational": bool(h & 1),
        "textOnly": bool(h & 2),
        "publishToMSI": False,
        "webView": bool(h & 4),
        "status": ("draft", "approved")[h >> 3 & 1],
        "template": h % 9 + 1,
        "workspace": "Default",
    }


def _channel(_: Assets, k: int, h: int) -> Record:
    return {
        "name": CHANNELS[k],
        "applicableProgramType": PROGRAM_TYPES[h % 5].lower(),
        "statuses": [
            {"name": name, "success": n == 2, "step": 10 * n} for n, name in enumerate(("Invited", "Met", "Won"))
        ],
    }


def _tag_type(_: Assets, k: int, h: int) -> Record:
    return {
        "tagType": f"Tag {k}",
        "applicableProgramTypes": "program, event",
        "required": bool(h & 1),
        "allowableValues": "[North, South, 東]",
    }


def _folder_asset(_: Assets, k: int, h: int) -> Record:
    return {
        "folderId": {"id": k + 1, "type": "Folder"},
        "folderType": "Folder" if k else "Root",
        "parent": {"id": max(1, k), "type": "Folder"} if k else None,
        "path": "/Marketing/" + "/".join(f"F{n}" for n in range(h % 3)),
        "isArchive": False,
        "isSystem": k == 0,
        "accessZoneId": 1,
        "workspace": "Default",
    }


def _page(_: Assets, k: int, h: int) -> Record:
    return {
        "folder": _folder(h >> 8),
        "status": ("draft", "approved")[h & 1],
        "template": h % 9 + 1,
        "title": f"Page {k} – Überblick",
        "URL": f"https://pages.example.com/p{k}.html",
        "formPrefill": bool(h & 2),
        "mobileEnabled": bool(h & 4),
        "workspace": "Default",
    }


def _form(_: Assets, k: int, h: int) -> Record:
    return {
        "folder": _folder(h >> 8),
        "status": ("draft", "approved")[h & 1],
        "language": ("English", "日本語")[h >> 1 & 1],
        "locale": "en_US",
        "theme": "simple",
        "thankYouList": [{"followupType": "none", "default": True}],
        "buttonLabel": "Submit",
        "workspace": "Default",
    }


def _segmentation(_: Assets, k: int, h: int) -> Record:
    return {"folder": _folder(h >> 8), "status": ("draft", "approved")[h & 1], "workspace": "Default"}


def _static(_: Assets, k: int, h: int) -> Record:
    return {"programName": None if h & 1 else f"programs {k % 12:04d}", "workspaceName": "Default"}


def _campaign(_: Assets, k: int, h: int) -> Record:
    return _static(_, k, h) | {
        "type": ("batch", "trigger")[h >> 1 & 1],
        "active": bool(h & 4),
        "programId": 1001 + k % 12,
    }


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("programs", 45, 1001, _program, by_update=True),
        Kind("smartCampaigns", 230, 2001, _smart_campaign, by_update=True),
        Kind("staticLists", 25, 3001, _list, by_update=True),
        Kind("smartLists", 40, 4001, _list, by_update=True),
        Kind("emails", 205, 5001, _email, by_update=True),
        Kind("channels", len(CHANNELS), 1, _channel, grows=False),
        Kind("tagTypes", 4, 1, _tag_type, grows=False),
        Kind("folders", 12, 1, _folder_asset, grows=False),
        Kind("landingPages", 20, 6001, _page),
        Kind("forms", 15, 7001, _form),
        Kind("segmentation", 3, 8001, _segmentation, grows=False),
        Kind("lists", 25, 3001, _static, database=True),
        Kind("campaigns", 320, 2001, _campaign, database=True),
    )
}
ASSETS = tuple(name for name, kind in KINDS.items() if not kind.database)


def list_members(list_id: int) -> int | None:
    """Every how-many-th lead is on a static or smart list; None if there is no such list."""
    for name in ("staticLists", "smartLists"):
        kind = KINDS[name]
        if kind.first <= list_id < kind.first + kind.count:
            return 2 + (list_id - kind.first) % 9
    return None


def list_id_of(kind: str, name: str) -> int | None:
    """The list that has a name: the part before the word."""
    for k in range(KINDS[kind].count):
        if name.startswith(f"{kind} {k:04d}"):
            return KINDS[kind].first + k
    return None


def tokens_of(folder: int, folder_type: str) -> Record:
    """`folder/{id}/tokens.json`."""
    return {
        "folder": {"type": folder_type, "value": folder},
        "tokens": [
            {"name": "Event Date", "type": "date", "value": "2026-10-05"},
            {"name": "Speaker", "type": "text", "value": 'Zoë "Z" O\'Neil'},
            {"name": "Budget", "type": "number", "value": str(folder * 3)},
        ],
    }
