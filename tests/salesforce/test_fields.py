"""The names that people outside rely on, written out once more: every field with its type, and nothing more."""

from __future__ import annotations

import pytest

from tests.salesforce.package import Field, package_fields, package_objects

KEY = "Text(255), external id, unique, case-sensitive"
FREQUENCY = "Picklist: Monthly, Quarterly, Semiannual, Annual"
PERIOD = "Picklist: Month, Quarter, Year, Term"
CHARGE = "Picklist: Recurring, One-Time, Usage"
COLLECTION = "Picklist: Send Invoice, Charge Automatically"
CHANNEL = "Picklist: Self-Serve, Sales-Led"
BILLING = (
    "Picklist: Not Started, Waiting, Creating, Scheduled, Live, Needs Attention, With Billing Team, On Hold, Ended"
)
DISPUTE = (
    "Needs Response, Under Review, Won, Lost, Warning Needs Response, Warning Under Review, Warning Closed, Prevented"
)
AMOUNT = "Currency(18,3)"
UNIT_AMOUNT = "Number(18,8)"
COUNT = "Number(3,0)"
WHOLE = "Number(18,0)"
LONG = "LongTextArea"

DESIGN: dict[str, dict[str, str]] = {
    "Quote": {
        "Quote_Type__c": "Picklist: New, Amendment, Renewal, Cancellation",
        "Billing_Subscription__c": "Lookup(Billing_Subscription__c)",
        "Start_Date__c": "Date",
        "Term_Months__c": COUNT,
        "End_Date__c": "Date",
        "Billing_Frequency__c": FREQUENCY,
        "Billing_Day__c": COUNT,
        "Collection_Method__c": COLLECTION,
        "Payment_Methods__c": "MultiselectPicklist: Card, ACH, SEPA, Link, Transfer",
        "Days_Until_Due__c": COUNT,
        "PO_Number__c": "Text(140)",
        "Trial_Days__c": COUNT,
        "Auto_Renew__c": "Checkbox",
        "Quote_Discount__c": "Percent(5,2)",
        "Quote_Discount_Months__c": COUNT,
        "Proration_Policy__c": "Picklist: Signed, Stripe, None",
        "Credit_Policy__c": "Picklist: None, Balance, Refund",
        "Skip_Past_Invoices__c": "Checkbox",
        "Signed_At__c": "DateTime",
        "Billing_Request__c": "Picklist: Check, Start, Retry, Cancel, Refresh",
        "Customer_Choice__c": "Text(255)",
        "Billing_Status__c": BILLING,
        "Billing_Code__c": "Text(20)",
        "Billing_Message__c": LONG,
        "Billing_Preview__c": LONG,
        "Billing_Reference__c": "Text(255)",
        "Contract_Total__c": AMOUNT,
        "First_Invoice_Amount__c": AMOUNT,
    },
    "QuoteLineItem": {
        "Change__c": "Picklist: Add, Remove",
        "Charge_Type__c": CHARGE,
        "Price_Period__c": PERIOD,
        "Billing_Frequency__c": FREQUENCY,
        "Start_Date__c": "Date",
        "End_Date__c": "Date",
        "Ramp_Key__c": "Text(40)",
        "Optional__c": "Checkbox",
        "Discount_Amount__c": AMOUNT,
        "Discount_Months__c": COUNT,
        "Contract_Amount__c": AMOUNT,
    },
    "Product2": {
        "Charge_Type__c": CHARGE,
        "Price_Period__c": PERIOD,
        "Tier_Mode__c": "Picklist: Graduated, Volume",
        "Meter_Event__c": "Text(100)",
        "Tax_Code__c": "Text(40)",
        "Stripe_Product_Id__c": "Text(255)",
    },
    "Product_Price_Tier__c": {
        "Product2__c": "Lookup(Product2), required",
        "Currency__c": "Text(3)",
        "Up_To__c": WHOLE,
        "Unit_Amount__c": UNIT_AMOUNT,
        "Flat_Amount__c": AMOUNT,
    },
    "Account": {
        "Billing_Email__c": "Email",
        "Billing_Timezone__c": "Text(40)",
        "Tax_Id__c": "Text(40)",
        "Tax_Exempt__c": "Picklist: None, Exempt, Reverse",
        "Stripe_Customer_Id__c": "Text(255), external id",
        "Billing_Channel__c": CHANNEL,
        "Billing_Health__c": "Picklist: Good, Past Due, Canceled, No Billing, Under Review",
        "Billing_Currency__c": "Text(3)",
        "MRR__c": "Number(18,3)",
        "ARR__c": "Number(18,3)",
        "Contracted_MRR__c": "Number(18,3)",
        "Open_Balance__c": "Number(18,3)",
        "Credit_Balance__c": "Number(18,3)",
        "Overdue_Amount__c": "Number(18,3)",
        "Overdue_Days__c": COUNT,
        "Next_Invoice_Date__c": "Date",
        "Next_Invoice_Amount__c": "Number(18,3)",
        "Last_Payment_Date__c": "Date",
        "Last_Payment_Amount__c": "Number(18,3)",
        "Payment_Method__c": "Text(255)",
        "Billing_As_Of__c": "DateTime",
    },
    "Opportunity": {
        "Billing_Status__c": BILLING,
        "Contracted_Amount__c": AMOUNT,
        "Billed_Amount__c": AMOUNT,
        "Billing_Note__c": "Text(255)",
    },
    "Billing_Subscription__c": {
        "Billing_Key__c": KEY,
        "Stripe_Id__c": "Text(255)",
        "Stripe_Schedule_Id__c": "Text(255)",
        "Stripe_Ids__c": LONG,
        "Account__c": "MasterDetail(Account)",
        "Quote__c": "Lookup(Quote)",
        "Renewed_By__c": "Lookup(Billing_Subscription__c)",
        "Channel__c": CHANNEL,
        "Status__c": "Picklist: Scheduled, Trialing, Active, Past Due, Paused, Unpaid, Canceled, Incomplete",
        "Currency__c": "Text(3)",
        "Start_Date__c": "Date",
        "End_Date__c": "Date",
        "Ends_On__c": "Date",
        "Current_Period_End__c": "Date",
        "Quantity__c": WHOLE,
        "MRR__c": AMOUNT,
        "ARR__c": AMOUNT,
        "Contracted_MRR__c": AMOUNT,
        "Collection_Method__c": COLLECTION,
        "Last_Usage__c": "Number(18,3)",
        "Last_Usage_Amount__c": AMOUNT,
        "As_Of__c": "DateTime",
        "Stripe_URL__c": LONG,
    },
    "Billing_Subscription_Item__c": {
        "Billing_Key__c": KEY,
        "Billing_Subscription__c": "MasterDetail(Billing_Subscription__c)",
        "Product2__c": "Lookup(Product2)",
        "Quantity__c": WHOLE,
        "Unit_Amount__c": UNIT_AMOUNT,
        "Discount__c": "Percent(5,2)",
        "MRR__c": AMOUNT,
        "Start_Date__c": "Date",
        "End_Date__c": "Date",
    },
    "Billing_Invoice__c": {
        "Billing_Key__c": KEY,
        "Stripe_Id__c": "Text(255)",
        "Account__c": "MasterDetail(Account)",
        "Billing_Subscription__c": "Lookup(Billing_Subscription__c)",
        "Number__c": "Text(80)",
        "Status__c": "Picklist: Draft, Open, Paid, Void, Uncollectible",
        "Currency__c": "Text(3)",
        "Subtotal__c": AMOUNT,
        "Tax__c": AMOUNT,
        "Total__c": AMOUNT,
        "Amount_Paid__c": AMOUNT,
        "Amount_Remaining__c": AMOUNT,
        "Amount_Refunded__c": AMOUNT,
        "Amount_Credited__c": AMOUNT,
        "Issued_On__c": "Date",
        "Due_On__c": "Date",
        "Period_Start__c": "Date",
        "Period_End__c": "Date",
        "Attempts__c": "Number(5,0)",
        "Next_Attempt_At__c": "DateTime",
        "Failure__c": LONG,
        "Dispute_Status__c": f"Picklist: {DISPUTE}",
        "Hosted_URL__c": LONG,
        "PDF_URL__c": LONG,
        "As_Of__c": "DateTime",
    },
    "Billing_Payment__c": {
        "Billing_Key__c": KEY,
        "Billing_Invoice__c": "MasterDetail(Billing_Invoice__c)",
        "Type__c": "Picklist: Payment, Attempt, Refund, Credit, Dispute",
        "Status__c": f"Picklist: Pending, Requires Action, Succeeded, Failed, Canceled, Issued, Void, {DISPUTE}",
        "Currency__c": "Text(3)",
        "Amount__c": AMOUNT,
        "At__c": "DateTime",
        "Detail__c": LONG,
    },
    "Billing_Issue__c": {
        "Billing_Key__c": KEY,
        "Code__c": "Text(20)",
        "Title__c": "Text(255)",
        "Detail__c": LONG,
        "Record__c": "Text(18)",
        "Quote__c": "Lookup(Quote)",
        "Account__c": "Lookup(Account)",
        "Billing_Subscription__c": "Lookup(Billing_Subscription__c)",
        "Sum__c": AMOUNT,
        "Status__c": "Picklist: Open, Closed",
        "Audience__c": "Picklist: Rep, Billing Operations, Catalog, Admin, Finance, Engineering",
        "Reference__c": "Text(255)",
        "Opened_At__c": "DateTime",
        "Closed_At__c": "DateTime",
    },
}

# Fields that people fill in; every other one is Tandem's and says so in its help text.
FILLED_IN_BY_PEOPLE = {
    "Quote": list(DESIGN["Quote"])[:21],
    "QuoteLineItem": list(DESIGN["QuoteLineItem"])[:10],
    "Product2": list(DESIGN["Product2"])[:5],
    "Product_Price_Tier__c": list(DESIGN["Product_Price_Tier__c"]),
    "Account": ["Billing_Email__c", "Billing_Timezone__c", "Tax_Id__c", "Tax_Exempt__c"],
}


def stated(field: Field) -> str:
    """The type of a field in the words of the table above."""
    if field.type in ("Currency", "Number", "Percent"):
        words = f"{field.type}({field.precision},{field.scale})"
    elif field.type == "Text":
        words = f"Text({field.length})"
    elif field.type in ("Lookup", "MasterDetail"):
        words = f"{field.type}({field.refers_to})"
    elif field.values:
        words = f"{field.type}: {', '.join(field.values)}"
    else:
        words = field.type
    marks = {
        "external id": field.external_id, "unique": field.unique, "case-sensitive": field.case_sensitive,
        "required": field.required,
    }  # fmt: skip
    return ", ".join([words, *(mark for mark, holds in marks.items() if holds)])


@pytest.mark.parametrize("object_name", DESIGN)
def test_object_has_exactly_the_agreed_fields_and_types(object_name: str) -> None:
    found = {field.name: stated(field) for field in package_fields().values() if field.object_name == object_name}
    assert found == DESIGN[object_name]


def test_package_has_no_other_objects() -> None:
    assert {field.object_name for field in package_fields().values()} == set(DESIGN)
    assert set(package_objects()) == {name for name in DESIGN if name.endswith("__c")}


def test_every_picklist_is_restricted() -> None:
    picklists = [field for field in package_fields().values() if field.values]
    assert len(picklists) == sum("Picklist:" in words for fields in DESIGN.values() for words in fields.values())
    assert [field.api_name for field in picklists if not field.restricted] == []


def test_every_master_detail_may_move_to_another_master_and_needs_only_read_on_it() -> None:
    details = [field for field in package_fields().values() if field.type == "MasterDetail"]
    assert len(details) == 4
    assert [field.api_name for field in details if not field.reparentable] == []
    assert [field.api_name for field in details if not field.write_requires_master_read] == []


def test_rows_with_a_master_follow_its_sharing_and_issues_are_private() -> None:
    sharing = {name: item.sharing_model for name, item in package_objects().items()}
    assert sharing == {
        "Billing_Subscription__c": "ControlledByParent",
        "Billing_Subscription_Item__c": "ControlledByParent",
        "Billing_Invoice__c": "ControlledByParent",
        "Billing_Payment__c": "ControlledByParent",
        "Billing_Issue__c": "Private",
        "Product_Price_Tier__c": "ReadWrite",
    }


def test_every_row_numbers_itself_because_rows_are_found_by_their_key() -> None:
    assert {item.name_field_type for item in package_objects().values()} == {"AutoNumber"}


def test_help_text_names_the_source_and_the_owner_of_every_field() -> None:
    for field in package_fields().values():
        by_people = field.name in FILLED_IN_BY_PEOPLE.get(field.object_name, [])
        assert field.help_text.startswith("Filled in " if by_people else "Kept by Tandem"), field.api_name


def test_check_boxes_start_empty() -> None:
    boxes = {field.api_name: field.default for field in package_fields().values() if field.type == "Checkbox"}
    assert boxes
    assert set(boxes.values()) == {"false"}
