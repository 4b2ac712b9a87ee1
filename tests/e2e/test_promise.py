"""What Stripe bills is held against what was promised: a draft that differs is held, and people are told both numbers."""

from __future__ import annotations

from tests.e2e.looks import quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def _running_deal(world: World, tandem: Tandem) -> str:
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(
        world.crm, [(seat, 10, "50.00", {})],
        Start_Date__c="2026-02-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    settled(tandem)
    world.at("2026-02-01T02:00")
    settled(tandem)
    return quote


def _issues(world: World) -> list[dict[str, object]]:
    return world.crm.rows("Billing_Issue__c", "Code__c Status__c Detail__c Sum__c Reference__c Quote__c")


def test_an_invoice_as_promised_is_left_alone(world: World, tandem: Tandem) -> None:
    quote = _running_deal(world, tandem)
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    assert _issues(world) == []


def test_a_draft_unlike_the_preview_is_held_and_told_with_both_numbers_until_it_is_settled(
    world: World, tandem: Tandem
) -> None:
    quote = _running_deal(world, tandem)
    [subscription] = world.stripe.all("subscriptions")
    item = world.stripe.post(
        "invoiceitems", customer=subscription["customer"], subscription=subscription["id"], amount=777, currency="usd"
    )
    world.at("2026-03-01T00:10")
    tandem.drain()

    draft = next(i for i in world.stripe.all("invoices") if i["status"] == "draft")
    assert (draft["auto_advance"], draft["total"]) == (False, 50_777)
    row = quote_row(world, quote)
    assert (row["Billing_Status__c"], row["Billing_Code__c"]) == ("With Billing Team", "BUG-503")
    assert "promised 500.00 USD, on the invoice 507.77 USD" in row["Billing_Message__c"]
    [issue] = _issues(world)
    assert (issue["Code__c"], issue["Status__c"], issue["Reference__c"]) == ("BUG-503", "Open", draft["id"])
    before = world.mark()
    tandem.drain()
    assert world.writes(before) == []

    world.stripe.post(f"invoiceitems/{item['id']}", amount=0)
    world.at("2026-03-01T03:00")
    settled(tandem)
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    assert [issue["Status__c"] for issue in _issues(world)] == ["Closed"]
    world.at("2026-03-01T06:00")
    settled(tandem)
    assert world.stripe.get(f"invoices/{draft['id']}")["status"] == "open"


def test_an_amendment_waits_where_somebody_changed_the_seats_in_stripe(world: World, tandem: Tandem) -> None:
    quote = _running_deal(world, tandem)
    [subscription] = world.stripe.all("subscriptions")
    [item] = subscription["items"]["data"]
    world.stripe.post(f"subscription_items/{item['id']}", quantity=8, proration_behavior="none")
    tandem.drain()
    assert quote_row(world, quote)["Billing_Code__c"] == "DATA-219"
    before = world.mark()
    [entry] = world.crm.rows("PricebookEntry", "Id Pricebook2Id")
    seat = {"book": entry["Pricebook2Id"], "USD": entry["Id"]}
    amendment = change(world.crm, quote, [(seat, 1, "50.00", {})], Start_Date__c="2026-02-15")
    tandem.drain()

    row = quote_row(world, amendment)
    assert (row["Billing_Status__c"], row["Billing_Code__c"]) == ("With Billing Team", "DATA-219")
    assert [e for e in world.writes(before) if e.system == "stripe"] == []
