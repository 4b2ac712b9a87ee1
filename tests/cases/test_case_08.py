"""Case 08: two amendments that take effect on one day, in either order."""

import pytest

from tests.e2e.looks import billed, changes_nothing, live_through, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


@pytest.mark.parametrize(
    ("policy", "amounts", "order"),
    [
        ("Signed", [4_932, 7_397], "BA"),
        ("Stripe", [5_162, 7_742], "AB"),
        pytest.param("Signed", [4_932, 7_397], "AB", marks=pytest.mark.long),
        pytest.param("Stripe", [5_162, 7_742], "BA", marks=pytest.mark.long),
    ],
)
def test_two_amendments_of_one_day(world: World, tandem: Tandem, order: str, policy: str, amounts: list[int]) -> None:
    world.at("2026-04-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    deal = sell(
        world.crm, [(seat, 10, "50.00", {})],
        Start_Date__c="2026-05-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    settled(tandem)
    made = {}
    for name in order:
        quantity, signed = {"A": (3, "2026-04-02T09:00:00Z"), "B": (2, "2026-04-03T09:00:00Z")}[name]
        made[name] = change(
            world.crm, deal, [(seat, quantity, "50.00", {})],
            Start_Date__c="2026-05-16", Proration_Policy__c=policy, Signed_At__c=signed,
        )  # fmt: skip
        settled(tandem)
    [schedule] = world.stripe.all("subscription_schedules")
    starts = [phase["start_date"] for phase in schedule["phases"]]
    assert starts == [1777593600, 1778889600]
    assert [item["quantity"] for item in schedule["phases"][-1]["items"]] == [15]
    changes_nothing(tandem)

    world.at("2026-05-16T02:00")
    settled(tandem)
    live_through(world, tandem, "2026-06-02", days=17)

    assert billed(world) == [
        ("2026-05-01", 50_000), *(("2026-05-16", amount) for amount in amounts), ("2026-06-01", 75_000)
    ]  # fmt: skip
    rows = {name: quote_row(world, quote) for name, quote in made.items()}
    assert {row["Billing_Status__c"] for row in rows.values()} == {"Live"}
    assert rows["A"]["Billing_Reference__c"] != rows["B"]["Billing_Reference__c"]
    changes_nothing(tandem)
