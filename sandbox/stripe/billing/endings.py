"""How a subscription ends: as planned, by request, for want of payment, with its customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.stripe.billing import pending_updates, pricing, prorations
from sandbox.stripe.billing.lines import LineDraft
from sandbox.stripe.billing.subscriptions import ENDED
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing


class Endings:
    """The ends of one account's subscriptions."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def cancel_now(self, subscription: Obj, *, invoice_now: bool, prorate: bool) -> None:
        """Cancel by request: with `prorate` the unused time is credited, with `invoice_now` usage and all pending billed."""
        at = self.kernel.now_s()
        if prorate:
            for item in subscription["_items"]:
                prorations.credits_for_rest(self.kernel, subscription, item, at)
        if invoice_now:
            self.billing.subscriptions.invoice_prorations(subscription, at, self._last_usage(subscription, at))
        self.end(subscription, "cancellation_requested", asked_now=True)

    def _last_usage(self, subscription: Obj, at: int) -> list[LineDraft]:
        metered = [item for item in subscription["_items"] if pricing.is_metered(item["price"])]
        return [line for item in metered for line in self.billing.usage.arrears(subscription, item, at)]

    def as_planned(self, subscription: Obj, at: int) -> None:
        """End at the planned time; a final invoice bills the usage of the last period and all that is pending for it.

        https://docs.stripe.com/api/subscriptions/cancel: pending items are left in place and collected at the end.
        """
        starts = [item["current_period_start"] for item in subscription["_items"]]
        drafts = self._last_usage(subscription, at)
        pending = self.kernel.store.all("invoiceitem", of=("customer", subscription["customer"]))
        if drafts or any(i["invoice"] is None and i["_subscription"] == subscription["id"] for i in pending):
            subscriptions = self.billing.subscriptions
            last = subscriptions.invoice(subscription, "subscription_cycle", drafts, period=(min(starts), at))
            subscriptions.mind_pause(subscription, last)
        self.end(subscription, "cancellation_requested", asked_now=False)

    def end(self, subscription: Obj, reason: str | None, *, asked_now: bool) -> None:
        """Cancel now. Finalised invoices are no longer collected by themselves; a schedule ends with it."""
        now = self.kernel.now_s()
        pending_updates.discard(self.billing, subscription)
        subscription["status"] = "canceled"
        subscription["ended_at"] = now
        if asked_now or subscription["canceled_at"] is None:
            subscription["canceled_at"] = now
        subscription["cancellation_details"]["reason"] = reason
        self.kernel.touch()
        self.kernel.emit("customer.subscription.deleted", subscription)
        self.billing.schedules.subscription_ended(subscription)
        self.billing.invoices.stop_collecting(subscription["id"])

    def give_up(self, invoice: Obj, outcome: str) -> None:
        """All tries to collect have failed: the subscription becomes what the account's setting says."""
        subscription = self.kernel.store.get("subscription", invoice["_subscription"] or "")
        if subscription is None or subscription["status"] in ENDED:
            return
        if outcome == "canceled":
            self.end(subscription, "payment_failed", asked_now=True)
        elif outcome == "unpaid":
            with self.kernel.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "unpaid"

    def customer_deleted(self, customer: Obj) -> None:
        """A deleted customer's subscriptions and schedules end at once."""
        for subscription in self.kernel.store.all("subscription", of=("customer", customer["id"])):
            if subscription["status"] not in ENDED:
                self.end(subscription, "cancellation_requested", asked_now=True)
        self.billing.schedules.customer_deleted(customer)
        self.billing.invoices.customer_deleted(customer)
