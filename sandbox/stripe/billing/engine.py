"""The billing engine of one account: its parts, and what falls due on them.

Time is event driven: each part names the instants at which something happens by itself (`wake`), the clock walks from
one to the next. A wake only says "look at this object now", so one that is no longer true does no harm, and one jump
of the clock ends as many small steps do.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import Any

from sandbox.stripe.billing import discounts, shapes
from sandbox.stripe.billing.amounts import decimal_text, line_amount, unit_amount
from sandbox.stripe.billing.collection import Collection
from sandbox.stripe.billing.credits import Credits
from sandbox.stripe.billing.invoices import Invoices
from sandbox.stripe.billing.lines import product_name
from sandbox.stripe.billing.schedules import Schedules
from sandbox.stripe.billing.starts import Starts
from sandbox.stripe.billing.subscriptions import Subscriptions
from sandbox.stripe.kernel import Kernel, Obj

# Within one second a schedule starts before subscriptions renew, and those before invoices move on.
_ORDER = {"subscription_schedule": 0, "subscription": 1, "invoice": 2}
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
    ("credit_note", "invoice"),
    ("customer_balance_transaction", "customer"),
)


class Billing:
    """One account's billing; a timer of its kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.credits = Credits(self)
        self.collection = Collection(self)
        self.invoices = Invoices(self)
        self.starts = Starts(self)
        self.subscriptions = Subscriptions(self)
        self.schedules = Schedules(self)
        self._wakes: list[tuple[int, int, int, str, str]] = []
        self._known: set[tuple[int, str, str]] = set()
        self._sequence = count()

    def price_item(
        self, customer: str, currency: str, price: Obj, quantity: int, discount_specs: list[dict[str, Any]]
    ) -> Obj:
        """An invoice item for some units of a price, not stored yet."""
        made = shapes.invoice_item(self.kernel.new_id("ii"), customer, currency, self.kernel.now_s())
        made["amount"] = line_amount(price, quantity)
        made["quantity"], made["quantity_decimal"] = quantity, str(quantity)
        made["pricing"] = shapes.price_details(price, decimal_text(unit_amount(price)))
        made["description"] = product_name(self.kernel, price)
        made["_price"], made["_subscription"], made["_taken"] = price, None, None
        owner = {"customer": customer, "currency": currency, "invoice_item": made["id"]}
        made["discounts"] = discounts.attach(self.kernel, discount_specs, owner, self.kernel.now_s())
        return made

    def wake(self, at: int, kind: str, id: str) -> None:
        """Have the object looked at at this instant; asking twice is once."""
        if (at, kind, id) not in self._known:
            self._known.add((at, kind, id))
            heapq.heappush(self._wakes, (at, _ORDER[kind], next(self._sequence), kind, id))

    def next_due_s(self) -> int | None:
        """The earliest instant at which an object has to be looked at."""
        return self._wakes[0][0] if self._wakes else None

    def run_due(self, at_s: int) -> None:
        """Look at every object due by now; what that makes due at once is looked at too."""
        while self._wakes and self._wakes[0][0] <= at_s:
            at, _, _, kind, id = heapq.heappop(self._wakes)
            self._known.discard((at, kind, id))
            found = self.kernel.store.get(kind, id)
            if found is None:
                continue
            if kind == "invoice":
                self.invoices.run_due(found, at_s)
            elif kind == "subscription":
                self.subscriptions.run_due(found, at_s)
            else:
                self.schedules.run_due(found, at_s)


def install(kernel: Kernel) -> Billing:
    """Plug billing into a kernel: indexes declared, timer added."""
    for type, field in _INDEXES:
        kernel.store.index_by(type, field)
    billing = Billing(kernel)
    kernel.timers.append(billing)
    kernel.before_customer_deleted.append(billing.subscriptions.customer_deleted)
    return billing


def billing_of(kernel: Kernel) -> Billing:
    """The engine that was installed into this kernel."""
    return next(timer for timer in kernel.timers if isinstance(timer, Billing))
