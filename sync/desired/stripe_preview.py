"""The first invoice of a new deal as Stripe itself would make it (`create_preview`), held against our forecast.

Stripe previews one invoice of one object: that of the deal's first track. Prices are given inline, so that nothing has
to exist but the product; usage is left out, nobody has used anything yet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from sync import catalogue
from sync.deal.calendar import seconds
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast
from sync.deal.money import format_amount, unit_amount_decimal
from sync.deal.pricing import DealItem
from sync.deal.timeline import Phase, Track, tracks
from sync.desired.tax_words import estimate
from sync.desired.taxed import automatic
from sync.errors import Unsafe
from sync.facts import Invoice
from sync.records import Value


def first_track(deal: Deal, made: Forecast) -> Track | None:
    """The track whose first invoice Stripe can preview: it begins by itself, with something to bill, without a trial."""
    if deal.trial_from is not None or deal.fees_alone:  # what was added to one-time lines is a change's
        return None
    for track in tracks(deal):
        billed = any(i.track == track.key and not i.stated and i.day == track.start for i in made.invoices)
        if billed and any(item.usage is None for item in track.phases[0].items):
            return track
    return None


def request(track: Track, deal: Deal, customer: str, products: Collection[str]) -> Mapping[str, Value] | None:
    """The parameters of `create_preview`; None where a product is not in Stripe yet."""
    phase = track.phases[0]
    sold = [item for item in (*phase.items, *phase.once) if item.usage is None]
    if any(item.product.key not in products for item in sold):
        return None
    return {
        "customer": customer,
        "currency": deal.currency.lower(),
        **automatic(deal),
        "schedule_details": {
            "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "itemized"}},
            "end_behavior": "cancel",
            "proration_behavior": "none",
            "phases": [_phase(phase, track, deal)],
        },
    }


def _phase(phase: Phase, track: Track, deal: Deal) -> Mapping[str, Value]:
    end = phase.end or next(iter(track.spans())).end
    sent: dict[str, Value] = {
        "start_date": seconds(deal.boundary(phase.start)),
        "end_date": seconds(deal.boundary(end)),
        "items": [_item(item, deal) for item in phase.items if item.usage is None],
        "discounts": "",
        "proration_behavior": "none",
    }
    if phase.once:
        sent["add_invoice_items"] = [_item(item, deal) for item in phase.once]
    return sent


def _item(item: DealItem, deal: Deal) -> Mapping[str, Value]:
    """An item at its net unit amount: coupons may not be there yet."""
    data: dict[str, Value] = {
        "currency": deal.currency.lower(),
        "product": item.product.key,
        "unit_amount_decimal": unit_amount_decimal(Fraction(item.priced.net, item.quantity)),
    }
    if deal.tax is not None:
        data["tax_behavior"] = deal.tax.behavior
    if item.interval is not None:
        data["recurring"] = {"interval": item.interval[0], "interval_count": item.interval[1]}
    return {"price_data": data, "quantity": item.quantity}


def held_against(invoice: Invoice, track: Track, deal: Deal, made: Forecast) -> str:
    """In words that Stripe and our forecast agree. Raises Unsafe (BUG-503) with both numbers where they don't."""
    ours = sum(i.total for i in made.invoices if i.track == track.key and not i.stated and i.day == track.start)
    theirs = invoice.before_tax_minor
    if ours == theirs:
        said = f"Stripe's own preview of that invoice agrees: {format_amount(theirs, deal.currency)}"
        return said if deal.tax is None else said + estimate(invoice, deal.tax)
    numbers = f"{format_amount(theirs, deal.currency)}, ours is {format_amount(ours, deal.currency)}"
    what = f"Stripe's preview of the first invoice of quote {deal.number} is {numbers}"
    raise Unsafe(
        "BUG-503", catalogue.message("BUG-503", "Nothing was charged. Both stand here; a person decides.", what=what)
    )
