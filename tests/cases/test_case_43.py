"""Case 43: somebody lowers 10 seats to 8 in the Stripe Dashboard."""

from __future__ import annotations

from typing import Any

from sync.cli.output import Out
from sync.cli.reconcile import Asked, compare, let_stand, put_back
from sync.desired.differences import Kind
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

LEFT = 7


def test_seats_lowered_by_hand_are_put_back_by_one_write(world: World, tandem: Tandem) -> None:
    seat, deal = _running_deal(world, tandem)
    _lower(world)
    services, asked = tandem.services, _asked(repair=True)

    report = compare(services, [f"quote:{deal}"])

    [found] = [d for d in report.left if d.kind is Kind.CHANGED_IN_STRIPE]
    assert (found.field, found.expected, found.actual) == ("quantity of Seat", "10", "8")
    assert (found.mrr_minor, found.currency, found.actor) == (-20_000, "USD", "outside")
    assert {str(d.cure) for d in report.left if d is not found} <= {"safe"}  # the display, which is behind

    before = world.mark()
    amendment = change(world.crm, deal, [(seat, 1, "100.00", {})], Start_Date__c="2026-05-12")
    tandem.drain()
    assert quote_row(world, amendment)["Billing_Code__c"] == "DATA-219"  # it waits for the decision
    assert put_back(Out(True), services, compare(services, [f"quote:{deal}"]), asked) == LEFT  # rehearsed
    assert world.writes(before, "stripe") == []

    decided = _asked(repair=True, apply=True, reason="agreed with the customer")
    assert put_back(Out(True), services, compare(services, [f"quote:{deal}"]), decided) == 0
    assert [f"{e.method} {e.path}" for e in world.writes(before, "stripe")] == [
        f"POST /v1/subscription_schedules/{_schedule(world)['id']}"
    ]
    assert _seats(world) == 10
    entries = services.audit.entries(f"quote:{deal}")
    assert [e["action"] for e in entries] == ["reconcile.was_put_back", "reconcile.put_back"]

    settled(tandem)
    world.at("2026-05-12T02:00")
    settled(tandem)
    assert (quote_row(world, amendment)["Billing_Status__c"], _seats(world)) == ("Live", 11)
    assert compare(services, [f"quote:{deal}"]).differences == []
    changes_nothing(tandem)

    _lower(world)  # an agreement is used up: the same again has to be decided again
    tandem.drain()
    assert (quote_row(world, deal)["Billing_Code__c"], _seats(world)) == ("DATA-219", 8)


def test_seats_lowered_by_hand_stand_once_accepted_and_an_amendment_makes_them_the_contract(
    world: World, tandem: Tandem
) -> None:
    seat, deal = _running_deal(world, tandem)
    _lower(world)
    services = tandem.services
    tandem.drain()

    decided = _asked(accept=True, apply=True, reason="the amendment comes")
    assert let_stand(Out(True), services, [f"quote:{deal}"], decided) == 0

    [found] = compare(services, [f"quote:{deal}"]).differences
    assert found.decided.endswith("the amendment comes")
    before = world.mark()
    more = change(world.crm, deal, [(seat, 1, "100.00", {})], Start_Date__c="2026-05-12")
    tandem.drain()
    assert quote_row(world, more)["Billing_Code__c"] == "DATA-219"  # 10 + 1 is not 8 + 1: paper first
    fewer = change(
        world.crm,
        deal,
        [(seat, 2, "100.00", {"Change__c": "Remove"})],
        Start_Date__c="2026-05-10",
        Credit_Policy__c="None",
    )
    settled(tandem)
    assert quote_row(world, fewer)["Billing_Status__c"] == "Live"
    assert "items" not in str([e.params for e in world.writes(before, "stripe")][:1])  # nothing but who it belongs to

    world.at("2026-05-12T02:00")
    settled(tandem)
    assert (quote_row(world, more)["Billing_Status__c"], _seats(world)) == ("Live", 9)
    assert compare(services, [f"quote:{deal}"]).differences == []


def _running_deal(world: World, tandem: Tandem) -> tuple[dict[str, str], str]:
    world.at("2026-05-01T02:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Start_Date__c": "2026-05-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    deal = sell(world.crm, [(seat, 10, "100.00", {})], **terms)
    settled(tandem)
    assert compare(tandem.services, [f"quote:{deal}"]).differences == []
    world.at("2026-05-10T12:00")
    settled(tandem)
    return seat, deal


def _lower(world: World) -> None:
    [subscription] = world.stripe.all("subscriptions")
    [item] = subscription["items"]["data"]
    world.stripe.post(f"subscription_items/{item['id']}", quantity=8, proration_behavior="none")


def _seats(world: World) -> int:
    [subscription] = world.stripe.all("subscriptions")
    return sum(int(item["quantity"]) for item in subscription["items"]["data"])


def _schedule(world: World) -> dict[str, Any]:
    [schedule] = world.stripe.all("subscription_schedules")
    return schedule


def _asked(*, repair: bool = False, accept: bool = False, apply: bool = False, reason: str = "") -> Asked:
    return Asked(False, repair, accept, reason, None, None, apply)
