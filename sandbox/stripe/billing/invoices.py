"""The life of an invoice: draft, open, paid, void or uncollectible.

https://docs.stripe.com/invoicing/integration/workflow-transitions. All stamps are business time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import customer_discounts, lines, shapes_money
from sandbox.stripe.billing.lines import LineDraft
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Obj
from sandbox.stripe.tax.ids import ids_of
from sandbox.stripe.tax.settings import NO_LOCATION

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

HOUR_S = 3600
DAY_S = 24 * HOUR_S
DRAFT_S = HOUR_S
"""How long an automatically made draft waits after a successful `invoice.created`."""
REFUSED_DRAFT_S = 72 * HOUR_S
"""How long it waits at most while an endpoint refuses `invoice.created`."""


class Invoices:
    """All that makes, finalises and ends invoices. Collecting money is `collection.py`."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    # ------------------------------------------------------------------ drafts

    def draft(self, customer: Obj, currency: str, reason: str, values: dict[str, Any], drafts: list[LineDraft]) -> Obj:
        """A new draft with these lines; `values` overrides its fields. `invoice.created` has gone out."""
        invoice = shapes_money.invoice(self.kernel.new_id("in"), customer, currency, self.kernel.now_s())
        invoice["billing_reason"] = reason
        invoice["_lines"] = []
        invoice.update(values)
        invoice["_subscription"] = subscription_id(invoice)
        for draft in drafts:
            lines.add(self.kernel, invoice, draft)
        self.renew(invoice)
        customer_discounts.spend_once(self.billing, customer, invoice)
        if invoice["auto_advance"] and invoice["automatically_finalizes_at"] is None:
            invoice["automatically_finalizes_at"] = invoice["created"] + DRAFT_S
        invoice["due_date"] = invoice["due_date"] or self.due_date(invoice, invoice["created"])
        if invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically":
            invoice["next_payment_attempt"] = invoice["automatically_finalizes_at"]
        invoice["webhooks_delivered_at"] = invoice["created"]
        self.kernel.add(invoice)
        invoice["_created_event"] = self.kernel.emit("invoice.created", invoice)
        self.wake(invoice)
        return invoice

    def renew(self, invoice: Obj) -> None:
        """Compute a draft's totals, and what the customer's balance leaves due, again."""
        lines.renew_totals(self.kernel, invoice)
        customer = self.kernel.store.get("customer", invoice["customer"])
        invoice["starting_balance"] = self.billing.credits.balance_for(customer, invoice["currency"])
        invoice["amount_due"] = max(0, invoice["total"] + invoice["starting_balance"])
        invoice["amount_remaining"] = invoice["amount_due"] - invoice["amount_paid"]

    def due_date(self, invoice: Obj, start: int) -> int | None:
        """`days_until_due` days after `start` for an invoice that is sent, else none."""
        if invoice["collection_method"] != "send_invoice":
            return None
        days = invoice.get("_days_until_due")
        return start + (30 if days is None else days) * DAY_S

    def wake(self, invoice: Obj) -> None:
        """Have the invoice looked at when something next falls due on it."""
        for field in ("automatically_finalizes_at", "next_payment_attempt", "due_date"):
            if invoice[field] is not None:
                self.billing.wake(invoice[field], "invoice", invoice["id"])

    def pending_items(self, customer: str, currency: str, subscription: str | None) -> list[Obj]:
        """The invoice items that the next invoice takes: the subscription's own, or those of no subscription."""
        return [
            item
            for item in self.kernel.store.all("invoiceitem", of=("customer", customer))
            if item["invoice"] is None
            and item["currency"] == currency
            and item["_subscription"] in (subscription, None)
        ]

    def pull_in(self, items: list[Obj]) -> list[LineDraft]:
        """The lines that these pending items become."""
        return [lines.from_invoice_item(self.kernel, item) for item in items]

    def settle_items(self, items: list[Obj], invoice: Obj) -> None:
        """Note on the items which invoice they are on now."""
        for item in items:
            with self.kernel.changing(item):
                item["invoice"] = invoice["id"]

    # ------------------------------------------------------------------ time

    def run_due(self, invoice: Obj, at: int) -> None:
        """Do what is due on the invoice: finalise, try to collect, say that it is overdue."""
        if invoice["status"] == "draft" and _is_due(invoice["automatically_finalizes_at"], at):
            self._finalize_when_told(invoice, at)
        elif invoice["status"] == "open":
            if invoice["auto_advance"] and _is_due(invoice["next_payment_attempt"], at):
                self.billing.collection.retry(invoice)
            if _is_due(invoice["due_date"], at) and not invoice.get("_overdue"):
                invoice["_overdue"] = True
                self.kernel.emit("invoice.overdue", invoice)
                self.billing.subscriptions.payment_state_changed(invoice)

    def _finalize_when_told(self, invoice: Obj, at: int) -> None:
        """Finalise unless an endpoint still refuses `invoice.created`; then look again in an hour, for 72 hours."""
        refused = self.kernel.webhooks.holds(invoice["_created_event"])
        if refused and at < invoice["created"] + REFUSED_DRAFT_S:
            later = min(at + HOUR_S, invoice["created"] + REFUSED_DRAFT_S)
            with self.kernel.changing(invoice):
                invoice["automatically_finalizes_at"] = later
                invoice["webhooks_delivered_at"] = None
                if invoice["next_payment_attempt"] is not None:
                    invoice["next_payment_attempt"] = later
            self.wake(invoice)
            return
        try:
            self.finalize(invoice)
        except StripeError:
            return  # it said so itself, and stays a draft until somebody finalises it
        if invoice["status"] == "open" and invoice["auto_advance"]:
            self.collect_or_send(invoice)

    def collect_or_send(self, invoice: Obj) -> None:
        """What automatic collection does first with an open invoice."""
        if invoice["collection_method"] == "charge_automatically":
            self.billing.collection.attempt(invoice, automatic=True)
        else:
            self.kernel.emit("invoice.sent", invoice)

    # ------------------------------------------------------------------ transitions

    def finalize(self, invoice: Obj) -> None:
        """Draft to open, or to paid when nothing is due. Number, links, due date and credit balance are settled."""
        require(invoice, "draft", "finalize")
        now = self.kernel.now_s()
        customer = self.kernel.get("customer", invoice["customer"])
        invoice.update(shapes_money.customer_copy(customer))
        numbers = reversed(ids_of(self.kernel, customer["id"]))
        invoice["customer_tax_ids"] = [{"type": x["type"], "value": x["value"]} for x in numbers]
        if invoice["billing_reason"] == "subscription_cycle":
            self.billing.usage.measure_again(invoice)
        self.renew(invoice)
        self._check_tax(invoice)
        self._number(invoice, customer)
        invoice["status"], invoice["last_finalization_error"] = "open", None
        invoice["automatically_finalizes_at"] = None
        invoice["next_payment_attempt"] = None
        invoice["status_transitions"]["finalized_at"] = now
        invoice["effective_at"] = invoice["effective_at"] or now
        if not invoice.get("_due_date_asked"):
            invoice["due_date"] = self.due_date(invoice, now)
        path = f"{self.kernel.account_id}/{invoice['id']}"
        invoice["hosted_invoice_url"] = f"https://invoice.stripe.com/i/{path}"
        invoice["invoice_pdf"] = f"https://pay.stripe.com/invoice/{path}/pdf"
        self._copy_subscription_metadata(invoice)
        self.billing.credits.apply_balance(invoice, customer)
        self.kernel.touch()
        if invoice["amount_due"] > 0:
            self.billing.collection.open_payment(invoice)
        self.kernel.emit("invoice.finalized", invoice)
        self.wake(invoice)
        if invoice["amount_due"] == 0:
            self.paid(invoice)
        self.billing.cash.apply(customer, invoice["currency"])

    def _check_tax(self, invoice: Obj) -> None:
        """Refuse to finalise an invoice whose tax can't be worked out; it says why and waits as a draft."""
        if not invoice["automatic_tax"]["enabled"] or invoice["automatic_tax"]["status"] == "complete":
            return
        error = {
            "type": "invalid_request_error", "code": "customer_tax_location_invalid", "message": NO_LOCATION,
            "param": "automatic_tax[enabled]",
        }  # fmt: skip
        with self.kernel.changing(invoice):
            invoice["last_finalization_error"] = error
            invoice["automatically_finalizes_at"] = invoice["next_payment_attempt"] = None
        self.kernel.emit("invoice.finalization_failed", invoice)
        raise StripeError(400, error["type"], error["code"], NO_LOCATION, error["param"])

    def _number(self, invoice: Obj, customer: Obj) -> None:
        with self.kernel.changing(customer):
            sequence = customer["next_invoice_sequence"]
            invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04d}"
            customer["next_invoice_sequence"] = sequence + 1

    def _copy_subscription_metadata(self, invoice: Obj) -> None:
        subscription = self.kernel.store.get("subscription", invoice["_subscription"] or "")
        if subscription is not None:
            invoice["parent"]["subscription_details"]["metadata"] = dict(subscription["metadata"])

    def paid(self, invoice: Obj) -> None:
        """Open or uncollectible to paid; the subscription learns of it."""
        with self.kernel.changing(invoice):
            invoice["status"] = "paid"
            invoice["attempted"] = True
            invoice["auto_advance"] = False
            invoice["amount_remaining"] = invoice["amount_due"] - invoice["amount_paid"]
            invoice["next_payment_attempt"] = None
            invoice["status_transitions"]["paid_at"] = self.kernel.now_s()
        self.kernel.emit("invoice.paid", invoice)
        self.kernel.emit("invoice.payment_succeeded", invoice)
        self.billing.subscriptions.payment_state_changed(invoice)

    def void(self, invoice: Obj) -> None:
        """Open or uncollectible to void: nothing is owed any more, used credit goes back to the customer."""
        if invoice["status"] not in ("open", "uncollectible"):
            raise invalid(
                f"This invoice cannot be voided: it is `{invoice['status']}`, and only open or uncollectible"
                " invoices can be voided.",
                code="invoice_not_editable",
            )
        if invoice.get("_under_way"):
            raise invalid(
                "You cannot void an invoice while a payment of it is processing.", code="invoice_not_editable"
            )
        if invoice["amount_paid"]:
            raise invalid("You cannot void an invoice that has been partially paid.")
        self.billing.collection.cancel_payment(invoice, "void_invoice")
        self.billing.credits.give_back_balance(invoice)
        invoice["status"] = "void"
        invoice["auto_advance"] = False
        invoice["next_payment_attempt"] = None
        invoice["status_transitions"]["voided_at"] = self.kernel.now_s()
        self.kernel.touch()
        self.kernel.emit("invoice.voided", invoice)
        self.billing.subscriptions.payment_state_changed(invoice)

    def mark_uncollectible(self, invoice: Obj, reason: str = "user_forgiven") -> None:
        """Open to uncollectible: a bad debt that may still be paid or voided."""
        require(invoice, "open", "mark as uncollectible")
        invoice["status"] = "uncollectible"
        invoice["auto_advance"] = False
        invoice["next_payment_attempt"] = None
        invoice["status_details"] = {"uncollectible": {"reason": reason}}
        invoice["status_transitions"]["marked_uncollectible_at"] = self.kernel.now_s()
        self.kernel.touch()
        self.kernel.emit("invoice.marked_uncollectible", invoice)
        self.billing.subscriptions.payment_state_changed(invoice)

    def customer_deleted(self, customer: Obj) -> None:
        """Nothing advances by itself for a customer who is gone."""
        for invoice in self.kernel.store.all("invoice", of=("customer", customer["id"])):
            if invoice["status"] in ("draft", "open"):
                with self.kernel.changing(invoice, "invoice.updated"):
                    invoice["auto_advance"] = False
                    invoice["automatically_finalizes_at"] = None
                    invoice["next_payment_attempt"] = None

    def stop_collecting(self, subscription: str) -> None:
        """End automatic collection of a subscription's unpaid finalised invoices, as its cancellation does."""
        for invoice in self.kernel.store.all("invoice", of=("_subscription", subscription)):
            if invoice["status"] == "open" and invoice["auto_advance"]:
                with self.kernel.changing(invoice, "invoice.updated"):
                    invoice["auto_advance"] = False
                    invoice["next_payment_attempt"] = None


def subscription_id(invoice: Obj) -> str | None:
    """The subscription that an invoice belongs to."""
    details = (invoice["parent"] or {}).get("subscription_details")
    return details["subscription"] if details else None


def subscription_parent(subscription: Obj, proration_date: int | None = None) -> Obj:
    """The `parent` of a subscription's invoice."""
    return {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
            "subscription_proration_date": proration_date,
        },
    }


def require(invoice: Obj, status: str, act: str) -> None:
    """Refuse an act that this status does not allow."""
    if invoice["status"] != status:
        raise invalid(
            f"You can only {act} invoices that are {status}. This invoice is `{invoice['status']}`.",
            code="invoice_not_editable",
        )


def _is_due(stamp: int | None, at: int) -> bool:
    return stamp is not None and stamp <= at
