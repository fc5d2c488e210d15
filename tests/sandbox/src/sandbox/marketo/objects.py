"""A custom object (sources/marketo.md §6): what a lead has subscribed to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.marketo.cells import Cell, pool
from sandbox.marketo.forms import cell_of
from sandbox.marketo.leads import Leads
from sandbox.marketo.timeline import iso
from sandbox.values import mix, salt

NAME = "subscription_c"
# field -> data type
FIELDS: Mapping[str, str] = {
    "marketoGUID": "string", "leadId": "integer", "subscriptionNumber": "string", "plan": "string",
    "monthlyPrice": "currency", "seats": "integer", "active": "boolean", "startsOn": "date", "renewedAt": "datetime",
    "remarks": "text", "createdAt": "datetime", "updatedAt": "datetime",
}  # fmt: skip
_POOLED = {"plan": "word", "monthlyPrice": "currency", "seats": "score", "active": "boolean", "startsOn": "date",
           "renewedAt": "datetime", "remarks": "note"}  # fmt: skip


class Objects:
    """Every second lead has one; some events of the lead change it."""

    def __init__(self, seed: int, leads: Leads) -> None:
        self.seed = seed
        self.leads = leads
        self.salt = salt(seed, NAME)

    def all(self) -> Iterator[int]:
        """The living leads that have one."""
        every = range(0, self.leads.events.leads, 2)
        return (lead for lead in every if lead not in self.leads.events.gone)

    def _moves(self, lead: int) -> list[int]:
        events = self.leads.events
        return [m for m in events.chain(lead) if events.hash(m) >> 40 & 3 == 0]

    def updated(self, lead: int) -> int:
        """When it last changed."""
        moves = self._moves(lead)
        if moves:
            return self.leads.events.instant(moves[0])
        created = self.leads.created(lead)
        return created + mix(self.salt, lead) % max(1, self.leads.settled - created)

    def cells(self, lead: int) -> dict[str, Cell]:
        """All fields."""
        h, version = mix(self.salt, lead), len(self._moves(lead))
        found = {
            "marketoGUID": cell_of(f"{h:016x}-{lead:08x}"),
            "leadId": cell_of(Leads.id_of(lead)),
            "subscriptionNumber": cell_of(f"S-{lead:07d}"),
            "createdAt": cell_of(iso(self.leads.created(lead))),
            "updatedAt": cell_of(iso(self.updated(lead))),
        }
        for k, (name, maker) in enumerate(_POOLED.items()):
            found[name] = pool(self.seed, name, maker)[mix(h + version, k) & 0xFF]
        return found
