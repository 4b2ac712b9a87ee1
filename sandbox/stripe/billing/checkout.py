"""Checkout sessions in `subscription` mode: what Stripe's own page makes of a person who pays.

https://docs.stripe.com/payments/checkout/how-checkout-works, https://docs.stripe.com/changelog/basil (a session's
subscription is made after its payment). Nothing is made while nobody has paid: neither a customer nor a subscription. The
page itself is the control port's (`sandbox.stripe.checkouts`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import pricing, requests, shapes_checkout
from sandbox.stripe.billing.authentication import ALWAYS
from sandbox.stripe.billing.checkout_checks import DAY_S, check
from sandbox.stripe.billing.currency import chosen
from sandbox.stripe.billing.rehearsal import rehearsal
from sandbox.stripe.billing.shapes_checkout import SESSION
from sandbox.stripe.billing.wording import product_name
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Obj
from sandbox.stripe.resources import customers, payment_methods
from sandbox.stripe.resources.price_currencies import in_currency
from sandbox.stripe.tax.ids import add_tax_id, ids_of

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

Given = dict[str, Any]
#: Parameters of `subscription_data` that a subscription takes as they are.
_PASSED = (
    "billing_cycle_anchor", "billing_mode", "description", "invoice_settings", "metadata", "proration_behavior",
    "trial_end", "trial_period_days", "trial_settings",
)  # fmt: skip


@dataclass
class Person:
    """What somebody types into the page. ``customer`` are values of the customer, ``quantities`` by number of the line."""

    card: str | None = None
    customer: Given = field(default_factory=dict)
    tax_id: tuple[str, str] | None = None
    quantities: dict[int, int] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)


class Checkout:
    """The sessions of one account."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def open(self, given: Given) -> Obj:
        """A new session that waits for somebody to pay."""
        now = self.kernel.now_s()
        prices = check(self.kernel, given)
        expires = given.get("expires_at", now + DAY_S)
        made = shapes_checkout.session(f"cs_test_{self.kernel.new_id('a')[2:]}", given, now, expires)
        made["_given"] = given
        made["currency"] = self._currency(given)
        made["_lines"] = self._lines(given, prices, made["currency"])
        self._count(made, self._foreseen(made))
        self.kernel.add(made)
        self.billing.wake(expires, SESSION, made["id"])
        return made

    def _currency(self, given: Given) -> str:
        """What the page bills in: this sandbox looks at nobody's location."""
        customer = self.kernel.store.get("customer", given.get("customer", ""))
        sold = [(entry, f"line_items[{number}]") for number, entry in enumerate(given["line_items"])]
        return chosen(self.kernel, sold, given.get("currency"), customer)

    def _lines(self, given: Given, prices: list[Obj], currency: str) -> list[Obj]:
        made = []
        for entry, price in zip(given["line_items"], prices, strict=True):
            amount = pricing.total(in_currency(price, currency), entry["quantity"]) if "quantity" in entry else 0
            name = product_name(self.kernel, price)
            line = shapes_checkout.line(self.kernel.new_id("li"), entry, price, amount, name)
            made.append({**line, "currency": currency})
        return made

    def _foreseen(self, session: Obj) -> Obj | None:
        """The first invoice as it will be, before tax; also refuses what no subscription can be made of."""
        trial = rehearsal(self.billing)
        customer = session["customer"] or customers.made(trial.kernel, {})["id"]
        asked = {key: value for key, value in subscription_of(session, customer).items() if key != "automatic_tax"}
        try:
            wanted = requests.new_subscription(trial, asked)
            wanted.payment_behavior = "default_incomplete"
            made = trial.starts.create(wanted)
        except StripeError as error:
            error.param = re.sub("^(add_invoice_)?items", "line_items", error.param or "line_items")
            raise
        return trial.kernel.store.get("invoice", made["latest_invoice"] or "")

    @staticmethod
    def _count(session: Obj, invoice: Obj | None) -> None:
        """What the session comes to is what its first invoice does."""
        session["amount_subtotal"] = invoice["subtotal"] if invoice else 0
        session["amount_total"] = invoice["total"] if invoice else 0
        off = sum(each["amount"] for each in invoice["total_discount_amounts"] or []) if invoice else 0
        tax = sum(each["amount"] for each in invoice["total_taxes"] or []) if invoice else 0
        session["total_details"] = {"amount_discount": off, "amount_shipping": 0, "amount_tax": tax}

    # ------------------------------------------------------------------ somebody pays

    def complete(self, session: Obj, person: Person) -> StripeError | None:
        """The person has paid, and customer and subscription are there; or the card's refusal, and nothing has changed."""
        if session["status"] != "open":
            raise invalid(f"This Checkout Session has a status of {session['status']}: nobody can pay it any more.")
        self._adjust(session, person)
        check_person(session, person, self._email_of(session))
        self._check_card(person)
        trial = rehearsal(self.billing)
        before = trial.kernel.get(SESSION, session["id"])
        _, invoice = trial.checkout.make(before, person)
        if invoice is not None and invoice["status"] == "open" and not invoice.get("_under_way"):
            return _refusal(trial.collection.intent_of(invoice))
        subscription, invoice = self.make(session, person)
        self._completed(session, subscription, invoice)
        return None

    def _adjust(self, session: Obj, person: Person) -> None:
        """Other quantities, where the page lets the person choose."""
        for number, quantity in person.quantities.items():
            lines = session["_given"]["line_items"]
            limits = (lines[number].get("adjustable_quantity") or {}) if 0 <= number < len(lines) else {}
            if not limits.get("enabled") or not limits.get("minimum", 0) <= quantity <= limits.get("maximum", 99):
                raise invalid(f"The page does not let anybody choose {quantity} of line {number}.", "quantities")
        for number, quantity in person.quantities.items():
            session["_given"]["line_items"][number]["quantity"] = quantity
            line = session["_lines"][number]
            amount = pricing.total(in_currency(line["price"], session["currency"]), quantity)
            line.update(quantity=quantity, amount_subtotal=amount, amount_total=amount)

    def _email_of(self, session: Obj) -> str | None:
        customer = self.kernel.store.get("customer", session["customer"] or "")
        return session["customer_email"] or (customer["email"] if customer else None)

    def _check_card(self, person: Person) -> None:
        known = payment_methods.TEST_CARDS.get(person.card or "")
        if known is not None and known.authenticate == ALWAYS:
            raise invalid(
                "This sandbox's page takes no card whose bank asks at every payment; one that asks at its set-up is"
                " confirmed on the page (pm_card_authenticationRequiredOnSetup).",
                "card",
            )

    def make(self, session: Obj, person: Person) -> tuple[Obj, Obj | None]:
        """The customer with the card, and the subscription, paid as far as the card does. Returns it and its invoice."""
        kernel = self.kernel
        customer = self._customer(session, person)
        method = None
        if person.card is not None:
            method = payment_methods.resolve(kernel, person.card, "card")
            method["_set_up"] = True  # the bank's question is answered on the page
            if method["customer"] != customer["id"]:
                payment_methods.attach(kernel, method, customer)
        if person.tax_id is not None:
            add_tax_id(kernel, customer, *person.tax_id)
        asked = subscription_of(session, customer["id"])
        if method is not None:
            asked["default_payment_method"] = method["id"]
        wanted = requests.new_subscription(self.billing, asked)
        wanted.paid_before = True
        made = self.billing.starts.create(wanted)
        return made, kernel.store.get("invoice", made["latest_invoice"] or "")

    def _customer(self, session: Obj, person: Person) -> Obj:
        """The session's customer, with what the session says may be updated; or a new one."""
        values = dict(person.customer)
        if session["customer"] is None:
            email = session["customer_email"] or values.pop("email", None)
            return customers.made(self.kernel, {**values, "email": email})
        customer = self.kernel.get("customer", session["customer"])
        update = session["_given"].get("customer_update") or {}
        kept = {key: values[key] for key in ("address", "name") if key in values and update.get(key) == "auto"}
        if update.get("name") == "auto":
            kept |= {key: values[key] for key in ("business_name", "individual_name") if key in values}
        if customer["email"] is None and "email" in values:
            kept["email"] = values["email"]
        customers.changed(self.kernel, customer, kept)
        return customer

    def _completed(self, session: Obj, subscription: Obj, invoice: Obj | None) -> None:
        customer = self.kernel.get("customer", subscription["customer"])
        with self.kernel.changing(session):
            self._count(session, invoice)
            session.update(status="complete", url=None, customer=customer["id"], subscription=subscription["id"])
            if invoice:
                session["invoice"], invoice["_session"] = invoice["id"], session["id"]
            session["customer_details"] = shapes_checkout.customer_details(
                customer, ids_of(self.kernel, customer["id"])
            )
            names = {key: customer.get(key) for key in ("business_name", "individual_name")}
            session["collected_information"] = {**session["collected_information"], **names}
            session["payment_status"] = _payment_status(invoice)
        self.kernel.emit("checkout.session.completed", session)

    def payment_state_changed(self, invoice: Obj) -> None:
        """A bank has answered days after the session was complete."""
        if invoice["billing_reason"] != "subscription_create" or invoice.get("_under_way"):
            return
        session = self.kernel.store.get(SESSION, invoice.get("_session") or "")
        if session is None or session["payment_status"] != "unpaid" or session.get("_told"):
            return
        if invoice["status"] == "paid":
            with self.kernel.changing(session):
                session["payment_status"] = "paid"
        session["_told"] = True
        outcome = "succeeded" if invoice["status"] == "paid" else "failed"
        self.kernel.emit(f"checkout.session.async_payment_{outcome}", session)

    # ------------------------------------------------------------------ nobody pays

    def expire(self, session: Obj) -> None:
        """Nobody can pay it any more."""
        with self.kernel.changing(session):
            session.update(status="expired", url=None)
        self.kernel.emit("checkout.session.expired", session)

    def run_due(self, session: Obj, at: int) -> None:
        """It expires when its time is over."""
        if session["status"] == "open" and session["expires_at"] <= at:
            self.expire(session)


def _refusal(intent: Obj) -> StripeError:
    said = intent["last_payment_error"]
    return StripeError(402, "card_error", said["code"], said["message"], None, decline_code=said["decline_code"])


def subscription_of(session: Obj, customer: str) -> Given:
    """The subscription that a session asks for."""
    given = session["_given"]
    data = given.get("subscription_data") or {}
    asked: Given = {"customer": customer, "currency": session["currency"]}
    asked |= {key: data[key] for key in _PASSED if key in data}
    lines = list(zip(given["line_items"], session["_lines"], strict=True))
    asked["items"] = [_item(entry) for entry, line in lines if line["price"]["type"] == "recurring"]
    asked["add_invoice_items"] = [
        {"price": entry["price"], "quantity": entry["quantity"]}
        for entry, line in lines
        if line["price"]["type"] != "recurring"
    ]
    for key in ("discounts", "automatic_tax"):
        if key in given:
            asked[key] = given[key]
    return asked


def _item(entry: Given) -> Given:
    return {key: entry[key] for key in ("price", "quantity", "metadata") if key in entry}


def check_person(session: Obj, person: Person, email: str | None) -> None:
    """Refuse what the page would not let anybody send; its own questions are answered."""
    if email is None and not person.customer.get("email"):
        raise invalid("The page asks for an e-mail address.", "email")
    wanted = session["payment_method_collection"] == "always" or session["amount_total"] > 0
    if wanted and person.card is None:
        raise invalid("The page asks for a card.", "card")
    if person.tax_id is not None and not (session.get("tax_id_collection") or {}).get("enabled"):
        raise invalid("The page does not ask for a tax id.", "tax_id")
    fields = {each["key"]: each for each in session["custom_fields"]}
    strange = sorted(set(person.answers) - set(fields))
    if strange:
        raise invalid(f"The page has no field {strange[0]}.", "custom_fields")
    for key, each in fields.items():
        if key not in person.answers and not each["optional"]:
            raise invalid(f"The page asks for {key}.", "custom_fields")
        each[each["type"]]["value"] = person.answers.get(key)


def _payment_status(invoice: Obj | None) -> str:
    if invoice is None or not invoice["amount_due"]:
        return "no_payment_required"
    return "paid" if invoice["status"] == "paid" else "unpaid"
