"""When two states of a CRM row are the same."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sync.crm import CrmRow
from sync.store.crm_content import content_of, hash_of, parents_of, rank_of, row_from
from tests.sync.store.samples import invoice_row, payment_row

VALUES = (
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False, places=3)
)


def same(one: CrmRow, other: CrmRow) -> bool:
    return hash_of(content_of(one)) == hash_of(content_of(other))


@given(st.dictionaries(st.text(), VALUES))
def test_a_row_survives_being_kept_and_says_the_same_after(fields: dict[str, object]) -> None:
    row = invoice_row(fields=fields)
    kept = row_from(row.sobject, row.key, content_of(row))
    assert kept == row
    assert same(kept, row)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2))
def test_how_a_number_is_written_does_not_matter(amount: Decimal) -> None:
    longer = amount.quantize(Decimal("0.00001")) if abs(amount) < Decimal("1e20") else amount
    assert same(invoice_row(fields={"T": amount}), invoice_row(fields={"T": longer}))


def test_zero_is_zero_and_a_whole_number_is_a_whole_number() -> None:
    assert same(invoice_row(fields={"T": Decimal("-0.00")}), invoice_row(fields={"T": 0}))
    assert same(invoice_row(fields={"T": 12}), invoice_row(fields={"T": Decimal("12.0")}))
    assert not same(invoice_row(fields={"T": 1}), invoice_row(fields={"T": True}))
    assert not same(invoice_row(fields={"T": "1"}), invoice_row(fields={"T": 1}))


def test_a_blank_is_not_a_missing_field() -> None:
    assert not same(invoice_row(fields={"T": None}), invoice_row(fields={}))


def test_the_order_of_fields_does_not_matter_but_a_parent_does() -> None:
    assert same(invoice_row(fields={"A": 1, "B": 2}), invoice_row(fields={"B": 2, "A": 1}))
    assert not same(payment_row(invoice="in_1"), payment_row(invoice="in_2"))
    assert parents_of(content_of(payment_row())) == ["Billing_Invoice__c:in_1"]


def test_objects_not_named_come_last() -> None:
    assert rank_of("Account") < rank_of("Billing_Issue__c") < rank_of("Product2") == rank_of("QuoteLineItem")
