"""The words of the Task that an Account's owner gets when an issue opens."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sync import catalogue
from sync.crm import CrmRow
from sync.desired.owner_task import CLOSING, LONGEST_SUBJECT, owner_task

TODAY = date(2026, 3, 1)
ACCOUNT = "001000000000001AAA"
QUOTE = "0Q0000000000001AAA"


def issue(key: str = "DATA-218:in_1", currency: str = "USD", **fields: object) -> CrmRow:
    given = {
        "Code__c": "DATA-218",
        "Title__c": "Invoice A-7: payment failed",
        "Detail__c": "The card was declined.",
        "Account__c": ACCOUNT,
        "Sum__c": Decimal("1234.50"),
        "Status__c": "Open",
    }
    return CrmRow("Billing_Issue__c", "Billing_Key__c", key, {**given, **fields}, ACCOUNT, currency=currency)


def test_a_task_says_what_it_is_about_and_ends_in_the_key_of_its_issue() -> None:
    task = owner_task(issue(), TODAY, None)
    assert task is not None
    assert (task.sobject, task.key_field, task.group) == ("Task", "Subject", ACCOUNT)
    assert task.key == "DATA-218 Invoice A-7: payment failed - DATA-218:in_1"
    description = str(task.fields.pop("Description"))  # type: ignore[attr-defined]
    assert task.fields == {
        "WhatId": ACCOUNT, "ActivityDate": "2026-03-01", "Priority": "Normal", "Status": "Not Started",
    }  # fmt: skip
    title, detail, fix, total, closing = description.split("\n\n")
    assert (title, detail) == ("Invoice A-7: payment failed", "The card was declined.")
    assert fix == catalogue.entry("DATA-218").fix
    assert (total, closing) == ("Sum: 1,234.50 USD", CLOSING)


def test_an_issue_that_opens_again_has_a_task_of_its_own() -> None:
    tasks = [owner_task(issue(), TODAY, over) for over in (None, {"Closed_At__c": "2026-02-01T00:00:00Z"}, {})]
    subjects = [task.key for task in tasks if task]
    assert len(set(subjects)) == 3
    assert subjects[1].endswith("payment failed (again after 2026-02-01T00:00:00Z) - DATA-218:in_1")


def test_a_subject_is_never_longer_than_its_field_and_keeps_the_key() -> None:
    task = owner_task(issue(Title__c="long " * 100), TODAY, {"Closed_At__c": "2026-02-01T00:00:00Z"})
    assert task is not None
    assert len(task.key) <= LONGEST_SUBJECT
    assert task.key.endswith("Z) - DATA-218:in_1")
    longest = owner_task(issue("k" * 255), TODAY, None)
    assert longest is not None
    assert longest.key == "k" * 255


def test_a_dispute_is_pressing_and_a_sum_keeps_its_currency_s_decimals() -> None:
    task = owner_task(issue(currency="JPY", Code__c="DATA-226", Sum__c=Decimal(5000)), TODAY, None)
    assert task is not None
    assert task.fields["Priority"] == "High"
    assert "Sum: 5,000 JPY" in str(task.fields["Description"])
    without = owner_task(issue(currency="", Sum__c=None), TODAY, None)
    assert without is not None
    assert "Sum" not in str(without.fields["Description"])


def test_an_issue_without_an_account_is_told_on_its_quote_and_one_without_either_to_nobody() -> None:
    task = owner_task(issue(Account__c=None, Quote__c=QUOTE), TODAY, None)
    assert task is not None
    assert task.fields["WhatId"] == QUOTE
    assert owner_task(issue(Account__c=None), TODAY, None) is None
