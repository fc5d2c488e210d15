"""The columns of a lead, as describe tells of them (sources/marketo.md §4 and §7)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One field. Columns of one family take their values together, so a file's rows are put together quickly."""

    id: int
    name: str
    label: str
    type: str
    maker: str  # of its values; "" if they follow from the lead
    family: int
    readable: bool = True  # over REST: describe has a `rest` part
    silent: bool = False  # a change moves the bulk updatedAt, not the visible one (sources/marketo.md §6)

    @property
    def length(self) -> int | None:
        """Of text."""
        return {"string": 255, "text": 30_000, "textarea": 30_000, "email": 255, "phone": 255, "url": 255}.get(
            self.type
        )

    @property
    def custom(self) -> bool:
        """Whether the customer added it."""
        return self.name.endswith(("_c", "__c"))

    @property
    def exportable(self) -> bool:
        """Formula fields are described, but not exported (sources/marketo.md §6)."""
        return self.readable and self.type != "formula"

    @property
    def writable(self) -> bool:
        """Whether it changes by itself."""
        return bool(self.maker) and self.exportable


# name | label | type | maker, by family. Two names collide when lower-cased (sources/marketo.md §8).
_TEXT = (
    """id|Id|integer|
    email|Email Address|email|
    createdAt|Created At|datetime|
    updatedAt|Updated At|datetime|
    erpId_c|ERP Id|integer|""",
    """firstName|First Name|string|first
    lastName|Last Name|string|last
    middleName|Middle Name|string|first
    salutation|Salutation|string|word
    title|Job Title|string|note
    phone|Phone Number|phone|phone
    mobilePhone|Mobile Phone Number|phone|phone
    fax|Fax Number|phone|phone""",
    """company|Company Name|string|company
    website|Website|url|url
    industry|Industry|string|word
    sicCode|SIC Code|string|word
    numberOfEmployees|Num Employees|integer|integer
    annualRevenue|Annual Revenue|currency|currency
    mainPhone|Main Phone|phone|phone
    billingCity|Billing City|string|place""",
    """address|Address|text|note
    city|City|string|place
    state|State|string|place
    country|Country|string|place
    postalCode|Postal Code|string|digits
    dateOfBirth|Date of Birth|date|date
    leadPartitionId|Lead Partition Id|integer|integer""",
    """leadSource|Lead Source|string|word
    leadStatus|Lead Status|string|word
    leadScore|Lead Score|score|score
    rating|Lead Rating|string|word
    priority|Priority|integer|integer
    urgency|Urgency|percent|percent
    relativeScore|Relative Score|integer|integer
    personNotes|Person Notes|textarea|long""",
    """unsubscribed|Unsubscribed|boolean|boolean
    unsubscribedReason|Unsubscribed Reason|textarea|note
    emailInvalid|Email Invalid|boolean|boolean
    emailInvalidCause|Email Invalid Cause|string|note
    doNotCall|Do Not Call|boolean|boolean
    doNotCallReason|Do Not Call Reason|text|note
    marketingSuspended|Marketing Suspended|boolean|boolean
    blackListed|Black Listed|boolean|boolean""",
    """originalSourceType|Original Source Type|string|word
    originalSourceInfo|Original Source Info|string|note
    originalReferrer|Original Referrer|url|url
    originalSearchPhrase|Original Search Phrase|string|note
    registrationSourceType|Registration Source Type|string|word
    acquisitionDate|Acquisition Date|datetime|datetime
    acquisitionProgramId|Acquisition Program Id|reference|integer
    cookies|Cookies|string|word""",
    """regionCode_c|Region Code|string|word
    RegionCode_c|Region code (old)|string|note
    subscriptionEnds_c|Subscription ends|date|date
    lastVisit_c|Last visit|datetime|datetime
    lifetimeValue_c|Lifetime value|currency|currency
    churnRisk_c|Churn risk|float|float
    discount_c|Discount|percent|percent
    externalKey_c|External key|integer|big
    interests_c|Interests|array|array
    notes_c|Notes|textarea|long
    isVip_c|VIP|boolean|boolean""",
)  # fmt: skip
_UNREADABLE = ("sfdcLeadOwnerKey|SFDC Owner Key|string", "leadRole|Lead Role|lead_function")
_FORMULAS = ("fullAddress_c|Full Address|formula", "leadScoreBand_c|Lead Score Band|formula")
_SILENT = {"leadScore", "urgency", "relativeScore", "churnRisk_c", "cookies", "priority"}


def _columns() -> tuple[Column, ...]:
    found: list[Column] = []
    for family, text in enumerate(_TEXT):
        for line in text.splitlines():
            name, label, type_, maker = line.strip().split("|")
            found.append(Column(len(found) + 1, name, label, type_, maker, family, silent=name in _SILENT))
    for text in (*_UNREADABLE, *_FORMULAS):
        name, label, type_ = text.split("|")
        found.append(Column(len(found) + 1, name, label, type_, "", 0, readable=type_ == "formula"))
    return tuple(found)


LEAD_COLUMNS = _columns()
BY_NAME = {column.name: column for column in LEAD_COLUMNS}
EXPORTABLE = tuple(column.name for column in LEAD_COLUMNS if column.exportable)
CHANGEABLE = tuple(column for column in LEAD_COLUMNS if column.writable)
SEARCHABLE = ("id", "email", "leadPartitionId", "externalKey_c", "cookies", "erpId_c")
DEFAULT_FIELDS = ("id", "email", "firstName", "lastName", "createdAt", "updatedAt")  # sources/marketo.md §4
