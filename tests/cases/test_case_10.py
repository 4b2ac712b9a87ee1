"""Case 10: a ramp of three years, with a price a year."""

from decimal import Decimal

from tests.e2e.looks import billed, changes_nothing, live_through, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_each_year_bills_its_own_step(world: World, tandem: Tandem) -> None:
    world.at("2026-09-01")
    seat = world.crm.product("Seat", currencies=["USD"], period="Year")
    steps = [(50, "600.00", 2026), (75, "570.00", 2027), (100, "540.00", 2028)]
    lines = [
        (seat, quantity, price, {
            "Ramp_Key__c": "seats", "Start_Date__c": f"{year}-09-15", "End_Date__c": f"{year + 1}-09-14",
        })
        for quantity, price, year in steps
    ]  # fmt: skip
    quote = sell(world.crm, lines, Start_Date__c="2026-09-15", Term_Months__c=36, Billing_Frequency__c="Annual")
    settled(tandem)
    [schedule] = world.stripe.all("subscription_schedules")
    starts = [phase["start_date"] for phase in schedule["phases"]]
    assert [*starts, schedule["phases"][-1]["end_date"]] == [1789430400, 1820966400, 1852588800, 1884124800]
    assert "126,750.00 USD" in quote_row(world, quote)["Billing_Preview__c"]
    assert quote_row(world, quote)["Contract_Total__c"] == Decimal("126750")

    live_through(world, tandem, "2026-09-16", days=20)
    seen = [world.crm.row("Billing_Subscription__c", "ARR__c")["ARR__c"]]
    for year in (2027, 2028):
        live_through(world, tandem, f"{year}-09-14", days=400)
        before = world.crm.row("Billing_Subscription__c", "ARR__c")["ARR__c"]
        assert before == seen[-1]
        live_through(world, tandem, f"{year}-09-16", days=1)
        seen.append(world.crm.row("Billing_Subscription__c", "ARR__c")["ARR__c"])
    assert seen == [Decimal("30000"), Decimal("42750"), Decimal("54000")]

    live_through(world, tandem, "2029-10-01", days=200)
    assert billed(world) == [("2026-09-15", 3_000_000), ("2027-09-15", 4_275_000), ("2028-09-15", 5_400_000)]
    assert not any(
        line["parent"]["subscription_item_details"]["proration"]
        for invoice in world.stripe.all("invoices")
        for line in invoice["lines"]["data"]
    )
    changes_nothing(tandem)
