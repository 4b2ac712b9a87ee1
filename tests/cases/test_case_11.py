"""Case 11: a percent off one line leaves the other alone."""

from decimal import Decimal

from tests.e2e.looks import billed, changes_nothing, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_discount_of_one_line_touches_no_other(world: World, tandem: Tandem) -> None:
    world.at("2026-04-20")
    seat = world.crm.product("Seat", currencies=["USD"])
    flat = world.crm.product("Platform", currencies=["USD"])
    sell(
        world.crm, [(seat, 30, "49.00", {"Discount": 15}), (flat, 1, "200.00", {})],
        Start_Date__c="2026-05-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip

    settled(tandem)
    world.at("2026-05-01T02:00")
    settled(tandem)

    assert billed(world) == [("2026-05-01", 144_950)]
    [invoice] = world.stripe.all("invoices")
    lines = {line["quantity"]: _net(line) for line in world.stripe.all(f"invoices/{invoice['id']}/lines")}
    assert lines == {30: 124_950, 1: 20_000}
    [subscription] = world.stripe.all("subscriptions")
    assert subscription["discounts"] == []
    discounted = {item["quantity"]: len(item["discounts"]) for item in subscription["items"]["data"]}
    assert discounted[1] == 0
    row = world.crm.row("Billing_Subscription__c", "MRR__c ARR__c")
    assert row == {"MRR__c": Decimal("1449.5"), "ARR__c": Decimal("17394")}
    items = world.crm.rows("Billing_Subscription_Item__c", "Quantity__c MRR__c Discount__c", order="Quantity__c")
    assert items == [
        {"Quantity__c": 1, "MRR__c": Decimal("200"), "Discount__c": 0},
        {"Quantity__c": 30, "MRR__c": Decimal("1249.5"), "Discount__c": 15},
    ]
    [row] = shown_invoices(world)
    assert row["Total__c"] == Decimal("1449.5")
    changes_nothing(tandem)


def _net(line: dict) -> int:
    return line["amount"] - sum(d["amount"] for d in line["discount_amounts"])
