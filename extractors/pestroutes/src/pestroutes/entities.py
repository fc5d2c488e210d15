"""The entities of the PestRoutes API that can be read, as sources/pestroutes.md §6 lists them.

The get parameter and the key field follow no rule in half of them, so they are written out. ``changes`` are the filters whose
union finds what has changed in a window: dateUpdated is null or zero for rows that were never changed since they were made
(sources/pestroutes.md §7), so a date of making stands beside it wherever there is one. No changes: only full loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Filter = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity.

    Args:
        name: in the URL.
        get: the parameter of get that takes the ids.
        key: the fields of the primary key; the first is the one by which get finds records.
        changes: the date filters of an incremental load; none means full loads only.
        about: one sentence.
        ids: the search filter on ids (and what search calls them), where that is not ``{name}IDs``.
        everything: explicit filters against the hidden default ones, which leave rows out (sources/pestroutes.md §2).
    """

    name: str
    get: str
    key: tuple[str, ...]
    changes: tuple[str, ...]
    about: str
    ids: str | None = None
    everything: Filter = field(default_factory=dict)

    @property
    def id_field(self) -> str:
        """The record's field that holds the id it is asked for by."""
        return self.key[0]

    @property
    def id_filter(self) -> str:
        """The search parameter that filters on ids."""
        return self.ids or f"{self.name}IDs"

    @property
    def cursor(self) -> str | None:
        """The field by which the newest state of a record is known."""
        return self.changes[0] if self.changes else None


def _entity(name: str, get: str, key: str, changes: str, about: str, **more: object) -> Entity:
    return Entity(name, get, tuple(key.split()), tuple(changes.split()), about, **more)  # type: ignore[arg-type]


_ACTIVITY = {"status": (0, 1, 2, -1, -2)}

ENTITIES: tuple[Entity, ...] = (
    # The business: customers, what they buy, visits, money.
    _entity("customer", "customerIDs", "customerID", "dateUpdated dateAdded", "Customers, with address and balance."),
    _entity("subscription", "subscriptionIDs", "subscriptionID", "dateUpdated dateAdded",
            "Recurring services sold, and leads (active -3).", everything={"active": (1, 0, -3)}),
    _entity("appointment", "appointmentIDs", "appointmentID", "dateUpdated dateAdded",
            "Visits: pending, done, missed, cancelled, rescheduled.", everything=_ACTIVITY),
    _entity("employee", "employeeIDs", "employeeID", "dateUpdated", "Employees, a row per person and office.",
            everything={"active": (1, 0)}),
    _entity("office", "officeIDs", "officeID", "", "Offices."),
    _entity("route", "routeIDs", "routeID", "dateUpdated date", "A technician's day."),
    _entity("spot", "spotIDs", "spotID", "dateUpdated date", "Time slots of routes; very many."),
    _entity("ticket", "ticketIDs", "ticketID", "dateUpdated dateCreated", "Invoices, with their items.",
            everything={"status": (1, 0, -1)}),
    _entity("ticketItem", "itemIDs", "itemID", "dateUpdated dateCreated", "Lines of invoices."),
    _entity("payment", "paymentIDs", "paymentID", "dateUpdated date", "Payments."),
    _entity("appliedPayment", "appliedPaymentIDs", "appliedPaymentID", "dateUpdated dateApplied",
            "Parts of payments, as applied to invoices."),
    _entity("paymentProfile", "paymentProfileIDs", "paymentProfileID", "dateUpdated dateCreated",
            "Cards and bank accounts on file, by their last digits."),
    _entity("disbursement", "gatewayDisbursementIDs", "gatewayDisbursementID", "dateUpdated dateCreated",
            "Payouts of the payment gateway."),
    _entity("disbursementItem", "gatewayDisbursementEntryIDs", "gatewayDisbursementEntryID", "dateUpdated dateCreated",
            "Lines of payouts."),
    _entity("chargeback", "gatewayChargebackIDs", "gatewayChargebackID", "dateUpdated dateCreated", "Chargebacks."),
    _entity("chemicalUse", "chemicalUseIDs", "chemicalUseID", "dateUpdated dateCreated", "What was applied on a visit."),
    _entity("appointmentReminder", "reminderIDs", "reminderID", "dateUpdated dateSent", "Reminders sent before visits."),
    # People and words.
    _entity("note", "noteIDs", "noteID", "dateUpdated dateAdded", "Notes on customers."),
    _entity("task", "taskIDs", "taskIDs", "dateUpdated dateAdded", "Things to do; the key field is plural."),
    _entity("contract", "contractIDs", "contractID", "dateUpdated dateAdded", "Contracts."),
    _entity("document", "uploadIDs", "uploadID", "dateUpdated dateAdded", "Files uploaded to customers."),
    _entity("form", "contractIDs", "formID", "dateAdded dateSigned", "Filled-in forms."),
    _entity("review", "feedbackIDs", "feedbackID", "date", "Customers' reviews."),
    _entity("changelog", "changeIDs", "changeID", "dateChanged", "Who changed what."),
    _entity("genericFlag", "genericFlagIDs", "genericFlagID", "dateUpdated dateCreated", "Flags that can be given."),
    _entity("genericFlagAssignment", "genericFlagAssignmentIDs", "genericFlagAssignmentID", "dateUpdated dateCreated",
            "Flags given."),
    _entity("servicePlan", "subscriptionIDs", "subscriptionID servicePlanID", "dateUpdated dateAdded", "Plans of subscriptions.",
            ids="subscriptionIDs"),
    _entity("servicePlanRound", "subscriptionIDs", "subscriptionID servicePlanRoundID", "dateUpdated dateAdded",
            "Rounds of service plans.", ids="subscriptionIDs"),
    _entity("timeClock", "entryIDs", "entryID", "timeIn timeOut", "Hours worked."),
    _entity("timeClockCategory", "clockCategoryIDs", "clockCategoryID", "dateUpdated", "Kinds of hours."),
    _entity("employeeLocation", "locationIDs", "locationID", "time", "Where technicians were."),
    _entity("door", "doorIDs", "doorID", "timeCreated", "Doors of door-to-door sales."),
    _entity("knock", "knockIDs", "knockID", "dateUpdated dateAdded", "Knocks on doors."),
    _entity("group", "groupIDs", "groupID", "dateUpdated", "Groups of routes."),
    _entity("diagram", "diagramIDs", "diagramID", "dateUpdated", "Drawings of properties."),
    # Lookups, and what can only be read whole.
    _entity("serviceType", "typeIDs", "typeID", "", "Services on offer."),
    _entity("region", "regionIDs", "regionIDs", "", "Regions, with their outlines; the key field is plural."),
    _entity("team", "teamIDs", "teamID", "", "Teams.", everything={"type": tuple(range(10))}),
    _entity("customerFlag", "customerIDs", "customerID flag", "", "Flags of customers.", ids="customerIDs"),
    _entity("customerSource", "sourceIDs", "sourceID", "", "Where customers come from."),
    _entity("cancellationReason", "reasonIDs", "reasonID", "", "Why subscriptions end."),
    _entity("reserviceReason", "reserviceReasonIDs", "reserviceReasonID", "", "Why a visit is repeated."),
    _entity("appointmentCancellationReason", "cancellationReasonIDs", "cancellationReasonID", "", "Why visits are cancelled."),
    _entity("appointmentRescheduleReason", "rescheduleReasonIDs", "rescheduleReasonID", "", "Why visits are moved."),
    _entity("routeTemplate", "templateIDs", "templateID", "", "Templates of routes."),
    _entity("accessControl", "employeeIDs", "employeeID", "", "Rights of employees.", ids="employeeIDs"),
    _entity("compassCustomer", "customerIDs", "customerID", "", "Customers' scores.", ids="customerIDs"),
    _entity("applicationMethod", "applciationMethodIDs", "applicationMethodID", "",
            "How chemicals are applied (the vendor misspells the parameter)."),
    _entity("product", "productIDs", "productID", "", "Products."),
    _entity("unit", "unitIDs", "unitID", "", "Units of multi-unit properties."),
    _entity("glAccount", "glAccountIDs", "glAccountID", "", "Ledger accounts."),
    _entity("skill", "skillIDs", "skillID", "", "Skills of technicians."),
    _entity("insect", "insectIDs", "insectID", "", "Pests."),
    _entity("chemical", "chemicalIDs", "chemicalID", "", "Chemicals."),
    _entity("location", "locationIDs", "locationID", "", "Locations."),
    _entity("additionalContact", "additionalContactIDs", "additionalContactID", "", "Further contacts of customers."),
)  # fmt: skip
