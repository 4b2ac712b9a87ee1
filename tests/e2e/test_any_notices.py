"""Whatever order the notices of a customer's year come in, how often, and which of them are lost: the CRM ends right."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.year import deliveries, forget, live_a_year, shown, tell

pytestmark = pytest.mark.long


#: `make soak` has more.
EXAMPLES = 2
#: Notices that arrive together, at most.
TOGETHER = 40


def test_any_order_duplication_and_loss_of_a_years_notices_ends_with_the_same_records(
    world: World, tandem: Tandem
) -> None:
    tell_in_any_way(world, tandem, EXAMPLES)


def tell_in_any_way(world: World, tandem: Tandem, examples: int) -> None:
    """A year is lived, then told again so many times, each in another way; it always ends as it ended."""
    account = live_a_year(world, tandem)
    notices, right = deliveries(tandem), shown(world)
    assert {row["Status__c"] for row in right["Billing_Invoice__c"]} >= {"Paid", "Open"}
    assert {row["Type__c"] for row in right["Billing_Payment__c"]} >= {"Payment", "Attempt", "Refund", "Dispute"}
    assert len(right["Billing_Subscription__c"]) == 2
    assert len(notices) > 50
    seconds = [notice.object_created_s for notice in notices]
    assert len(set(seconds)) < len(seconds), "no two were of one second"
    before = world.mark()

    @settings(
        phases=[Phase.explicit, Phase.generate],  # shrinking would take minutes; the example says it all
        max_examples=examples, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(seed=st.integers(0, 2**32), lost=st.sampled_from((0.0, 0.3, 0.9)), twice=st.sampled_from((0.0, 0.5)))
    def told(seed: int, lost: float, twice: float) -> None:
        rng = Random(seed)
        heard = [notice for notice in notices if rng.random() >= lost]
        heard += [notice for notice in heard if rng.random() < twice]
        rng.shuffle(heard)
        forget(world, tandem, account)

        while heard:
            some = rng.randint(1, TOGETHER)
            tell(tandem, heard[:some], steps=rng.randint(0, 2))
            heard = heard[some:]
        tandem.drain()

        for sobject, rows in shown(world).items():
            assert rows == right[sobject], sobject

    told()
    assert world.writes(before, "stripe") == []
