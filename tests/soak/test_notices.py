"""A customer's year told again in many more ways than `make test` has time for."""

from __future__ import annotations

from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.test_any_notices import tell_in_any_way

EXAMPLES = 40


def test_a_year_told_in_many_ways_ends_with_the_same_records(world: World, tandem: Tandem) -> None:
    tell_in_any_way(world, tandem, EXAMPLES)
