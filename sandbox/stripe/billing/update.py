"""Updating a subscription by request (https://docs.stripe.com/api/subscriptions/update)."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import changes, discounts, items, pausing, pending_updates, phases, pricing, requests
from sandbox.stripe.billing.calendar import Interval
from sandbox.stripe.billing.changes import Change, ItemChange
from sandbox.stripe.billing.currency import expect
from sandbox.stripe.billing.engine import Billing
from sandbox.stripe.billing.items import ItemTerms
from sandbox.stripe.billing.parameters import MOST_ITEMS
from sandbox.stripe.billing.rehearsal import rehearsal
from sandbox.stripe.billing.subscriptions import ENDED
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Obj
from sandbox.stripe.params import merged_metadata
from sandbox.stripe.tax.computing import check_prices
from sandbox.stripe.tax.settings import check_enabled, state_of

Given = dict[str, Any]
_CANCELLING = ("cancel_at", "cancel_at_period_end")


def update(billing: Billing, subscription: Obj, given: Given) -> Obj:
    """Check the whole request, then change the subscription and bill what the change asks for."""
    if given.get("payment_behavior") == pending_updates.BEHAVIOR:
        return _once_paid(billing, subscription, given)
    kernel, now = billing.kernel, billing.kernel.now_s()
    if subscription["status"] in ENDED and set(given) - {"metadata", "cancellation_details"}:
        requests.require_live(subscription)
    _check(billing, subscription, given)
    metadata = merged_metadata(subscription["metadata"], given.get("metadata"))
    behavior = given.get("proration_behavior", "create_prorations")
    at = given.get("proration_date", now)
    asked = _item_changes(billing, subscription, given.get("items") or [])
    reset = _resets(subscription, asked, given)
    prorated = False
    if asked or reset or given.get("add_invoice_items"):
        pending_updates.discard(billing, subscription)
    with kernel.changing(subscription, "customer.subscription.updated"):
        subscription["metadata"] = metadata
        _set_fields(billing, subscription, given)
        if asked or reset:
            moment = now if reset else at
            prorated = changes.apply(billing, subscription, Change(asked, moment, behavior, reset))
        extras = [
            items.extra_terms(kernel, extra, f"add_invoice_items[{n}]")
            for n, extra in enumerate(given.get("add_invoice_items") or [])
        ]
        billing.subscriptions.add_extras(subscription, extras, None)
        if subscription["status"] not in ENDED:
            billing.subscriptions.resolve_cancel_at(subscription)
    if reset:
        _bill_reset(billing, subscription, now)
    elif extras or (prorated and behavior == "always_invoice"):
        billing.subscriptions.invoice_prorations(subscription, at)
    if asked:
        billing.schedules.split_for(subscription, now)
    if given.get("trial_end") == "now":
        billing.subscriptions.run_due(subscription, now)
    billing.subscriptions.wake(subscription)
    return subscription


def _once_paid(billing: Billing, subscription: Obj, given: Given) -> Obj:
    """The update, if its invoice is paid or there is none; else it waits for that (`pending_updates`)."""
    pending_updates.check(subscription, given)
    plain = {key: value for key, value in given.items() if key != "payment_behavior"}
    trial = rehearsal(billing)
    changed = update(trial, trial.kernel.get("subscription", subscription["id"]), plain)
    if not pending_updates.is_left_open(trial, changed):
        return update(billing, subscription, plain)
    pending_updates.discard(billing, subscription)
    asked = _item_changes(billing, subscription, given.get("items") or [])
    pending_updates.hold(billing, subscription, asked, given, given.get("proration_date", billing.kernel.now_s()))
    return subscription


def _check(billing: Billing, subscription: Obj, given: Given) -> None:
    kernel, now = billing.kernel, billing.kernel.now_s()
    customer = kernel.get("customer", subscription["customer"])
    if check_enabled(kernel, given, customer):
        prices = [item["price"] for item in subscription["_items"]]
        check_prices(kernel, prices, subscription["currency"], "items")
    schedule = billing.schedules.of(subscription)
    if schedule is not None and any(key in given for key in _CANCELLING):
        raise invalid(
            f"The subscription is managed by the subscription schedule `{schedule['id']}`, and updating any cancelation"
            " behavior directly is not allowed. Please update the schedule instead.",
            next(key for key in _CANCELLING if key in given),
        )
    requests.check_cancel_at(given, now)
    _check_trial(subscription, given.get("trial_end", "now"), now)
    pausing.check_collection(given.get("pause_collection"), now)
    phases.check_method(kernel, given.get("default_payment_method"), customer, "default_payment_method")
    method = str(given.get("collection_method") or subscription["collection_method"])
    days = given.get("days_until_due", subscription["days_until_due"] if method == "send_invoice" else None)
    requests.check_collection(method, days)
    discounts.check(kernel, given.get("discounts"), subscription["currency"], customer=customer["id"])
    for number, extra in enumerate(given.get("add_invoice_items") or []):
        items.check_price(kernel, extra, f"add_invoice_items[{number}]", "one_time")
        expect(kernel, extra, subscription["currency"], f"add_invoice_items[{number}]")
    date = given.get("proration_date")
    if date is not None:
        starts = [item["current_period_start"] for item in subscription["_items"]]
        ends = [item["current_period_end"] for item in subscription["_items"]]
        if not min(starts) <= date <= max(ends):
            raise invalid("`proration_date` must be within the current billing period.", "proration_date")
    _check_items(billing, subscription, given.get("items") or [])


def _check_trial(subscription: Obj, end: int | str, now: int) -> None:
    if end == "now":
        return
    if subscription["status"] != "trialing":
        raise invalid("This sandbox extends running trials only.", "trial_end")
    if int(end) <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")


def _check_items(billing: Billing, subscription: Obj, given: list[Given]) -> None:
    kernel = billing.kernel
    left = {item["id"]: item["price"]["id"] for item in subscription["_items"]}
    prices = {item["id"]: item["price"] for item in subscription["_items"]}
    intervals = {id: Interval.of_price(price) for id, price in prices.items()}
    for number, entry in enumerate(given):
        at = f"items[{number}]"
        if "id" in entry and entry["id"] not in left:
            raise invalid(f"No such subscription_item: '{entry['id']}'", f"{at}[id]", "resource_missing")
        if entry.get("deleted"):
            if "id" not in entry:
                raise invalid("You must provide the id of the item to delete.", f"{at}[id]", "parameter_missing")
            del left[entry["id"]], intervals[entry["id"]]
            continue
        if "price" in entry or "price_data" in entry or "id" not in entry:
            price = items.check_price(kernel, entry, at, "recurring")
            expect(kernel, entry, subscription["currency"], at)
            key = entry.get("id", f"new {number}")
            left[key] = price["id"] if price else f"inline {number}"
            intervals[key] = items.interval_of(kernel, entry)
        else:
            items.check_quantity(prices[entry["id"]], entry, at)
        discounts.check(
            kernel,
            entry.get("discounts"),
            subscription["currency"],
            f"{at}[discounts]",
            customer=subscription["customer"],
        )
    if not left:
        raise invalid("A subscription must have at least one active plan.", "items")
    if len(left) > MOST_ITEMS:
        raise invalid(f"A subscription can have at most {MOST_ITEMS} items.", "items")
    items.check_alignment(list(intervals.values()), "items")
    twice = next((price for price in left.values() if list(left.values()).count(price) > 1), None)
    if twice is not None:
        raise invalid(f"Cannot add multiple subscription items with the same plan: {twice}", "items")


def _item_changes(billing: Billing, subscription: Obj, given: list[Given]) -> list[ItemChange]:
    by_id = {item["id"]: item for item in subscription["_items"]}
    made: list[ItemChange] = []
    for number, entry in enumerate(given):
        item = by_id.get(entry.get("id", ""))
        if entry.get("deleted"):
            made.append(ItemChange(item, None, deleted=True))
        elif item is None:
            made.append(ItemChange(None, items.item_terms(billing.kernel, entry, f"items[{number}]")))
        else:
            made.append(ItemChange(item, _changed_terms(billing, item, entry, f"items[{number}]")))
    return made


def _changed_terms(billing: Billing, item: Obj, entry: Given, at: str) -> ItemTerms:
    """An existing item's terms after an update: another price without a quantity means a quantity of 1."""
    price = item["price"]
    if "price" in entry or "price_data" in entry:
        price = items.resolve(billing.kernel, entry, at)
    same = price["id"] == item["price"]["id"]
    asked = entry.get("discounts")
    licensed = not pricing.is_metered(price)
    return ItemTerms(
        price=price,
        quantity=entry.get("quantity", item["quantity"] if same else 1) if licensed else None,
        discounts=[] if asked == "" else asked,
        metadata=merged_metadata(item["metadata"], entry.get("metadata")),
    )


def _resets(subscription: Obj, asked: list[ItemChange], given: Given) -> bool:
    """Whether cycles count anew from now: asked for, or in classic billing because an item's interval changes.

    Flexible billing never resets the anchor by itself (Stripe, Compare classic and flexible billing mode).
    """
    wanted = (given.get("billing_cycle_anchor") or {}).get("type")
    if wanted is not None:
        return bool(wanted == "now")
    return subscription["billing_mode"]["type"] == "classic" and any(
        each.item is not None
        and each.terms is not None
        and Interval.of_price(each.item["price"]) != Interval.of_price(each.terms.price)
        for each in asked
    )


def _set_fields(billing: Billing, subscription: Obj, given: Given) -> None:
    for key in ("collection_method", "days_until_due", "default_payment_method", "cancel_at_period_end"):
        if key in given:
            subscription[key] = given[key]
    if "automatic_tax" in given:
        subscription["automatic_tax"] = state_of(given["automatic_tax"]["enabled"])
    if subscription["collection_method"] == "charge_automatically":
        subscription["days_until_due"] = None
    if "description" in given:
        subscription["description"] = given["description"] or None
    if "invoice_settings" in given:
        base = subscription["invoice_settings"]
        subscription["invoice_settings"] = phases.invoice_settings(given["invoice_settings"], base)
    if "pause_collection" in given:
        paused = given["pause_collection"]
        subscription["pause_collection"] = {"resumes_at": None, **paused} if paused else None
    for key, value in (given.get("payment_settings") or {}).items():
        subscription["payment_settings"][key] = value or None
    _set_end(billing, subscription, given)
    _set_discounts(billing, subscription, given)
    _set_trial(billing, subscription, given)


def _set_end(billing: Billing, subscription: Obj, given: Given) -> None:
    """The planned end, and since when it is planned."""
    if "cancel_at" in given:
        subscription["cancel_at"] = given["cancel_at"] or None
    if given.get("cancel_at_period_end") is False and "cancel_at" not in given:
        subscription["cancel_at"] = None
    if given.get("cancel_at_period_end") or given.get("cancel_at"):
        subscription["canceled_at"] = billing.kernel.now_s()
        subscription["cancellation_details"]["reason"] = "cancellation_requested"
    elif "cancel_at_period_end" in given or "cancel_at" in given:
        subscription["canceled_at"] = None
        subscription["cancellation_details"]["reason"] = None
    for key, value in (given.get("cancellation_details") or {}).items():
        subscription["cancellation_details"][key] = value or None


def _set_discounts(billing: Billing, subscription: Obj, given: Given) -> None:
    if "discounts" not in given:
        return
    owner = {key: subscription[key] for key in ("customer", "currency")} | {"subscription": subscription["id"]}
    subscription["discounts"] = discounts.attach(
        billing.kernel, given["discounts"] or [], owner, billing.kernel.now_s(), current=subscription["discounts"]
    )


def _set_trial(billing: Billing, subscription: Obj, given: Given) -> None:
    """A running trial ends now or at another time; the cycles count from its end."""
    end = given.get("trial_end")
    if end is None or subscription["status"] != "trialing":
        return
    stamp = billing.kernel.now_s() if end == "now" else end
    subscription["trial_end"] = subscription["billing_cycle_anchor"] = stamp
    for item in subscription["_items"]:
        item["current_period_end"] = stamp


def _bill_reset(billing: Billing, subscription: Obj, now: int) -> None:
    """Bill the new cycles at once."""
    made = billing.subscriptions.renew(subscription, now, reason="subscription_update")
    if made is None:
        return
    if made["collection_method"] == "charge_automatically":
        billing.invoices.finalize(made)
        if made["status"] == "open":
            billing.collection.attempt(made, automatic=True)
