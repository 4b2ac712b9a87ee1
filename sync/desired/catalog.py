"""Products, meters, prices and coupons that a deal needs. They derive from what they are, so equal terms reuse one
object (DESIGN 4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal

from sync.deal.deal import Deal
from sync.deal.discounts import AmountOff, Off
from sync.deal.lines import DealProduct, Tier, Usage
from sync.deal.money import format_amount, minor, plain, unit_amount_decimal
from sync.deal.pricing import DealItem
from sync.deal.timeline import Phase, Track, tracks, without_stub
from sync.desired.keys import EVERY_USE, EVERYTHING, KEY, MONTHLY, PRODUCT
from sync.desired.product import new_product
from sync.records import Desired, Ref, Value


def desire_catalogue(deal: Deal) -> tuple[Desired, ...]:
    """The products, meters, prices and coupons of the deal, each once, in the order in which they need each other."""
    meters: dict[Ref, Desired] = {}
    prices: dict[Ref, Desired] = {}
    coupons: dict[Ref, Desired] = {}
    for phase in (phase for track in tracks(deal) for phase in all_phases(track, deal)):
        for item, ref in (*placed(phase.items, deal), *placed(phase.once, deal)):
            prices[ref] = _price(item, ref, deal)
            for off, coupon in zip(item.priced.offs, coupon_refs(item), strict=True):
                coupons[coupon] = _coupon(off, coupon)
            if item.usage:
                meters[meter_ref(item.usage)] = _meter(item.usage, item.product)
    products = tuple(new_product(product, deal.tax) for product in deal.products.values())
    return (*products, *meters.values(), *prices.values(), *coupons.values())


def all_phases(track: Track, deal: Deal) -> tuple[Phase, ...]:
    """The phases that Stripe may be told, whether the track is made ahead or when its first, shorter cycle has begun."""
    return (*track.phases, *without_stub(track, deal).phases)


def placed(items: Iterable[DealItem], deal: Deal) -> tuple[tuple[DealItem, Ref], ...]:
    """Each item with the price it stands on. No two items share a price, as Stripe wants it: a second gets a twin."""
    return tuple((item, price_ref(item, deal)) for item in items)


def price_ref(item: DealItem, deal: Deal) -> Ref:
    """The price of an item: ``tdm_`` and the hash of what the price is; a twin of it differs by its number."""
    content = _content(item, deal)
    text = content if item.twin == 1 else f"{content}|twin-{item.twin}"
    return Ref("price", "tdm_" + hashlib.sha256(text.encode()).hexdigest()[:40])


def phase_refs(phase: Phase, deal: Deal) -> tuple[Ref, ...]:
    """The meters, prices and coupons that a phase stands on."""
    both = (*placed(phase.items, deal), *placed(phase.once, deal))
    coupons = (coupon for item, _ in both for coupon in coupon_refs(item))
    meters = (meter_ref(item.usage) for item, _ in both if item.usage)
    return tuple(dict.fromkeys((*meters, *(ref for _, ref in both), *coupons)))


def coupon_refs(item: DealItem) -> tuple[Ref, ...]:
    """The coupons of its discounts, in their order: ``tdm-pct-12_5``, ``tdm-amt-usd-5000`` (minor units).

    Stripe takes each coupon once on an item: where the line's percentage and the quote's are the same, the quote's has a
    twin, ``tdm-pct-10-twin-2``.
    """
    keys = [_coupon_key(off) for off in item.priced.offs]
    before = [keys[:n].count(key) for n, key in enumerate(keys)]
    return tuple(Ref("coupon", f"{key}-twin-{n + 1}" if n else key) for key, n in zip(keys, before, strict=True))


def _coupon_key(off: Off) -> str:
    if isinstance(off, AmountOff):
        return f"tdm-amt-{off.currency.lower()}-{off.amount_minor}"
    return f"tdm-pct-{off.value:f}".replace(".", "_")


def meter_ref(usage: Usage) -> Ref:
    """The meter that counts an event; its name is its key."""
    return Ref("meter", usage.event)


def _content(item: DealItem, deal: Deal) -> str:
    """What the price is, as text. A price of months is written as it always was."""
    unit, count = item.interval or ("once", 0)
    cycle = "once" if item.interval is None else f"month-{12 * count if unit == 'year' else count}"
    cycle = f"day-{count}" if unit == "day" else cycle
    text = f"{item.product.key}|{deal.currency}|{item.priced.unit:f}|{cycle}"
    if item.monthly is not None:
        text += f"|worth-{_monthly(item):f}"
    if deal.tax is not None:
        text += f"|tax-{deal.tax.behavior}"
    return text if item.usage is None else f"{text}|{_usage(item, deal)}"


def _usage(item: DealItem, deal: Deal) -> str:
    assert item.usage is not None
    usage, line = item.usage, item.lines[0]
    if not usage.mode:
        return f"meter-{usage.event}|{_unit(line.unit_price, deal):f}"
    steps = ";".join(f"{t.up_to}:{_unit(t.unit, deal):f}:{_unit(t.flat, deal):f}" for t in usage.tiers)
    return f"meter-{usage.event}|{usage.mode}|{steps}"


def _unit(amount: Decimal, deal: Deal) -> Decimal:
    return unit_amount_decimal(minor(amount, deal.currency))


def _monthly(item: DealItem) -> Decimal:
    assert item.monthly is not None
    return unit_amount_decimal(item.monthly)


def tax_fields(product: DealProduct, deal: Deal) -> dict[str, Value]:
    """What a line that stands on no price says of its tax; nothing without automatic tax."""
    if deal.tax is None:
        return {}
    code = deal.tax.code_of(product.tax_code)
    said: dict[str, Value] = {"tax_behavior": deal.tax.behavior}
    return {**said, "tax_code": code} if code else said


def _meter(usage: Usage, product: DealProduct) -> Desired:
    """Sums what events report, by customer: one meter counts for every deal."""
    create: dict[str, Value] = {
        "display_name": product.name,
        "event_name": usage.event,
        "default_aggregation": {"formula": "sum"},
    }
    return Desired(meter_ref(usage), create=create, compare={"status": "active", "counts": EVERY_USE}, shared=True)


def _price(item: DealItem, ref: Ref, deal: Deal) -> Desired:
    metadata: dict[str, Value] = {KEY: ref.key, PRODUCT: item.product.id}
    if item.monthly is not None:
        metadata[MONTHLY] = f"{_monthly(item):f}"
    what: dict[str, Value] = {"product": Ref("product", item.product.key), "currency": deal.currency.lower()}
    create: dict[str, Value] = {**what, "lookup_key": ref.key, "metadata": metadata, **_amounts(item, deal)}
    if deal.tax is not None:
        create["tax_behavior"] = deal.tax.behavior
    unit, count = item.interval or (None, 1)
    if unit:
        recurring: dict[str, Value] = {"interval": unit, "interval_count": count}
        if item.usage:
            recurring |= {"usage_type": "metered", "meter": meter_ref(item.usage)}
        create["recurring"] = recurring
    compare: dict[str, Value] = {**what, "interval": unit, "interval_count": count, "active": True}
    compare |= {"metered": item.usage is not None, "tiers_mode": create.get("tiers_mode"), "packaged": False}
    compare |= {"meter": meter_ref(item.usage) if item.usage else None, "tiers": _steps(item, deal)}
    if "unit_amount_decimal" in create:
        compare["unit_amount_decimal"] = create["unit_amount_decimal"]
    update: dict[str, Mapping[str, Value]] = {"active": {"active": True}}
    before: dict[str, Value] = {}
    if deal.tax is not None:
        # Stripe lets it be said once where nothing was said yet.
        compare["tax_behavior"], before["tax_behavior"] = deal.tax.behavior, "unspecified"
        update["tax_behavior"] = {"tax_behavior": deal.tax.behavior}
    return Desired(ref, create=create, compare=compare, update=update, before=before, shared=True)


def _steps(item: DealItem, deal: Deal) -> list[Value]:
    """What each step of a price by quantity costs, as it is compared; none for a price that has no steps."""
    if item.usage is None or not item.usage.mode:
        return []
    return [[tier.up_to, _unit(tier.unit, deal), _unit(tier.flat, deal)] for tier in item.usage.tiers]


def _amounts(item: DealItem, deal: Deal) -> dict[str, Value]:
    usage = item.usage
    if usage is None:
        return {"unit_amount_decimal": item.priced.unit}
    if not usage.mode:
        return {"unit_amount_decimal": _unit(item.lines[0].unit_price, deal)}
    tiers = [_tier(tier, deal) for tier in usage.tiers]
    return {"billing_scheme": "tiered", "tiers_mode": usage.mode, "tiers": tiers}


def _tier(tier: Tier, deal: Deal) -> dict[str, Value]:
    found: dict[str, Value] = {
        "up_to": "inf" if tier.up_to is None else tier.up_to,
        "unit_amount_decimal": _unit(tier.unit, deal),
    }
    if tier.flat:
        found["flat_amount_decimal"] = _unit(tier.flat, deal)
    return found


def _coupon(off: Off, ref: Ref) -> Desired:
    what: dict[str, Value]
    compare: dict[str, Value]
    if isinstance(off, AmountOff):
        what = {"amount_off": off.amount_minor, "currency": off.currency.lower()}
        name = f"{format_amount(off.amount_minor, off.currency)} off"
        compare = {"amount_off": off.amount_minor, "percent_off": None, "currency": off.currency.lower()}
    else:
        value = plain(off.value)
        what, name = {"percent_off": value}, f"{value:f}% off"
        compare = {"percent_off": value, "amount_off": None}
    create: dict[str, Value] = {"id": ref.key, "name": name, **what, "duration": "forever", "metadata": {KEY: ref.key}}
    # One that is for some products only, or runs out, takes off less than was signed, or fails half way.
    compare |= {"duration": "forever", "applies_to": EVERYTHING, "max_redemptions": None, "redeem_by": None}
    return Desired(ref, create=create, compare=compare, shared=True)
