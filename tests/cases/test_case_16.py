"""Case 16: a one-time fee beside what recurs, which no amendment bills again."""

from decimal import Decimal

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row, seconds
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

REST = ["2026-12-01", *(f"2027-{m:02d}-01" for m in range(1, 11))]


def test_fee_is_billed_once_on_the_first_invoice(world: World, tandem: Tandem) -> None:
    world.at("2026-10-20")
    book = Book(world, tandem)
    seat, fee = book.product("Seat"), book.product("Implementation", charge="One-Time", period=None)
    for who in ("plain", "amended"):
        book.sell(
            who, [(seat, 15, "80.00", {}), (fee, 1, "2500.00", {})],
            Start_Date__c="2026-11-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
            Collection_Method__c="Send Invoice", Days_Until_Due__c=45, PO_Number__c="PO-2291",
        )  # fmt: skip
    book.live("2026-10-21", "2026-11-02")

    [invoice] = book.invoices("plain")
    assert (invoice["total"], invoice["due_date"] // 86400) == (370_000, seconds("2026-12-16") // 86400)
    row = world.crm.row("Billing_Invoice__c", "Total__c Due_On__c", f"Account__c = '{book.accounts['plain']}'")
    assert row == {"Total__c": Decimal("3700"), "Due_On__c": "2026-12-16"}
    assert book.row("plain", "MRR__c ARR__c") == (Decimal("1200"), Decimal("14400"))

    amendment = book.change("amended", [(seat, 1, "80.00", {})], Start_Date__c="2027-02-01")
    book.live("2027-01-20", "2027-02-02")
    assert book.row("amended", "MRR__c Quantity__c") == (Decimal("1280"), 16)
    book.live("2027-11-05")

    assert book.billed("plain") == [("2026-11-01", 370_000), *((day, 120_000) for day in REST)]
    assert sum(total for _, total in book.billed("plain")) == 1_690_000
    # One seat more from February on: nine invoices of 1,280.00 instead of 1,200.00
    assert book.billed("amended") == [
        ("2026-11-01", 370_000), *((day, 128_000 if day >= "2027-02-01" else 120_000) for day in REST)
    ]  # fmt: skip
    assert quote_row(world, amendment)["Contract_Total__c"] == Decimal("720")
    for who in ("plain", "amended"):
        assert book.shown(who) == book.billed(who), who
        assert all("PO-2291" in [f["value"] for f in i["custom_fields"] or []] for i in book.invoices(who)), who
    changes_nothing(tandem)
