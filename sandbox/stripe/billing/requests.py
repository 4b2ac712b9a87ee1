"""What subscription requests ask for, checked whole before the first change: a refused request leaves no trace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import discounts, items, phases, pricing
from sandbox.stripe.billing.calendar import DAY_S, Interval, after, longer
from sandbox.stripe.billing.currency import chosen
from sandbox.stripe.billing.starts import NewSubscription
from sandbox.stripe.billing.subscriptions import ENDED
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.tax.computing import check_prices
from sandbox.stripe.tax.settings import check_enabled, state_of

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

Given = dict[str, Any]
LIVE = ("active", "trialing", "past_due", "unpaid", "paused", "incomplete")


def check_currency(billing: Billing, customer: Obj, currency: str) -> None:
    """Stripe bills one customer in one currency at a time."""
    kernel, id = billing.kernel, customer["id"]
    used = [s["currency"] for s in kernel.store.all("subscription", of=("customer", id)) if s["status"] in LIVE]
    used += [
        schedule["phases"][0]["currency"]
        for schedule in kernel.store.all("subscription_schedule", of=("customer", id))
        if schedule["status"] == "not_started"
    ]
    used += discounts.foreign_to(kernel, customer, currency)
    used += [i["currency"] for i in kernel.store.all("invoiceitem", of=("customer", id)) if i["invoice"] is None]
    other = next((each for each in used if each != currency), None)
    if other is not None:
        raise invalid(
            "You cannot combine currencies on a single customer. This customer has an active subscription, subscription"
            f" schedule, discount, quote, or invoice item with currency {other}"
        )


MOST_ON_A_CLOCK = 3
"""Subscriptions that a customer of a test clock may have."""


def check_clock(billing: Billing, customer: Obj) -> None:
    """A customer of a test clock takes a few subscriptions only, those that a schedule will start included."""
    if customer["test_clock"] is None:
        return
    store, of = billing.kernel.store, ("customer", customer["id"])
    running = sum(1 for found in store.all("subscription", of=of) if found["status"] in LIVE)
    waiting = sum(1 for found in store.all("subscription_schedule", of=of) if found["status"] == "not_started")
    if running + waiting >= MOST_ON_A_CLOCK:
        raise invalid(f"A customer of a test clock can have at most {MOST_ON_A_CLOCK} subscriptions.", "customer")


def customer_of(kernel: Kernel, given: Given) -> Obj:
    """The customer that a request names."""
    return kernel.get("customer", given["customer"], "customer")


def billing_mode(kernel: Kernel, given: Given) -> Obj:
    """The billing mode asked for; flexible is the default."""
    asked = given.get("billing_mode") or {"type": "flexible"}
    if asked["type"] == "classic":
        if "flexible" in asked:
            raise invalid("`billing_mode[flexible]` needs `billing_mode[type]=flexible`.", "billing_mode[flexible]")
        return {"type": "classic", "flexible": None, "updated_at": None}
    how = (asked.get("flexible") or {}).get("proration_discounts", "included")
    return {"type": "flexible", "flexible": {"proration_discounts": how}, "updated_at": kernel.now_s()}


def check_intervals(mode: Obj, prices: list[Obj]) -> None:
    """Only flexible subscriptions mix intervals."""
    if mode["type"] == "classic" and len({Interval.of_price(price) for price in prices}) > 1:
        raise invalid(
            "Currency and interval fields must match across all plans on this subscription. Found mismatch in interval"
            " field.",
            "items",
        )


def new_subscription(billing: Billing, given: Given) -> NewSubscription:
    """A creation request, checked; prices from `price_data` are made at the very end."""
    kernel, now = billing.kernel, billing.kernel.now_s()
    customer = customer_of(kernel, given)
    taxed = check_enabled(kernel, given, customer)
    if not given["items"]:
        raise invalid("Missing required param: items.", "items", "parameter_missing")
    if given.get("payment_behavior") == "pending_if_incomplete":
        raise invalid("`pending_if_incomplete` can only be used when updating a subscription.", "payment_behavior")
    phases.check_items(kernel, given["items"], "items")
    extras = given.get("add_invoice_items") or []
    for number, extra in enumerate(extras):
        items.check_price(kernel, extra, f"add_invoice_items[{number}]", "one_time")
    sold = [(item, f"items[{n}]") for n, item in enumerate(given["items"])]
    sold += [(extra, f"add_invoice_items[{n}]") for n, extra in enumerate(extras)]
    currency = chosen(kernel, sold, given.get("currency"), customer)
    check_currency(billing, customer, currency)
    check_clock(billing, customer)
    phases.check_method(kernel, given.get("default_payment_method"), customer, "default_payment_method")
    mode = billing_mode(kernel, given)
    start = _start_date(given, now)
    trial_end = _trial_end(given, now)
    check_collection(given.get("collection_method", "charge_automatically"), given.get("days_until_due"))
    terms = [items.item_terms(kernel, item, f"items[{n}]") for n, item in enumerate(given["items"])]
    bought = sum(pricing.total(term.price, term.quantity) for term in terms if term.quantity is not None)
    redeemed = {"customer": customer["id"], "purchase": bought}
    for number, item in enumerate(given["items"]):
        discounts.check(kernel, item.get("discounts"), currency, f"items[{number}][discounts]", **redeemed)
    discounts.check(kernel, given.get("discounts"), currency, **redeemed)
    check_intervals(mode, [term.price for term in terms])
    if taxed:
        check_prices(kernel, [term.price for term in terms], currency, "items")
    begin = start if mode["type"] == "flexible" else now
    anchor = _anchor(given, now, trial_end, [term.price for term in terms], begin)
    cancel_at = check_cancel_at(given, now)
    values = _values(given, customer)
    values.update(billing_mode=mode, cancel_at=cancel_at, automatic_tax=state_of(taxed))
    if trial_end is not None:
        values.update(trial_start=now, trial_end=trial_end)
    return NewSubscription(
        customer=customer,
        currency=currency,
        items=terms,
        start_date=start,
        anchor=anchor,
        values=values,
        discounts=given.get("discounts") or [],
        extras=[items.extra_terms(kernel, extra, f"add_invoice_items[{n}]") for n, extra in enumerate(extras)],
        prorate=given.get("proration_behavior", "create_prorations") != "none",
        draft_first=given.get("collection_method") == "send_invoice",
        payment_behavior=given.get("payment_behavior", "allow_incomplete"),
    )


def check_collection(method: str, days: int | None, at: str = "days_until_due") -> None:
    """`days_until_due` goes with `send_invoice`, and only with it."""
    if method == "send_invoice" and days is None:
        raise invalid(
            "If `collection_method` is `send_invoice`, `days_until_due` must be set.", at, "parameter_missing"
        )
    if method != "send_invoice" and days is not None:
        raise invalid("`days_until_due` can only be set if `collection_method` is `send_invoice`.", at)


def _start_date(given: Given, now: int) -> int:
    start = given.get("backdate_start_date", now)
    if start > now:
        raise invalid("`backdate_start_date` must be in the past.", "backdate_start_date")
    return int(start)


def _trial_end(given: Given, now: int) -> int | None:
    if "trial_end" in given and "trial_period_days" in given:
        raise invalid("You cannot set both `trial_end` and `trial_period_days`.", "trial_end", "parameters_exclusive")
    if "trial_period_days" in given:
        return now + int(given["trial_period_days"]) * DAY_S
    end = given.get("trial_end")
    if end is None or end == "now":
        return None
    if end <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    return int(end)


def _anchor(given: Given, now: int, trial_end: int | None, prices: list[Obj], begin: int) -> int:
    """The anchor asked for: in the future, and no later than the first natural billing date.

    Where none is asked for it is the trial's end, else the begin: in flexible mode a backdated one (Stripe, Compare
    classic and flexible billing mode).
    """
    if "billing_cycle_anchor" in given and "billing_cycle_anchor_config" in given:
        raise invalid(
            "You cannot set both `billing_cycle_anchor` and `billing_cycle_anchor_config`.",
            "billing_cycle_anchor",
            "parameters_exclusive",
        )
    natural = trial_end if trial_end is not None else now
    if "billing_cycle_anchor_config" in given:
        return _configured_anchor(given["billing_cycle_anchor_config"], natural)
    anchor = given.get("billing_cycle_anchor")
    if anchor is None:
        return natural if trial_end is not None else begin
    if anchor < now:
        raise invalid("`billing_cycle_anchor` cannot be in the past.", "billing_cycle_anchor")
    shortest = Interval.of_price(prices[0])
    for price in prices[1:]:
        other = Interval.of_price(price)
        shortest = other if longer(shortest, other) else shortest
    if anchor > after(natural, shortest):
        raise invalid(
            "`billing_cycle_anchor` cannot be later than next natural billing date for plan.", "billing_cycle_anchor"
        )
    return int(anchor)


_UNTIL_LEAP_DAY = 96
"""Months between two days of 29 February, at most: 2096 and 2104."""


def _configured_anchor(config: Given, natural: int) -> int:
    """The first instant not before `natural` that has the configured day and time.

    A day that the month lacks is its last one, so the day itself is asked for from a month that has it.
    """
    base = datetime.fromtimestamp(natural, UTC)
    clock = {key: config.get(key, getattr(base, key)) for key in ("hour", "minute", "second")}
    for ahead in range(_UNTIL_LEAP_DAY + 1):
        years, month = divmod(base.year * 12 + base.month - 1 + ahead, 12)
        if config.get("month") not in (None, month + 1):
            continue
        try:
            found = datetime(years, month + 1, config["day_of_month"], **clock, tzinfo=UTC)
        except ValueError:
            continue  # the month has no such day
        if found.timestamp() >= natural:
            return int(found.timestamp())
    raise invalid("No date fits the `billing_cycle_anchor_config`.", "billing_cycle_anchor_config")


def check_cancel_at(given: Given, now: int) -> Any:
    """A planned end lies in the future, or is named by a period."""
    asked = given.get("cancel_at") or None
    if asked is not None and given.get("cancel_at_period_end"):
        raise invalid(
            "You cannot set both `cancel_at` and `cancel_at_period_end`.", "cancel_at", "parameters_exclusive"
        )
    if isinstance(asked, int) and asked <= now:
        raise invalid("`cancel_at` must be a timestamp in the future.", "cancel_at")
    return asked


def _values(given: Given, customer: Obj) -> Given:
    """The fields of a new subscription that a request names."""
    plain = ("collection_method", "days_until_due", "default_payment_method", "cancel_at_period_end")
    values: Given = {key: given[key] for key in plain if key in given}
    values["description"] = given.get("description") or None
    values["metadata"] = {k: v for k, v in (given.get("metadata") or {}).items() if v != ""}
    values["invoice_settings"] = phases.invoice_settings(given.get("invoice_settings") or {}, _NO_TEXTS)
    settings = given.get("payment_settings") or {}
    values["payment_settings"] = {
        "payment_method_options": None,
        "payment_method_types": settings.get("payment_method_types") or None,
        "save_default_payment_method": settings.get("save_default_payment_method", "off"),
    }
    if "trial_settings" in given:
        values["trial_settings"] = {
            "end_behavior": {
                "billing_cycle_anchor": None,
                "missing_payment_method": "create_invoice",
                **given["trial_settings"]["end_behavior"],
            }
        }
    config = given.get("billing_cycle_anchor_config")
    if config:
        keys = ("day_of_month", "hour", "minute", "month", "second")
        values["billing_cycle_anchor_config"] = {key: config.get(key) for key in keys}
    return values


_NO_TEXTS: Obj = {
    "account_tax_ids": None,
    "custom_fields": None,
    "description": None,
    "footer": None,
    "issuer": {"type": "self"},
}


def require_live(subscription: Obj) -> None:
    """An ended subscription takes no change but of its metadata."""
    if subscription["status"] in ENDED:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.", "id")
