"""Who pays for an Account's deals as Stripe has it, against the Account: what the deals' runs would put right."""

from __future__ import annotations

from dataclasses import replace

from sync.crm import CrmAccount
from sync.deal.deal import Deal, Payer
from sync.desired.compared_fields import unlike_parts
from sync.desired.compared_view import DealsView, goes_on
from sync.desired.customer import desire_customer
from sync.desired.differences import Difference
from sync.desired.keys import DEAL
from sync.facts import Customer
from sync.observed import observe


def payer_unlike(view: DealsView) -> list[Difference]:
    """Name, e-mail and our metadata of the customer that somebody changed, where a deal of it runs that nothing holds up: its
    run writes them. Where the Account says no e-mail each quote may, and it is not compared.
    """
    if view.account is None or not view.customers:
        return []
    customer = view.customers[0]
    deal = next((d for d in view.deals.values() if _is_run(view, d, customer)), None)
    if deal is None:
        return []
    wanted = desire_customer(_today(deal, view.account, customer), customer)
    return unlike_parts(f"quote:{deal.key}", view.account_id, wanted, observe(customer))


def _is_run(view: DealsView, deal: Deal, customer: Customer) -> bool:
    state = view.states.get(deal.key)
    free = deal.key in {q.id for q in view.quotes} and (state is None or not (state.pending or state.code))
    mine = (o for o in view.objects if o.metadata.get(DEAL) == deal.key and o.customer == customer.id)
    return free and any(goes_on(o) for o in mine)


def _today(deal: Deal, account: CrmAccount, customer: Customer) -> Payer:
    email = (account.billing_email or "").strip() or (account.person_email or "").strip() or customer.email or ""
    return replace(deal.payer, name=account.name.strip(), email=email, sent=())
