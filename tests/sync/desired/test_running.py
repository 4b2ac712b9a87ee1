"""What is held against a subscription that runs for a deal."""

from __future__ import annotations

import pytest

from sync.deal.deal import Terms
from sync.desired.keys import DEAL, KEY, QUOTE
from sync.desired.running import as_running
from sync.diff import diff
from sync.facts import Subscription
from sync.observed import observe
from sync.plan import Plan
from sync.records import Ref
from tests.sync.deal.deals import deal, line

LABELS = {KEY: "0Q0A", DEAL: "0Q0A", QUOTE: "0Q0A"}
TERMS: Terms = deal(line("L", 1, "50.00")).terms


def held(*, put_back: bool = False, **more: object) -> Plan:
    """What is planned for a subscription that is as it was made but for ``more``."""
    as_made = {"collection_method": TERMS.collection_method, "days_until_due": TERMS.days_until_due, "metadata": LABELS}
    found = Subscription(id="sub_1", customer="cus_1", **{"status": "active", **as_made, **more})  # type: ignore[arg-type]
    wanted = as_running([], found, "0Q0A", LABELS, TERMS, put_back=put_back)
    return diff(wanted, {Ref("subscription", "0Q0A"): observe(found)})


def test_as_it_was_made_nothing_is_to_be_done() -> None:
    assert held() == Plan()


@pytest.mark.parametrize(
    ("changed", "part", "sent"),
    [
        ({"coupons": ("half",)}, "discounts", {"discounts": ""}),
        ({"collection_method": "charge_automatically"}, "collection", None),
        ({"days_until_due": 3}, "collection", None),
    ],
)
def test_what_a_hand_changed_is_told_and_put_back_only_when_somebody_says_so(
    changed: dict[str, object], part: str, sent: dict[str, object] | None
) -> None:
    plan = held(**changed)
    assert (plan.operations, [d.part for d in plan.drift]) == ((), [part])
    back = held(put_back=True, **changed)
    terms = {"collection_method": TERMS.collection_method, "days_until_due": TERMS.days_until_due}
    assert ([dict(o.payload) for o in back.operations], back.drift) == ([sent or terms], ())


def test_one_without_the_quotes_id_has_its_metadata_again_and_nothing_else() -> None:
    bare = held(metadata={KEY: "0Q0A", DEAL: "0Q0A"})
    assert [dict(o.payload) for o in bare.operations] == [{"metadata": LABELS}]
    assert bare.drift == ()


def test_one_that_is_over_is_left_alone() -> None:
    assert held(status="canceled", coupons=("half",)) == Plan()
