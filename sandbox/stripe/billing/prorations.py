"""Prorations: what a change in the middle of a cycle gives back and charges, as pending invoice items.

Flexible billing: a credit comes from what was really debited for the time that is left, never from the item's present
price (https://docs.stripe.com/billing/subscriptions/billing-mode/compare). The item's `_debits` hold it: amounts before
discounts, the discounts taken, and the time they paid for. Usage is never prorated.
"""

from __future__ import annotations

from sandbox.stripe.billing import discounts, items, pricing, shapes, wording
from sandbox.stripe.billing.amounts import (
    Charge,
    apply_discounts,
    decimal_text,
    share,
    unit_amount,
)
from sandbox.stripe.billing.calendar import Interval, period_at
from sandbox.stripe.kernel import Kernel, Obj


def credits_for_rest(kernel: Kernel, subscription: Obj, item: Obj, at: int) -> list[Obj]:
    """Invoice items that give back what was debited for the time after `at`; the item's debits end there."""
    made: list[Obj] = []
    for debit in [d for d in item["_debits"] if d["end"] > at]:
        begin = max(at, debit["start"])
        part, whole = debit["end"] - begin, debit["end"] - debit["start"]
        amount = share(debit["amount"], part, whole)
        taken = {id: share(value, part, whole) for id, value in debit["taken"].items()}
        if amount:
            credited = _credited(debit)
            made.append(
                _proration(
                    kernel,
                    subscription,
                    item,
                    -amount,
                    {id: -value for id, value in taken.items()},
                    (begin, debit["end"]),
                    "Unused",
                    debit["quantity"],
                    credited,
                )
            )
        debit["amount"] -= amount
        debit["taken"] = {id: value - taken[id] for id, value in debit["taken"].items()}
        debit["end"] = begin
    item["_debits"] = [d for d in item["_debits"] if d["end"] > d["start"]]
    return made


def _credited(debit: Obj) -> Obj:
    if not debit["invoice"]:
        return {"type": "invoice_item", "invoice_item": debit["line"], "invoice_line_item_details": None}
    details = {"invoice": debit["invoice"], "invoice_line_items": [debit["line"]]}
    return {"type": "invoice_line_items", "invoice_item": None, "invoice_line_item_details": details}


def debit_for_rest(kernel: Kernel, subscription: Obj, item: Obj, at: int) -> Obj | None:
    """The invoice item that charges a licensed item, as it is now, from `at` to the end of its period."""
    quantity = items.quantity_of(item)
    start, end = period_at(subscription["billing_cycle_anchor"], Interval.of_price(item["price"]), at)
    price = items.billed_price(subscription, item)
    charge = Charge(pricing.total(price, quantity), product=price["product"])
    apply_discounts([charge], discounts.terms(kernel, item["discounts"], at))
    of_all = discounts.at_work(kernel, subscription)
    apply_discounts([charge], [t for t in discounts.terms(kernel, of_all, at) if t.percent])
    part, whole = item["current_period_end"] - at, end - start
    amount = share(charge.amount, part, whole)
    if not amount:
        return None
    taken = {id: share(value, part, whole) for id, value in charge.taken.items()}
    made = _proration(
        kernel, subscription, item, amount, taken, (at, item["current_period_end"]), "Remaining", quantity, None
    )
    item["_debits"].append(
        {
            "start": at,
            "end": item["current_period_end"],
            "amount": amount,
            "taken": taken,
            "quantity": quantity,
            "invoice": "",
            "line": made["id"],
        }
    )
    return made


def _proration(
    kernel: Kernel,
    subscription: Obj,
    item: Obj,
    amount: int,
    taken: dict[str, int],
    period: tuple[int, int],
    kind: str,
    quantity: int,
    credited: Obj | None,
) -> Obj:
    """A pending invoice item; with `proration_discounts=included` its amount is already net of discounts."""
    itemized = (subscription["billing_mode"].get("flexible") or {}).get("proration_discounts") == "itemized"
    net = amount - sum(taken.values())
    made = shapes.invoice_item(kernel.new_id("ii"), subscription["customer"], subscription["currency"], kernel.now_s())
    made["amount"] = amount if itemized else net
    made["net_amount"] = net
    made["description"] = wording.proration(kernel, kind, item["price"], quantity, period[0])
    made["discountable"] = False
    made["period"] = {"start": period[0], "end": period[1]}
    made["proration"] = True
    made["proration_details"] = {
        "credited_items": credited,
        "discount_amounts": [{"discount": id, "amount": value} for id, value in taken.items() if itemized],
    }
    made["parent"] = {
        "type": "subscription_details",
        "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
    }
    price = items.billed_price(subscription, item)
    unit_text = None if pricing.is_tiered(price) else decimal_text(unit_amount(price))
    made["pricing"] = shapes.price_details(price, unit_text)
    made["quantity"], made["quantity_decimal"] = quantity, str(quantity)
    made["metadata"] = dict(subscription["metadata"])
    made["_price"] = price
    made["_taken"] = taken if itemized else {}
    made["_subscription"] = subscription["id"]
    return kernel.add(made, "invoiceitem.created")
