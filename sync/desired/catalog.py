"""Products, prices and coupons that a deal needs. They derive from what they are, so equal terms reuse one object (DESIGN 4)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from sync.deal.deal import Deal
from sync.deal.discounts import Percent
from sync.deal.lines import DealProduct
from sync.deal.pricing import DealItem
from sync.deal.timeline import Phase, tracks
from sync.desired.keys import KEY, PRODUCT
from sync.records import Desired, Ref, Value

_TAX_CODE = re.compile(r"txcd_[0-9]{8}\Z")


def desire_catalogue(deal: Deal) -> tuple[Desired, ...]:
    """The products, prices and coupons of the deal, each once, products first."""
    prices: dict[Ref, Desired] = {}
    coupons: dict[Ref, Desired] = {}
    for phase in (phase for track in tracks(deal) for phase in track.phases):
        for item, ref in (*placed(phase.items, deal), *placed(phase.once, deal)):
            prices[ref] = _price(item, ref, deal)
            for percent in item.priced.percents:
                coupons[coupon_ref(percent)] = _coupon(percent)
    products = tuple(_product(product) for product in deal.products.values())
    return (*products, *prices.values(), *coupons.values())


def placed(items: Iterable[DealItem], deal: Deal) -> tuple[tuple[DealItem, Ref], ...]:
    """Each item with the price it stands on. No two items share a price, as Stripe wants it: a second gets a twin."""
    seen: Counter[str] = Counter()
    found = []
    for item in items:
        content = _content(item, deal)
        seen[content] += 1
        found.append((item, Ref("price", _lookup_key(content, seen[content]))))
    return tuple(found)


def phase_refs(phase: Phase, deal: Deal) -> tuple[Ref, ...]:
    """The prices and coupons that a phase stands on."""
    both = (*placed(phase.items, deal), *placed(phase.once, deal))
    coupons = (coupon_ref(percent) for item, _ in both for percent in item.priced.percents)
    return tuple(dict.fromkeys((*(ref for _, ref in both), *coupons)))


def coupon_ref(percent: Percent) -> Ref:
    """The coupon of a percentage for ever: ``tdm-pct-12_5``."""
    return Ref("coupon", f"tdm-pct-{percent.value:f}".replace(".", "_"))


def _content(item: DealItem, deal: Deal) -> str:
    cycle = "once" if item.cycle_months is None else f"month-{item.cycle_months}"
    return f"{item.product.key}|{deal.currency}|{item.priced.unit:f}|{cycle}"


def _lookup_key(content: str, twin: int) -> str:
    """``tdm_`` and the hash of the price's content; a twin of the same content differs by its number."""
    text = content if twin == 1 else f"{content}|twin-{twin}"
    return "tdm_" + hashlib.sha256(text.encode()).hexdigest()[:40]


def _product(product: DealProduct) -> Desired:
    fields: dict[str, Value] = {"name": product.name}
    if product.tax_code and _TAX_CODE.fullmatch(product.tax_code):
        fields["tax_code"] = product.tax_code
    metadata = {KEY: product.key, PRODUCT: product.id}
    compare = {**fields, "active": True}
    return Desired(
        Ref("product", product.key),
        create={"id": product.key, **fields, "metadata": metadata},
        compare=compare,
        update={name: {name: value} for name, value in compare.items()},
        shared=True,
    )


def _price(item: DealItem, ref: Ref, deal: Deal) -> Desired:
    product = Ref("product", item.product.key)
    what: dict[str, Value] = {
        "product": product,
        "currency": deal.currency.lower(),
        "unit_amount_decimal": item.priced.unit,
    }
    interval, count = _interval(item.cycle_months)
    create: dict[str, Value] = {
        **what,
        "lookup_key": ref.key,
        "metadata": {KEY: ref.key, PRODUCT: item.product.id},
    }
    if interval:
        create["recurring"] = {"interval": interval, "interval_count": count}
    compare = {**what, "interval": interval, "interval_count": count, "active": True}
    return Desired(ref, create=create, compare=compare, update={"active": {"active": True}}, shared=True)


def _interval(cycle_months: int | None) -> tuple[str | None, int]:
    """Stripe's interval and count; none for a price that is charged once."""
    if cycle_months is None:
        return None, 1
    return ("month", cycle_months) if cycle_months % 12 else ("year", cycle_months // 12)


def _coupon(percent: Percent) -> Desired:
    ref, value = coupon_ref(percent), Decimal(percent.value)
    create: dict[str, Value] = {
        "id": ref.key,
        "name": f"{value:f}% off",
        "percent_off": value,
        "duration": "forever",
        "metadata": {KEY: ref.key},
    }
    compare: dict[str, Value] = {"percent_off": value, "duration": "forever", "amount_off": None}
    return Desired(ref, create=create, compare=compare, shared=True)
