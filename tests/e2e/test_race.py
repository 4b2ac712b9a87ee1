"""A quote and a web sign-up of one e-mail at the same second: one customer, or a question; never two, never a guess."""

from __future__ import annotations

import os
from random import SystemRandom

import pytest

from tests.e2e.looks import changes_nothing
from tests.e2e.racing import check_races, run_races
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


TIMES = 20


def test_a_quote_and_a_sign_up_at_the_same_second_end_in_one_customer_or_a_question(
    world: World, tandem: Tandem
) -> None:
    seed = int(os.environ.get("SEED") or SystemRandom().randrange(10**6))
    print(f"SEED={seed}")
    world.at("2026-02-10")

    races = run_races(world, tandem, TIMES, seed)

    outcomes = check_races(world, tandem, races)
    print(dict(outcomes))
    assert sum(outcomes.values()) == TIMES
    changes_nothing(tandem)
