"""Endpoints of subscription schedules (https://docs.stripe.com/api/subscription_schedules)."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import parameters, phases, requests, shapes
from sandbox.stripe.billing.engine import Billing, billing_of
from sandbox.stripe.billing.schedules import LIVE
from sandbox.stripe.billing.subscriptions import ENDED
from sandbox.stripe.errors import invalid, missing_param
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, route
from sandbox.stripe.params import in_range, merged_metadata
from sandbox.stripe.tax.computing import check_prices
from sandbox.stripe.tax.settings import check_enabled

Given = dict[str, Any]

for _path, _target in (
    ("customer", "customer"),
    ("subscription", "subscription"),
    ("default_settings.default_payment_method", "payment_method"),
    ("phases.items.price", "price"),
    ("phases.items.plan", "plan"),
    ("phases.items.discounts.coupon", "coupon"),
    ("phases.discounts.coupon", "coupon"),
    ("phases.discounts.discount", "discount"),
    ("phases.discounts.promotion_code", "promotion_code"),
    ("phases.items.discounts.discount", "discount"),
    ("phases.items.discounts.promotion_code", "promotion_code"),
    ("phases.add_invoice_items.price", "price"),
    ("phases.default_payment_method", "payment_method"),
):
    expandable("subscription_schedule", _path, _target)


@route("POST", "/v1/subscription_schedules", parameters.SCHEDULE_CREATE)
def create_schedule(call: Call) -> Obj:
    """Create from phases, or around a subscription that exists; a start now or in the past starts it at once."""
    billing = billing_of(call.kernel)
    if "from_subscription" in call.params:
        return _around_subscription(billing, call.params)
    return add_schedule(billing, call.params)


def add_schedule(billing: Billing, given: Given) -> Obj:
    """Check the request, then store the schedule and start it if it is time."""
    kernel, now = billing.kernel, billing.kernel.now_s()
    for name in ("customer", "phases"):
        if name not in given:
            raise missing_param(name)
    customer = kernel.get("customer", given["customer"], "customer")
    _check_settings(billing, given, customer)
    currency = phases.check(kernel, given["phases"], customer)
    requests.check_currency(billing, customer, currency)
    requests.check_clock(billing, customer)
    asked = given.get("start_date", "now")
    start = now if asked == "now" else asked
    schedule = shapes.schedule(kernel.new_id("sub_sched"), customer["id"], now)
    schedule["billing_mode"] = requests.billing_mode(kernel, given)
    schedule["default_settings"] = phases.default_settings(
        given.get("default_settings") or {}, schedule["default_settings"]
    )
    schedule["end_behavior"] = given.get("end_behavior", "release")
    schedule["metadata"] = merged_metadata({}, given.get("metadata"))
    schedule["phases"] = phases.build(kernel, given["phases"], start, currency)
    _check_phases(billing, schedule)
    kernel.add(schedule, "subscription_schedule.created")
    if start <= now:
        billing.schedules.start(schedule)
    billing.schedules.wake(schedule)
    return schedule


def _check_settings(billing: Billing, given: Given, customer: Obj) -> None:
    settings = given.get("default_settings") or {}
    check_enabled(billing.kernel, settings, customer, "default_settings[automatic_tax]")
    method = settings.get("default_payment_method")
    phases.check_method(billing.kernel, method, customer, "default_settings[default_payment_method]")
    if given.get("end_behavior") in ("none", "renew"):
        raise invalid("Invalid end_behavior: must be one of cancel or release", "end_behavior")
    for number, phase in enumerate(given.get("phases") or []):
        check_enabled(billing.kernel, phase, customer, f"phases[{number}][automatic_tax]")


def _check_phases(billing: Billing, schedule: Obj) -> None:
    """Rules over the built schedule: time ahead, number of phases, terms of payment, trials."""
    now = billing.kernel.now_s()
    if schedule["phases"][0]["end_date"] <= now and schedule["status"] == "not_started":
        raise invalid("The end date of the first phase must be in the future.", "phases[0][end_date]")
    phases.check_count(schedule["phases"], now)
    for number, phase in enumerate(schedule["phases"]):
        if phase["end_date"] <= now:
            continue
        if billing.schedules.setting(schedule, phase, "automatic_tax")["enabled"]:
            sold = [*phase["items"], *phase["add_invoice_items"]]
            prices = [billing.kernel.get("price", item["price"]) for item in sold]
            check_prices(billing.kernel, prices, phase["currency"], f"phases[{number}][items]")
        method = billing.schedules.setting(schedule, phase, "collection_method")
        days = billing.schedules.invoice_settings(schedule, phase)["days_until_due"]
        if method == "send_invoice" and days is None:
            raise invalid(
                "If `collection_method` is `send_invoice`, `invoice_settings[days_until_due]` must be set.",
                f"phases[{number}][invoice_settings][days_until_due]",
                "parameter_missing",
            )


def _around_subscription(billing: Billing, given: Given) -> Obj:
    """A schedule of one phase, the subscription's present cycle. Nothing else may be set in the same request."""
    kernel = billing.kernel
    others = sorted(set(given) - {"from_subscription", "metadata"})
    if others:
        raise invalid(f"You cannot set `{others[0]}` if `from_subscription` is set.", others[0])
    subscription = kernel.get("subscription", given["from_subscription"], "from_subscription")
    if subscription["status"] in ENDED or subscription["status"] == "incomplete":
        raise invalid("You cannot create a schedule for a subscription that is not live.", "from_subscription")
    if subscription["schedule"] is not None:
        raise invalid(
            f"You cannot migrate a subscription that is already attached to a schedule: {subscription['schedule']}.",
            "from_subscription",
        )
    schedule = shapes.schedule(kernel.new_id("sub_sched"), subscription["customer"], kernel.now_s())
    schedule["billing_mode"] = dict(subscription["billing_mode"])
    schedule["metadata"] = merged_metadata({}, given.get("metadata"))
    defaults = schedule["default_settings"]
    for key in ("automatic_tax", "collection_method", "default_payment_method", "description"):
        defaults[key] = subscription[key]
    defaults["invoice_settings"] = {
        **defaults["invoice_settings"],
        **subscription["invoice_settings"],
        "days_until_due": subscription["days_until_due"],
    }
    phase = phases.from_subscription(kernel, subscription)
    phase["_entered"] = True
    schedule.update(phases=[phase], status="active", subscription=subscription["id"])
    schedule["current_phase"] = {"start_date": phase["start_date"], "end_date": phase["end_date"]}
    kernel.add(schedule, "subscription_schedule.created")
    with kernel.changing(subscription, "customer.subscription.updated"):
        subscription["schedule"] = schedule["id"]
        subscription["cancel_at_period_end"] = False
        subscription["cancel_at"] = None
    billing.schedules.wake(schedule)
    return schedule


@route("GET", "/v1/subscription_schedules/{id}")
def retrieve_schedule(call: Call) -> Obj:
    """Any schedule."""
    return call.kernel.get("subscription_schedule", call.ids["id"])


@route("GET", "/v1/subscription_schedules", parameters.SCHEDULE_LIST)
def list_schedules(call: Call) -> Obj:
    """Newest first; `scheduled` keeps those that have not started. Without a customer, none of a test clock."""
    wanted = call.params
    of = None
    if "customer" in wanted:
        call.kernel.get("customer", wanted["customer"], "customer")
        of = ("customer", wanted["customer"])
    return call.page("subscription_schedule", where=lambda found: _listed(found, wanted), of=of)


def _listed(found: Obj, wanted: Given) -> bool:
    if "customer" not in wanted and found["test_clock"] is not None:
        return False
    if wanted.get("scheduled") and found["status"] != "not_started":
        return False
    stamps = ("canceled_at", "completed_at", "created", "released_at")
    return all(in_range(found[name], wanted.get(name)) for name in stamps)


@route("POST", "/v1/subscription_schedules/{id}", parameters.SCHEDULE_UPDATE)
def update_schedule(call: Call) -> Obj:
    """Replace all current and future phases, or the settings; a rewritten running phase acts at once."""
    schedule = call.kernel.get("subscription_schedule", call.ids["id"])
    return change_schedule(billing_of(call.kernel), schedule, call.params)


def change_schedule(billing: Billing, schedule: Obj, given: Given) -> Obj:
    """Check the request, then rewrite the schedule and bring its subscription in line."""
    kernel, now = billing.kernel, billing.kernel.now_s()
    if schedule["status"] not in LIVE and set(given) - {"metadata"}:
        raise invalid(
            f"You cannot update a subscription schedule that is currently in the `{schedule['status']}` status."
            " It must be in one of the following statuses: not_started, active"
        )
    customer = kernel.get("customer", schedule["customer"])
    _check_settings(billing, given, customer)
    metadata = merged_metadata(schedule["metadata"], given.get("metadata"))
    draft = {**schedule, "metadata": metadata}
    draft["default_settings"] = phases.default_settings(
        given.get("default_settings") or {}, schedule["default_settings"]
    )
    draft["end_behavior"] = given.get("end_behavior", schedule["end_behavior"])
    if "phases" in given:
        draft["phases"] = _rewritten(kernel, schedule, given["phases"], customer, now)
    if schedule["status"] in LIVE:
        _check_phases(billing, draft)
    with kernel.changing(schedule, "subscription_schedule.updated"):
        for key in ("metadata", "default_settings", "end_behavior", "phases"):
            schedule[key] = draft[key]
        running = billing.schedules.current_phase(schedule) if schedule["status"] == "active" else None
        if running is not None:
            schedule["current_phase"] = {"start_date": running["start_date"], "end_date": running["end_date"]}
    if schedule["status"] == "active" and set(given) - {"metadata"}:
        _bring_in_line(billing, schedule, given)
    if schedule["status"] == "not_started" and schedule["phases"][0]["start_date"] <= now:
        billing.schedules.start(schedule)
    if schedule["status"] in LIVE:
        billing.schedules.wake(schedule)
    return schedule


def _bring_in_line(billing: Billing, schedule: Obj, given: Given) -> None:
    subscription = billing.kernel.get("subscription", schedule["subscription"])
    if "phases" in given or "default_settings" in given:
        behavior = given.get("proration_behavior", "create_prorations")
        billing.schedules.update_current(schedule, behavior, extras="phases" in given)
    else:
        billing.schedules.replan_end(schedule, subscription)
    billing.subscriptions.wake(subscription)
    if schedule["phases"][-1]["end_date"] <= billing.kernel.now_s():
        billing.subscriptions.run_due(subscription, billing.kernel.now_s())


def _rewritten(kernel: Kernel, schedule: Obj, given: list[Given], customer: Obj, now: int) -> list[Obj]:
    """Past phases as they were, then the given ones; the running phase keeps its start."""
    past = [phase for phase in schedule["phases"] if phase["end_date"] <= now]
    known = {(phase["start_date"], phase["end_date"]) for phase in past}
    fresh = [phase for phase in given if (phase.get("start_date"), phase.get("end_date")) not in known]
    held = schedule["phases"][0]["currency"] if schedule["status"] == "active" else None
    currency = phases.check(kernel, fresh, customer, held)
    running = next((p for p in schedule["phases"] if p["start_date"] <= now < p["end_date"]), None)
    first = fresh[0].get("start_date")
    if first is None:
        raise invalid("The first phase must have a `start_date`.", "phases[0][start_date]", "parameter_missing")
    start = now if first == "now" else int(first)
    if schedule["status"] == "active" and (running is None or start != running["start_date"]):
        raise invalid(
            "You can not modify the start date of a phase that has already started. The first phase must start at the"
            f" current phase's start date ({running['start_date'] if running else None}).",
            "phases[0][start_date]",
        )
    built = phases.build(kernel, fresh, start, currency)
    if schedule["status"] == "active" and built[0]["end_date"] < now:
        raise invalid("The end date of the current phase must not be in the past.", "phases[0][end_date]")
    return past + built


@route("POST", "/v1/subscription_schedules/{id}/release", parameters.SCHEDULE_RELEASE)
def release_schedule(call: Call) -> Obj:
    """Let the subscription go on without the schedule."""
    schedule = _live(call, "release")
    preserve = call.params.get("preserve_cancel_date", False)
    billing_of(call.kernel).schedules.release(schedule, preserve_cancel_date=preserve)
    return schedule


@route("POST", "/v1/subscription_schedules/{id}/cancel", parameters.SCHEDULE_CANCEL)
def cancel_schedule(call: Call) -> Obj:
    """Cancel schedule and subscription. Unless told otherwise, unused time is credited and all pending invoiced."""
    schedule = _live(call, "cancel")
    billing = billing_of(call.kernel)
    subscription = call.kernel.store.get("subscription", schedule["subscription"] or "")
    if subscription is None or subscription["status"] in ENDED:
        billing.schedules.cancel(schedule)
        return schedule
    billing.endings.cancel_now(
        subscription, invoice_now=call.params.get("invoice_now", True), prorate=call.params.get("prorate", True)
    )
    return schedule


def _live(call: Call, act: str) -> Obj:
    schedule = call.kernel.get("subscription_schedule", call.ids["id"])
    if schedule["status"] not in LIVE:
        raise invalid(
            f"You cannot {act} a subscription schedule that is currently in the `{schedule['status']}` status. It must"
            " be in one of the following statuses: not_started, active"
        )
    return schedule
