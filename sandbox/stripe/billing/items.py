"""Subscription items: what was asked for, what they are billed for, and prorations.

Flexible billing: a credit comes from what was really debited for the time that is left, never from the item's present
price (https://docs.stripe.com/billing/subscriptions/billing-mode/compare). So each item remembers its debits in
`_debits`: amounts before discounts, the discounts taken, and the time they paid for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe.billing import discounts, lines, shapes
from sandbox.stripe.billing.amounts import (
    Charge,
    apply_invoice_discounts,
    apply_item_discounts,
    decimal_text,
    line_amount,
    share,
    unit_amount,
)
from sandbox.stripe.billing.calendar import Interval, cycles_between, period_at
from sandbox.stripe.billing.lines import LineDraft
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.resources.prices import inline_price


@dataclass
class ItemTerms:
    """A recurring price as asked for. `discounts` is `None` where the request said nothing about them."""

    price: Obj
    quantity: int | None = 1
    discounts: list[dict[str, Any]] | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class ExtraTerms:
    """A one-off price of `add_invoice_items`; `period` as asked for."""

    price: Obj
    quantity: int
    discounts: list[dict[str, Any]]
    metadata: dict[str, str]
    discountable: bool
    period: dict[str, Any] | None


def check_price(kernel: Kernel, given: dict[str, Any], at: str, kind: str) -> Obj | None:
    """The usable price that is named, or `None` for a sound `price_data`; changes nothing."""
    if ("price" in given) == ("price_data" in given):
        code = "parameters_exclusive" if "price" in given else "parameter_missing"
        raise invalid(f"You must specify exactly one of `price` or `price_data` in {at}.", f"{at}[price]", code)
    if "price_data" in given:
        data = given["price_data"]
        kernel.get("product", data["product"], f"{at}[price_data][product]")
        if ("unit_amount" in data) == ("unit_amount_decimal" in data):
            raise invalid("You must provide exactly one of unit_amount or unit_amount_decimal.", f"{at}[price_data]")
        return None
    price = kernel.get("price", given["price"], f"{at}[price]")
    if not price["active"] and not price.get("_inline"):
        raise invalid("The price specified is inactive. This field only accepts active prices.", f"{at}[price]")
    if price["type"] != kind:
        raise invalid(
            f"The price specified is set to `type={price['type']}` but this field only accepts prices with"
            f" `type={kind}`.",
            f"{at}[price]",
        )
    if kind == "recurring" and price["recurring"]["usage_type"] == "metered":
        raise invalid("This sandbox does not bill metered prices yet.", f"{at}[price]")
    return price


def resolve(kernel: Kernel, given: dict[str, Any], at: str, kind: str = "recurring") -> Obj:
    """The price that is named, or a fresh one from `price_data`."""
    return check_price(kernel, given, at, kind) or inline_price(kernel, given["price_data"], f"{at}[price_data]")


def currency_of(kernel: Kernel, given: dict[str, Any]) -> str:
    """The currency of a checked item."""
    if "price_data" in given:
        return str(given["price_data"]["currency"])
    return str(kernel.get("price", given["price"], "price")["currency"])


def item_terms(kernel: Kernel, given: dict[str, Any], at: str) -> ItemTerms:
    """An item of a request, its price resolved."""
    asked = given.get("discounts")
    metadata = {key: value for key, value in (given.get("metadata") or {}).items() if value != ""}
    return ItemTerms(
        price=resolve(kernel, given, at),
        quantity=given.get("quantity", 1),
        discounts=[] if asked == "" else asked,
        metadata=metadata,
    )


def extra_terms(kernel: Kernel, given: dict[str, Any], at: str) -> ExtraTerms:
    """An `add_invoice_items` entry of a request, its price resolved."""
    return ExtraTerms(
        price=resolve(kernel, given, at, "one_time"),
        quantity=given.get("quantity", 1),
        discounts=given.get("discounts") or [],
        metadata={key: value for key, value in (given.get("metadata") or {}).items() if value != ""},
        discountable=given.get("discountable", True),
        period=given.get("period"),
    )


def new_item(kernel: Kernel, subscription: Obj, terms: ItemTerms, start: int) -> Obj:
    """An item of the subscription, stored, its period still to be set."""
    now = kernel.now_s()
    item = shapes.subscription_item(kernel.new_id("si"), subscription["id"], terms.price, terms.quantity, now)
    item["metadata"] = dict(terms.metadata)
    item["_debits"] = []
    item["discounts"] = discounts.attach(kernel, terms.discounts, _owner(subscription, item), start)
    return kernel.add(item)


def set_discounts(kernel: Kernel, subscription: Obj, item: Obj, specs: list[dict[str, Any]], start: int) -> None:
    """Put these discounts on the item in place of its own; one of the same coupon stays as it is."""
    owner = _owner(subscription, item)
    item["discounts"] = discounts.attach(kernel, specs, owner, start, current=item["discounts"])


def _owner(subscription: Obj, item: Obj) -> dict[str, Any]:
    return {
        "customer": subscription["customer"],
        "currency": subscription["currency"],
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }


def set_period(item: Obj, anchor: int, at: int) -> None:
    """The item's period is the cycle that contains `at`, but never begins before the item's own start."""
    start, end = period_at(anchor, Interval.of_price(item["price"]), at)
    item["current_period_start"], item["current_period_end"] = start, end


# -------------------------------------------------------------------- billing a cycle


def cycle_line(
    kernel: Kernel, subscription: Obj, item: Obj, period: tuple[int, int], amount: int | None = None
) -> LineDraft:
    """The line for a cycle of the item, in full unless an amount is given."""
    full = line_amount(item["price"], item["quantity"] or 0)
    return LineDraft(
        amount=full if amount is None else amount,
        period=period,
        parent=lines.item_parent(subscription["id"], item["id"]),
        price=item["price"],
        quantity=item["quantity"],
        description=lines.cycle_description(kernel, item["price"], item["quantity"]),
        own_discounts=list(item["discounts"]),
        metadata=dict(subscription["metadata"]),
        subscription=subscription["id"],
    )


def first_lines(kernel: Kernel, subscription: Obj, item: Obj, prorate: bool) -> list[LineDraft]:
    """Lines from the subscription's start to the end of the item's period, one for each natural cycle.

    A cut cycle, and one that began before now, is billed only when prorations are asked for. With `none` all the time up
    to the anchor is free, also where that time is a whole cycle (Stripe, Set the billing cycle date).
    """
    now, anchor = kernel.now_s(), subscription["billing_cycle_anchor"]
    interval = Interval.of_price(item["price"])
    full = line_amount(item["price"], item["quantity"] or 0)
    made: list[LineDraft] = []
    for start, end, cycle_start, cycle_end in cycles_between(
        anchor, interval, subscription["start_date"], item["current_period_end"]
    ):
        whole = (start, end) == (cycle_start, cycle_end)
        if whole and start >= max(now, anchor):
            made.append(cycle_line(kernel, subscription, item, (start, end)))
        elif prorate:
            amount = share(full, end - start, cycle_end - cycle_start)
            made.append(cycle_line(kernel, subscription, item, (start, end), amount))
    return made


def remember_debits(items: list[Obj], invoice: Obj) -> None:
    """Note on the items what the invoice's lines have debited, and where a pending proration went."""
    by_id = {item["id"]: item for item in items}
    for line in invoice["_lines"]:
        details: Obj = line["parent"]["subscription_item_details"] or {}
        item = by_id.get(details.get("subscription_item", ""))
        if item is None or line["amount"] <= 0:
            continue
        if details["proration"]:
            for debit in item["_debits"]:
                if debit["line"] == details["invoice_item"]:
                    debit["invoice"], debit["line"] = invoice["id"], line["id"]
            continue
        item["_debits"] = [d for d in item["_debits"] if d["end"] > line["period"]["start"]]
        item["_debits"].append(_debit_of(line, invoice))


def _debit_of(line: Obj, invoice: Obj) -> Obj:
    return {
        "start": line["period"]["start"],
        "end": line["period"]["end"],
        "amount": line["amount"],
        "taken": {entry["discount"]: entry["amount"] for entry in line["discount_amounts"]},
        "quantity": line["quantity"],
        "invoice": invoice["id"],
        "line": line["id"],
    }


# -------------------------------------------------------------------- prorations


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
    """The invoice item that charges the item, as it is now, from `at` to the end of its period."""
    start, end = period_at(subscription["billing_cycle_anchor"], Interval.of_price(item["price"]), at)
    charge = Charge(line_amount(item["price"], item["quantity"] or 0), product=item["price"]["product"])
    apply_item_discounts(charge, discounts.terms(kernel, item["discounts"], at))
    apply_invoice_discounts([charge], [t for t in discounts.terms(kernel, subscription["discounts"], at) if t.percent])
    part, whole = item["current_period_end"] - at, end - start
    amount = share(charge.amount, part, whole)
    if not amount:
        return None
    taken = {id: share(value, part, whole) for id, value in charge.taken.items()}
    made = _proration(
        kernel, subscription, item, amount, taken, (at, item["current_period_end"]), "Remaining", item["quantity"], None
    )
    item["_debits"].append(
        {
            "start": at,
            "end": item["current_period_end"],
            "amount": amount,
            "taken": taken,
            "quantity": item["quantity"],
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
    quantity: int | None,
    credited: Obj | None,
) -> Obj:
    """A pending invoice item; with `proration_discounts=included` its amount is already net of discounts."""
    itemized = (subscription["billing_mode"].get("flexible") or {}).get("proration_discounts") == "itemized"
    net = amount - sum(taken.values())
    made = shapes.invoice_item(kernel.new_id("ii"), subscription["customer"], subscription["currency"], kernel.now_s())
    made["amount"] = amount if itemized else net
    made["net_amount"] = net
    made["description"] = lines.proration_description(kernel, kind, item["price"], quantity, period[0])
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
    made["pricing"] = shapes.price_details(item["price"], decimal_text(unit_amount(item["price"])))
    made["quantity"] = quantity or 0
    made["quantity_decimal"] = str(quantity or 0)
    made["metadata"] = dict(subscription["metadata"])
    made["_price"] = item["price"]
    made["_taken"] = taken if itemized else {}
    made["_subscription"] = subscription["id"]
    return kernel.add(made, "invoiceitem.created")
