"""Invoice lines and the totals they make.

`amount` of a line is before discounts; `discount_amounts` says what each discount takes off. A line's own discounts
come first and are already in the invoice's `subtotal`, the invoice's come second (docs.stripe.com/api/invoices).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.stripe.billing import discounts, shapes
from sandbox.stripe.billing.amounts import (
    Charge,
    apply_invoice_discounts,
    apply_item_discounts,
    decimal_text,
    unit_amount,
)
from sandbox.stripe.kernel import Kernel, Obj

MOST_LINES = 250


@dataclass
class LineDraft:
    """A line about to be put on an invoice. `taken` fixes the discounts of an itemised proration."""

    amount: int
    period: tuple[int, int]
    parent: Obj
    price: Obj | None = None
    quantity: int | None = 1
    unit_text: str | None = None
    description: str | None = None
    own_discounts: list[str] = field(default_factory=list)
    discountable: bool = True
    taken: dict[str, int] | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    subscription: str | None = None


def item_parent(subscription: str, item: str, invoice_item: str | None = None, credited: Obj | None = None) -> Obj:
    """The parent of a line that a subscription item made, a proration when it came through an invoice item."""
    return {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": invoice_item,
            "proration": invoice_item is not None,
            "proration_details": {"credited_items": credited},
            "subscription": subscription,
            "subscription_item": item,
        },
    }


def invoice_item_parent(invoice_item: Obj) -> Obj:
    """The parent of a line that an invoice item made."""
    owner = (invoice_item["parent"] or {}).get("subscription_details") or {}
    if invoice_item["proration"] and owner.get("subscription_item"):
        credited = (invoice_item["proration_details"] or {}).get("credited_items") or {}
        details = credited.get("invoice_line_item_details")
        return item_parent(owner["subscription"], owner["subscription_item"], invoice_item["id"], details)
    return {
        "type": "invoice_item_details",
        "invoice_item_details": {
            "invoice_item": invoice_item["id"],
            "proration": invoice_item["proration"],
            "proration_details": {"credited_items": None},
            "subscription": owner.get("subscription"),
        },
        "subscription_item_details": None,
    }


def from_invoice_item(kernel: Kernel, item: Obj) -> LineDraft:
    """The line that an invoice item becomes."""
    owner = (item["parent"] or {}).get("subscription_details") or {}
    price = item.get("_price")
    return LineDraft(
        amount=item["amount"],
        period=(item["period"]["start"], item["period"]["end"]),
        parent=invoice_item_parent(item),
        price=price,
        quantity=item["quantity"],
        unit_text=(item["pricing"] or {}).get("unit_amount_decimal"),
        description=item["description"] or (product_name(kernel, price) if price else None),
        own_discounts=list(item["discounts"]),
        discountable=item["discountable"],
        taken=dict(item["_taken"]) if item.get("_taken") else None,
        metadata=dict(item["metadata"]),
        subscription=owner.get("subscription"),
    )


def add(kernel: Kernel, invoice: Obj, draft: LineDraft) -> Obj:
    """Put a line on the invoice; the totals are the caller's to renew."""
    line = shapes.line(kernel.new_id("il"), invoice["id"], invoice["currency"], draft.amount, draft.period)
    line["parent"] = draft.parent
    line["description"] = draft.description
    line["quantity"] = draft.quantity
    line["quantity_decimal"] = None if draft.quantity is None else str(draft.quantity)
    line["discountable"] = draft.discountable
    line["discounts"] = draft.own_discounts
    line["metadata"] = draft.metadata
    line["subscription"] = draft.subscription
    if draft.price is not None:
        unit_text = draft.unit_text or decimal_text(unit_amount(draft.price))
        line["pricing"] = shapes.price_details(draft.price, unit_text)
    elif draft.unit_text is not None:
        line["pricing"] = {"type": "price_details", "unit_amount_decimal": draft.unit_text}
    line["_taken"] = draft.taken
    invoice["_lines"].append(line)
    return line


def renew_totals(kernel: Kernel, invoice: Obj) -> None:
    """Compute all discounts and totals of a draft again from its lines."""
    at, lines = invoice["created"], invoice["_lines"]
    charges = [_charge(kernel, line, at) for line in lines]
    before = [charge.net for charge in charges]
    apply_invoice_discounts(charges, discounts.terms(kernel, invoice["discounts"], at))
    by_discount: dict[str, int] = {}
    for line, charge in zip(lines, charges, strict=True):
        line["discount_amounts"] = [{"discount": id, "amount": taken} for id, taken in charge.taken.items()]
        line["pretax_credit_amounts"] = [
            {"type": "discount", "discount": id, "amount": taken} for id, taken in charge.taken.items()
        ]
        for id, taken in charge.taken.items():
            by_discount[id] = by_discount.get(id, 0) + taken
    invoice["subtotal"] = invoice["subtotal_excluding_tax"] = sum(before)
    invoice["total"] = invoice["total_excluding_tax"] = sum(charge.net for charge in charges)
    invoice["total_discount_amounts"] = [{"discount": id, "amount": amount} for id, amount in by_discount.items()]
    invoice["total_pretax_credit_amounts"] = [
        {"type": "discount", "discount": id, "amount": amount} for id, amount in by_discount.items()
    ]
    invoice["lines"] = shapes.embedded_list(lines, f"/v1/invoices/{invoice['id']}/lines")


def _charge(kernel: Kernel, line: Obj, at: int) -> Charge:
    if line["_taken"] is not None:
        return Charge(line["amount"], discountable=False, taken=dict(line["_taken"]))
    product = ((line["pricing"] or {}).get("price_details") or {}).get("product")
    charge = Charge(line["amount"], discountable=line["discountable"], product=product)
    apply_item_discounts(charge, discounts.terms(kernel, line["discounts"], at))
    return charge


def product_name(kernel: Kernel, price: Obj) -> str:
    """The name of a price's product, also of a deleted one."""
    product = kernel.store.get("product", price["product"])
    return str(product["name"]) if product else str(price["product"])


def cycle_description(kernel: Kernel, price: Obj, quantity: int | None) -> str:
    """What a line of a full cycle says, such as `25 × Seats (at 588.00 USD / year)`."""
    every = price["recurring"]
    length = every["interval"] if every["interval_count"] == 1 else f"{every['interval_count']} {every['interval']}s"
    unit = decimal_text(unit_amount(price))
    return f"{quantity} × {product_name(kernel, price)} (at {unit} {price['currency']} minor units / {length})"


def proration_description(kernel: Kernel, kind: str, price: Obj, quantity: int | None, at: int) -> str:
    """What a proration says: `Unused time on ...` or `Remaining time on ...`."""
    day = datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
    return f"{kind} time on {quantity} × {product_name(kernel, price)} after {day}"
