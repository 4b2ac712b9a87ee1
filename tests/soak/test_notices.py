"""A customer's year heard in hundreds of orders; see `tests.e2e.test_any_notices` for what is covered."""

from __future__ import annotations

from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.test_any_notices import heard_in_any_way

CUSTOMERS, TELLINGS = 20, 12


def test_a_year_heard_in_hundreds_of_ways_ends_with_the_same_records(world: World, tandem: Tandem) -> None:
    assert heard_in_any_way(world, tandem, customers=CUSTOMERS, tellings=TELLINGS) >= 250
