"""The Account that is made for a customer of the web site, as an org's admin wants it."""

from __future__ import annotations

import pytest

from sync.config import ConfigFault, load
from sync.desired.new_account import NewAccounts, new_account
from sync.facts import Customer
from tests.sync.desired.test_identity import customer

OWNER, RECORD_TYPE, PERSON = "005AA0000000001AAA", "012AA0000000001AAA", "012AA0000000002AAA"


def test_an_account_of_a_company_can_be_found_again_and_has_a_contact() -> None:
    assert new_account(customer()) == (
        {"Name": "Birch Ltd", "Billing_Email__c": "ap@birch.example", "Stripe_Customer_Id__c": "cus_1"},
        {"FirstName": None, "LastName": "ap", "Email": "ap@birch.example"},
    )


@pytest.mark.parametrize(
    ("who", "first", "last"),
    [
        (customer(name="Ada Lovelace"), "Ada", "Lovelace"),
        (customer(name="Ada King Lovelace"), "Ada King", "Lovelace"),
        (customer(name="Cher"), None, "Cher"),
        (customer(name="Birch Ltd", individual_name="Ada Lovelace"), "Ada", "Lovelace"),
        (customer(name="Birch Works", business_name="Birch Works"), None, "ap"),
        (customer(name=None), None, "ap"),
        (customer(name="Ada Lovelace", email=None), "Ada", "Lovelace"),
        (customer(name=f"{'A' * 50} {'L' * 90}"), "A" * 40, "L" * 80),
    ],
)
def test_a_new_account_has_the_person_or_who_reads_the_e_mail_as_its_contact(
    who: Customer, first: str | None, last: str
) -> None:
    assert new_account(who)[1] == {"FirstName": first, "LastName": last, "Email": who.email}


def test_a_company_without_an_e_mail_has_no_contact() -> None:
    assert new_account(customer(name="Birch Ltd", email=None))[1] is None


@pytest.mark.parametrize(
    ("who", "name"),
    [
        (customer(name=None), "ap@birch.example"),
        (customer(name=None, email=None), "cus_1"),
        (customer(name="  ", email="ap@birch.example"), "ap@birch.example"),  # Salesforce takes a blank for none
        (customer(name="Ada Lovelace", business_name="Oak Ltd"), "Oak Ltd"),
        (customer(name=None, business_name=" Oak "), "Oak"),
        (customer(name=None, individual_name="Ada Lovelace"), "Ada Lovelace"),
    ],
)
def test_a_new_account_always_has_a_name(who: Customer, name: str) -> None:
    assert new_account(who)[0]["Name"] == name


def test_the_org_says_owner_record_type_and_fields_that_it_requires() -> None:
    wishes = NewAccounts(
        owner=OWNER, record_type=RECORD_TYPE,
        account_fields={"Industry": "Technology", "Name": "ours stands above it"}, contact_fields={"LeadSource": "Web"},
    )  # fmt: skip
    account, contact = new_account(customer(), wishes)
    assert (account["OwnerId"], account["RecordTypeId"]) == (OWNER, RECORD_TYPE)
    assert (account["Industry"], account["Name"]) == ("Technology", "Birch Ltd")
    assert contact is not None
    assert (contact["OwnerId"], contact["LeadSource"], contact["LastName"]) == (OWNER, "Web", "ap")
    assert "RecordTypeId" not in contact


def test_a_person_becomes_a_person_account_where_the_org_has_them() -> None:
    wishes = NewAccounts(person_accounts=True, person_record_type=PERSON, record_type=RECORD_TYPE)
    account, contact = new_account(customer(name="Ada Lovelace"), wishes)
    assert contact is None
    assert account == {
        "RecordTypeId": PERSON, "FirstName": "Ada", "LastName": "Lovelace", "PersonEmail": "ap@birch.example",
        "Billing_Email__c": "ap@birch.example", "Stripe_Customer_Id__c": "cus_1",
    }  # fmt: skip
    of_hers = new_account(customer(name="Ada Lovelace", business_name="Oak"), wishes)
    assert (of_hers[0]["Name"], of_hers[1] and of_hers[1]["LastName"]) == ("Oak", "Lovelace")
    company, contact = new_account(customer(), wishes)
    assert (company["RecordTypeId"], contact is not None) == (RECORD_TYPE, True)


def test_a_name_is_as_long_as_salesforce_takes_it() -> None:
    assert len(str(new_account(customer(name="B" * 256))[0]["Name"])) == 255


def test_the_settings_are_checked_before_anything_runs() -> None:
    settings = load({"SELF_SERVE_OWNER_ID": OWNER, "SELF_SERVE_ACCOUNT_FIELDS": '{"Industry": "Technology"}'})
    assert settings.self_serve_account_fields == {"Industry": "Technology"}
    with pytest.raises(ConfigFault) as fault:
        load({"SELF_SERVE_OWNER_ID": "Ada", "SELF_SERVE_CONTACT_FIELDS": "[1]"})
    assert [line.partition(":")[0] for line in fault.value.faults] == [
        "SELF_SERVE_OWNER_ID", "SELF_SERVE_CONTACT_FIELDS",
    ]  # fmt: skip
