"""Hundreds of random deals over their whole lives, a few in each world: what their papers say is what Stripe bills.

``make soak`` has 200 of them, new ones each time; in every fourth world much is changed
before it begins. ``make soak SEED=17 SOAK_DEALS=5`` lives the world of seed 17 again.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.random_deals import history
from tests.e2e.random_world import Life
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_every_deal_of_a_random_world_is_billed_as_signed_to_the_cent(
    world: World, make_tandem: Callable[..., Tandem], world_seed: int, deals: int
) -> None:
    plan = history(world_seed, deals, early=world_seed % 4 == 0)

    life = Life(plan, world, make_tandem(rounding_step=plan.rounding))
    life.live()

    assert life.told or life.refused
