"""What a discount of the customer as a whole means for a deal: what was signed is what is billed (BILLING_RULES), so it must
not come off. Every phase and every invoice that we state says so by ''. A subscription that no schedule runs can't say
it (https://docs.stripe.com/api/subscriptions/create: not specified or empty, it inherits), so a deal without an end is
refused while the customer has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sync import catalogue
from sync.deal.deal import Deal
from sync.deal.timeline import tracks
from sync.desired.inherited import at_work
from sync.desired.keys import DEAL
from sync.errors import Refusal
from sync.facts import Customer, Fact

CODE = "DATA-238"


def check_discount(deal: Deal, payer: Customer | None, objects: Iterable[Fact], now: datetime) -> tuple[Refusal, ...]:
    """That nothing of the customer's would come off the deal, before any write (DATA-238). A deal that is in Stripe already is
    not forbidden by what came later: its invoices are looked at one by one.
    """
    if payer is None or not at_work(payer, now) or any(f.metadata.get(DEAL) == deal.key for f in objects):
        return ()
    if all(track.end is not None for track in tracks(deal)):
        return ()
    detail = (
        f"Quote {deal.number}: customer {payer.id} of Account {deal.payer.name} has a discount on everything in Stripe "
        f"(coupon {payer.coupon}), and Stripe would take it off each invoice of a deal without an end. Remove it from the "
        "customer in Stripe, and the quote goes on by itself; or give the deal an End_Date__c: then it does not come off."
    )
    slots = {"account": deal.payer.name, "coupon": payer.coupon or ""}
    return (
        catalogue.refusal(
            CODE, detail, record_id=deal.quote_id, field="End_Date__c", blocked_on=(deal.payer.account_id, payer.id), **slots
        ),
    )  # fmt: skip


def said_discount(payer: Customer | None, now: datetime) -> list[str]:
    """For the preview: that the customer's discount does not come off this deal."""
    if payer is None or not at_work(payer, now):
        return []
    return [f"The customer's own discount in Stripe (coupon {payer.coupon}) does not come off this deal's invoices"]
