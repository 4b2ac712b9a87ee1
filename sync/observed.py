"""What is there, in the normalised form that `sync.desired` writes too: a fresh object must diff to nothing.

Pure: facts in, comparable values out. A part that a fact can't tell is left out, and then it isn't compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sync import facts
from sync.desired.keys import AS_PLANNED, EVERY_USE, EVERYTHING, KEY, LAST_ALONE, PARTS
from sync.ends import SENT
from sync.facts import Fact
from sync.records import Fields, Ref, Value

#: Kinds that carry our key in their metadata.
_KEYED = (facts.Subscription, facts.Schedule, facts.Invoice, facts.CreditNote, facts.BalanceTransaction)
_OVER = frozenset({"canceled", "incomplete_expired"})


@dataclass(frozen=True)
class Actual:
    """An object that exists in Stripe: its id there, and its facts in comparable form."""

    remote_id: str
    compare: Fields


def actuals(found: Iterable[Fact], *, customer: tuple[str, facts.Customer] | None = None) -> Mapping[Ref, Actual]:
    """Everything of ours among ``found``, by our reference; of two alike the active one.

    ``customer`` is the Account id with the customer that it was matched to (`sync.desired.customer`). Objects that
    belong to nobody we know are left out.
    """
    seen = [fact for fact in found if not fact.deleted]
    known: dict[Ref, Actual] = {}
    if customer and not customer[1].deleted:
        known[Ref("customer", customer[0])] = observe(customer[1])
    for fact in sorted(seen, key=_inactive_last):
        ref = _ref(fact)
        if ref is not None:
            known.setdefault(ref, observe(fact))
    for subscription in (f for f in seen if isinstance(f, facts.Subscription)):
        _attach(subscription, seen, known)
    for invoice in (f for f in seen if isinstance(f, facts.Invoice)):
        _lines(invoice, known)
    return known


def _ref(fact: Fact) -> Ref | None:
    if isinstance(fact, (facts.Product, facts.Coupon)):
        return Ref(fact.KIND, fact.id)
    if isinstance(fact, facts.Price):
        key = fact.lookup_key or fact.metadata.get(KEY)  # what lost its lookup key bills on where it runs
        return Ref("price", key) if key else None
    if isinstance(fact, facts.Meter):
        return Ref("meter", fact.event_name)
    if isinstance(fact, facts.Schedule) and fact.status == "released" and fact.end_behavior == "release":
        return None  # let go of as planned: what it managed goes on by itself
    if isinstance(fact, _KEYED):
        key = fact.metadata.get(KEY)
        return Ref(fact.KIND, key) if key else None
    return None


def _inactive_last(fact: Fact) -> tuple[bool, bool]:
    price = fact if isinstance(fact, facts.Price) else None
    return price is not None and not price.active, price is not None and not price.lookup_key


def _attach(subscription: facts.Subscription, seen: Iterable[Fact], known: dict[Ref, Actual]) -> None:
    """A schedule fresh from a subscription of ours carries no key yet: it is known by its subscription."""
    key = subscription.metadata.get(KEY)
    if key and subscription.schedule:
        mine = (f for f in seen if isinstance(f, facts.Schedule) and f.id == subscription.schedule)
        for schedule in mine:
            known.setdefault(Ref("schedule", key), observe(schedule))


def _lines(invoice: facts.Invoice, known: dict[Ref, Actual]) -> None:
    """The items that we stated are known by the metadata of the invoice's lines."""
    for line in invoice.lines:
        key = line.metadata.get(KEY)
        if key and invoice.metadata.get(KEY):
            known.setdefault(Ref("invoiceitem", key), Actual(invoice.id, {"amount": line.amount_minor}))


def observe(fact: Fact) -> Actual:
    """One fact in comparable form. A kind that nothing is held against compares as empty."""
    return Actual(fact.id, _compare(fact))


def _compare(fact: Fact) -> dict[str, Value]:
    if isinstance(fact, facts.Product):
        told: dict[str, Value] = {"name": fact.name, "active": fact.active, "tax_code": fact.tax_code}
        told |= {"description": fact.description, "metadata": dict(fact.metadata)}
        return told | {path: fact.values.get(path) for path in SENT["product"] - told.keys()}
    if isinstance(fact, facts.Price):
        return _price(fact)
    if isinstance(fact, facts.Coupon):
        off: dict[str, Value] = {"percent_off": fact.percent_off, "amount_off": fact.amount_off_minor}
        limits: dict[str, Value] = {"applies_to": ", ".join(fact.products) or EVERYTHING}
        limits["max_redemptions"] = fact.max_redemptions
        return {**off, **limits, "redeem_by": fact.redeem_by_s, "currency": fact.currency, "duration": fact.duration}
    if isinstance(fact, facts.Customer):
        return _customer(fact)
    if isinstance(fact, facts.Schedule):
        return _schedule(fact)
    if isinstance(fact, facts.Subscription):
        standing = "canceled" if fact.status in _OVER else AS_PLANNED
        items: list[Value] = [_item_on(item) for item in fact.items]
        collection: list[Value] = [fact.collection_method, fact.days_until_due if _is_invoiced(fact) else None]
        found: dict[str, Value] = {"customer": fact.customer, "standing": standing, "metadata": dict(fact.metadata)}
        return found | {"items": items, "collection": collection, "discounts": list(fact.coupons)}
    if isinstance(fact, facts.Meter):
        return {"status": fact.status, "counts": LAST_ALONE if fact.formula == "last" else EVERY_USE}
    if isinstance(fact, facts.Invoice):
        return _invoice(fact)
    return {}


def _customer(customer: facts.Customer) -> dict[str, Value]:
    address = dict(customer.address)
    return {
        "name": customer.name,
        "email": customer.email,
        "metadata": dict(customer.metadata),
        "address": {part: address.get(part, "") for part in PARTS},
        "tax_exempt": customer.tax_exempt,
        "has_method": customer.has_method,
        **{path: customer.values.get(path) for path in SENT["customer"]},
    }


def _price(price: facts.Price) -> dict[str, Value]:
    """Tiers are compared where they were read; a price of steps has some, so none means that they were not."""
    tiers: dict[str, Value] = {}
    if price.tiers or not price.tiers_mode:
        tiers["tiers"] = [[tier.up_to, tier.unit, tier.flat] for tier in price.tiers]
    return {
        "product": price.product,
        "currency": price.currency,
        "unit_amount_decimal": price.unit_amount_decimal,
        "interval": price.interval,
        "interval_count": price.interval_count if price.interval else 1,
        "metered": price.usage_type == "metered",
        "tiers_mode": price.tiers_mode,
        "packaged": price.packaged,
        "meter": price.meter,
        "tax_behavior": price.tax_behavior,
        "active": price.active,
        **tiers,
    }


def _schedule(schedule: facts.Schedule) -> dict[str, Value]:
    """A schedule that is over is only asked whether it ended as planned; what it billed is on its invoices."""
    if schedule.status == "completed":
        return {"customer": schedule.customer, "standing": AS_PLANNED}
    if schedule.status == "canceled" or (schedule.status == "released" and schedule.end_behavior == "cancel"):
        return {"customer": schedule.customer, "standing": schedule.status}
    found: dict[str, Value] = {
        "customer": schedule.customer,
        "standing": AS_PLANNED,
        "end_behavior": schedule.end_behavior,
        "collection": [schedule.collection_method, schedule.days_until_due if _is_invoiced(schedule) else None],
        "custom_fields": [list(pair) for pair in schedule.custom_fields],
        "phases": [observe_phase(phase) for phase in schedule.phases],
        "metadata": dict(schedule.metadata),
    }
    if schedule.status == "not_started":
        found["once"] = [{"items": [_item(item) for item in phase.add_invoice_items]} for phase in schedule.phases]
    return found


def _is_invoiced(fact: facts.Schedule | facts.Subscription) -> bool:
    return fact.collection_method == "send_invoice"


def observe_phase(phase: facts.Phase) -> Value:
    """One phase of a schedule in comparable form."""
    return {
        "start": phase.start_s,
        "end": phase.end_s,
        "items": [_item(item) for item in phase.items],
        "discounts": list(phase.coupons),
        "proration_behavior": phase.proration_behavior,
    }


def _item(item: facts.PhaseItem) -> Value:
    quantity = 1 if item.quantity is None else item.quantity
    return {"price": item.price, "quantity": quantity, "discounts": list(item.coupons)}


def _item_on(item: facts.Item) -> Value:
    quantity = 1 if item.quantity is None else item.quantity
    return {"price": item.price.id, "quantity": quantity, "discounts": list(item.coupons)}


def _invoice(invoice: facts.Invoice) -> dict[str, Value]:
    """A draft may still lack items, so its sum says nothing yet."""
    found: dict[str, Value] = {"customer": invoice.customer, "finalized": invoice.status != "draft"}
    found["metadata"] = dict(invoice.metadata)
    if invoice.status != "draft":
        found["subtotal"] = invoice.subtotal_minor
    return found
