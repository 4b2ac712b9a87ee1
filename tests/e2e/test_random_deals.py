"""A dozen random deals in one world, over their whole life: what was foreseen is what Stripe bills (`make soak` has many more)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.random_deals import CURRENCIES, CYCLES, PERIODS, PRODUCTS, ZONES, history
from tests.e2e.random_world import Life
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "deals"), [(1, 12)])
def test_random_deals_are_billed_as_foreseen_to_the_cent(
    world: World, make_tandem: Callable[..., Tandem], seed: int, deals: int
) -> None:
    plan = history(seed, deals)
    life = Life(plan, world, make_tandem(rounding_step=plan.rounding))

    life.live()

    assert sum(len(told.invoices) for told in life.told.values()) > 50


def test_a_seed_always_makes_the_same_history() -> None:
    assert history(7, 10) == history(7, 10)
    assert history(7, 10) != history(8, 10)


def test_what_this_release_bills_comes_up_in_a_soak() -> None:
    worlds = [history(seed, 10) for seed in range(20)]
    deals = [(world, deal) for world in worlds for deal in world.deals]
    lines = [line for _, deal in deals for line in deal.lines]
    begun = {(deal.start > deal.signed.date()) - (deal.start < deal.signed.date()) for _, deal in deals}
    asked = {deal.header["Billing_Frequency__c"] for _, deal in deals}
    periods = {line.fields.get("Price_Period__c") or PRODUCTS[line.product][1] for line in lines}

    assert begun == {-1, 0, 1}
    assert {world.customers[deal.customer].currency for world, deal in deals} == set(CURRENCIES)
    assert {world.customers[deal.customer].timezone for world, deal in deals} == set(ZONES)
    assert asked == set(CYCLES)
    assert periods >= set(PERIODS)
    assert any(len({deal.customer for deal in world.deals}) < len(world.deals) for world in worlds)
    assert {deal.start.day for _, deal in deals} >= {28, 29, 30, 31}
    for field in ("Discount", "Optional__c", "Billing_Frequency__c", "Charge_Type__c"):
        assert any(field in line.fields for line in lines), field
    for field in ("Collection_Method__c", "Days_Until_Due__c", "PO_Number__c", "Term_Months__c", "End_Date__c"):
        assert any(field in deal.header for _, deal in deals), field
    assert {world.rounding for world in worlds} == {True, False}
