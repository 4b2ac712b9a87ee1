"""Invoice lines and the totals they make.

`amount` of a line is before discounts; `discount_amounts` says what each discount takes off. A line's own discounts
come first and are already in the invoice's `subtotal`, the invoice's come second (docs.stripe.com/api/invoices).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.stripe.billing import discounts, pricing, shapes, wording
from sandbox.stripe.billing.amounts import (
    Charge,
    apply_discounts,
    decimal_text,
    unit_amount,
)
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.tax import computing


@dataclass
class LineDraft:
    """A line about to be put on an invoice.

    `taken` fixes the discounts of an itemised proration. `usage` says which usage the line bills, so that it can be
    measured again. `discounts_before` are the discounts of the whole subscription that it takes instead of the
    invoice's: usage of a phase that is over.
    """

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
    usage: Obj | None = None
    discounts_before: list[str] | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    subscription: str | None = None
    tax_behavior: str | None = None
    tax_code: str | None = None


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
        description=item["description"] or (wording.product_name(kernel, price) if price else None),
        own_discounts=list(item["discounts"]),
        discountable=item["discountable"],
        taken=dict(item["_taken"]) if item.get("_taken") else None,
        metadata=dict(item["metadata"]),
        subscription=owner.get("subscription"),
        tax_behavior=item.get("_tax_behavior"),
        tax_code=item.get("_tax_code"),
    )


def add(kernel: Kernel, invoice: Obj, draft: LineDraft) -> Obj:
    """Put a line on the invoice; the totals are the caller's to renew."""
    line = shapes.line(kernel.new_id("il"), invoice["id"], invoice["currency"], draft.amount, draft.period)
    line["parent"] = draft.parent
    line["description"] = draft.description
    set_quantity(line, draft.quantity)
    line["discountable"] = draft.discountable
    line["discounts"] = draft.own_discounts
    line["metadata"] = draft.metadata
    line["subscription"] = draft.subscription
    if draft.price is not None:
        line["pricing"] = shapes.price_details(draft.price, _unit_text(draft))
    elif draft.unit_text is not None:
        line["pricing"] = {"type": "price_details", "unit_amount_decimal": draft.unit_text}
    line["_taken"], line["_usage"], line["_discounts_before"] = draft.taken, draft.usage, draft.discounts_before
    line["_tax_behavior"] = draft.tax_behavior or (draft.price or {}).get("tax_behavior")
    line["_tax_code"] = draft.tax_code
    invoice["_lines"].append(line)
    return line


def set_quantity(line: Obj, quantity: int | None) -> None:
    """The quantity of a line, in both forms."""
    line["quantity"] = quantity
    line["quantity_decimal"] = None if quantity is None else str(quantity)


def _unit_text(draft: LineDraft) -> str | None:
    """What one unit costs: as the line says, else the price's own; a line of a tiered price says it or has none."""
    if draft.unit_text is not None or draft.price is None or pricing.is_tiered(draft.price):
        return draft.unit_text
    return decimal_text(unit_amount(draft.price))


def renew_totals(kernel: Kernel, invoice: Obj) -> None:
    """Compute all discounts and totals of a draft again from its lines."""
    at, lines = invoice["created"], invoice["_lines"]
    charges = [_charge(line) for line in lines]
    _take_own_discounts(kernel, lines, charges, at)
    before = [charge.net for charge in charges]
    apply_discounts(charges, discounts.terms(kernel, invoice["discounts"], at))
    computing.tax_lines(kernel, invoice, [charge.net for charge in charges])
    taxes = [tax for line in lines for tax in line["taxes"]]
    on_top, within = computing.added(taxes), computing.contained(taxes)
    by_discount: dict[str, int] = {}
    for line, charge in zip(lines, charges, strict=True):
        line["discount_amounts"] = [{"discount": id, "amount": taken} for id, taken in charge.taken.items()]
        line["pretax_credit_amounts"] = [
            {"type": "discount", "discount": id, "amount": taken} for id, taken in charge.taken.items()
        ]
        for id, taken in charge.taken.items():
            by_discount[id] = by_discount.get(id, 0) + taken
    net = sum(charge.net for charge in charges)
    invoice["subtotal"], invoice["subtotal_excluding_tax"] = sum(before), sum(before) - within
    invoice["total"], invoice["total_excluding_tax"] = net + on_top, net - within
    invoice["total_taxes"] = computing.totals(taxes)
    invoice["total_discount_amounts"] = [{"discount": id, "amount": amount} for id, amount in by_discount.items()]
    invoice["total_pretax_credit_amounts"] = [
        {"type": "discount", "discount": id, "amount": amount} for id, amount in by_discount.items()
    ]
    invoice["lines"] = shapes.embedded_list(lines, f"/v1/invoices/{invoice['id']}/lines")


def _charge(line: Obj) -> Charge:
    if line["_taken"] is not None:
        return Charge(line["amount"], discountable=False, taken=dict(line["_taken"]))
    product = ((line["pricing"] or {}).get("price_details") or {}).get("product")
    return Charge(line["amount"], discountable=line["discountable"], product=product)


def _take_own_discounts(kernel: Kernel, lines: list[Obj], charges: list[Charge], at: int) -> None:
    """Take the lines' own discounts off; the lines that one item makes of its tiers share an amount off."""
    groups: dict[object, list[tuple[Obj, Charge]]] = {}
    for line, charge in zip(lines, charges, strict=True):
        groups.setdefault(_owner(line), []).append((line, charge))
    for group in groups.values():
        first, shared = group[0][0], [charge for _, charge in group]
        apply_discounts(shared, discounts.terms(kernel, first["discounts"], at))
        if first["_discounts_before"] is not None:
            apply_discounts(shared, discounts.terms(kernel, first["_discounts_before"], at))
            for charge in shared:
                charge.discountable = False


def _owner(line: Obj) -> object:
    """What a line's own discounts belong to: the item and time that it bills, else the line itself."""
    details = line["parent"]["subscription_item_details"]
    if not details or details["proration"]:
        return line["id"]
    return details["subscription_item"], line["period"]["start"], line["period"]["end"]
