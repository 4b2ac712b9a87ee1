"""Endpoints of invoice items (https://docs.stripe.com/api/invoiceitems): amounts stated by the caller."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.stripe.billing import discounts, items, lines, requests, shapes, wording
from sandbox.stripe.billing import invoice_parameters as parameters
from sandbox.stripe.billing.amounts import decimal_text, round_half_away, unit_amount
from sandbox.stripe.billing.currency import chosen
from sandbox.stripe.billing.engine import Billing, billing_of
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Obj, expandable, route
from sandbox.stripe.params import in_range, merged_metadata
from sandbox.stripe.resources.price_currencies import in_currency
from sandbox.stripe.tax.codes import check_code
from sandbox.stripe.tax.computing import check_line

Given = dict[str, Any]
#: https://docs.stripe.com/billing/invoices/overview: no more items on one invoice.
MOST_LINES = 250

for _path, _target in (
    ("customer", "customer"),
    ("discounts", "discount"),
    ("invoice", "invoice"),
    ("parent.subscription_details.subscription", "subscription"),
    ("pricing.price_details.price", "price"),
):
    expandable("invoiceitem", _path, _target)


@route("POST", "/v1/invoiceitems", parameters.INVOICE_ITEM_CREATE)
def create_item(call: Call) -> Obj:
    """An item on a draft, or pending for the next invoice."""
    item, invoice = new_item(billing_of(call.kernel), call.params)
    call.kernel.add(item, "invoiceitem.created")
    if invoice is not None:
        _put_on(billing_of(call.kernel), item, invoice)
    return item


def new_item(billing: Billing, given: Given) -> tuple[Obj, Obj | None]:
    """The item that a request describes, not stored yet, and the draft it is for."""
    kernel = billing.kernel
    customer = kernel.get("customer", given["customer"], "customer")
    invoice = kernel.get("invoice", given["invoice"], "invoice") if "invoice" in given else None
    if invoice is not None and invoice["status"] != "draft":
        raise invalid(
            "You can only add invoice items to draft invoices. This invoice is no longer editable.",
            "invoice",
            "invoice_not_editable",
        )
    if invoice is not None and len(invoice["_lines"]) >= MOST_LINES:
        raise invalid(f"You cannot add more than {MOST_LINES} items to an invoice.", "invoice")
    if invoice is not None and invoice["customer"] != customer["id"]:
        raise invalid("The invoice does not belong to the customer.", "invoice")
    subscription = (
        kernel.get("subscription", given["subscription"], "subscription") if "subscription" in given else None
    )
    currency = _currency(billing, given, customer)
    discounts.check(kernel, given.get("discounts"), currency, customer=given["customer"])
    _check_period(given)
    if invoice is not None and invoice["currency"] != currency:
        if invoice["_lines"]:
            raise invalid("The invoice item's currency must be the invoice's currency.", "currency")
        invoice["currency"] = currency
    elif invoice is None:
        requests.check_currency(billing, customer, currency)
    item = shapes.invoice_item(kernel.new_id("ii"), customer["id"], currency, kernel.now_s())
    item["_price"], item["_taken"] = None, None
    item["_subscription"] = subscription["id"] if subscription else None
    if subscription is not None:
        item["parent"] = {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription["id"], "subscription_item": None},
        }
    _fill(billing, item, given)
    if invoice is not None and invoice["automatic_tax"]["enabled"]:
        said = item.get("_tax_behavior") or (item["_price"] or {}).get("tax_behavior")
        check_line(kernel, said, item["amount"], currency, "tax_behavior")
    return item, invoice


def _currency(billing: Billing, given: Given, customer: Obj) -> str:
    ways = [key for key in ("amount", "price_data", "pricing", "unit_amount_decimal") if key in given]
    if len(ways) != 1:
        raise invalid(
            "You must pass exactly one of `amount`, `pricing[price]`, `price_data` or `unit_amount_decimal`.",
            "amount",
            "parameters_exclusive" if ways else "parameter_missing",
        )
    if ways[0] in ("price_data", "pricing"):
        price = given.get("pricing") or {}
        entry = {"price_data": given["price_data"]} if "price_data" in given else {"price": price.get("price", "")}
        items.check_price(billing.kernel, entry, "pricing", "one_time")
        return chosen(billing.kernel, [(entry, "pricing")], given.get("currency"), customer)
    currency = given.get("currency") or customer["currency"]
    if currency is None:
        raise invalid("Missing required param: currency.", "currency", "parameter_missing")
    return str(currency)


def _check_period(given: Given) -> None:
    period = given.get("period")
    if period and period["end"] < period["start"]:
        raise invalid("The period's end must not be before its start.", "period[end]")
    if "amount" in given and ("quantity" in given or "quantity_decimal" in given):
        raise invalid("You cannot set both `amount` and `quantity`.", "quantity", "parameters_exclusive")
    if "quantity" in given and "quantity_decimal" in given:
        raise invalid("You cannot set both `quantity` and `quantity_decimal`.", "quantity", "parameters_exclusive")


def _fill(billing: Billing, item: Obj, given: Given) -> None:
    kernel = billing.kernel
    if "discountable" in given:
        item["discountable"] = given["discountable"]
    if "description" in given:
        item["description"] = given["description"]
    if "period" in given:
        item["period"] = dict(given["period"])
    if "tax_behavior" in given:
        item["_tax_behavior"] = given["tax_behavior"]
    if "tax_code" in given:
        check_code(given["tax_code"], "tax_code")
        item["_tax_code"] = given["tax_code"] or None
    item["metadata"] = merged_metadata(item["metadata"], given.get("metadata"))
    if "quantity" in given or "quantity_decimal" in given:
        quantity = Decimal(given["quantity_decimal"] if "quantity_decimal" in given else given["quantity"])
        item["quantity"], item["quantity_decimal"] = int(quantity), decimal_text(quantity)
    if "amount" in given:
        item["amount"] = given["amount"]
        unit = Decimal(given["amount"])
        item["pricing"] = {"type": "price_details", "unit_amount_decimal": decimal_text(unit)}
    elif "unit_amount_decimal" in given:
        item["_unit"] = given["unit_amount_decimal"]
        item["pricing"] = {"type": "price_details", "unit_amount_decimal": decimal_text(item["_unit"])}
    elif "pricing" in given or "price_data" in given:
        entry = {"price_data": given["price_data"]} if "price_data" in given else {"price": given["pricing"]["price"]}
        price = in_currency(items.resolve(kernel, entry, "pricing", "one_time"), item["currency"])
        item["_price"], item["_unit"] = price, unit_amount(price)
        item["pricing"] = shapes.price_details(price, decimal_text(item["_unit"]))
        item["description"] = item["description"] or wording.product_name(kernel, price)
    if item.get("_unit") is not None and "amount" not in given:
        item["amount"] = round_half_away(item["_unit"] * Decimal(item["quantity_decimal"]))
    if "discounts" in given:
        owner = {"customer": item["customer"], "currency": item["currency"], "invoice_item": item["id"]}
        asked = given["discounts"] or []
        item["discounts"] = discounts.attach(kernel, asked, owner, kernel.now_s(), current=item["discounts"])
    item["net_amount"] = None if item["discountable"] else item["amount"]


def _put_on(billing: Billing, item: Obj, invoice: Obj) -> None:
    kernel = billing.kernel
    with kernel.changing(item):
        item["invoice"] = invoice["id"]
    with kernel.changing(invoice, "invoice.updated"):
        lines.add(kernel, invoice, lines.from_invoice_item(kernel, item))
        billing.invoices.renew(invoice)


@route("GET", "/v1/invoiceitems/{id}")
def retrieve_item(call: Call) -> Obj:
    """One item."""
    return call.kernel.get("invoiceitem", call.ids["id"])


@route("GET", "/v1/invoiceitems", parameters.INVOICE_ITEM_LIST)
def list_items(call: Call) -> Obj:
    """Newest first; `pending` keeps those on no invoice."""
    wanted = call.params
    of = ("customer", wanted["customer"]) if "customer" in wanted else None
    return call.page("invoiceitem", where=lambda found: _listed(found, wanted), of=of)


def _listed(found: Obj, wanted: Given) -> bool:
    if "invoice" in wanted and found["invoice"] != wanted["invoice"]:
        return False
    if "pending" in wanted and (found["invoice"] is None) != wanted["pending"]:
        return False
    return in_range(found["date"], wanted.get("created"))


@route("POST", "/v1/invoiceitems/{id}", parameters.INVOICE_ITEM_UPDATE)
def update_item(call: Call) -> Obj:
    """Change an item that is pending or on a draft."""
    billing, given = billing_of(call.kernel), call.params
    item = call.kernel.get("invoiceitem", call.ids["id"])
    invoice = _editable(call, item)
    _check_period(given)
    discounts.check(call.kernel, given.get("discounts"), item["currency"], customer=item["customer"])
    if "amount" in given and item["_price"] is not None:
        raise invalid("You cannot set the amount of an item that has a price.", "amount")
    with call.kernel.changing(item):
        _fill(billing, item, given)
    if invoice is not None:
        with call.kernel.changing(invoice, "invoice.updated"):
            position = _line_position(invoice, item)
            lines.add(call.kernel, invoice, lines.from_invoice_item(call.kernel, item))
            invoice["_lines"][position] = invoice["_lines"].pop()
            billing.invoices.renew(invoice)
    return item


@route("DELETE", "/v1/invoiceitems/{id}")
def delete_item(call: Call) -> Obj:
    """Delete an item that is pending or on a draft."""
    item = call.kernel.get("invoiceitem", call.ids["id"])
    invoice = _editable(call, item)
    if invoice is not None:
        with call.kernel.changing(invoice, "invoice.updated"):
            del invoice["_lines"][_line_position(invoice, item)]
            billing_of(call.kernel).invoices.renew(invoice)
    return call.kernel.remove(item, "invoiceitem.deleted")


def _editable(call: Call, item: Obj) -> Obj | None:
    """The draft that an item is on, if any; refused once the invoice is finalised."""
    if item["invoice"] is None:
        return None
    invoice = call.kernel.get("invoice", item["invoice"])
    if invoice["status"] != "draft":
        raise invalid("The invoice of this item is no longer editable.", code="invoice_not_editable")
    return invoice


def _line_position(invoice: Obj, item: Obj) -> int:
    for position, line in enumerate(invoice["_lines"]):
        details = line["parent"]["invoice_item_details"] or line["parent"]["subscription_item_details"]
        if details["invoice_item"] == item["id"]:
            return position
    raise invalid("The item is on no line of its invoice.")
