"""The race of a quote and a web sign-up, 200 times. ``SEED=`` repeats one as far as threads can be repeated."""

from __future__ import annotations

import os
from random import SystemRandom

from tests.e2e.looks import changes_nothing
from tests.e2e.racing import check_races, run_races
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

TIMES = 200


def test_two_hundred_races_never_link_two_customers_and_never_guess(world: World, tandem: Tandem) -> None:
    seed = int(os.environ.get("SEED") or SystemRandom().randrange(10**6))
    world.at("2026-02-10")

    races = run_races(world, tandem, TIMES, seed)

    outcomes = check_races(world, tandem, races)
    print(f"SEED={seed} {dict(outcomes)}")
    assert sum(outcomes.values()) == TIMES
    assert set(outcomes) == {"one customer", "asked before", "asked after"}, "the timing has to try everything"
    changes_nothing(tandem)
