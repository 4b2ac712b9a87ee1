"""Bank debits (ACH): money that is on its way for days, and may still not come.

https://docs.stripe.com/payments/ach-direct-debit: the intent is ``processing`` and its charge ``pending`` until the bank
has answered, four business days later at most. An invoice stays open meanwhile, and its subscription active.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.stripe.billing import shapes_money
from sandbox.stripe.kernel import Obj
from sandbox.stripe.resources.payment_methods import Decline

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

TAKES_S = 4 * 86_400
BANK = "us_bank_account"


class Debits:
    """The debits of one account."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def begin(self, intent: Obj, method: Obj) -> None:
        """The bank is asked; it answers days later."""
        charge = shapes_money.charge(self.kernel.new_id("ch"), intent, method, self.kernel.now_s())
        charge.update(status="pending", captured=True, amount_captured=charge["amount"])
        charge["payment_method_details"] = {"type": BANK, BANK: _details(method)}
        charge["outcome"] = shapes_money.outcome("authorized", "approved_by_network", None, "Payment pending.")
        self.kernel.add(charge, "charge.pending")
        with self.kernel.changing(intent):
            intent.update(status="processing", latest_charge=charge["id"], payment_method=method["id"])
            intent.update(last_payment_error=None, next_action=None)
        self.kernel.emit("payment_intent.processing", intent)
        self.billing.wake(charge["created"] + TAKES_S, "charge", charge["id"])

    def answered(self, charge: Obj) -> None:
        """The bank has answered: the money is there, or it won't come."""
        intent = self.kernel.get("payment_intent", charge["payment_intent"])
        if charge["status"] != "pending" or intent["status"] != "processing":
            return
        decline: Decline | None = self.kernel.get("payment_method", charge["payment_method"])["_decline"]
        if decline is None:
            self.billing.collection.succeeded(charge, intent)
            self.billing.late_money.brought(intent)
            return
        charge.update(captured=False, amount_captured=0)
        self.billing.collection.declined(charge, intent, decline)
        self.billing.late_money.refused(intent, again=True)


def _details(method: Obj) -> Obj:
    kept = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
    return {**{key: method[BANK].get(key) for key in kept}, "mandate": None, "payment_reference": None}
