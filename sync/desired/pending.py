"""What waits for a contract's next invoice: the rest of a cycle of seats that were added in it, an item somebody stated. Pure.

Of what belongs to no subscription Stripe asks with the customer's next invoice, whichever that is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sync.desired.contracts import Contract
from sync.facts import PendingItem


def with_pending(deals: Sequence[Contract], waiting: Iterable[PendingItem]) -> list[Contract]:
    """The contracts, their next invoices with what waits for them, in the contract's own currency. What nothing bills next
    is left out: nobody knows when it will be asked for.
    """
    found = list(deals)
    for item in waiting:
        billing = [
            (deal.next_charge_s, number)
            for number, deal in enumerate(found)
            if deal.next_charge_s is not None and _takes(deal, item)
        ]
        if billing:
            _, first = min(billing)
            deal = found[first]
            found[first] = replace(deal, next_amount_minor=(deal.next_amount_minor or 0) + item.amount_minor)
    return found


def _takes(deal: Contract, item: PendingItem) -> bool:
    mine = item.subscription in deal.subscription_ids if item.subscription else deal.customer == item.customer
    return mine and deal.currency == item.currency.lower()
