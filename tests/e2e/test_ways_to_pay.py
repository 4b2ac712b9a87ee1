"""The ways to pay that a quote chooses hold for every invoice of its deal, whoever made it."""

from __future__ import annotations

from typing import Any

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_every_invoice_of_a_deal_is_paid_in_the_ways_that_its_quote_chose(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    terms: dict[str, Any] = {"Term_Months__c": 12, "Billing_Frequency__c": "Monthly", "Payment_Methods__c": "Card;ACH"}
    book.sell("ahead", [(seat, 10, "10.00", {})], Start_Date__c="2026-02-01", **terms)
    book.sell("begun", [(seat, 10, "10.00", {})], Start_Date__c="2026-01-01", **terms)
    book.sell("blank", [(seat, 10, "10.00", {})], Start_Date__c="2026-02-01", **terms | {"Payment_Methods__c": None})
    book.live("2026-01-10T10:00", "2026-02-01T00:10")
    assert "can be paid by card, us bank account only" in quote_row(world, book.deals["ahead"])["Billing_Preview__c"]
    book.live("2026-02-01", "2026-03-01")
    expected = {
        "ahead": (["card", "us_bank_account"], 2),
        "begun": (["card", "us_bank_account"], 3),
        "blank": (None, 2),
    }
    for who, (types, many) in expected.items():
        found = [invoice["payment_settings"]["payment_method_types"] for invoice in book.invoices(who)]
        assert found == [types] * many, who
    book.change("ahead", [(seat, 2, "10.00", {})], Start_Date__c="2026-03-10", Payment_Methods__c="ACH;Card")
    book.live("2026-03-10", "2026-04-01")
    stated = [invoice["payment_settings"]["payment_method_types"] for invoice in book.invoices("ahead")]
    assert stated == [["card", "us_bank_account"]] * 4
    changes_nothing(tandem)
