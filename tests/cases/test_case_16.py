"""Case 16 without its amendment: a one-time fee beside what recurs."""

from decimal import Decimal

from tests.e2e.looks import billed, changes_nothing, live_through, seconds, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

REST = [f"2026-{m:02d}-01" for m in (12,)] + [f"2027-{m:02d}-01" for m in range(1, 11)]


def test_fee_is_billed_once_on_the_first_invoice(world: World, tandem: Tandem) -> None:
    world.at("2026-10-20")
    seat = world.crm.product("Seat", currencies=["USD"])
    fee = world.crm.product("Implementation", currencies=["USD"], charge="One-Time", period=None)
    sell(
        world.crm, [(seat, 15, "80.00", {}), (fee, 1, "2500.00", {})],
        Start_Date__c="2026-11-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
        Collection_Method__c="Send Invoice", Days_Until_Due__c=45, PO_Number__c="PO-2291",
    )  # fmt: skip

    settled(tandem)
    world.at("2026-11-01T02:00")
    settled(tandem)

    [invoice] = world.stripe.all("invoices")
    assert (invoice["total"], invoice["due_date"] // 86400) == (370_000, seconds("2026-12-16") // 86400)
    assert "PO-2291" in [field["value"] for field in invoice["custom_fields"] or []]
    [row] = shown_invoices(world)
    assert (row["Total__c"], row["Due_On__c"]) == (Decimal("3700"), "2026-12-16")
    assert world.crm.row("Billing_Subscription__c", "MRR__c ARR__c") == {
        "MRR__c": Decimal("1200"),
        "ARR__c": Decimal("14400"),
    }
    changes_nothing(tandem)

    live_through(world, tandem, "2027-11-05", days=25)

    assert billed(world) == [("2026-11-01", 370_000), *((day, 120_000) for day in REST)]
    assert sum(total for _, total in billed(world)) == 1_690_000
    assert len(shown_invoices(world)) == 12
    assert all("PO-2291" in [f["value"] for f in i["custom_fields"] or []] for i in world.stripe.all("invoices"))
    changes_nothing(tandem)
