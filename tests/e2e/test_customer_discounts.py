"""Discounts of a customer as a whole: they show on what was bought on the web site, and never come off a signed deal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

ROW = "MRR__c Contracted_MRR__c Channel__c Status__c"


def _customer(world: World) -> tuple[str, str]:
    """An Account and the customer of the same company, with five seats at 39.00 a month bought on 10 January."""
    world.at("2026-01-10")
    account = world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    return account, plan["customer"]


def _give(world: World, customer: str, **terms: Any) -> str:
    """A person gives the customer a discount in Stripe; returns the coupon."""
    coupon: str = world.stripe.post("coupons", form={"duration": "forever", **terms})["id"]
    world._ask("POST", "customer_discounts", {"customer": customer, "coupon": coupon})
    return coupon


def _agrees(tandem: Tandem) -> None:
    report = tandem.services.pipeline.nightly.sweep.run("test", heal=False)
    told = [f"{d.kind}: {d.record} {d.field}: {d.expected}, not {d.actual}" for d in report.differences]
    assert told == []


def _totals(world: World, customer: str) -> list[int]:
    return [i["total"] for i in world.stripe.all("invoices", customer=customer)][::-1]


@pytest.mark.long
def test_a_backfill_counts_coupons_that_were_deleted_long_ago(world: World, tandem: Tandem) -> None:
    _, customer = _customer(world)
    [plan] = world.stripe.all("subscriptions")
    coupons = [world.stripe.post("coupons", percent_off="10", duration="forever")["id"] for _ in range(2)]
    item = plan["items"]["data"][0]["id"]
    world.stripe.post(f"subscription_items/{item}", form={"discounts[0][coupon]": coupons[0]})
    coupons.append(_give(world, customer, percent_off="20"))
    for coupon in coupons:
        world.stripe.delete(f"coupons/{coupon}")
    assert tandem.services.backfill().run().complete
    assert world.crm.row("Billing_Subscription__c", ROW)["MRR__c"] == Decimal("140.40")  # 195.00 less 10 %, less 20 %
    mark = world.mark()
    assert tandem.services.backfill().run().complete
    assert [e.path for e in world.log(mark) if e.by_tandem and e.path.endswith("subscription_items")] == []


@pytest.mark.long
def test_a_discount_of_the_customer_shows_on_the_plan_and_stays_off_the_deal_that_takes_it_over(
    world: World, tandem: Tandem
) -> None:
    account, customer = _customer(world)
    settled(tandem)
    coupon = _give(world, customer, percent_off="20")
    settled(tandem)
    assert world.crm.row("Billing_Subscription__c", ROW)["MRR__c"] == Decimal("156")
    shown = world.crm.row("Account", "MRR__c Next_Invoice_Amount__c", f"Id = '{account}'")
    assert (shown["MRR__c"], shown["Next_Invoice_Amount__c"]) == (Decimal("156"), Decimal("156"))
    world.stripe.delete(f"coupons/{coupon}")  # what was redeemed goes on

    world.at("2026-01-20")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = world.crm.quote(
        "Birch", account, "USD", [(seat, 10, "50.00", {})], Start_Date__c="2026-02-20", Term_Months__c=12,
        Billing_Frequency__c="Monthly", Collection_Method__c="Charge Automatically", Billing_Request__c="Check",
    )  # fmt: skip
    settled(tandem)
    preview = quote_row(world, quote)["Billing_Preview__c"]
    assert "discount in Stripe" in preview
    assert "does not come off this deal's invoices" in preview
    # Of 28 days from 10 February, 18 are not used: 156.00 x 18 / 28.
    assert "100.29 USD, which leaves 399.71 USD" in preview
    world.crm.accept(quote)
    settled(tandem)
    _agrees(tandem)

    for day in ("2026-02-10T02:00", "2026-02-20T00:10", "2026-02-20T02:00", "2026-03-20T02:00"):
        world.at(day)
        settled(tandem)
    assert _totals(world, customer) == [19_500, 15_600, 50_000 - 10_029, 50_000]
    assert world.crm.row("Billing_Subscription__c", ROW) == {
        "MRR__c": Decimal("500"), "Contracted_MRR__c": Decimal("500"), "Channel__c": "Sales-Led", "Status__c": "Active",
    }  # fmt: skip
    assert [r["Code__c"] for r in world.crm.rows("Billing_Issue__c", "Code__c")] == []
    _agrees(tandem)
    changes_nothing(tandem)


def test_a_deal_without_an_end_waits_until_the_customer_has_no_discount_and_one_given_later_holds_its_invoice(
    world: World, tandem: Tandem
) -> None:
    account, customer = _customer(world)
    coupon = _give(world, customer, percent_off="20")
    settled(tandem)
    world.at("2026-01-20T09:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    mark = world.mark()
    quote = sell(
        world.crm, [(seat, 10, "50.00", {})], account=account, Start_Date__c="2026-01-20", Auto_Renew__c=True,
        Billing_Frequency__c="Monthly",
    )  # fmt: skip
    tandem.drain()
    row = quote_row(world, quote)
    assert (row["Billing_Status__c"], row["Billing_Code__c"]) == ("Needs Attention", "DATA-238")
    for words in (customer, coupon, "End_Date__c"):
        assert words in row["Billing_Message__c"]
    assert world.writes(mark, "stripe") == []

    world.stripe.delete(f"customers/{customer}/discount")
    settled(tandem)
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    deal = [i["total"] for i in world.stripe.all("invoices", customer=customer) if i["metadata"].get("tandem_deal")]
    assert deal == [50_000 - 13_210]  # less 21 of 31 days of the plan that it takes over

    _give(world, customer, percent_off="50")
    settled(tandem)
    world.at("2026-02-20T00:10")
    tandem.drain()
    [draft] = [i for i in world.stripe.all("invoices", customer=customer) if i["status"] == "draft"]
    assert (draft["total"], draft["auto_advance"]) == (25_000, False)
    row = quote_row(world, quote)
    assert row["Billing_Code__c"] == "BUG-503"
    assert "remove the discount from the customer" in row["Billing_Message__c"]
    [found] = tandem.services.pipeline.nightly.sweep.run("test", heal=False).differences[:1]
    assert customer in f"{found.record} {found.expected} {found.actual}"

    world.stripe.delete(f"customers/{customer}/discount")
    world.stripe.post(f"invoices/{draft['id']}", discounts="")
    settled(tandem)
    world.at("2026-02-20T06:00")
    settled(tandem)
    paid = world.stripe.get(f"invoices/{draft['id']}")
    assert (paid["total"], paid["status"]) == (50_000, "open")
    assert quote_row(world, quote)["Billing_Code__c"] is None
