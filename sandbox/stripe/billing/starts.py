"""How a subscription begins: by request, or by a schedule whose first phase has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import discounts, items, pricing, shapes
from sandbox.stripe.billing.invoices import HOUR_S
from sandbox.stripe.billing.items import ExtraTerms, ItemTerms
from sandbox.stripe.billing.lines import LineDraft
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

INCOMPLETE_S = 23 * HOUR_S
"""How long the first payment may take before the subscription expires."""


@dataclass
class NewSubscription:
    """What a request or a schedule asks for, checked and resolved."""

    customer: Obj
    currency: str
    items: list[ItemTerms]
    start_date: int
    anchor: int
    values: dict[str, Any] = field(default_factory=dict)
    discounts: list[dict[str, Any]] = field(default_factory=list)
    extras: list[ExtraTerms] = field(default_factory=list)
    prorate: bool = True
    draft_first: bool = False
    """The first invoice waits an hour as a draft: `send_invoice`, or started by a schedule."""
    payment_behavior: str = "allow_incomplete"
    paid_before: bool = False
    """Of a page on which somebody pays: told of only once it is paid, and never incomplete."""
    phase_period: tuple[int, int] | None = None


class Starts:
    """Creates subscriptions and their first invoices."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def create(self, asked: NewSubscription) -> Obj:
        """Create the subscription, and its first invoice if there is anything to put on it."""
        now = self.kernel.now_s()
        made = shapes.subscription(self.kernel.new_id("sub"), asked.customer["id"], asked.currency, now)
        made.update(asked.values)
        made["start_date"], made["billing_cycle_anchor"] = asked.start_date, asked.anchor
        made["_items"] = []
        owner = {"customer": asked.customer["id"], "currency": asked.currency, "subscription": made["id"]}
        made["discounts"] = discounts.attach(self.kernel, asked.discounts, owner, now)
        self._adopt_currency(asked.customer, asked.currency)
        made["_items"] = [items.new_item(self.kernel, made, terms, asked.start_date) for terms in asked.items]
        trialing = made["trial_end"] is not None and made["trial_end"] > now
        for item in made["_items"]:
            items.set_period(item, asked.anchor, max(now, asked.start_date))
            item["current_period_start"] = max(item["current_period_start"], asked.start_date)
            if trialing:
                item["current_period_start"], item["current_period_end"] = now, made["trial_end"]
        self.billing.subscriptions.refresh_items(made)
        self.billing.subscriptions.resolve_cancel_at(made)
        extras = self.billing.subscriptions.add_extras(made, asked.extras, asked.phase_period)
        drafts = self._first_drafts(made, trialing, asked.prorate)
        pending = self.billing.invoices.pending_items(made["customer"], made["currency"], made["id"])
        billed = bool(drafts or extras or pending)
        active = "trialing" if trialing else "active"
        waits = billed and not (asked.draft_first or trialing or asked.paid_before)
        made["status"] = "incomplete" if waits else active
        self.kernel.add(made, None if asked.paid_before else "customer.subscription.created")
        self.billing.subscriptions.wake(made)
        if billed:
            invoice = self.billing.subscriptions.invoice(made, "subscription_create", drafts, period=(now, now))
            self._collect_first(made, invoice, asked)
        if asked.paid_before:
            self.kernel.emit("customer.subscription.created", made)
        return made

    def _first_drafts(self, made: Obj, trialing: bool, prorate: bool) -> list[LineDraft]:
        drafts: list[LineDraft] = []
        for item in made["_items"]:
            if pricing.is_metered(item["price"]):
                drafts += self.billing.usage.backdated(made, item, prorate)
            elif trialing:
                period = (item["current_period_start"], item["current_period_end"])
                drafts.append(items.free_line(self.kernel, made, item, period, items.quantity_of(item)))
            else:
                drafts += items.first_lines(self.kernel, made, item, prorate)
        return drafts

    def _adopt_currency(self, customer: Obj, currency: str) -> None:
        if customer["currency"] is None:
            with self.kernel.changing(customer, "customer.updated"):
                customer["currency"] = currency

    def _collect_first(self, made: Obj, invoice: Obj, asked: NewSubscription) -> None:
        """Finalise the first invoice inside the request, unless it is to wait as a draft."""
        if asked.draft_first and invoice["total"] > 0:
            return
        self.billing.invoices.finalize(invoice)
        if invoice["status"] == "open" and asked.payment_behavior != "default_incomplete":
            self.billing.collection.attempt(invoice, automatic=True)
        if made["status"] == "incomplete" and invoice["status"] == "open":
            self.billing.wake(made["created"] + INCOMPLETE_S, "subscription", made["id"])
