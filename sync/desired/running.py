"""What of a subscription that runs for a deal is held against it, whoever began it: who it is for, how it is collected, and
that nothing is taken off it as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync.deal.deal import Terms
from sync.desired.keys import QUOTE
from sync.desired.made import OVER
from sync.facts import Subscription
from sync.records import Desired, Ref, Value


def as_running(
    wanted: Sequence[Desired],
    subscription: Subscription,
    key: str,
    metadata: Mapping[str, Value],
    terms: Terms,
    *,
    put_back: bool,
) -> list[Desired]:
    """``wanted`` of a track's subscription, which runs, with these. Metadata is put back where the id of its quote is gone: one
    without is known by its link (`sync.ports.Facts.recognised`). How it is collected, and discounts, somebody changed: that is
    for people, unless they decided that it is ``put_back``.
    """
    if subscription.status in OVER:
        return list(wanted)
    first, *more = wanted or [Desired(Ref("subscription", key), create={}, compare={}, money=True)]
    compare: dict[str, Value] = {
        **first.compare,
        "collection": [terms.collection_method, terms.days_until_due],
        "discounts": [],  # the deal's stand on its items
    }
    update = dict(first.update)
    if put_back:
        due: dict[str, Value] = {} if terms.days_until_due is None else {"days_until_due": terms.days_until_due}
        update |= {"collection": {"collection_method": terms.collection_method, **due}, "discounts": {"discounts": ""}}
    if not subscription.metadata.get(QUOTE):
        compare["metadata"] = metadata
        update["metadata"] = {"metadata": metadata}
    return [replace(first, compare=compare, update=update), *more]
