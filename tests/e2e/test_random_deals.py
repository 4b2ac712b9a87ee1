"""A few random deals over their whole life: what their papers say is what Stripe bills (`make soak` has many more)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.looks import changes_nothing, settled
from tests.e2e.people import sell
from tests.e2e.random_deals import CREDITS, CURRENCIES, CYCLES, PERIODS, POLICIES, PRODUCTS, ZONES, history
from tests.e2e.random_world import Life
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("seed", "deals"), [(13, 3)])
def test_random_deals_are_billed_as_signed_to_the_cent(
    world: World, make_tandem: Callable[..., Tandem], seed: int, deals: int
) -> None:
    plan = history(seed, deals)
    life = Life(plan, world, make_tandem(rounding_step=plan.rounding))

    life.live()

    assert len(life.told) == deals
    assert life.refused
    assert life.invoices > 10
    assert life.reported > 3


def test_deals_on_the_same_terms_stand_on_one_price_and_one_coupon_of_each_discount(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    for n in range(5):
        account = world.crm.create("Account", Name=f"Customer {n}", Billing_Email__c=f"ap@c{n}.example")
        line = (seat, 3 + n, "49.00", {"Discount": (10, 20)[n % 2]})
        sell(world.crm, [line], account=account, Quote_Discount__c=5, **terms)
    settled(tandem)

    assert len(world.stripe.all("subscription_schedules")) == 5
    assert len(world.stripe.all("prices")) == 1
    assert {c["percent_off"] for c in world.stripe.all("coupons")} == {5, 10, 20}
    assert len(world.stripe.all("coupons")) == 3
    changes_nothing(tandem)


def test_a_seed_always_makes_the_same_history() -> None:
    assert history(7, 10) == history(7, 10)
    assert history(7, 10) != history(8, 10)


def test_the_whole_language_of_quotes_comes_up_in_a_soak() -> None:
    worlds = [history(seed, 5) for seed in range(1, 61)]
    deals = [(world, deal) for world in worlds for deal in world.deals]
    made = [(world, deal, deal.quotes[0]) for world, deal in deals]
    changes = [quote for _, deal in deals for quote in deal.quotes[1:]]
    lines = [line for _, _, quote in made for line in quote.lines]
    changed = [line for quote in changes for line in quote.lines]
    begun = {
        (q.header["Start_Date__c"] > str(q.arrives.date())) - (q.header["Start_Date__c"] < str(q.arrives.date()))
        for _, _, q in made
    }
    late = {quote.header["Start_Date__c"] < str(quote.arrives.date()) for quote in changes}

    assert begun == {-1, 0, 1}
    assert late == {True, False}
    assert {quote.kind for _, deal in deals for quote in deal.quotes} == {"New", "Renewal", "Amendment", "Cancellation"}
    assert {len(deal.quotes) - 1 for _, deal in deals} == set(range(7))
    assert {world.customers[deal.customer].currency for world, deal in deals} == set(CURRENCIES)
    assert {world.customers[deal.customer].timezone for world, deal in deals} == set(ZONES)
    assert {quote.header["Billing_Frequency__c"] for _, _, quote in made} == set(CYCLES)
    assert {line.fields.get("Price_Period__c") or PRODUCTS[line.product][1] for line in lines} >= set(PERIODS)
    assert {quote.header.get("Proration_Policy__c") for quote in changes} >= set(POLICIES)
    assert {quote.header.get("Credit_Policy__c") for quote in changes} >= set(CREDITS)
    assert {line.fields.get("Change__c") for line in changed} >= {"Remove", None}
    assert any(deal.plain for _, deal in deals)
    assert any(deal.twin is not None for _, deal in deals)
    for name in (
        "Discount", "Discount_Amount__c", "Discount_Months__c", "Optional__c", "Billing_Frequency__c", "Charge_Type__c",
        "Start_Date__c", "End_Date__c", "Ramp_Key__c",
    ):  # fmt: skip
        assert any(name in line.fields for line in lines), name
    for name in (
        "Collection_Method__c", "Days_Until_Due__c", "PO_Number__c", "Term_Months__c", "End_Date__c", "Billing_Day__c",
        "Trial_Days__c", "Auto_Renew__c", "Quote_Discount__c", "Quote_Discount_Months__c",
    ):  # fmt: skip
        assert any(name in quote.header for _, _, quote in made), name
    assert {world.rounding for world in worlds} == {True, False}
