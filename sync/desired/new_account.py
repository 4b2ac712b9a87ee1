"""The Account that is made for a self-serve customer whom nobody in the CRM is (BILLING_RULES 6), as the org wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.desired.evidence import is_company
from sync.facts import Customer

#: What Salesforce's Account and Contact take.
LONGEST_NAME, LONGEST_FIRST_NAME, LONGEST_LAST_NAME = 255, 40, 80

Fields = Mapping[str, object]


@dataclass(frozen=True)
class NewAccounts:
    """What an org wants of the Accounts made for self-serve customers.

    ``owner`` owns Account and Contact; without one the integration user does. ``person_accounts``: a customer who is a
    person becomes a person account. ``account_fields`` and ``contact_fields`` are further fields by API name, such as those
    that the org requires; what we know of the customer stands above them.
    """

    owner: str | None = None
    record_type: str | None = None
    person_accounts: bool = False
    person_record_type: str | None = None
    account_fields: Fields = field(default_factory=dict)
    contact_fields: Fields = field(default_factory=dict)


def new_account(customer: Customer, wishes: NewAccounts | None = None) -> tuple[Fields, Fields | None]:
    """The fields of the Account and of its Contact, None where nobody is known to be one: a person account is its own.
    Both are found again by the customer's id.
    """
    wanted = wishes or NewAccounts()
    owner = {"OwnerId": wanted.owner} if wanted.owner else {}
    billing = {"Billing_Email__c": customer.email, "Stripe_Customer_Id__c": customer.id, **owner}
    person = person_name(customer)
    if wanted.person_accounts and person and not (customer.business_name or "").strip():
        kind = {"RecordTypeId": wanted.person_record_type} if wanted.person_record_type else {}
        named = {**_names(person), "PersonEmail": customer.email}
        return {**wanted.account_fields, **kind, **named, **billing}, None
    kind = {"RecordTypeId": wanted.record_type} if wanted.record_type else {}
    names = (customer.business_name, customer.name, person, customer.email)
    name = next((n for one in names if (n := (one or "").strip())), customer.id)[:LONGEST_NAME]
    contact = _contact(customer, person)
    return (
        {**wanted.account_fields, **kind, "Name": name, **billing},
        None if contact is None else {**wanted.contact_fields, **contact, **owner},
    )


def samples(wishes: NewAccounts) -> list[tuple[str, Fields]]:
    """By object, the fields of the records that are made for a company, and for a person where these are Accounts."""
    company = Customer(id="cus_sample", name="Sample Ltd", email="sample@example.com")
    found: list[tuple[str, Fields]] = []
    for one in (company, *([company.model_copy(update={"name": "Sam Sample"})] if wishes.person_accounts else [])):
        account, contact = new_account(one, wishes)
        found += [("Account", account), *([("Contact", contact)] if contact is not None else [])]
    return found


def _contact(customer: Customer, person: str) -> Fields | None:
    """The person behind a new Account, else whoever reads its e-mail; standard fields, as long as Salesforce takes them."""
    name = person or (customer.email or "").partition("@")[0]
    return {**_names(name), "Email": customer.email} if name else None


def _names(person: str) -> Fields:
    *first, last = person.split()
    return {"FirstName": " ".join(first)[:LONGEST_FIRST_NAME] or None, "LastName": last[:LONGEST_LAST_NAME]}


def person_name(customer: Customer) -> str:
    """The person's name, or "" where there is none or it is a company's."""
    if customer.individual_name:
        return customer.individual_name.strip()
    name = (customer.name or "").strip()
    return "" if name == customer.business_name or is_company(name) else name
