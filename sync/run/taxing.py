"""What runs do about a taxed customer beside the rest: its tax ids are read, and a change of the Account reaches Stripe."""

from __future__ import annotations

from collections.abc import Mapping

from sync.deal.deal import Deal
from sync.desired.customer import LIVE
from sync.desired.keys import DEAL, TAX
from sync.desired.tax_ids import TaxIds, claimed, desire_tax_ids
from sync.desired.taxed_customer import check_settings
from sync.errors import Refusal
from sync.facts import Customer, Schedule, Subscription, TaxId, TaxSettings
from sync.ports import Facts, Mark, StripeGateway
from sync.records import Ref
from sync.run.intake import TAX_NUMBERS, quote_mark


def read_tax_ids(stripe: StripeGateway, deal: Deal, customer: Customer | None, *, aside: bool) -> TaxIds:
    """What is to be done about the customer's tax ids; nothing, and no call, without automatic tax or a number."""
    if deal.tax is None or aside or not (deal.payer.tax_number or claimed(customer)):
        return TaxIds()
    there = stripe.read([Ref("tax_ids_of", customer.id)]).all() if customer is not None else []
    return desire_tax_ids(deal.payer, customer, [fact for fact in there if isinstance(fact, TaxId)])


def read_tax_settings(stripe: StripeGateway, deal: Deal, *, is_made: bool) -> tuple[Refusal, ...]:
    """Why the Stripe account can't tax a deal that is not made yet (CONF-310); no call without automatic tax."""
    if deal.tax is None or is_made:
        return ()
    settings = next((f for f in stripe.read([Ref("tax_settings", "")]).all() if isinstance(f, TaxSettings)), None)
    return () if settings is None else check_settings(deal, settings)


def taxed_marks(facts: Facts, payers: Mapping[str, str]) -> list[Mark]:
    """For each Account with its payer's customer one taxed deal that runs or is planned: its run tells Stripe of the address, the
    exemption and the tax number that the Account has now. And its tax numbers: one that can't be sent is told. None for others.
    """
    found: dict[str, Mark] = {}
    customers = {customer: account for account, customer in payers.items()}
    for kind in ("subscription", "schedule") if customers else ():
        for fact in facts.of_customers(kind, list(customers)):
            if isinstance(fact, Subscription | Schedule) and _is_taxed(fact):
                found.setdefault(fact.customer, quote_mark(fact.metadata[DEAL], customers[fact.customer]))
    return [*found.values(), *(Mark(f"{TAX_NUMBERS}:{customer}", "mirror", "") for customer in found)]


def has_taxed(facts: Facts, customer: str) -> bool:
    """Whether a deal of this customer that runs or is planned is taxed, as far as was read."""
    kinds = ("subscription", "schedule")
    known = (fact for kind in kinds for fact in facts.of_customers(kind, [customer]))
    return any(isinstance(fact, Subscription | Schedule) and _is_taxed(fact) for fact in known)


def _is_taxed(fact: Subscription | Schedule) -> bool:
    runs = fact.status in LIVE if isinstance(fact, Subscription) else fact.status in ("not_started", "active")
    return runs and not fact.deleted and bool(fact.metadata.get(TAX)) and DEAL in fact.metadata
