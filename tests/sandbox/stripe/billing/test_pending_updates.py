"""Updates of a subscription that count only once they are paid."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, stamp


def cards(story: Story, customer: str, card: str) -> None:
    method = story.v1.payment_methods.attach(card, {"customer": customer})
    story.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})


def plan_of(story: Story) -> stripe.Subscription:
    """Ten seats at 31.00 since 1 January, whose customer's card refuses from 11 January on."""
    customer = story.customer(card="pm_card_visa")
    plan = story.subscribe(customer, [{"price": story.price("3100"), "quantity": 10}])
    story.at("2026-01-11")
    cards(story, customer, "pm_card_chargeCustomerFail")
    return plan


def seats(story: Story, plan: stripe.Subscription, quantity: int, **more: Any) -> stripe.Subscription:
    """The subscription after it was asked for this many seats, if they are paid."""
    items = [{"id": plan["items"].data[0].id, "quantity": quantity}, *more.pop("items", [])]
    asked = {"items": items, "proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"} | more
    return story.v1.subscriptions.update(plan.id, asked)  # type: ignore[arg-type]


def quantities(plan: stripe.Subscription) -> list[int | None]:
    return [item.quantity for item in plan["items"].data]


def test_what_is_paid_at_once_counts_at_once(story: Story) -> None:
    plan = plan_of(story)
    cards(story, str(plan.customer), "pm_card_visa")
    after = seats(story, plan, 12)
    assert (after.pending_update, quantities(after)) == (None, [12])
    assert story.billed(str(plan.customer))[1:] == [("2026-01-11", 4200)]
    # Nothing to pay is nothing to wait for.
    fewer = seats(story, plan, 9, proration_behavior="create_prorations")
    assert (fewer.pending_update, quantities(fewer)) == (None, [9])


def test_what_is_not_paid_waits_beside_the_old_terms_until_it_is(story: Story) -> None:
    plan = plan_of(story)
    extra = story.price("500")

    held = seats(story, plan, 12, items=[{"price": extra, "quantity": 1}])

    waiting: Any = held.pending_update
    assert (held.status, quantities(held)) == ("active", [10])
    assert [i.quantity for i in waiting.subscription_items] == [12, 1]
    assert waiting.expires_at == stamp("2026-01-11T23:00:00")
    invoice = story.v1.invoices.retrieve(str(held.latest_invoice))
    assert (invoice.status, invoice.total, invoice.attempt_count) == ("open", 4200 + 339, 1)
    assert story.v1.subscription_items.list({"subscription": plan.id}).data[0].quantity == 10

    cards(story, str(plan.customer), "pm_card_visa")
    story.v1.invoices.pay(invoice.id)

    after = story.v1.subscriptions.retrieve(plan.id)
    assert (after.pending_update, quantities(after), after.status) == (None, [12, 1], "active")
    assert "customer.subscription.pending_update_applied" in story.event_types(stamp("2026-01-11"))
    story.at("2026-02-02")
    assert story.billed(str(plan.customer))[-1] == ("2026-02-01", 12 * 3100 + 500)
    # What was debited is given back from: the seats go, and so does what was paid for them.
    story.at("2026-02-15")
    story.v1.subscriptions.update(
        plan.id, {"items": [{"id": after["items"].data[1].id, "deleted": True}], "proration_behavior": "always_invoice"}
    )
    assert story.billed(str(plan.customer))[-1] == ("2026-02-15", -250)


def test_what_is_not_paid_in_time_is_dropped(story: Story) -> None:
    plan = plan_of(story)
    held = seats(story, plan, 12)
    story.at("2026-01-12")
    after = story.v1.subscriptions.retrieve(plan.id)
    assert (after.pending_update, quantities(after), after.status) == (None, [10], "active")
    assert story.v1.invoices.retrieve(str(held.latest_invoice)).status == "void"
    assert "customer.subscription.pending_update_expired" in story.event_types(stamp("2026-01-11"))
    cards(story, str(plan.customer), "pm_card_visa")
    story.at("2026-02-02")
    assert story.billed(str(plan.customer))[-1] == ("2026-02-01", 31_000)


@pytest.mark.parametrize("by", ["another update", "the end", "a void invoice", "the period's end"])
def test_another_change_drops_it_before_that(story: Story, by: str) -> None:
    plan = plan_of(story)
    if by == "the period's end":
        story.at("2026-01-31T12:00:00")
    held = seats(story, plan, 12)
    if by == "another update":
        assert quantities(seats(story, plan, 8, proration_behavior="none")) == [8]
    elif by == "the end":
        story.v1.subscriptions.cancel(plan.id)
    elif by == "a void invoice":
        story.v1.invoices.void_invoice(str(held.latest_invoice))
    else:
        assert held.pending_update.expires_at == stamp("2026-02-01")  # type: ignore[union-attr]
        story.at("2026-02-01")
    assert story.v1.subscriptions.retrieve(plan.id).pending_update is None
    assert story.v1.invoices.retrieve(str(held.latest_invoice)).status == "void"


def test_an_item_that_is_not_paid_is_told_and_not_there(story: Story) -> None:
    plan = plan_of(story)
    asked: Any = {
        "subscription": plan.id, "price": story.price("500"), "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }  # fmt: skip
    made = story.v1.subscription_items.create(asked)
    held = story.v1.subscriptions.retrieve(plan.id)
    waiting: Any = held.pending_update
    assert made.id in [i.id for i in waiting.subscription_items]
    assert [i.id for i in held["items"].data] == [plan["items"].data[0].id]
    cards(story, str(plan.customer), "pm_card_visa")
    story.v1.invoices.pay(str(held.latest_invoice))
    assert story.v1.subscription_items.retrieve(made.id).quantity == 1


def test_only_what_can_wait_is_taken(story: Story) -> None:
    plan = plan_of(story)
    for more, param in (
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"cancel_at_period_end": True}, "cancel_at_period_end"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match="you can only pass") as refused:
            seats(story, plan, 12, **more)
        assert refused.value.param == param
    sent = story.subscribe(
        str(plan.customer), [{"price": story.price("100")}], collection_method="send_invoice", days_until_due=1
    )
    with pytest.raises(stripe.InvalidRequestError, match="charge_automatically"):
        seats(story, sent, 12)
    with pytest.raises(stripe.InvalidRequestError, match="only be used when updating"):
        story.subscribe(str(plan.customer), [{"price": story.price("100")}], payment_behavior="pending_if_incomplete")
