"""A deal whose customer was deleted in Stripe, which ended all of it at once: what a Cancellation of it still says, and owes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sync.deal.calendar import say
from sync.deal.changes import Change
from sync.deal.deal import Deal
from sync.deal.money import format_amount
from sync.desired.credits import Money, credits_due, desire_credits, given_by
from sync.desired.made import Made
from sync.desired.true_up import as_settled


def owed_by(
    change: Change, deal: Deal, done: Mapping[str, Made], money: Money, made: Iterable[str], now: datetime
) -> int:
    """What the change was to give back of what was invoiced, in minor units, and nobody gave. ``made`` are the keys of
    credits that were made before the customer was deleted.
    """
    settled = as_settled(deal, done)
    at = max(now, settled.boundary(change.effective))
    dues = [(of, due) for of, due in credits_due(settled, done, at) if due.quote_id == change.quote_id]
    there = set(made)
    return sum(given_by(one) for one in desire_credits(dues, settled, money, at).objects if str(one.ref) not in there)


def is_ended(deal: Deal) -> bool:
    """Whether a Cancellation was signed of it."""
    return any(change.ends for change in deal.changes)


def said(change: Change, deal: Deal, customer: str, owed: int) -> str:
    """What the quote says in place of what it does in Stripe: that all is over, and what nobody can give back there."""
    gone = f"Customer {customer} of deal {deal.number} was deleted in Stripe, which ended it there at once."
    if not change.ends:
        return f"{gone} It was cancelled; nothing more is billed."
    if not owed:
        return f"{gone} Nothing more is billed, and nothing is to be given back."
    return (
        f"{gone} Nothing more is billed. {format_amount(owed, deal.currency)} of what was invoiced is to be given back, not "
        f"used from {say(change.effective)} on: Stripe keeps no balance of a customer that was deleted, so Tandem gave nothing. "
        "Refund a payment in Stripe, or settle it outside."
    )
