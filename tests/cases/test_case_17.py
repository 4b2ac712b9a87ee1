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
LAST_USAGE = "Last_Usage__c Last_Usage_Amount__c"
#: What a month's use comes to: 900 x 0.99 + 250 x 0.79 for 1,250; those after it stand on the tiers' edges.
BY_TIER = {"06": (1_250, 108_850), "07": (100, 0), "08": (101, 99), "09": (1_000, 89_100), "10": (1_001, 89_179)}


def test_use_is_billed_in_arrears_by_its_tiers(world: World, tandem: Tandem) -> None:
    world.at("2026-05-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    by_tier, by_volume = book.by_use("resolution", TIERS), book.by_use("answer", TIERS, "Volume")
    terms = {"Start_Date__c": "2026-06-01", "Term_Months__c": 5, "Billing_Frequency__c": "Monthly"}
    for who, use in (("graduated", by_tier), ("volume", by_volume)):
        book.sell(who, [(seat, 10, "29.00", {}), (use, 1, "0", {})], **terms)
    book.live("2026-05-20T10:00", "2026-06-02")
    assert book.row("graduated", "MRR__c ARR__c Quantity__c") == (Decimal(290), Decimal(3480), 10)

    world.at("2026-07-01T00:30")  # July's invoice is a draft still
    assert book.row("graduated", LAST_USAGE) == (None, None)  # nothing was billed by use yet
    book.used("volume", "answer", 1_250, "2026-06-10T12:00:00")
    book.used("graduated", "resolution", 1_000, "2026-06-10T12:00:00", identifier="ten")
    with pytest.raises(DemoFailed):  # it counts once
        book.used("graduated", "resolution", 1_000, "2026-06-10T12:00:00", identifier="ten")
    book.used("graduated", "resolution", 250, "2026-06-30T23:59:59")
    book.used("graduated", "resolution", 100, "2026-07-01T00:00:00")
    book.live("2026-07-01T02:00")
    assert book.row("graduated", LAST_USAGE) == (Decimal(1_250), Decimal("1088.50"))
    assert book.row("volume", LAST_USAGE) == (Decimal(1_250), Decimal("987.50"))
    assert book.row("graduated", "MRR__c") == (Decimal(290),)
    for month in ("08", "09", "10"):
        world.at(f"2026-{month}-20")
        book.used("graduated", "resolution", BY_TIER[month][0], f"2026-{month}-10T12:00:00")
    book.live("2026-11-02")

    # Each month's seats with the use of the month before; at last the use of the last month, alone.
    assert book.billed("graduated") == [
        ("2026-06-01", SEATS), ("2026-07-01", 137_850), ("2026-08-01", SEATS), ("2026-09-01", SEATS + 99),
        ("2026-10-01", SEATS + 89_100), ("2026-11-01", 89_179),
    ]  # fmt: skip
    assert book.billed("volume")[1] == ("2026-07-01", SEATS + 98_750)  # 1,250 x 0.79
    assert book.shown("graduated") == book.billed("graduated")
    assert book.row("graduated", LAST_USAGE) == (Decimal(1_001), Decimal("891.79"))
    row = quote_row(world, book.deals["graduated"])
    assert (row["Contract_Total__c"], row["Billing_Status__c"]) == (Decimal(1450), "Ended")  # without usage
    assert "by use" in row["Billing_Preview__c"]
    changes_nothing(tandem)
