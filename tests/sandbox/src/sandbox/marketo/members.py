"""Program members (sources/marketo.md §4 and §6): leads take part in programs by arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.marketo.cells import EMPTY, EMPTY_TEXT, NULL, Cell, pool
from sandbox.marketo.forms import cell_of
from sandbox.marketo.leads import Leads
from sandbox.marketo.timeline import iso
from sandbox.values import mix, salt

PROGRAMS = 12  # programs with members; their ids are FIRST_PROGRAM, ...
FIRST_PROGRAM = 1001
STATUSES = ("Not in Program", "Invited", "Registered", "Attended", "No Show", "Influenced")
CADENCES = ("norm", "pause")

# field -> data type. The last four are custom.
FIELDS: Mapping[str, str] = {
    "acquiredBy": "boolean", "attendanceLikelihood": "integer", "createdAt": "datetime", "isExhausted": "boolean",
    "leadId": "integer", "membershipDate": "datetime", "nurtureCadence": "string", "program": "string",
    "programId": "integer", "reachedSuccess": "boolean", "reachedSuccessDate": "datetime",
    "registrationCode": "string", "registrationLikelihood": "integer", "statusName": "string",
    "statusReason": "string", "trackName": "string", "updatedAt": "datetime", "waitlistPriority": "integer",
    "webinarUrl": "url", "dietaryNeeds_c": "text", "seats_c": "integer", "paid_c": "currency", "feedback_c": "textarea",
}  # fmt: skip
DEFAULT_FIELDS = ("acquiredBy", "leadId", "membershipDate", "programId", "reachedSuccess")
SEARCHABLE = ("leadId", "reachedSuccess", "statusName", "updatedAt")
_POOLED = {"dietaryNeeds_c": "word", "seats_c": "integer", "paid_c": "currency", "feedback_c": "note",
           "attendanceLikelihood": "percent", "registrationLikelihood": "percent", "statusReason": "note",
           "waitlistPriority": "integer", "webinarUrl": "url", "registrationCode": "word"}  # fmt: skip


class Members:
    """Member of program p is every lead whose position leaves a certain rest; an event of a lead may move it on."""

    def __init__(self, seed: int, leads: Leads) -> None:
        self.seed = seed
        self.leads = leads
        self.salt = salt(seed, "members")

    @staticmethod
    def known(program: int) -> bool:
        """Whether such a program has members."""
        return FIRST_PROGRAM <= program < FIRST_PROGRAM + PROGRAMS

    def of(self, program: int) -> Iterator[int]:
        """The living leads in a program."""
        if self.known(program):
            stride = 3 + program % 5
            every = range(program % stride, self.leads.events.leads, stride)
            yield from (lead for lead in every if lead not in self.leads.events.gone)

    def _moves(self, program: int, lead: int) -> list[int]:
        """The events that also moved the membership on, the last one first."""
        events = self.leads.events
        return [m for m in events.chain(lead) if events.hash(m) >> 32 & 3 == program & 3]

    def updated(self, program: int, lead: int) -> int:
        """When the membership last changed."""
        moves = self._moves(program, lead)
        if moves:
            return self.leads.events.instant(moves[0])
        created = self.leads.created(lead)
        return created + mix(self.salt + program, lead) % max(1, self.leads.settled - created)

    def status(self, program: int, lead: int) -> str:
        """The name of its status."""
        at = mix(self.salt ^ program, lead) + len(self._moves(program, lead))
        return STATUSES[at % len(STATUSES)]

    def cells(self, program: int, lead: int) -> dict[str, Cell]:
        """All fields. Files say 1 and 0 in half of the programs (sources/marketo.md §7)."""
        h = mix(self.salt ^ program, lead)
        created, updated = self.leads.created(lead), self.updated(program, lead)
        status = self.status(program, lead)
        success = status in ("Attended", "Influenced")
        found: dict[str, Cell] = {
            "leadId": cell_of(Leads.id_of(lead)),
            "programId": cell_of(program),
            "program": cell_of(f'Program {program}, "autumn"'),
            "createdAt": cell_of(iso(created)),
            "membershipDate": cell_of(iso(created)),
            "updatedAt": cell_of(iso(updated)),
            "statusName": cell_of(status),
            "reachedSuccessDate": cell_of(iso(updated)) if success else (NULL if h & 1 else EMPTY),
            "nurtureCadence": cell_of(CADENCES[h >> 9 & 1]),
            "trackName": EMPTY_TEXT if h >> 11 & 1 else NULL,
        }
        for name, yes in (
            ("reachedSuccess", success),
            ("acquiredBy", bool(h >> 7 & 1)),
            ("isExhausted", self.exhausted(program, lead)),
        ):
            found[name] = Cell(yes, str(int(yes)), yes) if program % 2 else cell_of(yes)
        for k, (name, maker) in enumerate(_POOLED.items()):
            found[name] = pool(self.seed, name, maker)[mix(h, k) & 0xFF]
        return found

    def exhausted(self, program: int, lead: int) -> bool:
        """Whether it has had all of a nurture program's content."""
        return bool(mix(self.salt ^ program, lead) >> 13 & 1)

    def cadence(self, program: int, lead: int) -> str:
        """How fast it is nurtured."""
        return CADENCES[mix(self.salt ^ program, lead) >> 9 & 1]
