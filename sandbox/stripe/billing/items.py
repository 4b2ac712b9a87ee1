"""Subscription items: what was asked for and what they are billed for in advance; usage is `usage.py`'s.

Each item remembers in `_debits` what was billed for its time, for prorations (`prorations.py`), and a metered one in
`_usage_from` since when its usage is not billed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe.billing import discounts, lines, pricing, shapes, wording
from sandbox.stripe.billing.amounts import decimal_text, share
from sandbox.stripe.billing.calendar import Interval, are_aligned, cycles_between, period_at
from sandbox.stripe.billing.lines import LineDraft
from sandbox.stripe.billing.pricing import Part
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.resources.price_currencies import in_currency
from sandbox.stripe.resources.prices import inline_price


@dataclass
class ItemTerms:
    """A recurring price as asked for.

    `quantity` is `None` for a metered price; `discounts` is `None` where the request said nothing about them.
    """

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
    check_quantity(price, given, at)
    return price


def check_quantity(price: Obj, given: dict[str, Any], at: str) -> None:
    """The quantity of a metered item is its usage; it can't be set."""
    if pricing.is_metered(price) and "quantity" in given:
        raise invalid("You cannot set the quantity for metered plans.", f"{at}[quantity]")


def resolve(kernel: Kernel, given: dict[str, Any], at: str, kind: str = "recurring") -> Obj:
    """The price that is named, or a fresh one from `price_data`."""
    return check_price(kernel, given, at, kind) or inline_price(kernel, given["price_data"], f"{at}[price_data]")


def interval_of(kernel: Kernel, given: dict[str, Any]) -> Interval:
    """The interval of a checked recurring item."""
    if "price_data" in given:
        return Interval.of_price({"recurring": {"interval_count": 1, **given["price_data"]["recurring"]}})
    return Interval.of_price(kernel.get("price", given["price"], "price"))


def check_alignment(intervals: list[Interval], at: str) -> None:
    """Intervals of one subscription have to be multiples of the shortest."""
    if not are_aligned(intervals):
        raise invalid(
            "All prices on a subscription must have a recurring interval that is a multiple of the shortest one.", at
        )


def item_terms(kernel: Kernel, given: dict[str, Any], at: str) -> ItemTerms:
    """An item of a request, its price resolved."""
    asked = given.get("discounts")
    metadata = {key: value for key, value in (given.get("metadata") or {}).items() if value != ""}
    price = resolve(kernel, given, at)
    return ItemTerms(
        price=price,
        quantity=None if pricing.is_metered(price) else given.get("quantity", 1),
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
    item["_usage_from"] = start
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


def quantity_of(item: Obj) -> int:
    """The units of a licensed item; 0 for a metered one, which has no quantity."""
    return item.get("quantity") or 0


# -------------------------------------------------------------------- billing a cycle


def billed_price(subscription: Obj, item: Obj) -> Obj:
    """The item's price with its amounts in the subscription's currency."""
    return in_currency(item["price"], subscription["currency"])


def line_of(kernel: Kernel, subscription: Obj, item: Obj, part: Part, period: tuple[int, int]) -> LineDraft:
    """The line for a part of what the item costs in this period."""
    price = billed_price(subscription, item)
    return LineDraft(
        amount=part.amount,
        period=period,
        parent=lines.item_parent(subscription["id"], item["id"]),
        price=price,
        quantity=part.quantity,
        unit_text=None if part.unit is None else decimal_text(part.unit),
        description=wording.cycle(kernel, price, part),
        own_discounts=list(item["discounts"]),
        metadata=dict(subscription["metadata"]),
        subscription=subscription["id"],
    )


def cycle_lines(kernel: Kernel, subscription: Obj, item: Obj, period: tuple[int, int]) -> list[LineDraft]:
    """The lines for a whole cycle of a licensed item; a graduated price makes one for each tier."""
    made = pricing.parts(billed_price(subscription, item), quantity_of(item))
    return [line_of(kernel, subscription, item, part, period) for part in made]


def free_line(kernel: Kernel, subscription: Obj, item: Obj, period: tuple[int, int], quantity: int) -> LineDraft:
    """The line for a time of trial: what there was of the item, for nothing."""
    line = line_of(kernel, subscription, item, Part(quantity, 0, None), period)
    line.description = wording.free_trial(kernel, item["price"], quantity)
    return line


def first_lines(kernel: Kernel, subscription: Obj, item: Obj, prorate: bool) -> list[LineDraft]:
    """Lines from the subscription's start to the end of a licensed item's period, for each natural cycle.

    A cut cycle, and one that began before now, is billed only when prorations are asked for. With `none` all the time up
    to the anchor is free, also where that time is a whole cycle (Stripe, Set the billing cycle date).
    """
    now, anchor = kernel.now_s(), subscription["billing_cycle_anchor"]
    interval = Interval.of_price(item["price"])
    made: list[LineDraft] = []
    for start, end, cycle_start, cycle_end in cycles_between(
        anchor, interval, subscription["start_date"], item["current_period_end"]
    ):
        whole = (start, end) == (cycle_start, cycle_end)
        if not prorate and not (whole and start >= max(now, anchor)):
            continue
        for line in cycle_lines(kernel, subscription, item, (start, end)):
            line.amount = share(line.amount, end - start, cycle_end - cycle_start)
            made.append(line)
    return made


def remember_debits(items: list[Obj], invoice: Obj) -> None:
    """Note on the items what the invoice's lines have debited, and where a pending proration went."""
    by_id = {item["id"]: item for item in items}
    for line in invoice["_lines"]:
        details: Obj = line["parent"]["subscription_item_details"] or {}
        item = by_id.get(details.get("subscription_item", ""))
        if item is None or line["amount"] <= 0 or line["_usage"] is not None:
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
