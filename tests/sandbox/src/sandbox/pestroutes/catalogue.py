"""The 56 entities of sources/pestroutes.md §6, by what they have in common."""

from __future__ import annotations

from sandbox.pestroutes import billing, ledger, people, visits
from sandbox.pestroutes.columns import columns
from sandbox.pestroutes.model import Entity
from sandbox.pestroutes.people import EMPLOYEES

DAILY = 0.01
UPDATED_ADDED = ("dateUpdated", "dateAdded")
UPDATED_CREATED = ("dateUpdated", "dateCreated")

_BUSINESS = (
    Entity("customer", "customerIDs", "customerID", people.customer, ratio=1, first=10_000, stride=7,
           added="dateAdded", daily=DAILY, dates=(*UPDATED_ADDED, "dateCancelled", "agingDate"),
           codes={"status": lambda w, k: int(people.customer_active(w, k))}, helpers=UPDATED_ADDED,
           includes=("includeSubscriptions", "includeCustomerFlag", "includeAdditionalContacts",
                     "includeCancellationReason", "includePortalLogin")),
    Entity("subscription", "subscriptionIDs", "subscriptionID", people.subscription, ratio=1.2, parent="customer",
           first=501, stride=3, added="dateAdded", added_at=people.subscription_added, daily=DAILY,
           dates=(*UPDATED_ADDED, "dateCancelled", "nextService", "lastCompleted", "leadDateAdded", "leadUpdated",
                  "leadDateClosed", "renewalDate", "nextBillingDate", "expirationDate", "customDate"),
           codes={"active": people.subscription_active}, helpers=UPDATED_ADDED,
           default=("active", "active", ("0", "1"))),
    Entity("appointment", "appointmentIDs", "appointmentID", visits.appointment, ratio=2, parent="customer",
           first=1001, stride=2, added="dateAdded", added_at=visits.appointment_added, daily=DAILY,
           dates=(*UPDATED_ADDED, "date", "dateCompleted", "dateCancelled", "timeIn", "timeOut"),
           moments={"date": visits.visit_day}, codes={"status": visits.status}, helpers=("date", *UPDATED_ADDED),
           default=("status", "status", ("0", "1")),
           includes=("includeTargetPests", "includeCancellationReason", "includeCustomFields")),
    Entity("ticket", "ticketIDs", "ticketID", billing.ticket, ratio=1.5, parent="customer", first=2001, stride=3,
           added="dateCreated", added_at=ledger.ticket_date, daily=DAILY, dates=(*UPDATED_CREATED, "invoiceDate"),
           codes={"active": ledger.ticket_active}, default=("status", "active", ("0", "1")),
           aliases={"status": "active"}),
    Entity("payment", "paymentIDs", "paymentID", billing.payment, ratio=1.2, parent="ticket", first=3001, stride=2,
           added="date", added_at=ledger.payment_added, daily=DAILY,
           dates=("dateUpdated", "date", "batchOpened", "batchClosed"), moments={"date": ledger.payment_wall_day}),
    Entity("appliedPayment", "appliedPaymentIDs", "appliedPaymentID", billing.applied_payment, ratio=1.2,
           parent="payment", first=4001, added="dateApplied", added_at=ledger.payment_added,
           daily=DAILY, dates=("dateUpdated", "dateApplied")),
    Entity("ticketItem", "itemIDs", "itemID", billing.ticket_item, ratio=3, parent="ticket", first=5001,
           added="dateCreated", added_at=lambda w, k: ledger.ticket_date(w, w.tables["ticketItem"].parent_of(k)),
           daily=DAILY, dates=UPDATED_CREATED),
    Entity("employee", "employeeIDs", "employeeID", people.employee, per_office=EMPLOYEES, daily=DAILY, mortal=False,
           dates=("dateUpdated", "lastLogin"), default=("active", "active", ("1",)),
           codes={"active": people.employee_active}),
    Entity("office", "officeIDs", "officeID", people.office, per_office=1),
    Entity("route", "routeIDs", "routeID", visits.route, ratio=0.2, first=6001, added="dateAdded", daily=DAILY,
           mortal=False, dates=("dateUpdated", "date", "dateAdded"), moments={"date": visits.route_day}, helpers=("date",),
           aliases={"lastUpdated": "dateUpdated"}),
    Entity("spot", "spotIDs", "spotID", visits.spot, ratio=3, parent="route", first=7001, daily=DAILY,
           dates=("dateUpdated", "date"), moments={"date": visits.spot_day},
           added_at=lambda w, k: w.tables["route"].added_at(w.tables["spot"].parent_of(k))),
)  # fmt: skip


def _stream(
    name: str, get: str, key: str | None, text: str, added: str, dates: tuple[str, ...], **more: object
) -> Entity:
    """An entity with a date by which it can be read in steps."""
    more = {"daily": DAILY, "parent": "customer", "first": 101, "stride": 2} | more
    return Entity(name, get, key, columns(text), added=added, dates=dates, **more)  # type: ignore[arg-type]


_STREAMS = (
    _stream("note", "noteIDs", "noteID",
            "noteID:id officeID customerID customerName:lname employeeID dateAdded date dateUpdated showCustomer:flag"
            " showTech:flag typeID:code contactType:contactType notes:word referenceID:none revision",
            "dateAdded", (*UPDATED_ADDED, "date"), ratio=0.8),
    _stream("task", "taskIDs", "taskIDs",
            "taskIDs:id officeID customerID description:word type:code status:flag dateAdded dateUpdated dueDate:due"
            " dateCompleted:zero completedBy:absent assignedTo:technician category:code phone revision",
            "dateAdded", (*UPDATED_ADDED, "dueDate", "dateCompleted"), ratio=0.2),
    _stream("contract", "contractIDs", "contractID",
            "contractID:id officeID customerID subscriptionIDs:ids dateAdded dateUpdated dateSigned:zero state:code"
            " description documentLink:absent revision",
            "dateAdded", (*UPDATED_ADDED, "dateSigned"), ratio=0.6, includes=("includeDocumentLink",)),
    _stream("document", "uploadIDs", "uploadID",
            "uploadID:id officeID customerID appointmentID:none description:word dateAdded dateUpdated addedBy:employee"
            " showCustomer:flag showTech:flag prefix:absent documentLink:absent revision",
            "dateAdded", UPDATED_ADDED, ratio=0.4, includes=("includeDocumentLink",)),
    _stream("form", "contractIDs", "formID",
            "formID:id officeID customerID employeeID dateAdded dateSigned:zero formTemplateID:code"
            " formDescription:word documentState:code revision",
            "dateAdded", ("dateAdded", "dateSigned"), ratio=0.2),
    _stream("changelog", "changeIDs", "changeID",
            "changeID:id officeID classID:code class:contactType referenceID:customer employeeID dateChanged:added"
            " changeType:code notes:notes revision",
            "dateChanged", ("dateChanged",), ratio=2),
    _stream("genericFlag", "genericFlagIDs", "genericFlagID",
            "genericFlagID:id officeID code:title description type:contactType status:on dateCreated dateUpdated"
            " revision",
            "dateCreated", UPDATED_CREATED, count=20, parent=None, stride=1, first=1, mortal=False),
    _stream("genericFlagAssignment", "genericFlagAssignmentIDs", "genericFlagAssignmentID",
            "genericFlagAssignmentID:id officeID genericFlagID:genericFlag entityID:customer type:contactType"
            " dateCreated dateUpdated revision",
            "dateCreated", UPDATED_CREATED, ratio=0.5),
    _stream("paymentProfile", "paymentProfileIDs", "paymentProfileID",
            "paymentProfileID:id officeID customerID dateCreated dateUpdated status:on statusNotes:text"
            " billingName:lname billingAddress1:word billingCity:absent primaryPhone:phone email paymentMethod:code"
            " gateway:code merchantID:id lastFour:four expMonth:code expYear:number cardType:absent achToken:absent"
            " failedAttempts:none sentFailureDate:zero lastAttemptDate:zero revision",
            "dateCreated", (*UPDATED_CREATED, "sentFailureDate", "lastAttemptDate"), ratio=0.7),
    _stream("chemicalUse", "chemicalUseIDs", "chemicalUseID",
            "chemicalUseID:id officeID customerID appointmentID productID:product amount:decimal chemicalUnits:word"
            " areas:text targetPests:list method:code dateCreated dateUpdated appliedBy:technician windDirection:absent"
            " windSpeed:number temperature:decimal revision",
            "dateCreated", UPDATED_CREATED, ratio=1.5, parent="appointment"),
    _stream("appointmentReminder", "reminderIDs", "reminderID",
            "reminderID:id officeID customerID appointmentID employeeID dateSent:added dateUpdated emailSent:zero"
            " textSent:zero voiceSent:zero status:code text:word confirmed:flag revision",
            "dateSent", ("dateUpdated", "dateSent"), ratio=1, parent="appointment"),
    _stream("disbursement", "gatewayDisbursementIDs", "gatewayDisbursementID",
            "gatewayDisbursementID:id officeID gatewayMerchantID:number amount dateDisbursed:day dateCreated"
            " dateUpdated status:code revision",
            "dateCreated", UPDATED_CREATED, ratio=0.05, parent=None, mortal=False),
    _stream("disbursementItem", "gatewayDisbursementEntryIDs", "gatewayDisbursementEntryID",
            "gatewayDisbursementEntryID:id officeID gatewayDisbursementID:disbursement paymentID:number amount"
            " description:word dateCreated dateUpdated eventDate:day revision",
            "dateCreated", UPDATED_CREATED, ratio=0.6, parent="disbursement", ignores_office=True),
    _stream("chargeback", "gatewayChargebackIDs", "gatewayChargebackID",
            "gatewayChargebackID:id officeID paymentID amount status:code reason:word dateCreated dateUpdated revision",
            "dateCreated", UPDATED_CREATED, ratio=0.02, parent="payment"),
    _stream("door", "doorIDs", "doorID",
            "doorID:id officeID address:word city:absent lat lng status:code timeCreated:added employeeID:seller"
            " revision",
            "timeCreated", ("timeCreated",), ratio=0.4, parent=None, mortal=False),
    _stream("knock", "knockIDs", "knockID",
            "knockID:id officeID doorID:door employeeID:seller outcome:code notes dateAdded dateUpdated lat lng"
            " revision",
            "dateAdded", UPDATED_ADDED, ratio=0.6, parent="door"),
    _stream("timeClock", "entryIDs", "entryID",
            "entryID:id officeID employeeID:technician timeIn:added timeOut:later clockCategoryID:clockCategory"
            " latIn:lat longIn:lng notes revision",
            "timeIn", ("timeIn", "timeOut"), ratio=0.5, parent=None),
    _stream("timeClockCategory", "clockCategoryIDs", "clockCategoryID",
            "clockCategoryID:id officeID name active payable:flag dateUpdated revision",
            "dateUpdated", ("dateUpdated",), count=6, parent=None, stride=1, first=1, mortal=False),
    _stream("servicePlan", "subscriptionIDs", "servicePlanID",
            "servicePlanID:number officeID customerID subscriptionID name:word year:code dateAdded dateUpdated active"
            " revision",
            "dateAdded", UPDATED_ADDED, ratio=0.2, parent="subscription", grouped=True, helpers=UPDATED_ADDED,
            search_name="subscriptionIDs"),
    _stream("servicePlanRound", "subscriptionIDs", "servicePlanRoundID",
            "servicePlanRoundID:number officeID subscriptionID customerID name:word round:code dateAdded dateUpdated"
            " startDate:day endDate:due revision",
            "dateAdded", ("dateUpdated", "dateAdded", "startDate", "endDate"), ratio=2.4, parent="subscription",
            grouped=True, search_name="subscriptionIDs"),
    _stream("review", "feedbackIDs", "feedbackID",
            "feedbackID:id officeID customerID employeeID:technician appointmentID:none rating:code feedback:word"
            " date revision",
            "date", ("date",), ratio=0.1),
    _stream("employeeLocation", "locationIDs", "locationID",
            "locationID:id officeID employeeID:technician time:added lat lng accuracy:decimal speed:decimal",
            "time", ("time",), ratio=1, parent=None),
    _stream("group", "groupIDs", "groupID", "groupID:id officeID name type:code dateUpdated revision",
            "dateUpdated", ("dateUpdated",), count=8, parent=None, stride=1, first=1, mortal=False),
    _stream("diagram", "diagramIDs", "diagramID",
            "diagramID:id officeID customerID dateUpdated name points:points isPrimary:flag revision",
            "dateUpdated", ("dateUpdated",), ratio=0.05),
)  # fmt: skip


def _full(name: str, get: str, key: str | None, text: str, **more: object) -> Entity:
    """A lookup or other entity that is only read whole."""
    more = {"count": 12, "first": 1} | more
    return Entity(name, get, key, columns(text), **more)  # type: ignore[arg-type]


_CUSTOMERS = {"count": 0, "parent": "customer"}
_FULL = (
    _full("serviceType", "typeIDs", "typeID",
          "typeID:id officeID description:word frequency:number defaultCharge:money category:word reservice:flag"
          " defaultLength:number defaultInitialCharge:money sentricon:none visible color:absent", shared=True),
    _full("region", "regionIDs", "regionIDs",
          "regionIDs:id officeID created:added deleted:zero points:points type:code active", count=8,
          dates=("created", "deleted"), added="created"),
    _full("team", "teamIDs", "teamID", "teamID:id officeID name type:code active visible memberIDs:ids", count=10,
          default=("type", "type", ("2",))),
    _full("customerFlag", "customerIDs", None, "customerID officeID flag:word flagValue:number", ratio=0.4,
          grouped=True, search_name="customerIDs", **_CUSTOMERS),
    _full("customerSource", "sourceIDs", "sourceID",
          "sourceID:id officeID source:title salesRoutesDefault:flag visible dealsDefault:none",
          shared=True, ignores_office=True),
    _full("cancellationReason", "reasonIDs", "reasonID", "reasonID:id officeID reason:title visible", count=8,
          shared=True, ignores_office=True),
    _full("reserviceReason", "reserviceReasonIDs", "reserviceReasonID",
          "reserviceReasonID:id officeID reason:title visible", count=6, shared=True, ignores_office=True),
    _full("appointmentCancellationReason", "cancellationReasonIDs", "cancellationReasonID",
          "cancellationReasonID:id officeID reason:title visible", count=8, shared=True),
    _full("appointmentRescheduleReason", "rescheduleReasonIDs", "rescheduleReasonID",
          "rescheduleReasonID:id officeID reason:title visible", count=6, shared=True),
    _full("routeTemplate", "templateIDs", "templateID",
          "templateID:id officeID templateName:title visible interval:number startHour:code", count=6),
    _full("accessControl", "employeeIDs", "employeeID",
          "employeeID:id officeID profileID:code permissions:map isAdmin:flag", count=0, per_office=EMPLOYEES,
          parent="employee", grouped=True, search_name="employeeIDs"),
    _full("compassCustomer", "customerIDs", "customerID",
          "customerID officeID segment:word score:decimal churnRisk:decimal", ratio=0.3, grouped=True,
          search_name="customerIDs", **_CUSTOMERS),
    _full("applicationMethod", "applciationMethodIDs", "applicationMethodID",
          "applicationMethodID:id officeID method:title visible", count=9, shared=True),
    _full("product", "productIDs", "productID",
          "productID:id officeID description:title amount taxable:flag code:absent category:word visible glNumber:absent",
          count=40, shared=True),
    _full("unit", "unitIDs", "unitID", "unitID:id officeID customerID unitNumber:number building:absent notes active",
          ratio=0.1, **_CUSTOMERS),
    _full("glAccount", "glAccountIDs", "glAccountID", "glAccountID:id officeID name glNumber:number active", count=15),
    _full("skill", "skillIDs", "skillID", "skillID:id officeID name description active", shared=True),
    _full("insect", "insectIDs", "insectID", "insectID:id officeID name scientificName:absent active", count=30,
          shared=True),
    _full("chemical", "chemicalIDs", "chemicalID",
          "chemicalID:id officeID name epaNumber:number active unit:word dilutionRates:map", count=25, shared=True),
    _full("location", "locationIDs", "locationID", "locationID:id officeID name description active"),
    _full("additionalContact", "additionalContactIDs", "additionalContactID",
          "additionalContactID:id officeID customerID fname lname email phone receivesInvoices:flag", ratio=0.3,
          **_CUSTOMERS),
)  # fmt: skip

ENTITIES: tuple[Entity, ...] = (*_BUSINESS, *_STREAMS, *_FULL)
BY_NAME: dict[str, Entity] = {entity.name: entity for entity in ENTITIES}
