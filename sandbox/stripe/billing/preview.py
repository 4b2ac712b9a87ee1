"""`POST /v1/invoices/create_preview`: the invoice that would come, made by really doing it in a rehearsal.

It answers one invoice: for a new subscription or schedule its first, for one that runs its next, for a change with
`always_invoice` the one of the change. Nothing of it is kept (https://docs.stripe.com/api/invoices/create_preview).
"""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import discounts, items, requests, schedule_routes
from sandbox.stripe.billing import invoice_parameters as parameters
from sandbox.stripe.billing.calendar import Interval, after
from sandbox.stripe.billing.engine import Billing, billing_of
from sandbox.stripe.billing.invoice_item_routes import new_item
from sandbox.stripe.billing.rehearsal import RehearsalKernel, rehearsal
from sandbox.stripe.billing.subscriptions import ENDED
from sandbox.stripe.billing.update import update
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Call, Obj, route
from sandbox.stripe.rendering import shown
from sandbox.stripe.tax.settings import check_enabled

Given = dict[str, Any]


@route("POST", "/v1/invoices/create_preview", parameters.PREVIEW)
def create_preview(call: Call) -> Obj:
    """The upcoming invoice; it has an id that can't be fetched."""
    given = call.params
    if "schedule" in given and "subscription" in given:
        raise invalid("You cannot set both `schedule` and `subscription`.", "schedule", "parameters_exclusive")
    trial = rehearsal(billing_of(call.kernel))
    named = trial.kernel.store.get("customer", given.get("customer", ""))
    check_enabled(trial.kernel, given, named)
    _check(trial, given)
    invoice = _upcoming(trial, given)
    if given.get("preview_mode") == "recurring":
        invoice = _recurring(trial, invoice)
    return _as_preview(invoice)


def _check(trial: Billing, given: Given) -> None:
    if not any(key in given for key in ("customer", "subscription", "schedule")):
        raise invalid("You must pass one of `customer`, `subscription` or `schedule`.", "customer", "parameter_missing")
    if "schedule_details" in given and "subscription_details" in given:
        raise invalid(
            "You cannot set both `schedule_details` and `subscription_details`.",
            "schedule_details",
            "parameters_exclusive",
        )


def _upcoming(trial: Billing, given: Given) -> Obj:
    if "schedule" in given:
        return _of_schedule(trial, given)
    if "subscription" in given:
        subscription = trial.kernel.get("subscription", given["subscription"], "subscription")
        return _of_subscription(trial, subscription, given)
    _add_items(trial, given, None)
    if "schedule_details" in given:
        return _of_new_schedule(trial, given)
    if "subscription_details" in given and given["subscription_details"].get("items"):
        return _of_new_subscription(trial, given)
    return _of_pending(trial, given)


def _of_new_subscription(trial: Billing, given: Given) -> Obj:
    details = given["subscription_details"]
    request: Given = {
        "customer": given["customer"],
        "items": details["items"],
        "discounts": given.get("discounts", ""),
        "collection_method": "charge_automatically",
        "payment_behavior": "default_incomplete",
    }
    for key in ("billing_mode", "cancel_at", "cancel_at_period_end", "metadata", "proration_behavior", "trial_end"):
        if key in details:
            request[key] = details[key]
    for key in ("automatic_tax", "currency"):
        if key in given:
            request[key] = given[key]
    if "start_date" in details:
        _start_at(trial, request, details["start_date"])
    anchor = details.get("billing_cycle_anchor") or {}
    if anchor.get("type") == "timestamp":
        if "timestamp" not in anchor:
            raise invalid(
                "Missing required param: subscription_details[billing_cycle_anchor][timestamp].",
                "subscription_details[billing_cycle_anchor][timestamp]",
                "parameter_missing",
            )
        request["billing_cycle_anchor"] = anchor["timestamp"]
    asked = requests.new_subscription(trial, request)
    asked.values["_inherits"] = given.get("discounts") != ""
    made = trial.starts.create(asked)
    return _first_or_next(trial, made)


def _start_at(trial: Billing, request: Given, start: int) -> None:
    if start > trial.kernel.now_s():
        _move(trial, start)
    else:
        request["backdate_start_date"] = start


def _of_new_schedule(trial: Billing, given: Given) -> Obj:
    details = dict(given["schedule_details"])
    given_phases = [dict(phase) for phase in details.get("phases") or []]
    start = given_phases[0].pop("start_date", "now") if given_phases else "now"
    for phase in given_phases if "currency" in given else ():
        phase.setdefault("currency", given["currency"])
    request: Given = {"customer": given["customer"], "phases": given_phases, "start_date": start}
    for key in ("billing_mode", "end_behavior"):
        if key in details:
            request[key] = details[key]
    if "automatic_tax" in given:
        request["default_settings"] = {"automatic_tax": given["automatic_tax"]}
    if "discounts" in given and given_phases:
        given_phases[0].setdefault("discounts", given["discounts"])
    schedule = schedule_routes.add_schedule(trial, request)
    return _first_of_schedule(trial, schedule)


def _of_schedule(trial: Billing, given: Given) -> Obj:
    schedule = trial.kernel.get("subscription_schedule", given["schedule"], "schedule")
    details = given.get("schedule_details")
    latest = _latest(trial, schedule)
    if details:
        change = {key: details[key] for key in ("end_behavior", "phases", "proration_behavior") if key in details}
        schedule_routes.change_schedule(trial, schedule, change)
        fresh = _latest(trial, schedule)
        if fresh is not None and fresh is not latest:
            return fresh
    if schedule["subscription"] is None:
        return _first_of_schedule(trial, schedule)
    return _next(trial, trial.kernel.get("subscription", schedule["subscription"]))


def _latest(trial: Billing, schedule: Obj) -> Obj | None:
    subscription = trial.kernel.store.get("subscription", schedule["subscription"] or "")
    return trial.kernel.store.get("invoice", subscription["latest_invoice"] or "") if subscription else None


def _first_of_schedule(trial: Billing, schedule: Obj) -> Obj:
    if schedule["status"] == "not_started":
        _move(trial, schedule["phases"][0]["start_date"])
        trial.schedules.start(schedule)
    if schedule["subscription"] is None:
        raise _none_upcoming()
    return _first_or_next(trial, trial.kernel.get("subscription", schedule["subscription"]))


def _of_subscription(trial: Billing, subscription: Obj, given: Given) -> Obj:
    if subscription["status"] in ENDED:
        raise _none_upcoming()
    details = given.get("subscription_details") or {}
    before = subscription["latest_invoice"]
    _add_items(trial, {**given, "customer": subscription["customer"]}, subscription)
    if details.get("cancel_now"):
        prorate = details.get("proration_behavior", "create_prorations") != "none"
        trial.endings.cancel_now(subscription, invoice_now=True, prorate=prorate)
    else:
        change = {
            key: value for key, value in details.items() if key not in ("billing_mode", "cancel_now", "start_date")
        }
        for key in ("automatic_tax", "discounts"):
            if key in given:
                change[key] = given[key]
        if given.get("discounts") == "":
            subscription["_inherits"] = False  # of the rehearsal alone
        if change:
            update(trial, subscription, change)
    if subscription["latest_invoice"] != before:
        return trial.kernel.get("invoice", subscription["latest_invoice"])
    return _next(trial, subscription)


def _of_pending(trial: Billing, given: Given) -> Obj:
    customer = trial.kernel.get("customer", given["customer"], "customer")
    currency = given.get("currency") or customer["currency"] or "usd"
    pending = trial.invoices.pending_items(customer["id"], currency, None)
    if not pending:
        raise _none_upcoming()
    owner = {"customer": customer["id"], "currency": currency}
    asked = given.get("discounts")
    off = discounts.attach(trial.kernel, asked or [], owner, trial.kernel.now_s())
    values = {"discounts": discounts.of_customer(trial.kernel, customer["id"]) if asked is None else off}
    return trial.invoices.draft(customer, currency, "upcoming", values, trial.invoices.pull_in(pending))


def _recurring(trial: Billing, invoice: Obj) -> Obj:
    """What the subscription bills in a full cycle of each item: nothing pending, prorated, used or free for a trial."""
    if invoice["_subscription"] is None:
        raise _none_upcoming()
    subscription = trial.kernel.get("subscription", invoice["_subscription"])
    drafts = []
    for item in subscription["_items"]:
        period = (invoice["created"], after(invoice["created"], Interval.of_price(item["price"])))
        drafts += items.cycle_lines(trial.kernel, subscription, item, period)
    customer = trial.kernel.get("customer", subscription["customer"])
    values = trial.subscriptions.invoice_values(subscription)
    return trial.invoices.draft(customer, subscription["currency"], "upcoming", values, drafts)


def _add_items(trial: Billing, given: Given, subscription: Obj | None) -> None:
    """Put the request's `invoice_items` among the pending ones, for the rehearsal only."""
    for entry in given.get("invoice_items") or []:
        asked: Given = {key: value for key, value in entry.items() if key not in ("price", "unit_amount")}
        if "price" in entry:
            asked["pricing"] = {"price": entry["price"]}
        if "unit_amount" in entry:
            asked["unit_amount_decimal"] = entry["unit_amount"]
        asked["customer"] = given["customer"]
        if subscription is not None:
            asked["subscription"] = subscription["id"]
        item, _ = new_item(trial, asked)
        trial.kernel.add(item)


def _first_or_next(trial: Billing, subscription: Obj) -> Obj:
    """The first invoice of a fresh subscription, or the one that comes when its free beginning is over."""
    if subscription["latest_invoice"] is not None:
        return trial.kernel.get("invoice", subscription["latest_invoice"])
    return _next(trial, subscription)


def _next(trial: Billing, subscription: Obj) -> Obj:
    """Let time pass until the subscription has another invoice."""
    before = subscription["latest_invoice"]
    trial.subscriptions.wake(subscription)
    schedule = trial.schedules.of(subscription)
    if schedule is not None:
        trial.schedules.wake(schedule)
    while subscription["status"] not in ENDED and (due := trial.next_due_s()) is not None:
        _move(trial, max(due, trial.kernel.now_s()))
        trial.run_due(trial.kernel.now_s())
        if subscription["latest_invoice"] != before:
            return trial.kernel.get("invoice", subscription["latest_invoice"])
    raise _none_upcoming()


def _move(trial: Billing, at: int) -> None:
    assert isinstance(trial.kernel, RehearsalKernel)
    trial.kernel.at = at


def _none_upcoming() -> StripeError:
    return StripeError(404, "invalid_request_error", "invoice_upcoming_none", "No upcoming invoices for customer", None)


def _as_preview(invoice: Obj) -> Obj:
    """The invoice as a draft that was never stored."""
    preview: Obj = shown(invoice)
    preview.update(
        id=invoice["id"].replace("in_", "upcoming_in_", 1),
        billing_reason="upcoming",
        status="draft",
        number=None,
        hosted_invoice_url=None,
        invoice_pdf=None,
        ending_balance=None,
        auto_advance=False,
        automatically_finalizes_at=None,
        attempted=False,
        attempt_count=0,
        amount_paid=0,
        amount_remaining=invoice["amount_due"],
        effective_at=None,
        webhooks_delivered_at=None,
    )
    preview["status_transitions"] = dict.fromkeys(preview["status_transitions"])
    for line in preview["lines"]["data"]:
        line["id"] = line["id"].replace("il_", "il_tmp_", 1)
        line["invoice"] = preview["id"]
    preview["lines"]["url"] = f"/v1/invoices/upcoming/lines?customer={preview['customer']}"
    return preview
