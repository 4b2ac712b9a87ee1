"""The ways to pay that a quote chose, on what Stripe made by itself (DESIGN 4). Pure.

A schedule can't carry them. So a subscription that a schedule has started is told of them, and so is an invoice that it
made before it knew and that is a draft still; every later invoice takes them from its subscription.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sync.deal.deal import Deal, Terms
from sync.desired.keys import DEAL, KEY, METHODS
from sync.facts import Fact, Invoice, Subscription
from sync.records import Operation, Ref, Value, Verb


def payment_settings(terms: Terms) -> dict[str, Value]:
    """The parameter that says how to pay; nothing where the Stripe account decides."""
    return {"payment_settings": {"payment_method_types": list(terms.methods)}} if terms.methods else {}


def paid_otherwise(facts: Iterable[Fact]) -> list[Subscription | Invoice]:
    """Those that live, or are drafts, and could be paid in other ways than their deal's quote chose."""
    found = [f for f in facts if isinstance(f, Subscription | Invoice) and METHODS in _metadata(f)]
    open_ = [f for f in found if (f.status == "draft" if isinstance(f, Invoice) else f.ended_at_s is None)]
    return [f for f in open_ if ",".join(sorted(f.payment_method_types)) != _metadata(f)[METHODS]]


def corrections(facts: Iterable[Fact], deal: Deal) -> list[Operation]:
    """What makes those of the deal payable as was signed. Subscriptions come first."""
    if not deal.terms.methods:
        return []
    mine = [f for f in paid_otherwise(facts) if _metadata(f).get(DEAL) == deal.key]
    found = sorted(mine, key=lambda fact: (isinstance(fact, Invoice), fact.id))
    return [_told(fact, payment_settings(deal.terms)) for fact in found]


def _metadata(fact: Subscription | Invoice) -> Mapping[str, str]:
    return fact.subscription_metadata if isinstance(fact, Invoice) else fact.metadata


def _told(fact: Subscription | Invoice, payload: Mapping[str, Value]) -> Operation:
    own = fact.metadata.get(KEY) if isinstance(fact, Subscription) else None
    ref = Ref(fact.KIND, own or f"paid:{fact.id}")
    return Operation(Verb.UPDATE, ref, payload, remote_id=fact.id, changed=("payment_settings",))
