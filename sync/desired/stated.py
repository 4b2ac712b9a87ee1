"""The invoice for cycles that began before the deal reached Stripe. We state its amounts; Stripe charges nothing for
back-dated time when proration is off (DESIGN 4, stated amounts).
"""

from __future__ import annotations

from datetime import date

from sync.deal.calendar import say, seconds
from sync.deal.deal import Deal
from sync.deal.pricing import DealItem
from sync.deal.timeline import Track
from sync.desired.keys import deal_metadata, item_metadata
from sync.records import Desired, Ref, Value

#: Stripe's limit of items on one invoice.
MAX_LINES = 250


def stated_key(track: Track) -> str:
    """The natural key of a track's stated invoice: there is one, for all that had begun when the track was made."""
    return f"{track.key}:begun"


def stated_lines(track: Track, plain: date) -> list[tuple[DealItem, date, date]]:
    """What the stated invoice bills: each item of each cycle before ``plain``, and the one-time lines of those days."""
    found: list[tuple[DealItem, date, date]] = []
    for start, end, phase in track.cycles():
        if start < plain:
            found += [(item, start, end) for item in phase.items]
            found += [(item, start, start) for item in phase.once if item.start == start]
    return found


def desire_stated(track: Track, deal: Deal, plain: date, custom_fields: Value) -> tuple[Desired, ...]:
    """A draft invoice for the track's subscription, its items, and that it is finalised; in minor units of the deal."""
    lines = stated_lines(track, plain)
    if not lines:
        return ()
    invoice = Ref("invoice", stated_key(track))
    total = sum(item.priced.net for item, _, _ in lines)
    items = (_item(invoice, n, line, deal) for n, line in enumerate(lines, start=1))
    return (_invoice(invoice, track, deal, total, custom_fields), *items)


def _invoice(ref: Ref, track: Track, deal: Deal, total: int, custom_fields: Value) -> Desired:
    customer = Ref("customer", deal.payer.account_id)
    create: dict[str, Value] = {
        "customer": customer,
        "subscription": Ref("subscription", track.key),
        "currency": deal.currency.lower(),
        "collection_method": deal.terms.collection_method,
        "discounts": "",
        "pending_invoice_items_behavior": "exclude",
        "auto_advance": False,
        "metadata": deal_metadata(deal, ref.key),
    }
    if deal.terms.days_until_due is not None:
        create["days_until_due"] = deal.terms.days_until_due
    if custom_fields:
        create["custom_fields"] = custom_fields
    return Desired(
        ref,
        create=create,
        compare={"customer": customer, "finalized": True, "subtotal": total},
        update={"finalized": {"auto_advance": True}},
        acts={"finalized": "finalize"},
        money=True,
        unfinished=True,
    )


def _item(invoice: Ref, number: int, line: tuple[DealItem, date, date], deal: Deal) -> Desired:
    item, start, end = line
    ref = Ref("invoiceitem", f"{invoice.key}:{number}")
    what = f"{item.quantity} × {item.product.name}"
    create: dict[str, Value] = {
        "customer": Ref("customer", deal.payer.account_id),
        "invoice": invoice,
        "currency": deal.currency.lower(),
        "amount": item.priced.net,
        "description": what if start == end else f"{what} (from {say(start)})",
        "period": {"start": seconds(deal.boundary(start)), "end": seconds(deal.boundary(end))},
        "discountable": False,
        "metadata": {**deal_metadata(deal, ref.key), **item_metadata(item)},
    }
    return Desired(ref, create=create, compare={"amount": item.priced.net}, money=True)
