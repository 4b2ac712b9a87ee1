"""Case 17: seats in advance and resolutions in tiers, in arrears."""

from decimal import Decimal

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from workers.demo.actors import DemoFailed

TIERS = [(100, "0", None), (1000, "0.99", None), (None, "0.79", None)]
SEATS = 29_000
#: What June's use comes to beside the seats: 900 x 0.99 + 250 x 0.79; by volume 1,250 x 0.79.
USED = {"100": 0, "101": 99, "1000": 89_100, "1001": 89_179, "1250": 108_850, "volume": 98_750}


def test_use_is_billed_in_arrears_by_its_tiers(world: World, tandem: Tandem) -> None:
    world.at("2026-05-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    by_tier, by_volume = book.by_use("resolution", TIERS), book.by_use("volume", TIERS, "Volume")
    for who in USED:
        use = by_volume if who == "volume" else by_tier
        book.sell(
            who, [(seat, 10, "29.00", {}), (use, 1, "0", {})],
            Start_Date__c="2026-06-01", Term_Months__c=3, Billing_Frequency__c="Monthly",
        )  # fmt: skip
    book.live("2026-05-20T10:00", "2026-06-02")
    assert book.row("1250", "MRR__c ARR__c Quantity__c") == (Decimal(290), Decimal(3480), 10)

    world.at("2026-07-01T00:30")  # the first of July's invoices is a draft still
    for who in ("100", "101", "1000", "1001"):
        book.used(who, "resolution", int(who), "2026-06-10T12:00:00")
    book.used("volume", "volume", 1_250, "2026-06-10T12:00:00")
    book.used("1250", "resolution", 1_000, "2026-06-10T12:00:00", identifier="ten")
    with pytest.raises(DemoFailed):
        book.used("1250", "resolution", 1_000, "2026-06-10T12:00:00", identifier="ten")
    book.used("1250", "resolution", 250, "2026-06-30T23:59:59")
    book.used("1250", "resolution", 105, "2026-07-01T00:00:00")
    book.live("2026-07-01", "2026-09-02")

    for who, use in USED.items():
        july = 5 * 99 if who == "1250" else 0
        # Seats for June; those for July with June's use; August with July's; August's use, with nothing more.
        invoices = [("2026-06-01", SEATS), ("2026-07-01", SEATS + use), ("2026-08-01", SEATS + july)]
        assert book.billed(who) == [*invoices, ("2026-09-01", 0)], who
        assert book.shown(who) == book.billed(who), who
        row = quote_row(world, book.deals[who])
        assert row["Contract_Total__c"] == Decimal("870"), who  # without usage
        assert "by use" in row["Billing_Preview__c"], who
    changes_nothing(tandem)
