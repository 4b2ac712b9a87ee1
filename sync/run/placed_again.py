"""Drafts that Stripe could not finalise because nobody knew where their customer is: once the address says enough, they go on.

Stripe finalises such an invoice by itself once only (docs/assumptions.md, S71), and who can complete the address, the rep, has
no way into Stripe.
"""

from __future__ import annotations

from collections.abc import Collection

from sync.deal.deal import Deal
from sync.desired.keys import DEAL, HELD
from sync.desired.tax_issues import is_unplaced
from sync.desired.taxed_customer import address_used, lacking
from sync.facts import Customer, Invoice, of_type
from sync.ports import Facts, StripeGateway
from sync.records import Operation, Ref, Verb


def placed_again(
    stripe: StripeGateway, facts: Facts, deal: Deal, customer: Customer | None, leave: Collection[str] = ()
) -> list[Operation]:
    """What finalises the deal's drafts that wait for an address which is there now. None, and no call, where none waits. ``leave``
    names invoices that are held, and nobody's that people stopped by hand are touched.
    """
    if deal.tax is None or customer is None or lacking(address_used(deal.payer, customer)) is not None:
        return []
    waits = [i.id for i in _invoices(facts, customer.id) if _waits(i, deal) and i.id not in leave]
    read = stripe.read([Ref("invoice_id", id_) for id_ in sorted(waits)]).all() if waits else []
    found = [fact for fact in read if isinstance(fact, Invoice) and _waits(fact, deal)]
    return [
        Operation(
            Verb.ACT, Ref("invoice", f"placed:{one.id}"), {"auto_advance": True}, remote_id=one.id, action="finalize",
            changed=("finalized",), money=True,
        )
        for one in found
    ]  # fmt: skip


def _waits(invoice: Invoice, deal: Deal) -> bool:
    mine = (invoice.subscription_metadata.get(DEAL) or invoice.metadata.get(DEAL)) == deal.key
    free = invoice.auto_advance is not False and not invoice.metadata.get(HELD)
    return (
        mine and free and invoice.status == "draft" and bool(invoice.finalization_error_code) and is_unplaced(invoice)
    )


def _invoices(facts: Facts, customer: str) -> list[Invoice]:
    return of_type(facts.of_customers("invoice", [customer]), Invoice)
