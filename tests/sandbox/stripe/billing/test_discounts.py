"""Coupons on items, subscriptions and one-off items: in their order, each rounded, never below zero."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, stamp


def off(story: Story, minor: int, currency: str = "usd", **values: Any) -> str:
    """A coupon of an amount off, for ever."""
    params = {"amount_off": minor, "currency": currency, "duration": "forever", **values}
    return story.v1.coupons.create(params).id  # type: ignore[arg-type]


def billed(story: Story, item: dict[str, Any], **values: Any) -> Any:
    """The first invoice of a subscription to this item."""
    subscription = story.subscribe(story.customer("pm_card_visa"), [item], **values)
    return story.v1.invoices.retrieve(subscription.latest_invoice)


def taken(invoice: Any) -> list[int]:
    return [entry.amount for entry in invoice.lines.data[0].discount_amounts]


@pytest.mark.parametrize(("order", "amounts"), [("percent first", [1000, 1500]), ("amount first", [1500, 850])])
def test_coupons_of_an_item_are_taken_in_their_order(story: Story, order: str, amounts: list[int]) -> None:
    coupons = [story.coupon("10"), off(story, 1500)]
    wanted = coupons if order == "percent first" else coupons[::-1]
    invoice = billed(story, {"price": story.price("10000"), "discounts": [{"coupon": one} for one in wanted]})
    assert taken(invoice) == amounts
    assert (invoice.subtotal, invoice.total) == (10_000 - sum(amounts),) * 2


def test_an_amount_off_an_item_is_taken_once_whatever_the_quantity(story: Story) -> None:
    item = {"price": story.price("1000"), "quantity": 5, "discounts": [{"coupon": off(story, 700)}]}
    assert billed(story, item).total == 4300


def test_more_off_than_the_line_leaves_nothing_due_and_no_credit(story: Story) -> None:
    item = {"price": story.price("1000"), "discounts": [{"coupon": off(story, 700)}, {"coupon": off(story, 600)}]}
    invoice = billed(story, item)
    assert (taken(invoice), invoice.total, invoice.amount_due, invoice.status) == ([700, 300], 0, 0, "paid")
    assert story.v1.customers.retrieve(invoice.customer).balance == 0


def test_more_off_than_the_whole_invoice_leaves_nothing_due(story: Story) -> None:
    invoice = billed(story, {"price": story.price("1000")}, discounts=[{"coupon": off(story, 5000)}])
    assert (invoice.subtotal, invoice.total, taken(invoice)) == (1000, 0, [1000])


def test_a_coupon_of_another_currency_is_refused(story: Story) -> None:
    item = {"price": story.price("1000"), "discounts": [{"coupon": off(story, 100, "eur")}]}
    with pytest.raises(stripe.InvalidRequestError, match="cannot be used"):
        story.subscribe(story.customer("pm_card_visa"), [item])


def test_more_off_than_what_was_used_leaves_nothing_due(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    price = story.priced(story.meter(), unit_amount=100)
    story.subscribe(customer, [{"price": price, "discounts": [{"coupon": off(story, 700)}]}])
    story.use(customer, 3)
    story.at("2026-02-01")
    story.use(customer, 9)
    story.at("2026-03-01")
    assert [total for _, total in story.billed(customer)] == [0, 200]


def test_discounts_of_a_phases_items_extras_and_whole_are_taken_in_turn(story: Story) -> None:
    customer = story.customer()
    phase = {
        "items": [{"price": story.price("10000"), "discounts": [{"coupon": story.coupon("20")}]}],
        "add_invoice_items": [{"price": story.one_time(5000), "discounts": [{"coupon": off(story, 1000)}]}],
        "discounts": [{"coupon": story.coupon("10")}],
        "end_date": stamp("2026-03-01"),
    }
    story.schedule(customer, [phase], "now")
    story.at("2026-03-02")
    assert [total for _, total in story.billed(customer)] == [7200 + 3600, 7200]


def test_an_amount_off_an_item_is_taken_once_over_all_its_tiers(story: Story) -> None:
    tiers = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50, "flat_amount": 500}]
    item = {"price": story.priced(tiers=tiers), "quantity": 20, "discounts": [{"coupon": off(story, 200)}]}
    invoice = billed(story, item)
    assert [line.amount for line in invoice.lines.data] == [1000, 500, 500]
    assert [sum(entry.amount for entry in line.discount_amounts) for line in invoice.lines.data] == [100, 50, 50]
    assert invoice.total == 1800
