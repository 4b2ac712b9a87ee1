"""Schedule phases: from the parameters of a request to the phases of a schedule."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import discounts, items, shapes
from sandbox.stripe.billing.calendar import Interval, after, longest, period_at
from sandbox.stripe.billing.currency import Entry, chosen
from sandbox.stripe.billing.parameters import MOST_PHASES
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.tax.settings import state_of

Given = dict[str, Any]


def check(kernel: Kernel, given: list[Given], customer: Obj, running: str | None = None, at: str = "phases") -> str:
    """Refuse phases that could not be built; changes nothing. Returns the one currency of all of them: that of the
    schedule, where it is ``running``.
    """
    if not given:
        raise invalid("You must provide at least one phase.", at, "parameter_missing")
    named = {phase["currency"] for phase in given if "currency" in phase}
    if len(named | ({running} if running else set())) > 1:
        raise invalid(
            f"All phases of a schedule must have the same currency, but there are {', '.join(sorted(named))}.", at
        )
    for index, phase in enumerate(given):
        here = f"{at}[{index}]"
        if not phase["items"]:
            raise invalid("Each phase must have at least one item.", f"{here}[items]", "parameter_missing")
        if "duration" in phase and "end_date" in phase:
            raise invalid(
                "You cannot set both `duration` and `end_date` on a phase.", f"{here}[end_date]", "parameters_exclusive"
            )
        if "trial" in phase and "trial_end" in phase:
            raise invalid("You cannot set both `trial` and `trial_end`.", f"{here}[trial_end]", "parameters_exclusive")
        check_items(kernel, phase["items"], f"{here}[items]")
        for number, extra in enumerate(phase.get("add_invoice_items") or []):
            items.check_price(kernel, extra, f"{here}[add_invoice_items][{number}]", "one_time")
    asked = next(iter(named), running)
    currency = chosen(
        kernel, [entry for n, phase in enumerate(given) for entry in _sold(phase, n, at)], asked, customer
    )
    for index, phase in enumerate(given):
        here = f"{at}[{index}]"
        for number, item in enumerate([*phase["items"], *(phase.get("add_invoice_items") or [])]):
            discounts.check(
                kernel, item.get("discounts"), currency, f"{here}[items][{number}][discounts]", customer=customer["id"]
            )
        discounts.check(kernel, phase.get("discounts"), currency, f"{here}[discounts]", customer=customer["id"])
        check_method(kernel, phase.get("default_payment_method"), customer, f"{here}[default_payment_method]")
    return currency


def _sold(phase: Given, index: int, at: str) -> list[Entry]:
    """What a phase sells, and where each of it stands in the request."""
    extras = phase.get("add_invoice_items") or []
    return [(item, f"{at}[{index}][items][{n}]") for n, item in enumerate(phase["items"])] + [
        (extra, f"{at}[{index}][add_invoice_items][{n}]") for n, extra in enumerate(extras)
    ]


def check_items(kernel: Kernel, given: list[Given], at: str) -> None:
    """Refuse items whose price can't be used, or is used twice."""
    seen: set[str] = set()
    for number, item in enumerate(given):
        price = items.check_price(kernel, item, f"{at}[{number}]", "recurring")
        if price is not None and price["id"] in seen:
            raise invalid(f"Cannot add multiple subscription items with the same plan: {price['id']}", at)
        if price is not None:
            seen.add(price["id"])
    items.check_alignment([items.interval_of(kernel, item) for item in given], at)


def check_method(kernel: Kernel, method_id: str | None, customer: Obj, at: str) -> None:
    """A default payment method has to be attached to the customer."""
    if not method_id:
        return
    method = kernel.get("payment_method", method_id, at)
    if method["customer"] != customer["id"]:
        raise invalid(
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be attached"
            " to the customer.",
            at,
            "resource_missing",
        )


def build(kernel: Kernel, given: list[Given], start: int, currency: str, anchor: int | None = None) -> list[Obj]:
    """The phases, each beginning where the one before ends; an end that was not given is computed."""
    built: list[Obj] = []
    for index, phase in enumerate(given):
        here = f"phases[{index}]"
        asked = phase.get("start_date")
        if asked is not None and index and asked not in ("now", start):
            raise invalid(
                "The start date of a phase must be the end date of the phase before it.", f"{here}[start_date]"
            )
        terms = [items.item_terms(kernel, item, f"{here}[items][{n}]") for n, item in enumerate(phase["items"])]
        end = _end(kernel, phase, start, [term.price for term in terms], start if anchor is None else anchor)
        if end <= start:
            raise invalid("The end date of a phase must be after its start date.", f"{here}[end_date]")
        made = shapes.phase(start, end, currency)
        made["items"] = [_shown_item(term) for term in terms]
        made["add_invoice_items"] = [
            _shown_extra(kernel, extra, f"{here}[add_invoice_items][{n}]")
            for n, extra in enumerate(phase.get("add_invoice_items") or [])
        ]
        _fill(kernel, made, phase)
        if made["trial_end"] is not None and not start < made["trial_end"] <= end:
            raise invalid("The trial of a phase must end within the phase.", f"{here}[trial_end]")
        built.append(made)
        start = end
    return built


def check_count(phases: list[Obj], now: int) -> None:
    """At most ten phases may be current or still to come."""
    if sum(1 for phase in phases if phase["end_date"] > now) > MOST_PHASES:
        raise invalid(f"Subscription schedules can have at most {MOST_PHASES} current and future phases.", "phases")


def _end(kernel: Kernel, phase: Given, start: int, prices: list[Obj], anchor: int) -> int:
    if "end_date" in phase:
        return kernel.now_s() if phase["end_date"] == "now" else int(phase["end_date"])
    if "duration" in phase:
        return after(start, Interval(phase["duration"]["interval"], phase["duration"].get("interval_count", 1)))
    return period_at(anchor, longest([Interval.of_price(price) for price in prices]), start)[1]


def _shown_item(terms: items.ItemTerms) -> Obj:
    return {
        "billing_thresholds": None,
        "discounts": [shown_spec(spec) for spec in terms.discounts or []],
        "metadata": {key: value for key, value in terms.metadata.items() if value != ""},
        "plan": terms.price["id"],
        "price": terms.price["id"],
        **({} if terms.quantity is None else {"quantity": terms.quantity}),
        "tax_rates": [],
    }


def _shown_extra(kernel: Kernel, given: Given, at: str) -> Obj:
    terms = items.extra_terms(kernel, given, at)
    period = terms.period or {"start": {"type": "max_item_period_start"}, "end": {"type": "min_item_period_end"}}
    return {
        "discountable": terms.discountable,
        "discounts": [shown_spec(spec) for spec in terms.discounts],
        "metadata": terms.metadata,
        "period": {
            side: {"timestamp": bound.get("timestamp"), "type": bound["type"]} for side, bound in period.items()
        },
        "price": terms.price["id"],
        "quantity": terms.quantity,
        "tax_rates": [],
    }


def shown_spec(spec: Given) -> Obj:
    """A discount as a phase shows it."""
    return {key: spec.get(key) for key in ("coupon", "discount", "promotion_code")}


def _fill(kernel: Kernel, made: Obj, given: Given) -> None:
    for key in ("billing_cycle_anchor", "collection_method", "default_payment_method", "proration_behavior"):
        if key in given:
            made[key] = given[key]
    if "automatic_tax" in given:
        made["automatic_tax"] = state_of(given["automatic_tax"]["enabled"])
    made["description"] = given.get("description") or None
    made["discounts"] = [shown_spec(spec) for spec in given.get("discounts") or []]
    made["_inherits"] = "discounts" not in given  # docs.stripe.com/api/subscription_schedules: '' is none at all
    if "invoice_settings" in given:
        made["invoice_settings"] = invoice_settings(given["invoice_settings"], {**_NO_SETTINGS, "issuer": None})
    metadata = given.get("metadata") or {}
    made["_metadata"] = dict(metadata)
    made["metadata"] = {key: value for key, value in metadata.items() if value != ""}
    if given.get("trial"):
        made["trial_end"] = made["end_date"]
    elif "trial_end" in given:
        made["trial_end"] = kernel.now_s() if given["trial_end"] == "now" else given["trial_end"]
    if made["trial_end"] is not None and made["billing_cycle_anchor"] == "phase_start":
        raise invalid("`billing_cycle_anchor` can't be `phase_start` on a phase with a trial.", "phases")


_NO_SETTINGS: Obj = {
    "account_tax_ids": None,
    "custom_fields": None,
    "days_until_due": None,
    "description": None,
    "footer": None,
    "issuer": {"type": "self"},
}


def invoice_settings(given: Given, base: Obj) -> Obj:
    """Invoice settings after a request; `''` unsets."""
    kept = {**base}
    for key, value in given.items():
        kept[key] = None if value == "" else {"type": "self"} if key == "issuer" else value
    return kept


def default_settings(given: Given, base: Obj) -> Obj:
    """A schedule's default settings after a request."""
    kept = {**base}
    for key, value in given.items():
        if key == "invoice_settings":
            kept[key] = invoice_settings(value, base["invoice_settings"])
        elif key == "automatic_tax":
            kept[key] = state_of(value["enabled"])
        else:
            kept[key] = None if value == "" else value
    return kept


def from_subscription(kernel: Kernel, subscription: Obj) -> Obj:
    """The one phase that a subscription's present cycle is."""
    current = subscription["_items"]
    start = min(item["current_period_start"] for item in current)
    made = shapes.phase(start, max(item["current_period_end"] for item in current), subscription["currency"])
    made["items"] = [
        {
            "billing_thresholds": None,
            "discounts": discounts.as_specs(kernel, item["discounts"]),
            "metadata": dict(item["metadata"]),
            "plan": item["price"]["id"],
            "price": item["price"]["id"],
            **({"quantity": item["quantity"]} if "quantity" in item else {}),
            "tax_rates": [],
        }
        for item in current
    ]
    made["discounts"] = discounts.as_specs(kernel, subscription["discounts"])
    made["_inherits"] = subscription.get("_inherits", True)
    made["metadata"] = dict(subscription["metadata"])
    made["_metadata"] = dict(subscription["metadata"])
    made["automatic_tax"] = dict(subscription["automatic_tax"])
    made["collection_method"] = subscription["collection_method"]
    made["default_payment_method"] = subscription["default_payment_method"]
    made["invoice_settings"] = {
        **_NO_SETTINGS,
        **subscription["invoice_settings"],
        "days_until_due": subscription["days_until_due"],
    }
    if subscription["trial_end"] is not None and subscription["status"] == "trialing":
        made["trial_end"] = subscription["trial_end"]
    return made
