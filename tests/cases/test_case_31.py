"""Case 31, its variant: what is past is left out, the running month is billed, and so is the fee (main line: tests/e2e/test_deals.py)."""

from decimal import Decimal

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_periods_that_were_over_when_it_was_signed_are_left_out(world: World, tandem: Tandem) -> None:
    world.at("2026-04-10T09:00")
    book = Book(world, tandem)
    seat, fee = book.product("Seat"), book.product("Setup", charge="One-Time", period=None)
    terms = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    lines = [(seat, 10, "100.00", {})]
    book.sell("seats", lines, Skip_Past_Invoices__c=True, **terms)
    book.sell("with a fee", [*lines, (fee, 1, "250.00", {})], Skip_Past_Invoices__c=True, **terms)
    book.live("2026-04-10T12:00")
    preview = quote_row(world, book.deals["seats"])
    assert "First invoice 10 Apr 2026: 1,000.00 USD" in preview["Billing_Preview__c"]
    assert (preview["Contract_Total__c"], preview["First_Invoice_Amount__c"]) == (Decimal("10000"), Decimal("1000"))
    assert book.row("seats", "Start_Date__c MRR__c") == ("2026-02-01", Decimal("1000"))
    book.live("2027-02-02")

    # April, then nine more
    rest = [*((f"2026-{month:02d}-01", 100_000) for month in range(5, 13)), ("2027-01-01", 100_000)]
    assert book.billed("seats") == [("2026-04-10", 100_000), *rest]
    assert book.billed("with a fee") == [("2026-04-10", 125_000), *rest]
    assert book.shown("with a fee") == book.billed("with a fee")
    assert book.row("seats", "Status__c End_Date__c") == ("Canceled", "2027-01-31")
    changes_nothing(tandem)
