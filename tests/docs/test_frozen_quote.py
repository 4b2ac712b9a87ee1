"""What docs/billing-rules.md says of a signed quote: billed as signed, sent to today's addressee."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sync import mapping
from sync.crm import QuoteGraph
from sync.deal.forecast import forecast
from sync.deal.policy import BillingPolicy
from sync.desired.frozen import as_signed, changed_since, from_json, to_json
from sync.errors import Refusal
from sync.quotes.standard import read_quote
from sync.run import late
from sync.run.rows import Rows
from tests.sync.deal.factory import ACCOUNT, EARLY, SEATS, a_graph, a_line

SIGNED = a_graph(a_line(unit_price=Decimal("100.00")))
API_NAMES = Rows(mapping.load()).api_names()


def late_change(signed: QuoteGraph, present: QuoteGraph) -> Refusal | None:
    """What the quote would be told, in Salesforce's own field names."""
    return late.late_change(signed, present, API_NAMES)


def test_what_is_kept_of_a_quote_comes_back_whole() -> None:
    assert from_json(to_json(SIGNED)) == SIGNED


def test_a_price_changed_after_the_signature_is_not_billed_and_is_told() -> None:
    present = replace(SIGNED, lines=(a_line(unit_price=Decimal("90.00")),))

    deal = read_quote(as_signed(SIGNED, present), BillingPolicy(), EARLY)
    told = late_change(SIGNED, present)

    assert forecast(deal, EARLY).total == 1_200_000
    assert told is not None
    assert (told.code, told.field, told.record_id) == ("DATA-221", "UnitPrice", SIGNED.lines[0].id)
    assert "100.00" in told.message
    assert "90.00" in told.message
    assert told.message.endswith("Nothing was charged for the change.")


def test_every_field_that_was_changed_is_named_with_the_record_as_its_page_shows_it() -> None:
    quote = replace(SIGNED.quote, po_number="PO-9", billing_frequency="Annual")
    told = late_change(SIGNED, replace(SIGNED, quote=quote, lines=(a_line(quantity=Decimal("4.0")),)))

    assert told is not None
    line = SIGNED.lines[0].line_number or SIGNED.lines[0].id
    for said in (
        f"Quote {SIGNED.quote.number}: Billing_Frequency__c was",
        f"Quote {SIGNED.quote.number}: PO_Number__c was blank when it was signed and is PO-9 now.",
        f'Line {line} "{SEATS.name}": Quantity was 10 when it was signed and is 4 now.',
    ):
        assert said in told.message


def test_a_quote_that_was_deleted_is_said_to_be_restored() -> None:
    told = late_change(SIGNED, replace(SIGNED, quote=replace(SIGNED.quote, is_deleted=True)))

    assert told is not None
    assert "It was deleted." in told.message
    assert "recycle bin" in told.message


def test_invoices_go_to_todays_address_and_boundaries_stay_as_signed() -> None:
    moved = replace(ACCOUNT, billing_email="new@acme.example", billing_timezone="America/Los_Angeles")
    present = replace(SIGNED, account=moved)

    deal = read_quote(as_signed(SIGNED, present), BillingPolicy(), EARLY)

    assert deal.payer.email == "new@acme.example"
    assert deal.timezone == "UTC"
    assert changed_since(SIGNED, present) == ()


def test_a_product_switched_off_and_renamed_bills_on_under_its_new_name() -> None:
    product = replace(SEATS, name="Pro Plus", is_active=False, charge_type="One-Time")
    present = replace(SIGNED, products={SEATS.id: product})

    deal = read_quote(as_signed(SIGNED, present), BillingPolicy(), EARLY)

    assert [line.product.name for line in deal.lines] == ["Pro Plus"]
    assert forecast(deal, EARLY).total == 1_200_000


def test_a_line_added_or_removed_afterwards_is_told() -> None:
    added = late_change(SIGNED, replace(SIGNED, lines=(*SIGNED.lines, a_line(2))))
    removed = late_change(SIGNED, replace(SIGNED, lines=()))

    assert added is not None
    assert "is added now" in added.message
    assert removed is not None
    assert "is removed now" in removed.message


def test_taking_back_the_acceptance_is_told() -> None:
    told = late_change(SIGNED, replace(SIGNED, quote=replace(SIGNED.quote, status="Draft")))

    assert told is not None
    assert told.field == "Status"
