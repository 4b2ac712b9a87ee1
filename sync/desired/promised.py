"""The promise check (DESIGN 4): an invoice that Stripe made by itself, held line by line against what was promised.

Before tax and without usage, which nobody can promise. The invoice's own lines carry the subscription's metadata, not
the item's, so a line is known by its subscription item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sync.deal.calendar import instant, say, seconds
from sync.deal.deal import Deal
from sync.deal.forecast import cycle_lines
from sync.deal.money import format_amount
from sync.deal.settled import Begun, settled
from sync.deal.timeline import Track, tracks
from sync.desired.keys import KEY, PRODUCT
from sync.desired.takeover_unused import is_credit
from sync.desired.true_up import is_true_up
from sync.facts import Invoice, Line, Price, Subscription

#: Why Stripe makes an invoice by itself for a plan of ours.
BY_STRIPE = frozenset({"subscription_cycle", "subscription_create", "subscription_update"})
#: One product and what it comes to, net, in minor units.
Sum = tuple[str, int]


@dataclass(frozen=True)
class Unlike:
    """An invoice that is not what was promised; totals in minor units, and the lines that differ, in words."""

    invoice: Invoice
    promised: int
    found: int
    words: str


def is_checked(invoice: Invoice) -> bool:
    """Whether the invoice is one that Stripe made by itself for a deal of ours."""
    ours = bool(invoice.subscription_metadata.get(KEY)) and not invoice.metadata.get(KEY)
    return ours and invoice.billing_reason in BY_STRIPE and invoice.status != "void"


def is_after(invoice: Invoice, deal: Deal) -> bool:
    """Whether the invoice bills time after the signed term, which nothing was promised of."""
    return deal.end is not None and deal.ends_on is None and seconds(deal.boundary(deal.end)) <= _begins(invoice)


def unlike(
    invoice: Invoice, subscription: Subscription, deal: Deal, begun: Mapping[str, Begun], prices: Mapping[str, Price]
) -> Unlike | None:
    """What differs between an invoice and the promise; None when they agree, line by line."""
    found = _found(invoice, subscription, prices)
    promised = _promised(invoice, deal, begun)
    if found == promised:
        return None
    sums = (_total(promised), _total(found))
    names = {product.id: product.name for product in deal.products.values()}
    parts = [
        f"{names.get(product, product or 'a line of no product')}: promised {_amounts(promised, product, deal)}, "
        f"on the invoice {_amounts(found, product, deal)}"
        for product in sorted({product for product, _ in (promised - found) + (found - promised)})
    ]
    totals = f"promised {format_amount(sums[0], deal.currency)}, on the invoice {format_amount(sums[1], deal.currency)}"
    return Unlike(invoice, *sums, f"{totals} ({'; '.join([*parts, *_foreign(invoice)])})")


def _foreign(invoice: Invoice) -> list[str]:
    """A discount of the whole, which no quote has: a person gave it to the customer, the subscription or the invoice."""
    if not invoice.discounts:
        return []
    which = ", ".join(invoice.discounts)
    return [f"somebody gave the customer, the subscription or the invoice a discount in Stripe, {which}"]


def _amounts(counted: Counter[Sum], product: str, deal: Deal) -> str:
    amounts = [amount for (of, amount), times in sorted(counted.items()) for _ in range(times) if of == product]
    return " and ".join(format_amount(amount, deal.currency) for amount in amounts) or "nothing"


def _total(counted: Counter[Sum]) -> int:
    return sum(amount * times for (_, amount), times in counted.items())


def _found(invoice: Invoice, subscription: Subscription, prices: Mapping[str, Price]) -> Counter[Sum]:
    items = {item.id: item for item in subscription.items}
    counted: Counter[Sum] = Counter()
    for line in (line for line in invoice.lines if not _is_own(line)):
        item = items.get(line.subscription_item or "")
        price = item.price if item and item.price.id == line.price else prices.get(line.price or "")
        if price is None or price.usage_type != "metered":
            counted[(_product(line, item.metadata if item else {}, price), line.net_minor)] += 1
    return _counted(counted)


def _is_own(line: Line) -> bool:
    """Whether we put the line there: for a plan that the deal took over, or for what rounding left."""
    return is_credit(line) or is_true_up(line.metadata)


def _product(line: Line, metadata: Mapping[str, str], price: Price | None) -> str:
    """The Salesforce product of a line: as the price says, which is made for one; else as its item says."""
    return (price.metadata.get(PRODUCT) if price else None) or metadata.get(PRODUCT) or line.metadata.get(PRODUCT, "")


def _promised(invoice: Invoice, deal: Deal, begun: Mapping[str, Begun]) -> Counter[Sum]:
    counted: Counter[Sum] = Counter()
    track = next((t for t in tracks(deal) if t.key == invoice.subscription_metadata.get(KEY)), None)
    if track is None:
        return counted
    cycle = next((c for c in track.planned() if seconds(deal.boundary(c.start)) >= _begins(invoice)), None)
    if cycle is not None and seconds(deal.boundary(cycle.start)) == _begins(invoice):
        quotes = _in_by(track, deal, begun, instant(_begins(invoice)))
        for line in cycle_lines(track, deal, cycle, quotes):
            counted[(line.item.product.id, line.amount)] += 1
    return _counted(counted)


def _in_by(track: Track, deal: Deal, begun: Mapping[str, Begun], at: datetime) -> frozenset[str]:
    """The quotes that Stripe bills this cycle with."""
    when = settled(track, deal, begun.get(track.key), at)
    return frozenset(quote for quote, stamp in when.items() if deal.boundary(stamp.plain) <= at)


def _begins(invoice: Invoice) -> int:
    """The boundary that the invoice bills from: where the time paid ahead begins, else when it was made."""
    mine = (line for line in invoice.lines if not _is_own(line))
    ahead = [line.period_start_s for line in mine if line.period_end_s > invoice.created_s]
    return min(ahead, default=invoice.created_s)


def _counted(counted: Counter[Sum]) -> Counter[Sum]:
    """Lines of nothing say nothing: a trial's, or a free one's."""
    return Counter({key: times for key, times in counted.items() if key[1]})


def day_said(invoice: Invoice, deal: Deal) -> str:
    """The day of an invoice as people read it."""
    return say(deal.day_of(instant(invoice.created_s)))
