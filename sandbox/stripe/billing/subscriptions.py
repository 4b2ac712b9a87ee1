"""Subscriptions over time: renewal, trial end, their invoices and what those do to them. Ends are `endings.py`'s.

`current_period_*` live on the items, each counted from the subscription's anchor. One look (`run_due`) does all that
is due at an instant in a fixed order: the schedule's phase change, the end, the trial's end, then one renewal invoice
for every item whose cycle begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import discounts, items, pausing, pending_updates, pricing, shapes, trials
from sandbox.stripe.billing.invoices import HOUR_S, subscription_parent
from sandbox.stripe.billing.items import ExtraTerms
from sandbox.stripe.billing.lines import LineDraft
from sandbox.stripe.billing.starts import INCOMPLETE_S
from sandbox.stripe.kernel import Obj
from sandbox.stripe.tax.computing import invoice_state

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

TRIAL_WARNING_S = 3 * 24 * HOUR_S
ENDED = ("canceled", "incomplete_expired")


class Subscriptions:
    """The subscriptions of one account."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    # ------------------------------------------------------------------ items

    def add_extras(self, subscription: Obj, extras: list[ExtraTerms], phase: tuple[int, int] | None) -> list[Obj]:
        """Make pending invoice items of `add_invoice_items`; the subscription's next invoice takes them."""
        return [self._extra(subscription, extra, phase) for extra in extras]

    def _extra(self, subscription: Obj, extra: ExtraTerms, phase: tuple[int, int] | None) -> Obj:
        starts = [item["current_period_start"] for item in subscription["_items"]]
        ends = [item["current_period_end"] for item in subscription["_items"]]
        now = self.kernel.now_s()
        ways = {
            "max_item_period_start": max(starts),
            "min_item_period_end": min(ends),
            "now": now,
            "phase_start": phase[0] if phase else now,
            "phase_end": phase[1] if phase else now,
        }
        period = extra.period or {"start": {"type": "max_item_period_start"}, "end": {"type": "min_item_period_end"}}
        bounds = {side: (ways | {"timestamp": period[side].get("timestamp")})[period[side]["type"]] for side in period}
        made = self.billing.price_item(
            subscription["customer"], subscription["currency"], extra.price, extra.quantity, extra.discounts
        )
        made["period"] = bounds
        made["discountable"] = extra.discountable
        made["metadata"] = extra.metadata
        made["_subscription"] = subscription["id"]
        made["parent"] = {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription["id"], "subscription_item": None},
        }
        return self.kernel.add(made, "invoiceitem.created")

    # ------------------------------------------------------------------ invoices

    def invoice(
        self,
        subscription: Obj,
        reason: str,
        drafts: list[LineDraft],
        *,
        period: tuple[int, int],
        proration_date: int | None = None,
    ) -> Obj:
        """A draft for the subscription with these lines and all that is pending for it."""
        invoices = self.billing.invoices
        customer = self.kernel.get("customer", subscription["customer"])
        pending = invoices.pending_items(customer["id"], subscription["currency"], subscription["id"])
        values = self.invoice_values(subscription, proration_date)
        values["period_start"], values["period_end"] = period
        made = invoices.draft(customer, subscription["currency"], reason, values, invoices.pull_in(pending) + drafts)
        invoices.settle_items(pending, made)
        items.remember_debits(subscription["_items"], made)
        with self.kernel.changing(subscription):
            subscription["latest_invoice"] = made["id"]
        self._spend_once(subscription, made)
        return made

    def invoice_values(self, subscription: Obj, proration_date: int | None = None) -> dict[str, Any]:
        """What an invoice takes over from its subscription."""
        settings = subscription["invoice_settings"]
        customer = self.kernel.get("customer", subscription["customer"])
        defaults = customer["invoice_settings"]
        paused = subscription["pause_collection"]
        return {
            "parent": subscription_parent(subscription, proration_date),
            "automatic_tax": invoice_state(subscription["automatic_tax"]["enabled"]),
            "collection_method": subscription["collection_method"],
            "_days_until_due": subscription["days_until_due"],
            "auto_advance": not (paused and paused["behavior"] == "keep_as_draft")
            and subscription["status"] != "unpaid",
            "custom_fields": settings["custom_fields"] or defaults.get("custom_fields"),
            "description": settings["description"],
            "footer": settings["footer"] or defaults.get("footer"),
            "default_payment_method": subscription["default_payment_method"],
            "payment_settings": {
                "default_mandate": None,
                "payment_method_options": None,
                "payment_method_types": subscription["payment_settings"]["payment_method_types"],
            },
            "discounts": discounts.at_work(self.kernel, subscription),
        }

    def _spend_once(self, subscription: Obj, invoice: Obj) -> None:
        """Discounts of duration `once` have done their work with an invoice: an item's with the first that bills it."""
        subscription["discounts"] = discounts.used_once(self.kernel, subscription["discounts"])
        billed = {
            details["subscription_item"]
            for line in invoice["_lines"]
            if (details := line["parent"]["subscription_item_details"]) and not details["proration"]
        }
        for item in subscription["_items"]:
            if item["id"] in billed:
                item["discounts"] = discounts.used_once(self.kernel, item["discounts"])

    # ------------------------------------------------------------------ time

    def wake(self, subscription: Obj) -> None:
        """Have the subscription looked at when something next falls due on it."""
        stamps = [item["current_period_end"] for item in subscription["_items"]]
        if subscription["cancel_at"] is not None:
            stamps.append(subscription["cancel_at"])
        if subscription["trial_end"] is not None and subscription["status"] == "trialing":
            stamps += [subscription["trial_end"], subscription["trial_end"] - TRIAL_WARNING_S]
        if (resumes := pausing.resumes_at(subscription)) is not None:
            stamps.append(resumes)
        now = self.kernel.now_s()
        for stamp in {stamp for stamp in stamps if stamp > now}:
            self.billing.wake(stamp, "subscription", subscription["id"])

    def run_due(self, subscription: Obj, at: int) -> None:
        """Do what is due at this instant."""
        if subscription["status"] == "incomplete":
            self._expire(subscription, at)
        if subscription["status"] in ENDED or subscription["status"] == "incomplete":
            return
        pausing.mind_resumption(self.billing, subscription, at)
        pending_updates.mind(self.billing, subscription, at)
        self.billing.schedules.enter_due_phase(subscription, at)
        if subscription["status"] in ENDED:
            return
        if subscription["cancel_at"] is not None and subscription["cancel_at"] <= at:
            self.billing.endings.as_planned(subscription, at)
            return
        self._mind_trial(subscription, at)
        if subscription["status"] in (*ENDED, "paused"):
            return
        self.renew(subscription, at)
        self.wake(subscription)

    def _expire(self, subscription: Obj, at: int) -> None:
        if at < subscription["created"] + INCOMPLETE_S:
            return
        invoice = self.kernel.get("invoice", subscription["latest_invoice"])
        with self.kernel.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "incomplete_expired"
            subscription["ended_at"] = at
        if invoice["status"] == "open":
            self.billing.invoices.void(invoice)

    def _mind_trial(self, subscription: Obj, at: int) -> None:
        end = subscription["trial_end"]
        if subscription["status"] != "trialing" or end is None:
            return
        if at >= end:
            trials.over(self.billing, subscription)
        elif at >= end - TRIAL_WARNING_S and not subscription.get("_trial_warned"):
            subscription["_trial_warned"] = True
            self.kernel.emit("customer.subscription.trial_will_end", subscription)

    def renew(self, subscription: Obj, at: int, reason: str = "subscription_cycle") -> Obj | None:
        """One invoice for every item whose cycle ends by now: usage of that cycle, the next one of what is licensed."""
        due = [item for item in subscription["_items"] if item["current_period_end"] <= at]
        drafts: list[LineDraft] = subscription.pop("_arrears", [])
        if not due and not drafts:
            return None
        before = min((item["current_period_start"] for item in due), default=at)
        used = {item["id"]: self.billing.usage.arrears(subscription, item, at) for item in due if _metered(item)}
        with self.kernel.changing(subscription, "customer.subscription.updated"):
            for item in due:
                items.set_period(item, subscription["billing_cycle_anchor"], at)
            self._drop_ended_discounts(subscription, at)
            self.refresh_items(subscription)
            self._follow_period_end(subscription)
        for item in due:
            period = (at, item["current_period_end"])
            drafts += used[item["id"]] if _metered(item) else items.cycle_lines(self.kernel, subscription, item, period)
        if not drafts:
            return None
        made = self.invoice(subscription, reason, drafts, period=(before, at))
        self.mind_pause(subscription, made)
        return made

    def _drop_ended_discounts(self, subscription: Obj, at: int) -> None:
        subscription["discounts"] = discounts.still_running(self.kernel, subscription["discounts"], at)
        for item in subscription["_items"]:
            item["discounts"] = discounts.still_running(self.kernel, item["discounts"], at)

    def _follow_period_end(self, subscription: Obj) -> None:
        if subscription["cancel_at_period_end"]:
            subscription["cancel_at"] = min(item["current_period_end"] for item in subscription["_items"])

    def mind_pause(self, subscription: Obj, invoice: Obj) -> None:
        """What `pause_collection` makes of an invoice: a lasting draft, a void one or a bad debt."""
        behavior = (subscription["pause_collection"] or {}).get("behavior")
        if behavior in ("void", "mark_uncollectible"):
            self.billing.invoices.finalize(invoice)
            if invoice["status"] == "open" and behavior == "void":
                self.billing.invoices.void(invoice)
            elif invoice["status"] == "open":
                self.billing.invoices.mark_uncollectible(invoice, "subscription_paused")

    @staticmethod
    def resolve_cancel_at(subscription: Obj) -> None:
        """Turn `min_period_end` and `max_period_end` into the stamp they mean now; follow `cancel_at_period_end`."""
        ends = [item["current_period_end"] for item in subscription["_items"]]
        named = {"min_period_end": min(ends), "max_period_end": max(ends)}
        subscription["cancel_at"] = named.get(subscription["cancel_at"], subscription["cancel_at"])
        if subscription["cancel_at_period_end"]:
            subscription["cancel_at"] = min(ends)

    def refresh_items(self, subscription: Obj) -> None:
        """Show the items that the subscription has now."""
        url = f"/v1/subscription_items?subscription={subscription['id']}"
        subscription["items"] = shapes.embedded_list(subscription["_items"], url)

    def invoice_prorations(self, subscription: Obj, at: int, usage: list[LineDraft] | None = None) -> Obj | None:
        """Invoice what is pending for the subscription at once (`always_invoice`, a final invoice with its usage)."""
        pending = self.billing.invoices.pending_items(
            subscription["customer"], subscription["currency"], subscription["id"]
        )
        if not pending and not usage:
            return None
        made = self.invoice(subscription, "subscription_update", usage or [], period=(at, at), proration_date=at)
        if made["collection_method"] == "charge_automatically" or made["total"] <= 0:
            self.billing.invoices.finalize(made)
            if made["status"] == "open":
                self.billing.collection.attempt(made, automatic=True)
        return made

    # ------------------------------------------------------------------ payment state

    def payment_state_changed(self, invoice: Obj) -> None:
        """Bring the subscription's status in line with its latest finalised invoice."""
        self.billing.checkout.payment_state_changed(invoice)
        subscription = self.kernel.store.get("subscription", invoice["_subscription"] or "")
        if subscription is not None and subscription["status"] == "paused":
            pausing.invoice_changed(self.billing, subscription, invoice)
            return
        if subscription is None or subscription["status"] in (*ENDED, "trialing"):
            return
        if pending_updates.is_of(subscription, invoice):
            pending_updates.invoice_changed(self.billing, subscription, invoice)
            return
        newest = self.kernel.store.newest_first("invoice", of=("_subscription", subscription["id"]))
        counted = (found for found in newest if not pending_updates.is_of(subscription, found))
        latest = next((found for found in counted if found["status"] != "draft"), invoice)
        status = self._status_after(subscription["status"], latest)
        with self.kernel.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = status
        customer = self.kernel.store.get("customer", subscription["customer"])
        if customer is not None:
            with self.kernel.changing(customer, "customer.updated"):
                customer["delinquent"] = status in ("past_due", "unpaid")

    @staticmethod
    def _status_after(status: str, latest: Obj) -> str:
        if status == "incomplete":
            settled = latest["status"] in ("paid", "uncollectible") or latest.get("_under_way")
            return "active" if settled else status
        if latest["status"] != "open":
            return "active"
        if latest.get("_under_way"):
            return status  # nothing has failed while a bank debit is on its way
        failed = latest["collection_method"] == "charge_automatically" and latest["attempted"]
        return "past_due" if failed or latest.get("_overdue") else status


def _metered(item: Obj) -> bool:
    return pricing.is_metered(item["price"])
