"""An Amendment on which a later one rests: looked at again, it is judged as it was when it came."""

from __future__ import annotations

import pytest

from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


def test_what_a_later_amendment_takes_off_does_not_refuse_the_one_that_added_it(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    deal = sell(
        world.crm, [(seat, 10, "50.00", {})],
        Start_Date__c="2026-02-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    settled(tandem)
    added = change(world.crm, deal, [(seat, 2, "40.00", {})], Start_Date__c="2026-03-01")
    settled(tandem)
    taken = change(world.crm, deal, [(seat, 2, "40.00", {"Change__c": "Remove"})], Start_Date__c="2026-05-01")
    settled(tandem)

    rows = [quote_row(world, quote) for quote in (added, taken)]
    assert [row["Billing_Status__c"] for row in rows] == ["Scheduled", "Scheduled"]
    # 11 months of 2 x 40.00, of which the later one takes off 9
    assert [row["Contract_Total__c"] for row in rows] == [880, -720]
    changes_nothing(tandem)
