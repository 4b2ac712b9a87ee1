"""Several payments of one invoice, and one payment of several invoices.

https://docs.stripe.com/invoicing/partial-payments. What comes is counted towards the invoices in the order in which it was
attached, each up to what remains on it; what is left over is overpaid and goes to the customer's balance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import shapes_money
from sandbox.stripe.billing.authentication import DECLINED
from sandbox.stripe.billing.collection import card_error
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing


class PartPayments:
    """Payments that were attached to invoices, beside the default one."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def confirm(self, intent: Obj, method: Obj, *, off_session: bool = False) -> None:
        """The intent is charged now; what it brings is counted towards the invoices that it is attached to.
        ``off_session``: its customer is away and can't confirm it.
        """
        if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
            raise invalid(
                f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}.",
                code="payment_intent_unexpected_state",
            )
        if self.billing.authentication.needed(method):
            if off_session:
                self.billing.collection.decline(intent, method, DECLINED)
                raise card_error(DECLINED)
            self.billing.authentication.ask(intent, method)
            return
        decline = self.billing.collection.try_method(intent, method)
        if decline is not None:
            raise card_error(decline)
        if intent["status"] == "processing":
            return
        self.count(intent)
        self.billing.collection.dispute_if_so(intent, method)

    def attach_intent(self, invoice: Obj, intent: Obj) -> None:
        """Its money counts for the invoice, at once where it is there already."""
        self._check(invoice, intent["customer"], intent["currency"], "payment_intent")
        if any(p["invoice"] == invoice["id"] for p in self._of_intent(intent)):
            raise invalid("This PaymentIntent is already attached to the invoice.", "payment_intent")
        if intent["status"] == "canceled":
            raise invalid("A canceled PaymentIntent can't be attached to an invoice.", "payment_intent")
        wanted = min(intent["amount"], invoice["amount_remaining"])
        payment = shapes_money.invoice_payment(
            self.kernel.new_id("inpay"), invoice["id"], intent["id"], wanted, invoice["currency"], self.kernel.now_s()
        )
        payment["is_default"] = False
        self.kernel.add(payment)
        if intent["status"] == "succeeded":
            self.count(intent)

    def attach_record(self, invoice: Obj, record: Obj) -> None:
        """Money from outside Stripe counts for the invoice."""
        self._check(invoice, record["customer_details"]["customer"], record["amount"]["currency"], "payment_record")
        amount = min(record["amount"]["value"], invoice["amount_remaining"])
        payment = shapes_money.invoice_payment(
            self.kernel.new_id("inpay"), invoice["id"], "", amount, invoice["currency"], self.kernel.now_s()
        )
        payment.update(is_default=False, payment={"type": "payment_record", "payment_record": record["id"]})
        self.kernel.add(payment)
        with self.kernel.changing(invoice):
            invoice["amount_paid_off_stripe"] += amount
        self._paid(payment, invoice, amount, record["amount"]["value"] - amount)

    def _check(self, invoice: Obj, customer: str | None, currency: str, param: str) -> None:
        if invoice["status"] not in ("open", "uncollectible"):
            raise invalid(
                f"You can only attach payments to open invoices. This invoice is `{invoice['status']}`.", "invoice"
            )
        if customer not in (None, invoice["customer"]):
            raise invalid("The payment belongs to another customer than the invoice.", param)
        if currency != invoice["currency"]:
            raise invalid(f"The payment's currency is {currency}, the invoice's is {invoice['currency']}.", param)

    def _of_intent(self, intent: Obj) -> list[Obj]:
        found = self.kernel.store.all("invoice_payment")
        return [p for p in found if p["payment"].get("payment_intent") == intent["id"]]

    def count(self, intent: Obj) -> None:
        """Money that came is counted towards what it was attached to."""
        mine = self._of_intent(intent)
        left = intent["amount_received"] - sum(p["amount_paid"] or 0 for p in mine)
        waiting = [p for p in mine if p["status"] == "open"]
        for number, payment in enumerate(waiting):
            invoice = self.kernel.get("invoice", payment["invoice"])
            amount = min(left, invoice["amount_remaining"])
            left -= amount
            over = left if number + 1 == len(waiting) else 0
            self._paid(payment, invoice, amount, over)

    def _paid(self, payment: Obj, invoice: Obj, amount: int, over: int) -> None:
        with self.kernel.changing(payment):
            payment.update(status="paid", amount_paid=amount)
            payment["status_transitions"]["paid_at"] = self.kernel.now_s()
        changed: dict[str, Any] = {
            "amount_paid": invoice["amount_paid"] + amount,
            "amount_remaining": invoice["amount_remaining"] - amount,
            "amount_overpaid": invoice["amount_overpaid"] + over,
        }
        with self.kernel.changing(invoice, "invoice.updated"):
            invoice.update(changed)
        self.kernel.emit("invoice_payment.paid", payment)
        self.billing.collection.reduce_open_payment(invoice)
        if invoice["amount_remaining"] == 0 and invoice["status"] != "paid":
            self.billing.invoices.paid(invoice)
        if over:
            customer = self.kernel.get("customer", invoice["customer"])
            self.billing.credits.move_balance(
                customer, -over, invoice["currency"], "invoice_overpaid", invoice=invoice["id"]
            )
            self.kernel.emit("invoice.overpaid", invoice)
