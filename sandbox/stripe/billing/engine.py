"""The billing engine of one account: its parts, and what falls due on them.

Time is event driven: each part names the instants at which something happens by itself (`wake`), the clock walks from
one to the next. A wake only says "look at this object now", so one that is no longer true does no harm, and one jump
of the clock ends as many small steps do.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import Any

from sandbox.stripe.billing import customer_discounts, discounts, pricing, shapes
from sandbox.stripe.billing.amounts import decimal_text, unit_amount
from sandbox.stripe.billing.authentication import Authentication
from sandbox.stripe.billing.cash import Cash
from sandbox.stripe.billing.checkout import Checkout
from sandbox.stripe.billing.collection import Collection
from sandbox.stripe.billing.credits import Credits
from sandbox.stripe.billing.debits import Debits
from sandbox.stripe.billing.disputes import Disputes
from sandbox.stripe.billing.endings import Endings
from sandbox.stripe.billing.invoices import Invoices
from sandbox.stripe.billing.late_money import LateMoney
from sandbox.stripe.billing.meter_errors import MeterErrors
from sandbox.stripe.billing.part_payments import PartPayments
from sandbox.stripe.billing.schedules import Schedules
from sandbox.stripe.billing.starts import Starts
from sandbox.stripe.billing.subscriptions import Subscriptions
from sandbox.stripe.billing.usage import Usage
from sandbox.stripe.billing.wording import product_name
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.resources.price_currencies import in_currency

# Within one second a schedule starts before subscriptions renew, and those before invoices move on.
_ORDER = {
    "subscription_schedule": 0, "subscription": 1, "invoice": 2, "refund": 3, "charge": 3, "customer": 4,
    "checkout.session": 5,
}  # fmt: skip
_INDEXES = (
    ("subscription", "customer"),
    ("subscription_schedule", "customer"),
    ("subscription_item", "subscription"),
    ("invoice", "customer"),
    ("invoice", "_subscription"),
    ("invoiceitem", "customer"),
    ("invoice_payment", "invoice"),
    ("charge", "payment_intent"),
    ("charge", "customer"),
    ("payment_intent", "customer"),
    ("refund", "charge"),
    ("dispute", "charge"),
    ("credit_note", "invoice"),
    ("customer_balance_transaction", "customer"),
    ("customer_cash_balance_transaction", "customer"),
    ("meter_reading", "_of"),
    ("meter_reading", "identifier"),
)


class Billing:
    """One account's billing; a timer of its kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.credits = Credits(self)
        self.disputes = Disputes(self)
        self.authentication = Authentication(self)
        self.debits = Debits(self)
        self.late_money = LateMoney(self)
        self.cash = Cash(self)
        self.collection = Collection(self)
        self.part_payments = PartPayments(self)
        self.invoices = Invoices(self)
        self.starts = Starts(self)
        self.subscriptions = Subscriptions(self)
        self.endings = Endings(self)
        self.schedules = Schedules(self)
        self.usage = Usage(self)
        self.checkout = Checkout(self)
        self._wakes: dict[str | None, list[tuple[int, int, int, str, str]]] = {}
        self._known: set[tuple[int, str, str]] = set()
        self._sequence = count()

    def price_item(
        self, customer: str, currency: str, price: Obj, quantity: int, discount_specs: list[dict[str, Any]]
    ) -> Obj:
        """An invoice item for some units of a price that has an amount in the currency, not stored yet."""
        price = in_currency(price, currency)
        made = shapes.invoice_item(self.kernel.new_id("ii"), customer, currency, self.kernel.now_s())
        made["amount"] = pricing.total(price, quantity)
        made["quantity"], made["quantity_decimal"] = quantity, str(quantity)
        unit_text = None if pricing.is_tiered(price) else decimal_text(unit_amount(price))
        made["pricing"] = shapes.price_details(price, unit_text)
        made["description"] = product_name(self.kernel, price)
        made["_price"], made["_subscription"], made["_taken"] = price, None, None
        owner = {"customer": customer, "currency": currency, "invoice_item": made["id"]}
        made["discounts"] = discounts.attach(self.kernel, discount_specs, owner, self.kernel.now_s())
        return made

    def wake(self, at: int, kind: str, id: str) -> None:
        """Have the object looked at at this instant of the time that it lives in; asking twice is once."""
        if (at, kind, id) not in self._known:
            self._known.add((at, kind, id))
            wakes = self._wakes.setdefault(self._timeline_of(kind, id), [])
            heapq.heappush(wakes, (at, _ORDER[kind], next(self._sequence), kind, id))

    def _timeline_of(self, kind: str, id: str) -> str | None:
        if kind in ("refund", "charge"):  # which show no clock of their own
            kind, id = "customer", str((self.kernel.store.get(kind, id) or {}).get("customer"))
        return self.kernel.timeline_of(kind, id)

    def next_due_s(self) -> int | None:
        """The earliest instant of the sandbox's own time at which an object has to be looked at."""
        return self._next_due_s(None)

    def _next_due_s(self, timeline: str | None) -> int | None:
        wakes = self._wakes.get(timeline)
        return wakes[0][0] if wakes else None

    def run_due(self, at_s: int) -> None:
        """Look at every object due by now; what that makes due at once is looked at too."""
        self._run_due(None, at_s)

    def advance(self, clock: Obj, target_s: int) -> None:
        """Move a test clock from one instant to the next at which something falls due in its time, then to the target."""
        with self.kernel.in_time_of(clock):
            while (due := self._next_due_s(clock["id"])) is not None and due <= target_s:
                clock["frozen_time"] = max(due, clock["frozen_time"])
                self._run_due(clock["id"], clock["frozen_time"])
            clock["frozen_time"] = target_s

    def _run_due(self, timeline: str | None, at_s: int) -> None:
        wakes = self._wakes.get(timeline, [])
        while wakes and wakes[0][0] <= at_s:
            at, _, _, kind, id = heapq.heappop(wakes)
            self._known.discard((at, kind, id))
            found = self.kernel.store.get(kind, id)
            if found is None:
                continue
            if kind == "invoice":
                self.invoices.run_due(found, at_s)
            elif kind == "subscription":
                self.subscriptions.run_due(found, at_s)
            elif kind == "refund":
                self.credits.refund_due(found)
            elif kind == "charge":
                self.debits.answered(found)
            elif kind == "customer":
                customer_discounts.run_due(self.kernel, found, at_s)
            elif kind == "checkout.session":
                self.checkout.run_due(found, at_s)
            else:
                self.schedules.run_due(found, at_s)


def install(kernel: Kernel) -> Billing:
    """Plug billing into a kernel: indexes declared, timer added."""
    for type, field in _INDEXES:
        kernel.store.index_by(type, field)
    billing = Billing(kernel)
    kernel.timers += [billing, MeterErrors(kernel)]
    kernel.before_customer_deleted.append(billing.endings.customer_deleted)
    return billing


def billing_of(kernel: Kernel) -> Billing:
    """The engine that was installed into this kernel."""
    return next(timer for timer in kernel.timers if isinstance(timer, Billing))
