"""Endpoints of money given back: refunds, credit notes, credit balance transactions."""

from __future__ import annotations

from sandbox.stripe.billing import invoice_parameters as parameters
from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.billing.invoice_routes import lines_page
from sandbox.stripe.billing.of_charge import page_of_charge
from sandbox.stripe.errors import invalid, no_such
from sandbox.stripe.kernel import Call, Obj, expandable, route
from sandbox.stripe.params import PAGE, in_range, merged_metadata

for _path, _target in (("charge", "charge"), ("payment_intent", "payment_intent"), ("customer", "customer")):
    expandable("refund", _path, _target)
for _path, _target in (
    ("customer", "customer"),
    ("customer_balance_transaction", "customer_balance_transaction"),
    ("invoice", "invoice"),
    ("refunds.refund", "refund"),
):
    expandable("credit_note", _path, _target)
for _path, _target in (("customer", "customer"), ("credit_note", "credit_note"), ("invoice", "invoice")):
    expandable("customer_balance_transaction", _path, _target)


@route("POST", "/v1/refunds", parameters.REFUND_CREATE)
def create_refund(call: Call) -> Obj:
    """Refund a charge, whole or in part."""
    given, kernel = call.params, call.kernel
    if ("charge" in given) == ("payment_intent" in given):
        raise invalid("You must provide exactly one of `charge` or `payment_intent`.", "charge", "parameter_missing")
    if "charge" in given:
        charge = kernel.get("charge", given["charge"], "charge")
    else:
        intent = kernel.get("payment_intent", given["payment_intent"], "payment_intent")
        charge = kernel.store.get("charge", intent["latest_charge"] or "") or {}
    if charge.get("status") != "succeeded":
        raise invalid("This payment has no successful charge to refund.", "payment_intent")
    return billing_of(kernel).credits.refund(
        charge, given.get("amount"), reason=given.get("reason"), metadata=merged_metadata({}, given.get("metadata"))
    )


@route("POST", "/v1/refunds/{id}", parameters.REFUND_UPDATE)
def update_refund(call: Call) -> Obj:
    """Only metadata can change."""
    refund = call.kernel.get("refund", call.ids["id"])
    kept = merged_metadata(refund["metadata"], call.params.get("metadata"))
    with call.kernel.changing(refund, "refund.updated"):
        refund["metadata"] = kept
    return refund


@route("POST", "/v1/refunds/{id}/cancel")
def cancel_refund(call: Call) -> Obj:
    """Only one that waits for the customer can be taken back, and no card of the sandbox makes one."""
    refund = call.kernel.get("refund", call.ids["id"])
    raise invalid(f"You can only cancel refunds that require action. This refund is `{refund['status']}`.")


@route("GET", "/v1/refunds/{id}")
def retrieve_refund(call: Call) -> Obj:
    """One refund."""
    return call.kernel.get("refund", call.ids["id"])


@route("GET", "/v1/refunds", parameters.REFUND_LIST)
def list_refunds(call: Call) -> Obj:
    """Newest first."""
    return page_of_charge(call, "refund")


@route("POST", "/v1/credit_notes", parameters.CREDIT_NOTE_CREATE)
def create_credit_note(call: Call) -> Obj:
    """Credit an open or paid invoice."""
    invoice = call.kernel.get("invoice", call.params["invoice"], "invoice")
    return billing_of(call.kernel).credits.create_note(invoice, call.params)


@route("POST", "/v1/credit_notes/{id}", parameters.CREDIT_NOTE_UPDATE)
def update_credit_note(call: Call) -> Obj:
    """Only memo and metadata can change."""
    note = call.kernel.get("credit_note", call.ids["id"])
    kept = merged_metadata(note["metadata"], call.params.get("metadata"))
    with call.kernel.changing(note, "credit_note.updated"):
        note["metadata"] = kept
        note["memo"] = call.params.get("memo", note["memo"])
    return note


@route("POST", "/v1/credit_notes/{id}/void")
def void_credit_note(call: Call) -> Obj:
    """Take a credit note on an open invoice back."""
    note = call.kernel.get("credit_note", call.ids["id"])
    billing_of(call.kernel).credits.void_note(note)
    return note


@route("GET", "/v1/credit_notes/preview", parameters.CREDIT_NOTE_CREATE)
def preview_credit_note(call: Call) -> Obj:
    """What a credit note would come to; nothing is made."""
    invoice = call.kernel.get("invoice", call.params["invoice"], "invoice")
    return billing_of(call.kernel).credits.preview_note(invoice, call.params)


@route("GET", "/v1/credit_notes/{id}")
def retrieve_credit_note(call: Call) -> Obj:
    """One credit note."""
    return call.kernel.get("credit_note", call.ids["id"])


@route("GET", "/v1/credit_notes/{id}/lines", PAGE)
def list_credit_note_lines(call: Call) -> Obj:
    """The lines of a credit note."""
    return lines_page(call, call.kernel.get("credit_note", call.ids["id"])["_lines"], "credit_notes")


@route("GET", "/v1/credit_notes", parameters.CREDIT_NOTE_LIST)
def list_credit_notes(call: Call) -> Obj:
    """Newest first."""
    wanted = call.params
    of = ("invoice", wanted["invoice"]) if "invoice" in wanted else None
    return call.page(
        "credit_note",
        where=lambda found: (
            wanted.get("customer", found["customer"]) == found["customer"]
            and in_range(found["created"], wanted.get("created"))
        ),
        of=of,
    )


@route("POST", "/v1/customers/{id}/balance_transactions", parameters.BALANCE_CREATE)
def create_balance_transaction(call: Call) -> Obj:
    """Give credit (negative) or take it back (positive)."""
    given, kernel = call.params, call.kernel
    customer = kernel.get("customer", call.ids["id"])
    if given["amount"] == 0:
        raise invalid("The amount must not be 0.", "amount")
    if customer["currency"] not in (None, given["currency"]):
        raise invalid(
            f"The customer's currency is {customer['currency']}; a balance in {given['currency']} cannot be kept.",
            "currency",
        )
    return billing_of(kernel).credits.move_balance(
        customer,
        given["amount"],
        given["currency"],
        "adjustment",
        description=given.get("description"),
        metadata=merged_metadata({}, given.get("metadata")),
    )


@route("GET", "/v1/customers/{id}/balance_transactions", parameters.BALANCE_LIST)
def list_balance_transactions(call: Call) -> Obj:
    """Newest first."""
    customer = call.kernel.get("customer", call.ids["id"])
    wanted = call.params
    return call.page(
        "customer_balance_transaction",
        where=lambda found: (
            wanted.get("invoice", found["invoice"]) == found["invoice"]
            and in_range(found["created"], wanted.get("created"))
        ),
        of=("customer", customer["id"]),
    )


@route("GET", "/v1/customers/{customer}/balance_transactions/{id}")
def retrieve_balance_transaction(call: Call) -> Obj:
    """One move of a customer's balance."""
    found = call.kernel.get("customer_balance_transaction", call.ids["id"])
    if found["customer"] != call.ids["customer"]:
        raise no_such("customer balance transaction", found["id"])
    return found
