"""Pauses of a whole subscription, and of what is collected of it."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, stamp

NOW = {"type": "now"}
UNCHANGED = {"type": "unchanged"}


def paused_after_trial(story: Story) -> stripe.Subscription:
    """A subscription whose trial ended on 15 January without a card."""
    customer = story.customer()
    plan = story.subscribe(
        customer,
        [{"price": story.price("3000"), "quantity": 2}],
        trial_end=stamp("2026-01-15"),
        trial_settings={"end_behavior": {"missing_payment_method": "pause"}},
    )
    story.at("2026-02-01")
    return story.v1.subscriptions.retrieve(plan.id)


def gets_card(story: Story, customer: str, card: str) -> None:
    method = story.v1.payment_methods.attach(card, {"customer": customer})
    story.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})


def test_collection_resumes_by_itself_at_its_moment(story: Story) -> None:
    plan = story.subscribe(story.customer(card="pm_card_visa"), [{"price": story.price("3000")}])
    for wrong in (stamp("2026-01-01"), stamp("2025-12-01")):
        with pytest.raises(stripe.InvalidRequestError, match="in the future") as refused:
            story.v1.subscriptions.update(plan.id, {"pause_collection": {"behavior": "void", "resumes_at": wrong}})
        assert refused.value.param == "pause_collection[resumes_at]"

    story.v1.subscriptions.update(
        plan.id, {"pause_collection": {"behavior": "void", "resumes_at": stamp("2026-02-10")}}
    )
    story.at("2026-02-09")
    assert story.v1.subscriptions.retrieve(plan.id).pause_collection is not None
    assert [i.status for i in story.invoices(plan.customer)] == ["paid", "void"]
    story.at("2026-03-02")

    assert story.v1.subscriptions.retrieve(plan.id).pause_collection is None
    told = story.v1.events.list({"type": "customer.subscription.updated", "created": stamp("2026-02-10")}).data
    assert [e.data.previous_attributes["pause_collection"]["behavior"] for e in told] == ["void"]
    assert [i.status for i in story.invoices(plan.customer)] == ["paid", "void", "paid"]


def test_a_paused_one_with_a_card_by_now_begins_a_new_cycle_and_is_charged(story: Story) -> None:
    plan = paused_after_trial(story)
    assert plan.status == "paused"
    assert plan.status_details is not None
    assert plan.status_details.paused.subscription.type == "trial_end_without_payment_method"
    gets_card(story, str(plan.customer), "pm_card_visa")

    story.v1.subscriptions.resume(plan.id)

    plan = story.v1.subscriptions.retrieve(plan.id)
    assert (plan.status, plan.status_details, plan.billing_cycle_anchor) == ("active", None, stamp("2026-02-01"))
    assert story.billed(str(plan.customer)) == [("2026-01-01", 0), ("2026-02-01", 6000)]
    assert "customer.subscription.resumed" in story.event_types(stamp("2026-02-01"))
    story.at("2026-03-02")
    assert story.billed(str(plan.customer))[2:] == [("2026-03-01", 6000)]


@pytest.mark.parametrize(
    ("behavior", "card", "status"),
    [
        ("resume_on_payment_attempt", "pm_card_chargeCustomerFail", "past_due"),
        ("resume_on_payment_success", "pm_card_chargeCustomerFail", "paused"),
        ("resume_on_payment_attempt", None, "paused"),
    ],
)
def test_who_does_not_pay_for_the_resumption(story: Story, behavior: str, card: str | None, status: str) -> None:
    plan = paused_after_trial(story)
    if card:
        gets_card(story, str(plan.customer), card)

    assert story.v1.subscriptions.resume(plan.id, {"payment_behavior": behavior}).status == status  # type: ignore[typeddict-item]

    story.at("2026-02-02")
    left = story.invoices(str(plan.customer))[-1].status
    assert (story.v1.subscriptions.retrieve(plan.id).status, left) == (
        status,
        "open" if card and status == "past_due" else "void",
    )


def test_a_resumption_that_is_paid_later_or_forgiven_ends_the_pause(story: Story) -> None:
    for forgiven in (False, True):
        plan = paused_after_trial(story) if not forgiven else plan_of_another(story)
        story.v1.subscriptions.resume(plan.id, {"payment_behavior": "resume_on_payment_success"})
        invoice = story.invoices(str(plan.customer))[-1]
        if forgiven:
            story.v1.invoices.mark_uncollectible(invoice.id)
        else:
            story.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
        assert story.v1.subscriptions.retrieve(plan.id).status == "active"


def plan_of_another(story: Story) -> stripe.Subscription:
    """A subscription of another customer, paused by request."""
    plan = story.subscribe(story.customer(card="pm_card_visa"), [{"price": story.price("3000")}])
    return story.v1.subscriptions.pause(plan.id, {"bill_for": {"unused_time_from": {"type": "none"}}})


def test_the_cycle_goes_on_where_it_would_have_been_and_its_rest_is_charged(story: Story) -> None:
    for behavior, billed in (("always_invoice", [1500]), ("create_prorations", []), ("none", [])):
        story.served.reset()
        story.at("2026-01-01")
        plan = paused_after_trial(story)
        gets_card(story, str(plan.customer), "pm_card_visa")
        story.at("2026-02-07T18:00:00")

        story.v1.subscriptions.resume(plan.id, {"billing_cycle_anchor": UNCHANGED, "proration_behavior": behavior})  # type: ignore[typeddict-item]

        plan = story.v1.subscriptions.retrieve(plan.id)
        assert (plan.status, plan.billing_cycle_anchor) == ("active", stamp("2026-01-15"))
        [item] = plan["items"].data
        assert item.current_period_end == stamp("2026-02-15")
        rest = round(6000 * (7.25 / 31))
        assert [i.total for i in story.invoices(str(plan.customer))[1:]] == [rest] * len(billed)
        story.at("2026-02-16")
        extra = rest if behavior == "create_prorations" else 0
        assert story.invoices(str(plan.customer))[-1].total == 6000 + extra


def test_a_pause_gives_unused_time_back_and_bills_nothing_until_it_ends(story: Story) -> None:
    plan = story.subscribe(story.customer(card="pm_card_visa"), [{"price": story.price("3100")}])
    story.at("2026-01-11")

    paused = story.v1.subscriptions.pause(plan.id, {"invoicing_behavior": "invoice"})

    assert (paused.status, paused.status_details.paused.subscription.type) == ("paused", "pause_requested")  # type: ignore[union-attr]
    assert story.billed(plan.customer) == [("2026-01-01", 3100), ("2026-01-11", -2100)]
    story.at("2026-04-01")
    assert len(story.invoices(plan.customer)) == 2
    story.v1.subscriptions.resume(plan.id, {"billing_cycle_anchor": NOW})
    assert story.invoices(plan.customer)[-1].amount_due == 1000  # the balance pays the rest
    assert story.v1.subscriptions.retrieve(plan.id).status == "active"


def test_what_cannot_be_paused_or_resumed_is_refused(story: Story) -> None:
    price = story.price("3000")
    customer = story.customer(card="pm_card_visa")
    plan = story.subscribe(customer, [{"price": price}])
    with pytest.raises(stripe.InvalidRequestError, match="not paused"):
        story.v1.subscriptions.resume(plan.id)
    sent = story.subscribe(customer, [{"price": price}], collection_method="send_invoice", days_until_due=30)
    story.v1.subscriptions.pause(sent.id)
    with pytest.raises(stripe.InvalidRequestError, match="charge_automatically"):
        story.v1.subscriptions.resume(sent.id)
    with pytest.raises(stripe.InvalidRequestError, match="status `paused`"):
        story.v1.subscriptions.pause(sent.id)
    story.v1.subscription_schedules.create({"from_subscription": plan.id})
    with pytest.raises(stripe.InvalidRequestError, match="schedule"):
        story.v1.subscriptions.pause(plan.id)
    old = story.subscribe(customer, [{"price": price}], billing_mode={"type": "classic"})
    with pytest.raises(stripe.InvalidRequestError, match="flexible"):
        story.v1.subscriptions.pause(old.id)
    with pytest.raises(stripe.InvalidRequestError, match="Received unknown parameter: until"):
        story.v1.subscriptions.pause(plan.id, {"until": 1})  # type: ignore[typeddict-unknown-key]
