"""Endpoints of invoices (https://docs.stripe.com/api/invoices); previews are in `preview.py`."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import discounts, phases
from sandbox.stripe.billing import invoice_parameters as parameters
from sandbox.stripe.billing.engine import Billing, billing_of
from sandbox.stripe.billing.invoices import HOUR_S, require, subscription_parent
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, includable, page, route
from sandbox.stripe.params import PAGE, in_range, merged_metadata
from sandbox.stripe.resources import payment_methods
from sandbox.stripe.store import Store
from sandbox.stripe.tax.computing import check_line, invoice_state
from sandbox.stripe.tax.settings import check_enabled

Given = dict[str, Any]

for _path, _target in (
    ("customer", "customer"),
    ("default_payment_method", "payment_method"),
    ("discounts", "discount"),
    ("parent.subscription_details.subscription", "subscription"),
    ("total_discount_amounts.discount", "discount"),
):
    expandable("invoice", _path, _target)
for _path, _target in (
    ("discounts", "discount"),
    ("discount_amounts.discount", "discount"),
    ("pricing.price_details.price", "price"),
    ("subscription", "subscription"),
):
    expandable("line_item", _path, _target)


def _payments(kernel: Kernel, invoice: Obj) -> Obj:
    found = list(kernel.store.newest_first("invoice_payment", of=("invoice", invoice["id"])))
    return {
        "object": "list",
        "data": found[:10],
        "has_more": len(found) > 10,
        "url": f"/v1/invoice_payments?invoice={invoice['id']}",
    }


includable("invoice", "payments", _payments)


@route("POST", "/v1/invoices", parameters.INVOICE_CREATE)
def create_invoice(call: Call) -> Obj:
    """A draft. Pending items are left out unless `pending_invoice_items_behavior` includes them."""
    billing, given, kernel = billing_of(call.kernel), call.params, call.kernel
    customer = kernel.get("customer", given["customer"], "customer")
    check_enabled(kernel, given, customer)
    subscription = (
        kernel.get("subscription", given["subscription"], "subscription") if "subscription" in given else None
    )
    if subscription is not None and subscription["customer"] != customer["id"]:
        raise invalid("The subscription does not belong to the customer.", "subscription")
    currency = given.get("currency") or (subscription or customer).get("currency") or "usd"
    method = given.get("collection_method", "charge_automatically")
    _check_terms(kernel, given, customer, currency, method)
    values = _draft_values(billing, given, customer, subscription, currency, method)
    pending: list[Obj] = []
    if given.get("pending_invoice_items_behavior", "exclude") == "include":
        pending = billing.invoices.pending_items(customer["id"], currency, subscription["id"] if subscription else None)
        if subscription is not None:  # docs.stripe.com/api/invoices/create: only those for that subscription
            pending = [item for item in pending if item["_subscription"] == subscription["id"]]
    made = billing.invoices.draft(customer, currency, "manual", values, billing.invoices.pull_in(pending))
    billing.invoices.settle_items(pending, made)
    return made


def _check_terms(kernel: Kernel, given: Given, customer: Obj, currency: str, method: str) -> None:
    if "days_until_due" in given and "due_date" in given:
        raise invalid("You cannot set both `days_until_due` and `due_date`.", "due_date", "parameters_exclusive")
    if method == "send_invoice" and "days_until_due" not in given and "due_date" not in given:
        raise invalid(
            "If `collection_method` is `send_invoice`, you must set `days_until_due` or `due_date`.",
            "days_until_due",
            "parameter_missing",
        )
    if method != "send_invoice" and ("days_until_due" in given or "due_date" in given):
        raise invalid(
            "You can only set `days_until_due` or `due_date` if `collection_method` is `send_invoice`.",
            "days_until_due",
        )
    if given.get("due_date", kernel.now_s()) < kernel.now_s():
        raise invalid("`due_date` must be in the future.", "due_date")
    discounts.check(kernel, given.get("discounts"), currency, customer=customer["id"])
    phases.check_method(kernel, given.get("default_payment_method"), customer, "default_payment_method")


def _draft_values(
    billing: Billing, given: Given, customer: Obj, subscription: Obj | None, currency: str, method: str
) -> Given:
    kernel = billing.kernel
    values: Given = {
        "auto_advance": given.get("auto_advance", False),
        "automatic_tax": invoice_state((given.get("automatic_tax") or {}).get("enabled", False)),
        "collection_method": method,
        "metadata": merged_metadata({}, given.get("metadata")),
        "custom_fields": given.get("custom_fields") or customer["invoice_settings"].get("custom_fields"),
        "footer": given.get("footer") or customer["invoice_settings"].get("footer"),
        "_days_until_due": given.get("days_until_due"),
        "_due_date_asked": "due_date" in given,
    }
    plain = ("default_payment_method", "description", "due_date", "effective_at", "statement_descriptor")
    values.update({key: given[key] for key in plain if key in given})
    if "automatically_finalizes_at" in given:
        values["automatically_finalizes_at"] = given["automatically_finalizes_at"]
    types = (given.get("payment_settings") or {}).get("payment_method_types") or None
    values["payment_settings"] = {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": types,
    }
    if subscription is not None:
        values["parent"] = subscription_parent(subscription)
    asked = given.get("discounts")
    owner = {"customer": customer["id"], "currency": currency}
    if asked is None:  # inherited; '' is none
        own = list(subscription["discounts"]) if subscription is not None else []
        values["discounts"] = own or discounts.of_customer(kernel, customer["id"])
    else:
        values["discounts"] = discounts.attach(kernel, asked or [], owner, kernel.now_s())
    return values


@route("GET", "/v1/invoices/{id}")
def retrieve_invoice(call: Call) -> Obj:
    """Any invoice; `payments` only when expanded."""
    return call.kernel.get("invoice", call.ids["id"])


@route("GET", "/v1/invoices", parameters.INVOICE_LIST)
def list_invoices(call: Call) -> Obj:
    """Newest first. Without a customer or subscription, none of a test clock."""
    wanted = call.params
    of = None
    if "customer" in wanted:
        call.kernel.get("customer", wanted["customer"], "customer")
        of = ("customer", wanted["customer"])
    if "subscription" in wanted:
        call.kernel.get("subscription", wanted["subscription"], "subscription")
        of = ("_subscription", wanted["subscription"])
    return call.page("invoice", where=lambda found: _listed(found, wanted), of=of)


def _listed(found: Obj, wanted: Given) -> bool:
    if "customer" not in wanted and "subscription" not in wanted and found["test_clock"] is not None:
        return False
    for key in ("status", "collection_method", "customer"):
        if key in wanted and found[key] != wanted[key]:
            return False
    return in_range(found["created"], wanted.get("created")) and in_range(found["due_date"], wanted.get("due_date"))


@route("GET", "/v1/invoices/{id}/lines", PAGE)
def list_lines(call: Call) -> Obj:
    """The lines of an invoice, in the invoice's order."""
    return lines_page(call, call.kernel.get("invoice", call.ids["id"])["_lines"], "invoices")


def lines_page(call: Call, lines: list[Obj], owner: str) -> Obj:
    """A page of lines that belong to one object; the first line comes first."""
    shelf = Store()
    for line in reversed(lines):
        shelf.add(line)
    type = lines[0]["object"] if lines else "line_item"
    return page(shelf, type, call.params, url=f"/v1/{owner}/{call.ids['id']}/lines")


_DRAFT_ONLY = (
    "automatic_tax",
    "automatically_finalizes_at",
    "collection_method",
    "custom_fields",
    "days_until_due",
    "default_payment_method",
    "description",
    "discounts",
    "due_date",
    "effective_at",
    "footer",
    "payment_settings",
    "statement_descriptor",
)


@route("POST", "/v1/invoices/{id}", parameters.INVOICE_UPDATE)
def update_invoice(call: Call) -> Obj:
    """A draft takes every change; once finalised only `auto_advance` and metadata do."""
    billing, given, kernel = billing_of(call.kernel), call.params, call.kernel
    invoice = kernel.get("invoice", call.ids["id"])
    frozen = [key for key in _DRAFT_ONLY if key in given]
    if frozen and invoice["status"] != "draft":
        raise invalid(
            f"Finalized invoices can't be updated in this way. You may only update `auto_advance` and `metadata`, not"
            f" `{frozen[0]}`.",
            frozen[0],
            "invoice_not_editable",
        )
    customer = kernel.get("customer", invoice["customer"])
    if check_enabled(kernel, given, customer):
        for line in invoice["_lines"]:
            check_line(kernel, line.get("_tax_behavior"), line["amount"], invoice["currency"], "automatic_tax[enabled]")
    discounts.check(kernel, given.get("discounts"), invoice["currency"], customer=customer["id"])
    phases.check_method(kernel, given.get("default_payment_method"), customer, "default_payment_method")
    metadata = merged_metadata(invoice["metadata"], given.get("metadata"))
    method = given.get("collection_method", invoice["collection_method"])
    if method == "charge_automatically" and ("days_until_due" in given or "due_date" in given):
        raise invalid(
            "You can only set `days_until_due` or `due_date` if `collection_method` is `send_invoice`.",
            "days_until_due",
        )
    with kernel.changing(invoice, "invoice.updated"):
        invoice["metadata"] = metadata
        _set_fields(billing, invoice, given)
    billing.invoices.wake(invoice)
    return invoice


def _set_fields(billing: Billing, invoice: Obj, given: Given) -> None:
    kernel, now = billing.kernel, billing.kernel.now_s()
    plain = ("collection_method", "default_payment_method", "description", "footer", "statement_descriptor")
    for key in plain:
        if key in given:
            invoice[key] = given[key]
    for key in ("custom_fields", "effective_at"):
        if key in given:
            invoice[key] = given[key] or None
    if "payment_settings" in given:
        invoice["payment_settings"]["payment_method_types"] = (
            given["payment_settings"].get("payment_method_types") or None
        )
    if "automatic_tax" in given:
        invoice["automatic_tax"] = invoice_state(given["automatic_tax"]["enabled"])
        billing.invoices.renew(invoice)
    if "discounts" in given:
        owner = {"customer": invoice["customer"], "currency": invoice["currency"], "invoice": invoice["id"]}
        invoice["discounts"] = discounts.attach(kernel, given["discounts"] or [], owner, now, invoice["discounts"])
        billing.invoices.renew(invoice)
    if "days_until_due" in given or "collection_method" in given:
        invoice["_days_until_due"] = given.get("days_until_due", invoice.get("_days_until_due"))
        invoice["due_date"] = billing.invoices.due_date(invoice, invoice["created"])
    if "due_date" in given:
        invoice["due_date"], invoice["_due_date_asked"] = given["due_date"], True
    if "auto_advance" in given:
        _set_auto_advance(invoice, given["auto_advance"], now)
    if "automatically_finalizes_at" in given:
        invoice["automatically_finalizes_at"] = given["automatically_finalizes_at"]
        invoice["auto_advance"] = True


def _set_auto_advance(invoice: Obj, wanted: bool, now: int) -> None:
    """Switch automatic collection of a draft or an open invoice; elsewhere it stays off."""
    if invoice["status"] not in ("draft", "open"):
        return
    was, invoice["auto_advance"] = invoice["auto_advance"], wanted
    automatic = invoice["collection_method"] == "charge_automatically"
    if not wanted:
        invoice["automatically_finalizes_at"] = invoice["next_payment_attempt"] = None
    elif not was:
        soon = now + HOUR_S
        if invoice["status"] == "draft":
            invoice["automatically_finalizes_at"] = max(soon, invoice["created"] + HOUR_S)
            soon = invoice["automatically_finalizes_at"]
        invoice["next_payment_attempt"] = soon if automatic else None


@route("DELETE", "/v1/invoices/{id}")
def delete_invoice(call: Call) -> Obj:
    """Delete a draft that no subscription made; its items are pending again."""
    invoice = call.kernel.get("invoice", call.ids["id"])
    require(invoice, "draft", "delete")
    if invoice["billing_reason"] != "manual" or invoice["_subscription"]:
        raise invalid("You can't delete invoices created by subscriptions.", code="invoice_not_editable")
    for item in call.kernel.store.all("invoiceitem", of=("customer", invoice["customer"])):
        if item["invoice"] == invoice["id"]:
            call.kernel.remove(item, "invoiceitem.deleted")
    return call.kernel.remove(invoice, "invoice.deleted")


@route("POST", "/v1/invoices/{id}/finalize", parameters.INVOICE_FINALIZE)
def finalize_invoice(call: Call) -> Obj:
    """Finalise a draft now; automatic collection, if on, follows."""
    invoice = call.kernel.get("invoice", call.ids["id"])
    require(invoice, "draft", "finalize")
    billing = billing_of(call.kernel)
    if "auto_advance" in call.params:
        invoice["auto_advance"] = call.params["auto_advance"]
    billing.invoices.finalize(invoice)
    if invoice["status"] == "open" and invoice["auto_advance"]:
        if invoice["collection_method"] == "charge_automatically":
            with call.kernel.changing(invoice):
                invoice["next_payment_attempt"] = call.kernel.now_s() + HOUR_S
            billing.invoices.wake(invoice)
        else:
            call.kernel.emit("invoice.sent", invoice)
    return invoice


@route("POST", "/v1/invoices/{id}/send")
def send_invoice(call: Call) -> Obj:
    """Send an invoice by hand, finalising it first."""
    invoice = call.kernel.get("invoice", call.ids["id"])
    if invoice["collection_method"] != "send_invoice":
        raise invalid("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] not in ("draft", "open"):
        raise invalid(f"You can't send an invoice that is `{invoice['status']}`.", code="invoice_not_editable")
    if invoice["status"] == "draft":
        billing_of(call.kernel).invoices.finalize(invoice)
    call.kernel.emit("invoice.sent", invoice)
    return invoice


@route("POST", "/v1/invoices/{id}/pay", parameters.INVOICE_PAY)
def pay_invoice(call: Call) -> Obj:
    """Pay now: out of band, or with a card; a draft is finalised first. A declined card is a 402."""
    billing, given, kernel = billing_of(call.kernel), call.params, call.kernel
    invoice = kernel.get("invoice", call.ids["id"])
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "void":
        raise invalid("You can't pay an invoice that is void.", code="invoice_not_editable")
    if given.get("paid_out_of_band") and "payment_method" in given:
        raise invalid(
            "You cannot set both `paid_out_of_band` and `payment_method`.", "payment_method", "parameters_exclusive"
        )
    method = None
    if "payment_method" in given:
        method = payment_methods.resolve(kernel, given["payment_method"], "payment_method")
        if method["customer"] not in (None, invoice["customer"]):
            raise invalid("The payment method belongs to another customer.", "payment_method")
    if not given.get("paid_out_of_band") and method is None and billing.collection.method_for(invoice) is None:
        raise invalid(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set one or pass"
            " `payment_method`.",
            code="resource_missing",
        )
    if invoice.get("_under_way"):
        raise invalid("A payment of this invoice is processing.", code="payment_intent_unexpected_state")
    if invoice["status"] == "draft":
        billing.invoices.finalize(invoice)
    if invoice["status"] == "paid":
        return invoice
    if given.get("paid_out_of_band"):
        billing.collection.pay_out_of_band(invoice)
        return invoice
    refusal = billing.collection.attempt(invoice, automatic=False, method=method)
    if refusal is not None:
        raise refusal
    return invoice


@route("POST", "/v1/invoices/{id}/void")
def void_invoice(call: Call) -> Obj:
    """Void an open or uncollectible invoice; drafts can't be."""
    invoice = call.kernel.get("invoice", call.ids["id"])
    billing_of(call.kernel).invoices.void(invoice)
    return invoice


@route("POST", "/v1/invoices/{id}/mark_uncollectible")
def mark_uncollectible(call: Call) -> Obj:
    """Give an open invoice up as a bad debt."""
    invoice = call.kernel.get("invoice", call.ids["id"])
    billing_of(call.kernel).invoices.mark_uncollectible(invoice)
    return invoice
