"""Collecting money: payment intents, charges, retries.

A finalised invoice with something due has one intent and one default invoice payment; each try is a charge. Automatic
retries follow a fixed plan like the one that an account can set in place of smart retries
(https://docs.stripe.com/invoicing/automatic-collection).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sandbox.stripe.billing import shapes_money
from sandbox.stripe.billing.authentication import ALWAYS, DECLINED, of_invoice
from sandbox.stripe.billing.debits import BANK
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Obj
from sandbox.stripe.resources import payment_methods
from sandbox.stripe.resources.payment_methods import Decline

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

_DAY_S = 86_400
RETRY_AFTER_S = (3 * _DAY_S, 5 * _DAY_S, 7 * _DAY_S)
"""From each failed automatic try to the next."""
AfterLastTry = Literal["past_due", "unpaid", "canceled"]


class Collection:
    """Pays invoices, or fails to."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel
        self.after_last_try: AfterLastTry = "past_due"
        """The account's setting for a subscription whose last automatic try has failed."""

    def open_payment(self, invoice: Obj) -> None:
        """Make the intent and the default payment of an invoice that is being finalised."""
        now, amount = self.kernel.now_s(), invoice["amount_due"]
        intent = shapes_money.payment_intent(
            self.kernel.new_id("pi"),
            self.kernel.new_id("x").removeprefix("x_"),
            invoice["customer"],
            amount,
            invoice["currency"],
            now,
        )
        intent["description"] = "Subscription invoice" if invoice["_subscription"] else "Payment for Invoice"
        payment = shapes_money.invoice_payment(
            self.kernel.new_id("inpay"), invoice["id"], intent["id"], amount, invoice["currency"], now
        )
        self.kernel.add(intent, "payment_intent.created")
        self.kernel.add(payment)

    def method_for(self, invoice: Obj) -> Obj | None:
        """The payment method that automatic collection uses: the invoice's, the subscription's, the customer's."""
        subscription = self.kernel.store.get("subscription", invoice["_subscription"] or "") or {}
        named = (invoice["default_payment_method"], subscription.get("default_payment_method"))
        return self._first_method(invoice["customer"], named)

    def method_of(self, subscription: Obj) -> Obj | None:
        """The payment method that the next invoice of a subscription will use."""
        return self._first_method(subscription["customer"], (subscription["default_payment_method"],))

    def _first_method(self, customer_id: str, named: tuple[str | None, ...]) -> Obj | None:
        """The first of those named that is the customer's, else the customer's own default."""
        customer = self.kernel.store.get("customer", customer_id) or {}
        for id in (*named, (customer.get("invoice_settings") or {}).get("default_payment_method")):
            method = self.kernel.store.get("payment_method", id) if id else None
            if method is not None and method["customer"] == customer_id:
                return method
        return None

    def retry(self, invoice: Obj) -> None:
        """A scheduled try: the first one of an invoice finalised by hand, or a later one."""
        self.attempt(invoice, automatic=True)

    def attempt(self, invoice: Obj, *, automatic: bool, method: Obj | None = None) -> StripeError | None:
        """Try to pay an open invoice. Returns the card's refusal, or `None` when the invoice is paid now."""
        method = method or self.method_for(invoice)
        if method is None:
            self._failed(invoice, automatic=automatic)
            return _no_method()
        intent = self.intent_of(invoice)
        if self.billing.authentication.needed(method):
            return self._asked(invoice, intent, method, automatic)
        decline = self.try_method(intent, method)
        if decline is not None:
            self._failed(invoice, automatic=automatic)
            return card_error(decline)
        if intent["status"] == "processing":
            self._under_way(invoice, automatic=automatic)
        else:
            self.collected(invoice, intent, automatic=automatic)
        return None

    def _asked(self, invoice: Obj, intent: Obj, method: Obj, automatic: bool) -> StripeError:
        """The customer has to confirm. One who is away has a card that asks every time declined."""
        authentication = self.billing.authentication
        if automatic and method["_authenticate"] == ALWAYS:
            known = intent["last_payment_error"] or {}
            again = known.get("code") == DECLINED.code and known["payment_method"]["id"] == method["id"]
            if not again:
                self.decline(intent, method, DECLINED)
            self._failed(invoice, automatic=True, event="invoice.payment_action_required")
        else:
            authentication.ask(intent, method)
            self._failed(invoice, automatic=automatic, event="invoice.payment_action_required", again=False)
        return of_invoice(invoice)

    def _under_way(self, invoice: Obj, *, automatic: bool) -> None:
        """A bank debit has begun: the invoice was tried, and says nothing more until the bank has answered."""
        self._count_try(invoice, automatic=automatic)
        with self.kernel.changing(invoice, "invoice.updated"):
            invoice["_under_way"], invoice["next_payment_attempt"] = True, None
        self.billing.subscriptions.payment_state_changed(invoice)

    def _count_try(self, invoice: Obj, *, automatic: bool) -> None:
        with self.kernel.changing(invoice):
            invoice["attempted"] = True
            invoice["attempt_count"] += 1 if automatic or not invoice.get("_tries") else 0
        invoice["_tries"] = invoice.get("_tries", 0) + 1

    def collected(self, invoice: Obj, intent: Obj, *, automatic: bool) -> None:
        """The invoice is paid by what its own intent brought."""
        payment = self.payment_of(invoice)
        self._count_try(invoice, automatic=automatic)
        invoice["_under_way"] = False
        with self.kernel.changing(payment):
            payment.update(status="paid", amount_paid=intent["amount"])
            payment["status_transitions"]["paid_at"] = self.kernel.now_s()
        with self.kernel.changing(invoice):
            invoice["amount_paid"] += intent["amount"]
        self.kernel.emit("invoice_payment.paid", payment)
        self.billing.invoices.paid(invoice)
        self.dispute_if_so(intent, self.kernel.get("payment_method", intent["payment_method"]))

    def try_method(self, intent: Obj, method: Obj) -> Decline | None:
        """One charge of an intent. `None` when it has succeeded, or when a bank debit is under way."""
        if method["type"] == BANK:
            self.billing.debits.begin(intent, method)
            return None
        return self.try_card(intent, method)

    def try_card(self, intent: Obj, method: Obj) -> Decline | None:
        """One charge of an intent. `None` when it has succeeded."""
        now = self.kernel.now_s()
        charge = shapes_money.charge(self.kernel.new_id("ch"), intent, method, now)
        decline = payment_methods.charge(self.kernel, method["id"])
        if decline is not None:
            self.kernel.add(charge)
            self.declined(charge, intent, decline)
            return decline
        self.kernel.add(charge)
        self.succeeded(charge, intent)
        return None

    def succeeded(self, charge: Obj, intent: Obj) -> None:
        """The charge has brought the intent's money."""
        with self.kernel.changing(charge):
            charge.update(status="succeeded", paid=True, captured=True, amount_captured=charge["amount"])
            charge["outcome"] = shapes_money.outcome("authorized", "approved_by_network", None, "Payment complete.")
            charge["receipt_url"] = f"https://pay.stripe.com/receipts/{charge['id']}"
        self.kernel.emit("charge.succeeded", charge)
        with self.kernel.changing(intent):
            intent.update(status="succeeded", amount_received=intent["amount"], latest_charge=charge["id"])
            intent.update(payment_method=charge["payment_method"], last_payment_error=None, next_action=None)
        self.kernel.emit("payment_intent.succeeded", intent)

    def decline(self, intent: Obj, method: Obj, decline: Decline) -> None:
        """A charge of an intent that the bank refuses."""
        charge = shapes_money.charge(self.kernel.new_id("ch"), intent, method, self.kernel.now_s())
        self.kernel.add(charge)
        self.declined(charge, intent, decline)

    def dispute_if_so(self, intent: Obj, method: Obj) -> None:
        """Some test cards question every charge as soon as it has paid."""
        if method.get("_dispute"):
            charge = self.kernel.get("charge", intent["latest_charge"])
            self.billing.disputes.open(charge, method["_dispute"], inquiry=method["_inquiry"])

    def declined(self, charge: Obj, intent: Obj, decline: Decline) -> None:
        """The bank has refused the charge; the intent can be paid otherwise."""
        method = self.kernel.get("payment_method", charge["payment_method"])
        with self.kernel.changing(charge):
            charge.update(status="failed", failure_code=decline.code, failure_message=decline.message)
            charge["outcome"] = shapes_money.outcome(
                "issuer_declined",
                "declined_by_network",
                decline.decline_code,
                "The bank did not return any further details.",
            )
        self.kernel.emit("charge.failed", charge)
        with self.kernel.changing(intent):
            intent.update(status="requires_payment_method", payment_method=None, next_action=None)
            intent["latest_charge"] = charge["id"]
            intent["last_payment_error"] = {
                "type": "card_error",
                "charge": charge["id"],
                "code": decline.code,
                "decline_code": decline.decline_code,
                "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
                "message": decline.message,
                "payment_method": method,
            }
        self.kernel.emit("payment_intent.payment_failed", intent)

    def _failed(self, invoice: Obj, *, automatic: bool, event: str | None = None, again: bool = True) -> None:
        """A try was in vain. ``event`` is said before that, ``again``: it is tried again by itself."""
        first = not invoice.get("_tries")
        self._count_try(invoice, automatic=automatic)
        with self.kernel.changing(invoice):
            if not again:
                invoice["next_payment_attempt"] = None
            elif automatic or first:
                invoice["next_payment_attempt"] = self.next_try(invoice)
        if event is not None:
            self.kernel.emit(event, invoice)
        self.kernel.emit("invoice.payment_failed", invoice)
        self.billing.invoices.wake(invoice)
        self.billing.subscriptions.payment_state_changed(invoice)
        if automatic and invoice["attempt_count"] > len(RETRY_AFTER_S):
            self.billing.endings.give_up(invoice, self.after_last_try)

    def next_try(self, invoice: Obj) -> int | None:
        """When the invoice is tried again by itself, if it is."""
        incomplete = (self.kernel.store.get("subscription", invoice["_subscription"] or "") or {}).get("status")
        tried = int(invoice["attempt_count"])
        automatic = invoice["collection_method"] == "charge_automatically" and invoice["auto_advance"]
        if not automatic or incomplete == "incomplete" or tried > len(RETRY_AFTER_S):
            return None
        return self.kernel.now_s() + RETRY_AFTER_S[tried - 1]

    def pay_out_of_band(self, invoice: Obj) -> None:
        """The money came by other ways: paid, without a charge."""
        self.cancel_payment(invoice, "automatic")
        with self.kernel.changing(invoice):
            invoice["amount_paid_off_stripe"] += invoice["amount_due"] - invoice["amount_paid"]
            invoice["amount_paid"] = invoice["amount_due"]
        self.billing.invoices.paid(invoice)

    def cancel_payment(self, invoice: Obj, reason: str) -> None:
        """End the open intent and default payment of an invoice, if it has any."""
        payment = self.find_payment(invoice)
        if payment is None or payment["status"] != "open":
            return
        now = self.kernel.now_s()
        with self.kernel.changing(payment):
            payment["status"] = "canceled"
            payment["status_transitions"]["canceled_at"] = now
        intent = self.kernel.get("payment_intent", payment["payment"]["payment_intent"])
        with self.kernel.changing(intent):
            intent.update(status="canceled", canceled_at=now, cancellation_reason=reason)
        self.kernel.emit("payment_intent.canceled", intent)

    def reduce_open_payment(self, invoice: Obj) -> None:
        """Bring the open intent down to what remains due (a credit note or a part payment lowered it), or end it at nothing."""
        payment = self.find_payment(invoice)
        if payment is None or payment["status"] != "open":
            return
        if invoice["amount_remaining"] == 0:
            self.cancel_payment(invoice, "automatic")
            return
        intent = self.kernel.get("payment_intent", payment["payment"]["payment_intent"])
        with self.kernel.changing(payment):
            payment["amount_requested"] = invoice["amount_remaining"]
        with self.kernel.changing(intent):
            intent["amount"] = invoice["amount_remaining"]

    def find_payment(self, invoice: Obj) -> Obj | None:
        """The default invoice payment, which only an invoice finalised with something due has."""
        payments = self.kernel.store.newest_first("invoice_payment", of=("invoice", invoice["id"]))
        return next((payment for payment in payments if payment["is_default"]), None)

    def payment_of(self, invoice: Obj) -> Obj:
        """The default invoice payment; refuses where there is none."""
        payment = self.find_payment(invoice)
        if payment is None:
            raise invalid("This invoice has no payment.")
        return payment

    def intent_of(self, invoice: Obj) -> Obj:
        """The payment intent behind a finalised invoice."""
        return self.kernel.get("payment_intent", self.payment_of(invoice)["payment"]["payment_intent"])


def card_error(decline: Decline) -> StripeError:
    """The 402 that a declined card answers with."""
    return StripeError(402, "card_error", decline.code, decline.message, None, decline_code=decline.decline_code)


def _no_method() -> StripeError:
    return invalid(
        "This customer has no attached payment source or default payment method. Please consider adding a default"
        " payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting.",
        code="resource_missing",
    )
