"""Amounts that we state: invoices for what Stripe can't be told ahead, and credits (DESIGN 4). Stripe charges nothing for
back-dated time, and nothing for changes inside a cycle, when proration is off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sync.deal.calendar import say, seconds
from sync.deal.deal import Deal
from sync.deal.dues import Due, DueLine, Stated
from sync.deal.timeline import Track
from sync.desired.catalog import tax_fields
from sync.desired.keys import deal_metadata, item_metadata
from sync.desired.past_deals import end_metadata, nothing_runs, past_metadata
from sync.desired.paying import payment_settings
from sync.desired.taxed import automatic, on_taxed_invoice
from sync.records import Desired, Ref, Value


def desire_stated(
    track: Track,
    deal: Deal,
    ours: Stated,
    now: datetime,
    custom_fields: Value,
    *,
    alone: bool = False,
    standing: bool = False,
    runs_from: datetime | None = None,
) -> Iterable[Desired]:
    """For each invoice that is due by now: the draft for the track's subscription, its items, and that it is finalised.

    ``alone``: there is no subscription, its time is over or nothing needs one. ``runs_from``: there is none before, and
    at that very second Stripe may not have made it yet. Then the metadata alone says of what deal the invoice is.
    ``standing``: no object of the deal is in Stripe, so where it is over its row follows from the metadata too.
    """
    past = alone and nothing_runs(deal, now, carried=not standing)
    for due in ours.dues:
        if due.at <= now and due.lines:
            invoice = Ref("invoice", due.key)
            early = runs_from is not None and due.at <= runs_from
            yield _invoice(invoice, due, track, deal, custom_fields, alone=alone or early, past=past)
            for n, line in enumerate(on_taxed_invoice(due.lines, deal), start=1):
                yield item_desired(invoice, n, line, deal)


def _invoice(ref: Ref, due: Due, track: Track, deal: Deal, custom_fields: Value, *, alone: bool, past: bool) -> Desired:
    customer = Ref("customer", deal.payer.account_id)
    create: dict[str, Value] = {
        "customer": customer,
        "currency": deal.currency.lower(),
        "collection_method": deal.terms.collection_method,
        "discounts": "",
        "pending_invoice_items_behavior": "exclude",
        "auto_advance": False,
        "metadata": {**deal_metadata(deal, ref.key), **(past_metadata(deal) if past else {})},
        **payment_settings(deal.terms),
        **automatic(deal),
    }
    if not alone:
        create["subscription"] = Ref("subscription", track.key)
    if deal.terms.days_until_due is not None:
        create["days_until_due"] = deal.terms.days_until_due
    if custom_fields:
        create["custom_fields"] = custom_fields
    compare: dict[str, Value] = {"customer": customer, "finalized": True, "subtotal": due.total}
    update: dict[str, Mapping[str, Value]] = {"finalized": {"auto_advance": True}}
    if past and (ended := end_metadata(deal)):
        compare["metadata"], update["metadata"] = dict(ended), {"metadata": dict(ended)}
    return Desired(
        ref,
        create=create,
        compare=compare,
        update=update,
        acts={"finalized": "finalize"},
        money=True,
        unfinished=True,
    )


def item_desired(invoice: Ref, number: int, line: DueLine, deal: Deal, *, invoice_id: str | None = None) -> Desired:
    """One line of a stated invoice; on Stripe's own draft where ``invoice_id`` names it."""
    ref = Ref("invoiceitem", f"{invoice.key}:{number}")
    what = f"{line.item.quantity} × {line.item.product.name}"
    create: dict[str, Value] = {
        "customer": Ref("customer", deal.payer.account_id),
        "invoice": invoice_id or invoice,
        "currency": deal.currency.lower(),
        "amount": line.amount,
        "description": f"{what} (from {say(line.start)})" if line.recurring else what,
        "period": {"start": seconds(deal.boundary(line.start)), "end": seconds(deal.boundary(line.end))},
        "discountable": False,
        **tax_fields(line.item.product, deal),
        "metadata": {**deal_metadata(deal, ref.key), **item_metadata(line.item)},
    }
    return Desired(ref, create=create, compare={"amount": line.amount}, money=True)
