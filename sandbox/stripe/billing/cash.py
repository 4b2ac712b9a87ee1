"""Money that customers send by bank transfer: it lands in their cash balance and pays the invoices that it covers.

https://docs.stripe.com/payments/customer-balance/reconciliation: by default Stripe applies what is there to open invoices
that are not overdue for more than 30 days. An invoice is never funded in part: it stays open until all of it is there. What
covers none stays in the cash balance, which is not the credit balance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import shapes_money
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Obj
from sandbox.stripe.resources import payment_methods

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

_LATE_S = 30 * 86_400
_SENDER = "Sample Business GmbH"
_BANKS: dict[str, Obj] = {
    "usd": {"us_bank_transfer": {"network": "ach", "sender_name": _SENDER}},
    "eur": {"eu_bank_transfer": {"bic": "BANKDEAAXXX", "iban_last4": "7089", "sender_name": _SENDER}},
    "gbp": {"gb_bank_transfer": {"account_number_last4": "7089", "sender_name": _SENDER, "sort_code": "108800"}},
}


class Cash:
    """The cash balances of one account's customers."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def balance(self, customer: Obj) -> Obj:
        """What is there and was not applied."""
        return {
            "object": "cash_balance",
            "available": dict(customer.get("_cash") or {}) or None,
            "customer": customer["id"],
            "customer_account": None,
            "livemode": False,
            "settings": {"reconciliation_mode": "automatic", "using_merchant_default": True},
        }

    def fund(self, customer: Obj, amount: int, currency: str, reference: str | None) -> Obj:
        """A transfer of the customer's has come."""
        if currency not in _BANKS:
            raise invalid(f"Bank transfers can't be received in {currency} here.", "currency")
        bank = _BANKS[currency]
        funded = {"bank_transfer": {**bank, "reference": reference, "type": next(iter(bank))}}
        made = self._move(customer, amount, currency, "funded", {"funded": funded})
        self.apply(customer, currency, reference)
        if (customer["_cash"] or {}).get(currency):
            self.kernel.emit("cash_balance.funds_available", self.balance(customer))
        return made

    def apply(self, customer: Obj, currency: str, reference: str | None = None) -> None:
        """Pay every invoice that what is there covers: the one that the transfer names, one of just that amount, the
        oldest.
        """
        while (there := (customer.get("_cash") or {}).get(currency, 0)) > 0:
            waiting = [i for i in self._waiting(customer, currency) if i["amount_remaining"] <= there]
            if not waiting:
                return
            self._pay(customer, min(waiting, key=lambda i: _rank(i, there, reference)))

    def _waiting(self, customer: Obj, currency: str) -> list[Obj]:
        now = self.kernel.now_s()
        found = self.kernel.store.all("invoice", of=("customer", customer["id"]))
        return [
            i
            for i in found
            if i["status"] == "open" and i["currency"] == currency and i["collection_method"] == "send_invoice"
            if i["amount_remaining"] > 0 and (i["due_date"] or now) > now - _LATE_S
            if "customer_balance" in (i["payment_settings"]["payment_method_types"] or ["customer_balance"])
        ]

    def _pay(self, customer: Obj, invoice: Obj) -> None:
        intent = self.billing.collection.intent_of(invoice)
        charge = shapes_money.charge(
            self.kernel.new_id("ch"), intent, payment_methods.of_cash(self.kernel), self.kernel.now_s()
        )
        charge["payment_method_details"] = {"type": "customer_balance", "customer_balance": {}}
        self.kernel.add(charge)
        applied = {"applied_to_payment": {"payment_intent": intent["id"]}}
        self._move(customer, -intent["amount"], invoice["currency"], "applied_to_payment", applied)
        self.billing.collection.succeeded(charge, intent)
        self.billing.collection.collected(invoice, intent, automatic=False)

    def _move(self, customer: Obj, amount: int, currency: str, kind: str, more: dict[str, Any]) -> Obj:
        held = {**(customer.get("_cash") or {})}
        held[currency] = held.get(currency, 0) + amount
        customer["_cash"] = held
        entry = {
            "id": self.kernel.new_id("ccsbtxn"),
            "object": "customer_cash_balance_transaction",
            "created": self.kernel.now_s(),
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "ending_balance": held[currency],
            "livemode": False,
            "net_amount": amount,
            "type": kind,
            **more,
        }
        return self.kernel.add(entry, "customer_cash_balance_transaction.created")


def _rank(invoice: Obj, there: int, reference: str | None) -> tuple[bool, bool, int, str]:
    named = bool(reference and invoice["number"] and invoice["number"] in reference)
    return not named, invoice["amount_remaining"] != there, invoice["created"], invoice["id"]
