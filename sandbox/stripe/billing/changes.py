"""Changing what a subscription consists of, by a request or at a phase's start, with or without prorations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.stripe.billing import items, pricing, prorations, shapes
from sandbox.stripe.billing.calendar import Interval, is_boundary
from sandbox.stripe.billing.items import ItemTerms
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing


@dataclass
class ItemChange:
    """One item after the change: an existing one with new terms, a new one, or one that goes."""

    item: Obj | None
    terms: ItemTerms | None
    """`None` where the item goes or stays as it is."""
    deleted: bool = False

    def alters_money(self) -> bool:
        """Whether the item's price, quantity or discounts become other than they are."""
        if self.item is None or self.deleted:
            return True
        if self.terms is None:
            return False
        same = not self.drops_price() and self.item.get("quantity") == self.terms.quantity
        return not same or self.terms.discounts is not None

    def drops_price(self) -> bool:
        """Whether an existing item loses its price, by going or for another one."""
        if self.item is None or self.terms is None:
            return self.deleted
        return bool(self.item["price"]["id"] != self.terms.price["id"])


@dataclass
class Change:
    """A change of items at an instant."""

    items: list[ItemChange]
    at: int
    behavior: str = "create_prorations"
    reset_anchor: bool = False
    """Cycles count from this instant on, and the new ones are billed in full at once."""
    entering_phase: bool = False
    """At a phase's start an item whose cycle begins here is billed with the renewal."""
    discounts_before: list[str] | None = None
    """The subscription's discounts until now, where a phase brings others: usage of the old phase keeps them."""


def apply(billing: Billing, subscription: Obj, change: Change) -> bool:
    """Make the change; prorations become pending invoice items. Says whether there are any."""
    kernel, at = billing.kernel, change.at
    prorate = change.behavior != "none" and subscription["status"] != "trialing"
    altered = [each for each in change.items if each.alters_money()]
    made = _settle_usage(billing, subscription, change, prorate)
    if prorate:
        going = [each.item for each in altered if each.item is not None]
        for item in subscription["_items"] if change.reset_anchor else going:
            made += prorations.credits_for_rest(kernel, subscription, item, at)
    for each in change.items:
        _apply_one(billing, subscription, each, at)
    if change.reset_anchor:
        subscription["billing_cycle_anchor"] = at
        for item in subscription["_items"]:
            item["current_period_end"] = at
    else:
        for each in altered:
            if each.item is not None and not each.deleted:
                _set_period(subscription, each, change)
                licensed = not pricing.is_metered(each.item["price"])
                if prorate and licensed and each.item["current_period_end"] > at:
                    debit = prorations.debit_for_rest(kernel, subscription, each.item, at)
                    made += [debit] if debit else []
    billing.subscriptions.refresh_items(subscription)
    return bool(made)


def _settle_usage(billing: Billing, subscription: Obj, change: Change, prorate: bool) -> list[Obj]:
    """Bill what was used under metered prices that go now. Returns the pending invoice items for it.

    Where a period ends it is a line of the renewal's invoice, whatever the behavior, under the discounts of before.
    In mid-period flexible billing makes an invoice item, unless prorations are off; classic billing drops the usage of
    a price that a request takes away and invoices that of one that a phase does.
    """
    now = billing.kernel.now_s()
    ends = change.reset_anchor or (
        change.entering_phase and any(item["current_period_end"] <= now for item in subscription["_items"])
    )
    flexible = subscription["billing_mode"]["type"] == "flexible"
    made: list[Obj] = []
    for each in change.items:
        item = each.item
        if item is None or not pricing.is_metered(item["price"]):
            continue
        if ends and (each.drops_price() or item["current_period_end"] <= now or change.reset_anchor):
            _owe(billing, subscription, item, change)
        elif each.drops_price() and flexible and prorate:
            pending = billing.usage.removed(subscription, item, now)
            made += [pending] if pending else []
        elif each.drops_price() and not flexible and change.entering_phase:
            _owe(billing, subscription, item, change)
        elif each.drops_price():
            item["_usage_from"] = now
    return made


def _owe(billing: Billing, subscription: Obj, item: Obj, change: Change) -> None:
    """Have the renewal's invoice bill what was used of the item until now."""
    made = billing.usage.arrears(subscription, item, billing.kernel.now_s())
    for line in made:
        line.discounts_before = change.discounts_before
    subscription.setdefault("_arrears", []).extend(made)


def _apply_one(billing: Billing, subscription: Obj, each: ItemChange, at: int) -> None:
    kernel = billing.kernel
    if each.deleted and each.item is not None:
        subscription["_items"] = [item for item in subscription["_items"] if item["id"] != each.item["id"]]
        kernel.remove(each.item)
    elif each.item is None and each.terms is not None:
        each.item = items.new_item(kernel, subscription, each.terms, at)
        each.item["_fresh"] = True
        subscription["_items"].append(each.item)
    elif each.item is not None and each.terms is not None:
        _alter(billing, subscription, each.item, each.terms, at)


def _alter(billing: Billing, subscription: Obj, item: Obj, terms: ItemTerms, at: int) -> None:
    with billing.kernel.changing(item):
        if item["price"]["id"] != terms.price["id"]:
            item["_fresh"] = Interval.of_price(item["price"]) != Interval.of_price(terms.price)
            item["price"] = terms.price
            item["plan"] = shapes.plan(terms.price)
            item["_usage_from"] = billing.kernel.now_s()
        item.pop("quantity", None)
        if terms.quantity is not None:
            item["quantity"] = terms.quantity
        item["metadata"] = dict(terms.metadata)
        if terms.discounts is not None:
            items.set_discounts(billing.kernel, subscription, item, terms.discounts, at)


def _set_period(subscription: Obj, each: ItemChange, change: Change) -> None:
    """A fresh item's period begins at the change; at a phase's start on its boundary it is due for renewal."""
    item = each.item
    if item is None or not item.pop("_fresh", False):
        return
    anchor = subscription["billing_cycle_anchor"]
    if change.entering_phase and is_boundary(anchor, Interval.of_price(item["price"]), change.at):
        item["current_period_start"] = item["current_period_end"] = change.at
        return
    items.set_period(item, anchor, change.at)
    item["current_period_start"] = max(item["current_period_start"], change.at)


def resets_anchor(subscription: Obj, prices: list[Obj], at: int) -> bool:
    """Whether a phase with these prices makes the cycles count from `at` on.

    `automatic` means that the anchor is modified as needed when the phase is entered (the SDK on a phase's
    `billing_cycle_anchor`); we take it to be needed where none of the intervals is left and `at` is off the new grid. A
    request never moves the anchor of flexible billing by itself.
    """
    old = {Interval.of_price(item["price"]) for item in subscription["_items"]}
    new = {Interval.of_price(price) for price in prices}
    anchor = subscription["billing_cycle_anchor"]
    return not old & new and not all(is_boundary(anchor, interval, at) for interval in new)
