"""What Salesforce's object reference says of the standard objects beyond names and types.

Lengths, picklists, required and read-only fields of the objects a billing integration touches. A text field that is
not named here is 255 long, a number is 18 digits with 2 behind the point, and everything may be written.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SYSTEM_READ_ONLY = _names(
    """Id IsDeleted CreatedById CreatedDate LastModifiedById LastModifiedDate SystemModstamp LastViewedDate
    LastReferencedDate LastActivityDate MasterRecordId PhotoUrl IsClosed IsWon HasOpportunityLineItem IsArchived
    JigsawCompanyId JigsawContactId CleanStatus IsEmailBounced IsPersonAccount"""
)

READ_ONLY = {
    "Account": {"IsCustomerPortal"},
    "Contact": {"Name"},
    "Opportunity": {
        *_names("ExpectedRevenue Fiscal FiscalQuarter FiscalYear ForecastCategory HasOpenActivity HasOverdueTask"),
        *_names("LastAmountChangedHistoryId LastCloseDateChangedHistoryId LastStageChangeDate PushCount"),
    },
    "Pricebook2": {"IsStandard"},
    "PricebookEntry": {"Name", "ProductCode"},
    "Quote": {
        *_names("AccountId QuoteNumber LineItemCount Subtotal TotalPrice GrandTotal Discount IsSyncing"),
        "CanCreateQuoteLineItems",
    },
    "QuoteLineItem": {
        *_names("LineNumber ListPrice Subtotal TotalPrice HasQuantitySchedule HasRevenueSchedule HasSchedule"),
    },
    "OpportunityLineItem": {
        *_names("Name ListPrice Subtotal ProductCode HasQuantitySchedule HasRevenueSchedule HasSchedule"),
        *_names("CanUseQuantitySchedule CanUseRevenueSchedule"),
    },
    "Contract": {"ContractNumber", "EndDate", "ActivatedDate", "StatusCode"},
    "Order": {"OrderNumber", "TotalAmount", "StatusCode"},
    "Task": {"IsClosed", "AccountId", "CompletedDateTime"},
}
"""Beyond the system fields."""

CREATE_ONLY = {
    "PricebookEntry": {"Pricebook2Id", "Product2Id", "CurrencyIsoCode"},
    "Quote": {"OpportunityId", "CurrencyIsoCode"},
    "QuoteLineItem": {"QuoteId", "PricebookEntryId", "Product2Id", "CurrencyIsoCode"},
    "OpportunityLineItem": {"OpportunityId", "PricebookEntryId", "Product2Id", "CurrencyIsoCode"},
    "OrderItem": {"OrderId", "PricebookEntryId", "Product2Id"},
}
"""Fields that may be given at creation and never changed. A derived one must then agree with what it derives from."""

REQUIRED = {
    "Account": {"Name"},
    "Contact": {"LastName"},
    "Lead": {"LastName", "Company"},
    "Opportunity": {"Name", "StageName", "CloseDate"},
    "Product2": {"Name"},
    "Pricebook2": {"Name"},
    "PricebookEntry": {"Pricebook2Id", "Product2Id", "UnitPrice"},
    "Quote": {"Name", "OpportunityId"},
    "QuoteLineItem": {"QuoteId", "PricebookEntryId", "Quantity", "UnitPrice"},
    "OpportunityLineItem": {"OpportunityId", "PricebookEntryId", "Quantity"},
    "Contract": {"AccountId"},
    "Order": {"AccountId", "EffectiveDate", "Status"},
    "AccountContactRole": {"AccountId", "ContactId"},
    "OpportunityContactRole": {"OpportunityId", "ContactId"},
}

NOT_WRITABLE = _names(
    """User Organization Profile RecordType PermissionSet PermissionSetAssignment CurrencyType DatedConversionRate
    Group Name AssetAction AssetActionSource AssetStatePeriod"""
)
"""Objects that the sandbox shows but does not let be changed."""

CASCADES = {
    ("Contact", "AccountId"),
    ("Opportunity", "AccountId"),
    ("Quote", "OpportunityId"),
    ("QuoteLineItem", "QuoteId"),
    ("OpportunityLineItem", "OpportunityId"),
    ("OpportunityContactRole", "OpportunityId"),
    ("AccountContactRole", "AccountId"),
    ("PricebookEntry", "Product2Id"),
    ("PricebookEntry", "Pricebook2Id"),
    ("Contract", "AccountId"),
    ("Order", "AccountId"),
    ("OrderItem", "OrderId"),
}
"""Children that go to the recycle bin with their parent."""

LENGTHS = {
    "AccountNumber": 40,
    "Phone": 40,
    "Fax": 40,
    "MobilePhone": 40,
    "HomePhone": 40,
    "OtherPhone": 40,
    "AssistantPhone": 40,
    "Site": 80,
    "TickerSymbol": 20,
    "Sic": 20,
    "FirstName": 40,
    "LastName": 80,
    "Title": 128,
    "Department": 80,
    "Email": 80,
    "NextStep": 255,
    "IsoCode": 10,
    "CurrencyIsoCode": 255,
    "QuantityUnitOfMeasure": 255,
    "StockKeepingUnit": 180,
    "Street": 255,
    "City": 40,
    "State": 80,
    "PostalCode": 20,
    "Country": 80,
    "LineNumber": 80,
    "Alias": 8,
    "Username": 80,
}
"""By name of the field, whatever the object; the parts of an address by their last word."""

OBJECT_LENGTHS = {
    ("Account", "Name"): 255,
    ("Contact", "Name"): 121,
    ("Opportunity", "Name"): 120,
    ("Account", "Description"): 32000,
    ("Contact", "Description"): 32000,
    ("Opportunity", "Description"): 32000,
    ("Quote", "Description"): 32000,
    ("Task", "Description"): 32000,
    ("Product2", "Description"): 4000,
    ("QuoteLineItem", "Description"): 255,
    ("OpportunityLineItem", "Description"): 255,
    ("Contract", "Description"): 32000,
    ("Contract", "SpecialTerms"): 4000,
    ("Order", "Description"): 32000,
    ("Lead", "Description"): 32000,
}

CURRENCY_FIELDS = _names(
    """Amount ExpectedRevenue UnitPrice ListPrice Subtotal TotalPrice GrandTotal Tax ShippingHandling AnnualRevenue
    TotalAmount CurrentMrr TotalLifecycleAmount Mrr MrrChange CurrentAmount Price"""
)

PERCENT_FIELDS = {"Discount": (5, 2), "Probability": (3, 0)}

NUMBERS = {
    ("QuoteLineItem", "Quantity"): (12, 2),
    ("OpportunityLineItem", "Quantity"): (12, 2),
    ("OrderItem", "Quantity"): (12, 2),
    ("Account", "AnnualRevenue"): (18, 0),
    ("CurrencyType", "ConversionRate"): (18, 6),
}

EMAILS = frozenset({"Email", "PersonEmail", "SenderEmail"})
URLS = frozenset({"Website", "PhotoUrl", "DisplayUrl"})
PHONES = frozenset({"Phone", "Fax", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "PersonHomePhone"})

AUTO_NUMBERS = {
    ("Quote", "QuoteNumber"): "{00000000}",
    ("QuoteLineItem", "LineNumber"): "QL-{00000}",
    ("Contract", "ContractNumber"): "{00000000}",
    ("Order", "OrderNumber"): "{00000000}",
}

STAGES: dict[str, tuple[int, str]] = {
    "Prospecting": (10, "Pipeline"),
    "Qualification": (10, "Pipeline"),
    "Needs Analysis": (20, "Pipeline"),
    "Value Proposition": (50, "Pipeline"),
    "Id. Decision Makers": (60, "Pipeline"),
    "Perception Analysis": (70, "Pipeline"),
    "Proposal/Price Quote": (75, "Pipeline"),
    "Negotiation/Review": (90, "Pipeline"),
    "Closed Won": (100, "Closed"),
    "Closed Lost": (0, "Omitted"),
}
"""Standard sales stages: probability in percent, forecast category."""

_INDUSTRIES = """Agriculture;Apparel;Banking;Biotechnology;Chemicals;Communications;Construction;Consulting;Education;
Electronics;Energy;Engineering;Entertainment;Environmental;Finance;Food & Beverage;Government;Healthcare;Hospitality;
Insurance;Machinery;Manufacturing;Media;Not For Profit;Recreation;Retail;Shipping;Technology;Telecommunications;
Transportation;Utilities;Other"""

PICKLISTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("Account", "Type"): ("Prospect", "Customer - Direct", "Customer - Channel", "Technology Partner", "Other"),
    ("Account", "Industry"): tuple(_INDUSTRIES.replace("\n", "").split(";")),
    ("Account", "Rating"): ("Hot", "Warm", "Cold"),
    ("Account", "Ownership"): ("Public", "Private", "Subsidiary", "Other"),
    ("Account", "AccountSource"): ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
    ("Contact", "LeadSource"): ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
    ("Contact", "Salutation"): ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."),
    ("Opportunity", "StageName"): tuple(STAGES),
    ("Opportunity", "Type"): (
        *("Existing Customer - Upgrade", "Existing Customer - Replacement", "Existing Customer - Downgrade"),
        "New Customer",
    ),
    ("Opportunity", "LeadSource"): ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
    ("Quote", "Status"): (
        *("Draft", "Needs Review", "In Review", "Approved", "Rejected", "Presented", "Accepted", "Denied"),
    ),
    ("Product2", "Family"): ("None",),
    ("Contract", "Status"): ("In Approval Process", "Activated", "Draft"),
    ("Order", "Status"): ("Draft", "Activated"),
    ("Task", "Status"): ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"),
    ("Task", "Priority"): ("High", "Normal", "Low"),
    ("Lead", "Status"): ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"),
}
"""Standard values. Standard picklists are not restricted: the API also takes other values."""

DEFAULTS: dict[tuple[str, str], str | bool] = {
    ("Quote", "Status"): "Draft",
    ("Contract", "Status"): "Draft",
    ("Task", "Status"): "Not Started",
    ("Task", "Priority"): "Normal",
    ("Lead", "Status"): "Open - Not Contacted",
}

CURRENCY_DECIMALS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3, "CHF": 2, "INR": 2}
"""The org's active currencies and the decimals each amount keeps. The first is the corporate currency."""

POLYMORPHIC = {
    "Owner": ("Group", "User"),
    "What": ("Account", "Opportunity", "Quote", "Product2", "Order", "Contract", "Asset"),
    "Who": ("Contact", "Lead"),
    "Related": ("User",),
    "License": (),
}
"""Relationships whose parent the field list calls ``Name``."""

CHILD_NAMES = {
    ("Account", "ParentId"): "ChildAccounts",
    ("Quote", "OpportunityId"): "Quotes",
    ("Quote", "AccountId"): "Quotes",
}
"""Child relationship names that can't be read off the field list."""
