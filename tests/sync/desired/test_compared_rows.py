"""Rows of the CRM against what should stand in them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sync.crm import CrmRow
from sync.desired.compared_rows import NOTHING, Found, RowsView, rows_unlike
from sync.desired.differences import Cure, Difference, Kind

INVOICE = CrmRow(
    "Billing_Invoice__c", "Billing_Key__c", "in_1", {"Status__c": "Open", "Total__c": Decimal("10.00"), "As_Of__c": "now"}, "001A",
    {"Billing_Subscription__r": ("Billing_Subscription__c", "Billing_Key__c", "0Q0A")},
)  # fmt: skip
ACCOUNT = CrmRow("Account", "Id", "001A", {"MRR__c": Decimal("10.00"), "Payment_Method__c": None}, "001A")


def found(row: CrmRow, **fields: Any) -> Found:
    return Found(row.sobject, row.key, {**row.fields, **fields}, {r: p[2] for r, p in row.parents.items()})


def unlike(expected: list[CrmRow], there: list[Found], **more: Any) -> list[Difference]:
    return rows_unlike(RowsView("001A", expected, there, **more))


def test_rows_that_say_the_same_are_no_difference_however_they_say_it() -> None:
    there = [found(INVOICE, Total__c=Decimal("10.0"), As_Of__c="then"), found(ACCOUNT, Payment_Method__c="", MRR__c=10)]

    assert unlike([INVOICE, ACCOUNT], there) == []


def test_a_field_that_somebody_overwrote_is_told_by_name() -> None:
    there = found(ACCOUNT, MRR__c=Decimal(99))

    [one] = unlike([ACCOUNT], [there], told={("Account", "001A"): {"MRR__c": Decimal(10)}})

    assert (one.kind, one.field, one.expected, one.actual, one.actor) == (
        Kind.OVERWRITTEN,
        "MRR__c",
        "10",
        "99",
        "outside",
    )


def test_a_row_that_stands_as_we_left_it_is_behind_and_told_once() -> None:
    there = found(ACCOUNT, MRR__c=Decimal(9), Payment_Method__c="visa")

    [one] = unlike([ACCOUNT], [there], told={("Account", "001A"): {"MRR__c": Decimal(9), "Payment_Method__c": "visa"}})

    assert (one.kind, one.field, one.actor) == (Kind.BEHIND, "MRR__c, Payment_Method__c", "tandem")


def test_an_invoice_that_is_missing_or_unlike_is_a_kind_of_its_own() -> None:
    assert [d.kind for d in unlike([INVOICE], [])] == [Kind.INVOICE_MISSING]
    assert [d.kind for d in unlike([INVOICE], [found(INVOICE, Status__c="Paid")])] == [Kind.INVOICE_UNLIKE]
    assert [d.kind for d in unlike([ACCOUNT], [])] == [Kind.ROW_MISSING]


def test_a_row_under_another_parent_is_told() -> None:
    there = replace(found(INVOICE), parents={"Billing_Subscription__r": "0Q0B"})

    [one] = unlike([INVOICE], [there])

    assert (one.field, one.expected, one.actual) == ("Billing_Subscription__r", "0Q0A", "0Q0B")


@pytest.mark.parametrize("sobject", sorted(NOTHING))
def test_a_row_without_its_object_is_told_until_it_counts_for_nothing(sobject: str) -> None:
    counting = {
        name: Decimal(1) if isinstance(value, Decimal) else "Active" for name, value in NOTHING[sobject].items()
    }

    assert [d.kind for d in unlike([], [Found(sobject, "k", counting)])] == [Kind.ORPHAN_ROW]
    assert unlike([], [Found(sobject, "k", dict(NOTHING[sobject]))]) == []


def test_a_row_without_an_object_and_without_a_key_is_for_a_person_because_nothing_can_be_written_to_it() -> None:
    counting = {name: Decimal(1) for name in NOTHING["Billing_Payment__c"]}

    assert [d.cure for d in unlike([], [Found("Billing_Payment__c", "", counting)])] == [Cure.PERSON]
    assert [d.cure for d in unlike([], [Found("Billing_Payment__c", "k", counting)])] == [Cure.SAFE]


def test_what_is_on_its_way_is_left_alone() -> None:
    names = frozenset({("Account", "001A"), ("Billing_Invoice__c", "in_1")})

    assert unlike([ACCOUNT, INVOICE], [found(ACCOUNT, MRR__c=Decimal(1))], under_way=names) == []


@pytest.mark.parametrize(
    ("shown", "quotes", "told"),
    [(None, {"0Q0A"}, True), (None, set(), False), ("0Q0B", set(), True)],
    ids=["blank beside its quote", "blank as its quote is deleted", "another quote"],
)
def test_a_look_up_to_a_quote_that_is_deleted_is_blank_by_right(
    shown: str | None, quotes: set[str], told: bool
) -> None:
    row = CrmRow("Billing_Subscription__c", "Billing_Key__c", "0Q0A", {"Quote__c": "0Q0A"}, "001A")

    assert bool(unlike([row], [found(row, Quote__c=shown)], quotes=frozenset(quotes))) is told


def test_a_look_up_that_should_be_blank_and_is_not_is_told() -> None:
    row = CrmRow(
        "Billing_Subscription__c", "Billing_Key__c", "0Q0A", {"Renewed_By__c": None}, "001A", quiet=("Renewed_By__c",)
    )
    there = Found(row.sobject, row.key, {}, {"Renewed_By__r": "0Q0B"})

    [one] = unlike([row], [there])

    assert (one.field, one.expected, one.actual) == ("Renewed_By__r", "blank", "0Q0B")
    assert unlike([row], [replace(there, parents={})]) == []
