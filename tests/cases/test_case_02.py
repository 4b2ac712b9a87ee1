"""Case 02: annual term billed monthly; the line's price is for the whole term."""

from decimal import Decimal

from tests.e2e.looks import billed, changes_nothing, live_through, quote_row, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

FIRSTS = [f"2026-{month:02d}-01" for month in range(1, 13)]


def test_price_of_a_term_is_billed_in_twelve_parts(world: World, tandem: Tandem) -> None:
    world.at("2025-12-10")
    seat = world.crm.product("Seat", currencies=["USD"], period="Term")
    quote = sell(
        world.crm, [(seat, 40, "468.00", {})],
        Start_Date__c="2026-01-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip

    settled(tandem)
    world.at("2026-01-01T02:00")
    settled(tandem)

    [price] = world.stripe.all("prices")
    assert (price["unit_amount"], price["recurring"]["interval"], price["recurring"]["interval_count"]) == (
        3900,
        "month",
        1,
    )
    row = world.crm.row("Billing_Subscription__c", "MRR__c ARR__c End_Date__c Status__c")
    assert row == {
        "MRR__c": Decimal("1560"),
        "ARR__c": Decimal("18720"),
        "End_Date__c": "2026-12-31",
        "Status__c": "Active",
    }
    assert quote_row(world, quote)["Contract_Total__c"] == Decimal("18720")
    account = world.crm.row("Account", "MRR__c ARR__c Next_Invoice_Date__c Next_Invoice_Amount__c Open_Balance__c")
    assert account == {
        "MRR__c": Decimal("1560"), "ARR__c": Decimal("18720"), "Next_Invoice_Date__c": "2026-02-01",
        "Next_Invoice_Amount__c": Decimal("1560"), "Open_Balance__c": Decimal("1560"),
    }  # fmt: skip
    changes_nothing(tandem)

    live_through(world, tandem, "2027-01-05", days=20)

    assert billed(world) == [(day, 156_000) for day in FIRSTS]
    assert [(i["Issued_On__c"], i["Total__c"]) for i in shown_invoices(world)] == [
        (day, Decimal("1560")) for day in FIRSTS
    ]
    assert sum(total for _, total in billed(world)) == 1_872_000
    changes_nothing(tandem)
