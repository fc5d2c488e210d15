"""The fields that are known of each stream, and what they mean.

From sources/marketo.md §3 to §7; of leads, whose fields each account chooses for itself, those that nearly every account has. What
is not listed here is in the records all the same, and shows up as an unknown field of a load. A word after a colon is the type;
without one it is text.
"""

from __future__ import annotations

FIELDS: dict[str, str] = {
    "leads": """id:integer email firstName lastName middleName salutation title phone mobilePhone fax company website industry
        sicCode numberOfEmployees:integer annualRevenue:number mainPhone billingStreet billingCity billingState billingCountry
        billingPostalCode address city state country postalCode dateOfBirth:date department leadPartitionId:integer
        leadSource leadStatus leadScore:number rating priority:integer urgency:number relativeScore:integer
        relativeUrgency:integer personNotes unsubscribed:boolean unsubscribedReason emailInvalid:boolean emailInvalidCause
        doNotCall:boolean doNotCallReason marketingSuspended:boolean marketingSuspendedCause blackListed:boolean
        blackListedCause originalSourceType originalSourceInfo originalReferrer originalSearchEngine originalSearchPhrase
        registrationSourceType registrationSourceInfo acquisitionDate:timestamp acquisitionProgramId:integer cookies
        sfdcId sfdcType externalSalesPersonId externalCompanyId timeZone createdAt:timestamp updatedAt:timestamp""",
    "activities": """marketoGUID id:integer leadId:integer activityDate:timestamp activityTypeId:integer campaignId:integer
        primaryAttributeValueId:integer primaryAttributeValue attributes:json""",
    "program_members": """programId:integer leadId:integer program statusName statusReason membershipDate:timestamp
        reachedSuccess:boolean reachedSuccessDate:timestamp acquiredBy:boolean isExhausted:boolean nurtureCadence trackName
        attendanceLikelihood:integer registrationLikelihood:integer registrationCode waitlistPriority:integer webinarUrl
        createdAt:timestamp updatedAt:timestamp""",
    "custom_object": "marketoGUID createdAt:timestamp updatedAt:timestamp",
    "activity_types": "id:integer name description apiName primaryAttribute:json attributes:json",
    "programs": """id:integer name description type channel status workspace url folder:json tags:json costs:json
        headStart:boolean startDate:timestamp endDate:timestamp sfdcId sfdcName createdAt:timestamp updatedAt:timestamp""",
    "campaigns": """id:integer name description type active:boolean programId:integer programName workspaceName
        createdAt:timestamp updatedAt:timestamp""",
    "smart_campaigns": """id:integer name description type status isSystem:boolean isActive:boolean isRequestable:boolean
        parentProgramId:integer folder:json workspace url createdAt:timestamp updatedAt:timestamp""",
    "lists": "id:integer name description programName workspaceName createdAt:timestamp updatedAt:timestamp",
    "static_lists": """id:integer name description folder:json computedUrl workspace url createdAt:timestamp
        updatedAt:timestamp""",
    "smart_lists": """id:integer name description folder:json computedUrl workspace url createdAt:timestamp
        updatedAt:timestamp""",
    "emails": """id:integer name description subject:json fromName:json fromEmail:json replyEmail:json folder:json
        operational:boolean textOnly:boolean publishToMSI:boolean webView:boolean status template:integer workspace url
        createdAt:timestamp updatedAt:timestamp""",
    "forms": """id:integer name description status language locale theme buttonLabel thankYouList:json folder:json workspace
        url createdAt:timestamp updatedAt:timestamp""",
    "landing_pages": """id:integer name description title status template:integer formPrefill:boolean mobileEnabled:boolean
        folder:json workspace url URL createdAt:timestamp updatedAt:timestamp""",
    "channels": "id:integer name description applicableProgramType statuses:json createdAt:timestamp updatedAt:timestamp",
    "tags": "tagType applicableProgramTypes required:boolean allowableValues",
    "folders": """id:integer name description folderId:json folderType parent:json path isArchive:boolean isSystem:boolean
        accessZoneId:integer workspace url createdAt:timestamp updatedAt:timestamp""",
    "segmentations": "id:integer name description status folder:json workspace url createdAt:timestamp updatedAt:timestamp",
    "deleted_leads": """marketoGUID id:integer leadId:integer activityDate:timestamp activityTypeId:integer
        campaignId:integer primaryAttributeValueId:integer primaryAttributeValue attributes:json""",
    "lead_changes": """marketoGUID id:integer leadId:integer activityDate:timestamp activityTypeId:integer fields:json
        attributes:json""",
}

# Personal data, by stream. Attributes and old values can hold any of a lead's.
SENSITIVE: dict[str, frozenset[str]] = {
    "leads": frozenset(
        """email firstName lastName middleName phone mobilePhone fax address city postalCode dateOfBirth personNotes cookies
        originalReferrer originalSearchPhrase""".split()
    ),
    "activities": frozenset({"primaryAttributeValue", "attributes"}),
    "program_members": frozenset({"registrationCode", "webinarUrl"}),
    "deleted_leads": frozenset({"primaryAttributeValue", "attributes"}),
    "lead_changes": frozenset({"fields", "attributes"}),
}
