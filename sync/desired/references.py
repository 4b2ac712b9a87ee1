"""What a deal run has to read of Stripe, so that it is one set-wise read before and one after the customer is known."""

from __future__ import annotations

from sync.crm import CrmAccount
from sync.deal.deal import Deal
from sync.deal.timeline import tracks
from sync.desired.catalog import all_phases, phase_refs
from sync.desired.customer import NEW, said
from sync.records import Ref


def catalogue_refs(deal: Deal) -> tuple[Ref, ...]:
    """Products by id, prices by lookup_key and coupons by id, each once; also those on which the deal stood before its
    newer quotes, because what is there is held against them.
    """
    products = tuple(Ref("product", key) for key in deal.products)
    stages = (deal, *(deal.of_first(n) for n in range(len(deal.changes) - 1, 0, -1)))
    rest = (
        ref
        for stage in stages
        for track in tracks(stage)
        for p in all_phases(track, stage)
        for ref in phase_refs(p, stage)
    )
    return tuple(dict.fromkeys((*products, *rest)))


def candidate_refs(account: CrmAccount, email: str, held: str | None, choice: str | None = None) -> tuple[Ref, ...]:
    """Where the payer may be in Stripe: the customer we hold, else the ids named, and all with the billing e-mail."""
    if held:
        return (Ref("customer_id", held),)
    answer = said(choice)
    named = ((account.stripe_customer_id or "").strip(), answer if answer != NEW else "")
    # Dots alone are no id, and would be another address.
    by_id = tuple(Ref("customer_id", id_) for id_ in named if id_.strip("."))
    return tuple(dict.fromkeys((*by_id, Ref("customers_by_email", email))))


def live_refs(customer_id: str) -> tuple[Ref, ...]:
    """What already runs or is planned for a customer: all its subscriptions and schedules."""
    return (Ref("subscriptions_of", customer_id), Ref("schedules_of", customer_id))


def stated_refs(subscription_ids: tuple[str, ...]) -> tuple[Ref, ...]:
    """The invoices of the deal's subscriptions, among them the ones that we stated."""
    return tuple(Ref("invoices_of", id_) for id_ in subscription_ids)
