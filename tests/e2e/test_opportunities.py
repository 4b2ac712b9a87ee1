"""An Opportunity from a refused quote to a deal that was changed and has ended."""

from __future__ import annotations

from decimal import Decimal

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

FIELDS = "Billing_Status__c Contracted_Amount__c Billed_Amount__c Billing_Note__c"


def test_an_opportunity_says_what_was_contracted_and_what_is_billed(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    book = Book(world, tandem)
    seat = book.product("Seat")
    terms = {"Start_Date__c": "2026-02-01", "Term_Months__c": 3, "Billing_Frequency__c": "Monthly"}
    quote = book.sell("Oak", [(seat, 10, "50.00", {})], **terms)
    world.crm.change("Account", book.accounts["Oak"], Billing_Email__c=None)
    assert len(tandem.drain().failed) == 1
    row = _shown(world, quote)
    assert (row[0], row[2]) == ("Needs Attention", None)
    assert row[3].startswith("Needs Attention: We can't send the invoice")

    world.crm.change("Account", book.accounts["Oak"], Billing_Email__c="ap@oak.example")
    settled(tandem)
    assert _shown(world, quote) == ("Scheduled", Decimal(1500), Decimal(0), "Scheduled: 0.00 of 1,500.00 USD billed.")
    book.live("2026-02-02")
    assert _shown(world, quote) == ("Live", Decimal(1500), Decimal(500), "Live: 500.00 of 1,500.00 USD billed.")

    change = book.change("Oak", [(seat, 2, "50.00", {})], Start_Date__c="2026-03-01")
    book.live("2026-02-03", "2026-03-02")
    assert _shown(world, quote) == ("Live", Decimal(1700), Decimal(1100), "Live: 1,100.00 of 1,700.00 USD billed.")
    assert _shown(world, change) == (
        "Live", Decimal(200), None, "Live: a change of 200.00, billed with the deal that it changes.",
    )  # fmt: skip
    book.live("2026-04-02", "2026-05-02")
    assert _shown(world, quote) == ("Ended", Decimal(1700), Decimal(1700), "Ended: 1,700.00 of 1,700.00 USD billed.")
    changes_nothing(tandem)


def _shown(world: World, quote: str) -> tuple[str, Decimal | None, Decimal | None, str]:
    opportunity = world.crm.row("Quote", "OpportunityId", f"Id = '{quote}'")["OpportunityId"]
    row = world.crm.row("Opportunity", FIELDS, f"Id = '{opportunity}'")
    return row["Billing_Status__c"], row["Contracted_Amount__c"], row["Billed_Amount__c"], row["Billing_Note__c"]
