"""Case 06: seats added in the middle of an annual term."""

from decimal import Decimal

import pytest

from tests.e2e.looks import billed, changes_nothing, live_through, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


@pytest.mark.parametrize(
    ("policy", "amount"), [("Signed", 300_000), ("Stripe", 302_465), pytest.param("None", 0, marks=pytest.mark.long)]
)
def test_added_seats_are_billed_on_their_day_and_arr_moves_on_it(
    world: World, tandem: Tandem, policy: str, amount: int
) -> None:
    world.at("2025-12-20")
    seat = world.crm.product("Seat", currencies=["USD"], period="Year")
    deal = sell(
        world.crm, [(seat, 10, "1200.00", {})],
        Start_Date__c="2026-01-01", Term_Months__c=12, Billing_Frequency__c="Annual",
    )  # fmt: skip
    settled(tandem)
    live_through(world, tandem, "2026-01-02", days=20)
    [first] = world.stripe.all("invoices")
    world.stripe.post(f"invoices/{first['id']}/pay", paid_out_of_band="true")
    live_through(world, tandem, "2026-06-10", days=90)
    amendment = change(
        world.crm, deal, [(seat, 5, "1200.00", {})], Start_Date__c="2026-07-01", Proration_Policy__c=policy
    )
    settled(tandem)
    assert quote_row(world, amendment)["Billing_Status__c"] == "Scheduled"
    assert world.crm.row("Account", "ARR__c")["ARR__c"] == Decimal("12000")
    changes_nothing(tandem)

    live_through(world, tandem, "2026-07-02", days=30)

    expected = [("2026-01-01", 1_200_000)] + ([("2026-07-01", amount)] if amount else [])
    assert [(day, total) for day, total in billed(world)] == _dated(expected)
    [subscription] = world.stripe.all("subscriptions", status="all")
    assert [item["quantity"] for item in subscription["items"]["data"]] == [15]
    row = world.crm.row("Billing_Subscription__c", "ARR__c Quantity__c Status__c")
    assert row == {"ARR__c": Decimal("18000"), "Quantity__c": 15, "Status__c": "Active"}
    assert quote_row(world, amendment)["Billing_Status__c"] == "Live"
    changes_nothing(tandem)

    live_through(world, tandem, "2027-01-03", days=200)
    assert len(billed(world)) == len(expected)
    assert quote_row(world, amendment)["Billing_Status__c"] == "Ended"


def _dated(expected: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """What is stated for 1 July is made when Tandem is drained on the 2nd, as the clock went."""
    return [(day if day == "2026-01-01" else "2026-07-02", amount) for day, amount in expected]
