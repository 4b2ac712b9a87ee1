"""What becomes of payments that were under way: the customer confirms them or does not, the bank lets them through or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing


class LateMoney:
    """The ends of one account's payments that were not decided at once. Each try was counted when it began."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def confirmed(self, intent: Obj, method: Obj) -> None:
        """The customer has confirmed the payment of an intent with the bank: it is charged now."""
        if self.billing.collection.try_method(intent, method) is not None:
            self.refused(intent)
        elif intent["status"] == "succeeded":
            self.brought(intent)

    def brought(self, intent: Obj) -> None:
        """What an intent brought counts for its invoice, or for those that it is attached to."""
        invoice = self.invoice_of(intent)
        if invoice is None:
            self.billing.part_payments.count(intent)
        else:
            self.billing.collection.collected(invoice, intent, automatic=False)

    def refused(self, intent: Obj, *, again: bool = False) -> None:
        """The payment comes to nothing. ``again``: the invoice is tried again by itself, as after any decline."""
        invoice = self.invoice_of(intent)
        if invoice is None:
            return
        with self.kernel.changing(invoice):
            invoice["_under_way"] = False
            if again:
                invoice["next_payment_attempt"] = self.billing.collection.next_try(invoice)
        self.kernel.emit("invoice.payment_failed", invoice)
        self.billing.invoices.wake(invoice)
        self.billing.subscriptions.payment_state_changed(invoice)

    def invoice_of(self, intent: Obj) -> Obj | None:
        """The invoice whose own intent it is, if it is one's."""
        for payment in self.kernel.store.all("invoice_payment"):
            if payment["is_default"] and payment["payment"].get("payment_intent") == intent["id"]:
                return self.kernel.get("invoice", payment["invoice"])
        return None
