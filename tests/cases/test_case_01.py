"""Case 01: annual per seat, billed annually."""

from decimal import Decimal

from tests.e2e.looks import billed, changes_nothing, quote_row, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_annual_seats_are_billed_once_in_the_term(world: World, tandem: Tandem) -> None:
    world.at("2026-02-15")
    seat = world.crm.product("Seat", currencies=["USD"], period="Year")
    quote = sell(
        world.crm, [(seat, 25, "588.00", {})],
        Start_Date__c="2026-03-01", Term_Months__c=12, Billing_Frequency__c="Annual",
    )  # fmt: skip

    settled(tandem)

    [schedule] = world.stripe.all("subscription_schedules")
    assert _phases(schedule) == [(1772323200, 1803859200, 25)]
    assert schedule["status"] == "not_started"
    assert len(world.stripe.all("customers")) == 1
    assert len(world.stripe.all("products")) == 1
    [price] = world.stripe.all("prices")
    assert (price["unit_amount"], price["currency"]) == (58800, "usd")
    assert _months(price) == 12
    before = quote_row(world, quote)
    assert (before["Billing_Status__c"], before["Billing_Reference__c"]) == ("Scheduled", schedule["id"])
    assert (before["Contract_Total__c"], before["First_Invoice_Amount__c"]) == (Decimal("14700"), Decimal("14700"))
    assert "14,700.00" in before["Billing_Preview__c"]
    assert _row(world)["MRR__c"] == 0
    changes_nothing(tandem)

    world.at("2026-03-01T02:00")
    settled(tandem)

    assert billed(world) == [("2026-03-01", 1_470_000)]
    row = _row(world)
    assert (row["MRR__c"], row["ARR__c"]) == (Decimal("1225"), Decimal("14700"))
    assert (row["Start_Date__c"], row["End_Date__c"]) == ("2026-03-01", "2027-02-28")
    assert (row["Quote__c"], row["Stripe_Schedule_Id__c"], row["Status__c"]) == (quote, schedule["id"], "Active")
    assert row["Quantity__c"] == 25
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    [invoice] = shown_invoices(world)
    assert (invoice["Status__c"], invoice["Total__c"]) == ("Open", Decimal("14700"))
    assert (invoice["Period_Start__c"], invoice["Period_End__c"]) == ("2026-03-01", "2027-02-28")
    changes_nothing(tandem)

    world.at("2027-02-28T23:59")
    settled(tandem)
    assert billed(world) == [("2026-03-01", 1_470_000)]
    world.at("2027-03-02")
    settled(tandem)

    assert billed(world) == [("2026-03-01", 1_470_000)]
    assert quote_row(world, quote)["Billing_Status__c"] == "Ended"
    assert (_row(world)["Status__c"], _row(world)["MRR__c"]) == ("Canceled", 0)
    changes_nothing(tandem)


def _phases(schedule: dict) -> list[tuple[int, int, int]]:
    return [(p["start_date"], p["end_date"], i["quantity"]) for p in schedule["phases"] for i in p["items"]]


def _months(price: dict) -> int:
    recurring = price["recurring"]
    return recurring["interval_count"] * {"month": 1, "year": 12}[recurring["interval"]]


def _row(world: World) -> dict:
    fields = "MRR__c ARR__c Start_Date__c End_Date__c Quote__c Stripe_Schedule_Id__c Status__c Quantity__c"
    return world.crm.row("Billing_Subscription__c", fields)
