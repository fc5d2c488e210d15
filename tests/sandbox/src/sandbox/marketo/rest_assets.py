"""Assets over REST (sources/marketo.md §5)."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.marketo.assets import ASSETS, KINDS, tokens_of
from sandbox.marketo.call import Call, Route, instant_of
from sandbox.marketo.envelope import NO_ASSETS, Refused
from sandbox.marketo.timeline import read_instant
from sandbox.marketo.world import World

USUAL, MOST = 20, 200

Content = dict[str, object]


class RestAssets:
    """The routes."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> Sequence[Route]:
        """Method, path, what answers."""
        return (
            ("GET", "/rest/asset/v1/folder/{id}/tokens.json", self._tokens),
            ("GET", "/rest/asset/v1/{name}.json", self._page),
        )

    def _page(self, call: Call, name: str) -> Content:
        """A page; past the end there is a warning, and no result (sources/marketo.md §2)."""
        if name not in ASSETS:
            raise Refused("610")
        offset, size = call.number("offset", 0, 1 << 40), call.number("maxReturn", USUAL, MOST) or USUAL
        if "offset_slip" in call.struck:
            offset = max(0, offset - int(call.struck["offset_slip"].number("count", 1)))
        rows = self.world.assets.all(name)
        if KINDS[name].by_update:
            rows = _by_update(call, rows)
        return _content(rows[offset : offset + size])

    def _tokens(self, call: Call, id: str) -> Content:  # noqa: A002 - as in the path
        if not id.isdigit():
            raise Refused("1001", f"Invalid value '{id}'. Required of type 'Integer'")
        return _content([tokens_of(int(id), call.one("folderType") or "Folder")])


def _by_update(call: Call, rows: list[Content]) -> list[Content]:
    earliest, latest = call.one("earliestUpdatedAt"), call.one("latestUpdatedAt")
    low = instant_of("earliestUpdatedAt", earliest) if earliest else 0
    high = instant_of("latestUpdatedAt", latest) if latest else 1 << 40
    return [row for row in rows if low <= read_instant(str(row["updatedAt"])) <= high]


def _content(rows: list[Content]) -> Content:
    """Answers of assets always carry errors and warnings."""
    if not rows:
        return {"errors": [], "warnings": [NO_ASSETS]}
    return {"errors": [], "warnings": [], "result": rows}
