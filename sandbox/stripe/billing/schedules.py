"""Subscription schedules: they start a subscription, walk it through its phases, and end it or let it go.

https://docs.stripe.com/billing/subscriptions/subscription-schedules. Phases that are over never change; a phase's
`proration_behavior` governs the way into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import changes, discounts, phases, trials
from sandbox.stripe.billing.changes import Change, ItemChange
from sandbox.stripe.billing.items import ExtraTerms, ItemTerms
from sandbox.stripe.billing.starts import NewSubscription
from sandbox.stripe.billing.subscriptions import ENDED
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

EXPIRING_S = 7 * 24 * 3600
LIVE = ("not_started", "active")


class Schedules:
    """The schedules of one account."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    # ------------------------------------------------------------------ reading

    def of(self, subscription: Obj) -> Obj | None:
        """The live schedule that manages a subscription."""
        found = self.kernel.store.get("subscription_schedule", subscription["schedule"] or "")
        return found if found is not None and found["status"] in LIVE else None

    def current_phase(self, schedule: Obj) -> Obj | None:
        """The phase that runs now."""
        now = self.kernel.now_s()
        return next((p for p in schedule["phases"] if p["start_date"] <= now < p["end_date"]), None)

    def setting(self, schedule: Obj, phase: Obj, key: str) -> Any:
        """A phase's setting, else the schedule's default."""
        return phase[key] if phase[key] is not None else schedule["default_settings"][key]

    def invoice_settings(self, schedule: Obj, phase: Obj) -> Obj:
        """A phase's invoice settings laid over the schedule's defaults."""
        own = phase["invoice_settings"] or {}
        return {**schedule["default_settings"]["invoice_settings"], **{k: v for k, v in own.items() if v is not None}}

    # ------------------------------------------------------------------ time

    def wake(self, schedule: Obj) -> None:
        """Have the schedule, or the subscription it manages, looked at when a phase begins or ends."""
        now = self.kernel.now_s()
        if schedule["status"] == "not_started":
            self.billing.wake(schedule["phases"][0]["start_date"], "subscription_schedule", schedule["id"])
        elif schedule["status"] == "active":
            for phase in schedule["phases"]:
                for stamp in (phase["start_date"], phase["end_date"]):
                    if stamp > now:
                        self.billing.wake(stamp, "subscription", schedule["subscription"])
        warn = schedule["phases"][-1]["end_date"] - EXPIRING_S
        if warn > now:
            self.billing.wake(warn, "subscription_schedule", schedule["id"])

    def run_due(self, schedule: Obj, at: int) -> None:
        """Start the schedule, or say that it expires in a week."""
        if schedule["status"] == "not_started" and schedule["phases"][0]["start_date"] <= at:
            self.start(schedule)
            return
        expires = schedule["status"] == "active" and schedule["phases"][-1]["end_date"] - EXPIRING_S <= at
        if expires and not schedule.get("_warned"):
            schedule["_warned"] = True
            self.kernel.emit("subscription_schedule.expiring", schedule)

    def start(self, schedule: Obj) -> Obj:
        """Create the subscription of a schedule whose first phase has begun."""
        phase = schedule["phases"][0]
        customer = self.kernel.get("customer", schedule["customer"])
        settings = self.invoice_settings(schedule, phase)
        trial_end = phase["trial_end"]
        made = self.billing.starts.create(
            NewSubscription(
                customer=customer,
                currency=phase["currency"],
                items=self._terms(phase),
                start_date=phase["start_date"],
                anchor=trial_end if trial_end is not None else phase["start_date"],
                values={
                    "schedule": schedule["id"],
                    "_inherits": phase.get("_inherits", True),
                    "billing_mode": dict(schedule["billing_mode"]),
                    "metadata": dict(phase["metadata"]),
                    "automatic_tax": dict(self.setting(schedule, phase, "automatic_tax")),
                    "collection_method": self.setting(schedule, phase, "collection_method"),
                    "default_payment_method": self.setting(schedule, phase, "default_payment_method"),
                    "description": self.setting(schedule, phase, "description"),
                    "days_until_due": settings["days_until_due"],
                    "invoice_settings": {k: v for k, v in settings.items() if k != "days_until_due"},
                    "trial_end": trial_end,
                    "trial_start": phase["start_date"] if trial_end is not None else None,
                    "cancel_at": self._cancel_at(schedule, phase),
                },
                discounts=_specs(phase["discounts"]),
                extras=self._extras(phase),
                prorate=phase["proration_behavior"] != "none",
                draft_first=True,
                phase_period=(phase["start_date"], phase["end_date"]),
            )
        )
        phase["_entered"] = True
        with self.kernel.changing(schedule, "subscription_schedule.updated"):
            schedule["status"] = "active"
            schedule["subscription"] = made["id"]
            schedule["current_phase"] = _span(phase)
        self.wake(schedule)
        return made

    def enter_due_phase(self, subscription: Obj, at: int) -> None:
        """Move the subscription into the phase that has begun, or let it go after the last one."""
        schedule = self.of(subscription)
        if schedule is None or schedule["status"] != "active":
            return
        if at >= schedule["phases"][-1]["end_date"]:
            if schedule["end_behavior"] == "release":
                self.release(schedule)
            return
        phase = next(p for p in schedule["phases"] if p["start_date"] <= at < p["end_date"])
        if not phase.get("_entered"):
            self._enter(schedule, subscription, phase, at)

    def _enter(self, schedule: Obj, subscription: Obj, phase: Obj, at: int) -> None:
        phase["_entered"] = True
        with self.kernel.changing(subscription, "customer.subscription.updated"):
            pending = self.apply_phase(
                schedule, subscription, phase, at, phase["proration_behavior"], entering=True, extras=True
            )
        with self.kernel.changing(schedule, "subscription_schedule.updated"):
            schedule["current_phase"] = _span(phase)
        if pending and phase["proration_behavior"] == "always_invoice":
            self.billing.subscriptions.invoice_prorations(subscription, at)

    def apply_phase(
        self, schedule: Obj, subscription: Obj, phase: Obj, at: int, behavior: str, *, entering: bool, extras: bool
    ) -> bool:
        """Make the subscription what the phase says, its extra items too if asked. Says whether prorations are pending."""
        kernel, wanted = self.kernel, self._terms(phase)
        anchor = self.setting(schedule, phase, "billing_cycle_anchor")
        reset = entering and (
            anchor == "phase_start" or changes.resets_anchor(subscription, [term.price for term in wanted], at)
        )
        change = Change(self._item_changes(subscription, wanted), at, behavior, reset, entering_phase=entering)
        owner = {
            "customer": subscription["customer"],
            "currency": subscription["currency"],
            "subscription": subscription["id"],
        }
        before, specs = discounts.at_work(kernel, subscription), _specs(phase["discounts"])
        subscription["discounts"] = discounts.attach(kernel, specs, owner, at, current=subscription["discounts"])
        subscription["_inherits"] = phase.get("_inherits", True)
        change.discounts_before = before if before != discounts.at_work(kernel, subscription) else None
        trial_end = phase["trial_end"] if entering and (phase["trial_end"] or 0) > at else None
        pending = trial_end is not None and trials.begin(self.billing, subscription, trial_end, behavior)
        pending = changes.apply(self.billing, subscription, change) or pending
        if trial_end is not None:
            trials.settle(self.billing, subscription)
        self._take_settings(schedule, subscription, phase)
        if extras:
            span = (phase["start_date"], phase["end_date"])
            self.billing.subscriptions.add_extras(subscription, self._extras(phase), span)
        return pending

    def _take_settings(self, schedule: Obj, subscription: Obj, phase: Obj) -> None:
        """The subscription's metadata, terms of payment and planned end as the phase has them."""
        settings = self.invoice_settings(schedule, phase)
        given: dict[str, str] = phase.get("_metadata") or {}
        merged = {**subscription["metadata"], **given}
        subscription["metadata"] = {key: value for key, value in merged.items() if value != ""}
        for key in ("collection_method", "default_payment_method", "description"):
            subscription[key] = self.setting(schedule, phase, key)
        subscription["automatic_tax"] = dict(self.setting(schedule, phase, "automatic_tax"))
        subscription["days_until_due"] = settings["days_until_due"]
        subscription["invoice_settings"] = {k: v for k, v in settings.items() if k != "days_until_due"}
        subscription["cancel_at"] = self._cancel_at(schedule, phase)

    def _terms(self, phase: Obj) -> list[ItemTerms]:
        return [
            ItemTerms(
                price=self.kernel.get("price", item["price"]),
                quantity=item.get("quantity"),
                discounts=_specs(item["discounts"]),
                metadata=dict(item["metadata"]),
            )
            for item in phase["items"]
        ]

    def _extras(self, phase: Obj) -> list[ExtraTerms]:
        return [
            ExtraTerms(
                price=self.kernel.get("price", extra["price"]),
                quantity=extra["quantity"],
                discounts=_specs(extra["discounts"]),
                metadata=dict(extra["metadata"]),
                discountable=extra["discountable"],
                period=extra["period"],
            )
            for extra in phase["add_invoice_items"]
        ]

    def _item_changes(self, subscription: Obj, wanted: list[ItemTerms]) -> list[ItemChange]:
        """Items of the same price stay, with what is new about them; the others go, new ones come."""
        left = list(subscription["_items"])
        made: list[ItemChange] = []
        for terms in wanted:
            kept = next((item for item in left if item["price"]["id"] == terms.price["id"]), None)
            if kept is not None:
                left.remove(kept)
                if discounts.as_specs(self.kernel, kept["discounts"]) == [
                    phases.shown_spec(s) for s in terms.discounts or []
                ]:
                    terms.discounts = None
                terms.metadata = {**kept["metadata"], **terms.metadata}
            made.append(ItemChange(kept, terms))
        return made + [ItemChange(item, None, deleted=True) for item in left]

    @staticmethod
    def _cancel_at(schedule: Obj, phase: Obj) -> int | None:
        """The end of the last phase of a schedule that cancels, once that phase runs."""
        last = schedule["phases"][-1]
        ends = schedule["end_behavior"] == "cancel" and phase is last
        return int(last["end_date"]) if ends else None

    # ------------------------------------------------------------------ end

    def release(self, schedule: Obj, *, preserve_cancel_date: bool = False) -> None:
        """Let the subscription go on by itself."""
        subscription = self.kernel.store.get("subscription", schedule["subscription"] or "")
        if subscription is not None:
            with self.kernel.changing(subscription, "customer.subscription.updated"):
                subscription["schedule"], subscription["_inherits"] = None, True
                if not preserve_cancel_date:
                    subscription["cancel_at"] = None
        with self.kernel.changing(schedule):
            schedule["status"] = "released"
            schedule["released_at"] = self.kernel.now_s()
            schedule["released_subscription"] = schedule["subscription"]
            schedule["subscription"] = None
            schedule["current_phase"] = None
        self.kernel.emit("subscription_schedule.released", schedule)

    def cancel(self, schedule: Obj) -> None:
        """End a schedule without a further phase. The subscription is the caller's to cancel."""
        with self.kernel.changing(schedule):
            schedule["status"] = "canceled"
            schedule["canceled_at"] = self.kernel.now_s()
            schedule["current_phase"] = None
        self.kernel.emit("subscription_schedule.canceled", schedule)

    def subscription_ended(self, subscription: Obj) -> None:
        """A managed subscription has ended: its schedule is completed if that was its plan, else canceled."""
        schedule = self.of(subscription)
        if schedule is None:
            return
        if self.kernel.now_s() < schedule["phases"][-1]["end_date"]:
            self.cancel(schedule)
            return
        with self.kernel.changing(schedule):
            schedule["status"] = "completed"
            schedule["completed_at"] = self.kernel.now_s()
            schedule["current_phase"] = None
        self.kernel.emit("subscription_schedule.completed", schedule)

    def customer_deleted(self, customer: Obj) -> None:
        """Schedules of a deleted customer that have not started never will."""
        for schedule in self.kernel.store.all("subscription_schedule", of=("customer", customer["id"])):
            if schedule["status"] in LIVE:
                self.cancel(schedule)

    def replan_end(self, schedule: Obj, subscription: Obj) -> None:
        """Follow a changed `end_behavior` in the subscription's planned end."""
        phase = self.current_phase(schedule)
        if phase is not None:
            with self.kernel.changing(subscription, "customer.subscription.updated"):
                subscription["cancel_at"] = self._cancel_at(schedule, phase)

    def split_for(self, subscription: Obj, now: int) -> None:
        """A managed subscription's items were changed directly: the running phase ends now, a new one has them."""
        schedule = self.of(subscription)
        phase = self.current_phase(schedule) if schedule else None
        if schedule is None or phase is None:
            return
        with self.kernel.changing(schedule, "subscription_schedule.updated"):
            rest = {**phase, "items": phases.from_subscription(self.kernel, subscription)["items"], "start_date": now}
            rest["add_invoice_items"] = []
            position = schedule["phases"].index(phase)
            if phase["start_date"] == now:
                schedule["phases"][position] = rest
            else:
                phase["end_date"] = now
                schedule["phases"].insert(position + 1, rest)
            schedule["current_phase"] = _span(rest)

    def update_current(self, schedule: Obj, behavior: str, *, extras: bool) -> None:
        """Bring the subscription in line with a running phase or default settings that were rewritten.

        A rewritten phase that names `add_invoice_items` bills them again (`extras`).
        """
        phase, now = self.current_phase(schedule), self.kernel.now_s()
        subscription = self.kernel.store.get("subscription", schedule["subscription"] or "")
        if phase is None or subscription is None or subscription["status"] in ENDED:
            return
        phase["_entered"] = True
        with self.kernel.changing(subscription, "customer.subscription.updated"):
            pending = self.apply_phase(schedule, subscription, phase, now, behavior, entering=False, extras=extras)
        if pending and behavior == "always_invoice":
            self.billing.subscriptions.invoice_prorations(subscription, now)
        self.billing.subscriptions.wake(subscription)


def _specs(shown: list[Obj]) -> list[dict[str, Any]]:
    return [{key: value for key, value in spec.items() if value} for spec in shown]


def _span(phase: Obj) -> Obj:
    return {"start_date": phase["start_date"], "end_date": phase["end_date"]}
