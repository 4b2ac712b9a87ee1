"""Payments that are not decided at once: the bank asks the customer (3-D Secure), or answers days later (ACH)."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.stripe.billing.story import Story, day, stamp


def give_method(story: Story, customer: str, token: str) -> str:
    method = story.v1.payment_methods.attach(token, {"customer": customer})
    story.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})
    return method.id


def renewed(story: Story, token: str) -> tuple[str, Any, Any]:
    """A customer whose card paid in January and who has this method when the plan renews: customer, plan, renewal."""
    customer = story.customer("pm_card_visa")
    plan = story.subscribe(customer, [{"price": story.price("3900")}])
    give_method(story, customer, token)
    story.at("2026-02-01T01:00:00")
    return customer, plan, story.invoices(customer)[-1]


def intent_of(story: Story, invoice: Any) -> Any:
    (payment,) = story.v1.invoice_payments.list({"invoice": invoice.id}).data
    return story.v1.payment_intents.retrieve(payment.payment.payment_intent)  # type: ignore[arg-type]


def confirm(story: Story, intent: Any, *, confirms: bool = True) -> Any:
    return answered(story, {"payment_intent": intent.id, "confirms": confirms})


def answered(story: Story, body: Any, status: int = 200) -> Any:
    answer = requests.post(f"{story.served.control}/confirmations", json=body, timeout=10)
    assert answer.status_code == status, answer.text
    return answer.json()


def status(story: Story, invoice: Any) -> tuple[str, int, str | None]:
    now = story.v1.invoices.retrieve(invoice.id)
    return now.status, now.attempt_count, day(now.next_payment_attempt) if now.next_payment_attempt else None  # type: ignore[return-value]


def test_a_renewal_that_the_customer_has_to_confirm_waits_without_a_charge_and_is_not_tried_again(story: Story) -> None:
    customer, plan, renewal = renewed(story, "pm_card_authenticationRequiredOnSetup")
    intent = intent_of(story, renewal)
    assert (intent.status, intent.last_payment_error, intent.next_action.type) == (
        "requires_action", None, "use_stripe_sdk",
    )  # fmt: skip
    assert story.v1.charges.list({"payment_intent": intent.id}).data == []
    assert status(story, renewal) == ("open", 1, None)
    assert story.v1.subscriptions.retrieve(plan.id).status == "past_due"
    told = story.event_types(stamp("2026-02-01T01:00:00"))
    assert [t for t in told if "action" in t or "failed" in t] == [
        "payment_intent.requires_action", "invoice.payment_action_required", "invoice.payment_failed",
    ]  # fmt: skip
    story.at("2026-02-20")
    assert status(story, renewal) == ("open", 1, None)

    with pytest.raises(stripe.CardError) as caught:
        story.v1.invoices.pay(renewal.id)
    assert caught.value.error.code == "invoice_payment_intent_requires_action"  # type: ignore[union-attr]
    assert confirm(story, intent) == {"payment_intent": intent.id, "status": "succeeded"}
    assert status(story, renewal) == ("paid", 1, None)
    assert story.v1.subscriptions.retrieve(plan.id).status == "active"
    story.at("2026-03-01T01:00:00")
    assert story.invoices(customer)[-1].status == "paid", "it is set up now"


def test_a_card_that_asks_every_time_is_declined_off_session_and_charged_once_confirmed(story: Story) -> None:
    _, plan, renewal = renewed(story, "pm_card_authenticationRequired")
    intent = intent_of(story, renewal)
    assert (intent.status, intent.last_payment_error.code, intent.last_payment_error.decline_code) == (
        "requires_payment_method", "authentication_required", "authentication_required",
    )  # fmt: skip
    assert status(story, renewal) == ("open", 1, "2026-02-04T01:00:00")
    story.at("2026-02-05")
    assert status(story, renewal) == ("open", 2, "2026-02-09T01:00:00")
    [charge] = story.v1.charges.list({"payment_intent": intent.id}).data
    assert (charge.status, charge.outcome.reason) == ("failed", "authentication_required")  # type: ignore[union-attr]
    confirm(story, intent)
    assert status(story, renewal) == ("paid", 2, None)
    assert story.v1.subscriptions.retrieve(plan.id).status == "active"


def test_a_payment_that_the_customer_does_not_confirm_can_be_made_otherwise(story: Story) -> None:
    customer, _, renewal = renewed(story, "pm_card_authenticationRequiredOnSetup")
    intent = intent_of(story, renewal)
    assert confirm(story, intent, confirms=False)["status"] == "requires_payment_method"
    failed = intent_of(story, renewal)
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    refused = answered(story, {"payment_intent": intent.id, "confirms": True}, 400)
    assert "asked for nothing" in refused["error"]
    story.v1.invoices.pay(renewal.id, {"payment_method": give_method(story, customer, "pm_card_visa")})
    assert status(story, renewal) == ("paid", 1, None)


def test_a_payment_that_is_confirmed_may_still_be_declined(story: Story) -> None:
    _, plan, renewal = renewed(story, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    assert confirm(story, intent_of(story, renewal))["status"] == "requires_payment_method"
    assert intent_of(story, renewal).last_payment_error.decline_code == "insufficient_funds"
    assert story.v1.subscriptions.retrieve(plan.id).status == "past_due"


@pytest.mark.parametrize("body", [{}, {"payment_intent": "pi_1"}, {"payment_intent": "pi_1", "confirms": "yes"}, []])
def test_the_door_for_confirmations_says_what_it_takes(story: Story, body: Any) -> None:
    assert "confirms" in answered(story, body, 400)["error"]
    body = {"payment_intent": "pi_1", "confirms": True}
    assert "no payment intent" in answered(story, body, 400)["error"]


def test_a_payment_apart_from_invoices_waits_for_its_customer_or_is_declined_without_them(story: Story) -> None:
    terms: dict[str, Any] = {"amount": 500, "currency": "usd", "confirm": True, "customer": story.customer()}
    terms["payment_method"] = "pm_card_authenticationRequired"
    with pytest.raises(stripe.CardError) as caught:
        story.v1.payment_intents.create({**terms, "off_session": True})  # type: ignore[typeddict-item]
    assert caught.value.error.decline_code == "authentication_required"  # type: ignore[union-attr]
    intent = story.v1.payment_intents.create(terms)  # type: ignore[arg-type]
    assert intent.status == "requires_action"
    assert confirm(story, intent)["status"] == "succeeded"


def test_a_bank_debit_is_on_its_way_for_days_and_nothing_has_failed_meanwhile(story: Story) -> None:
    _, plan, renewal = renewed(story, "pm_usBankAccount_success")
    intent = intent_of(story, renewal)
    [charge] = story.v1.charges.list({"payment_intent": intent.id}).data
    assert (intent.status, charge.status, charge.paid) == ("processing", "pending", False)
    assert status(story, renewal) == ("open", 1, None)
    assert story.v1.subscriptions.retrieve(plan.id).status == "active"
    with pytest.raises(stripe.InvalidRequestError, match="processing"):
        story.v1.invoices.pay(renewal.id)
    with pytest.raises(stripe.InvalidRequestError, match="processing"):
        story.v1.invoices.void_invoice(renewal.id)
    story.at("2026-02-05T00:59:59")
    assert status(story, renewal) == ("open", 1, None)
    story.at("2026-02-05T01:00:00")
    assert status(story, renewal) == ("paid", 1, None)
    told = story.event_types(stamp("2026-02-01T01:00:00"))
    assert {"charge.pending", "payment_intent.processing", "charge.succeeded", "invoice.paid"} <= set(told)


def test_a_bank_debit_that_fails_days_later_is_tried_again(story: Story) -> None:
    customer, plan, renewal = renewed(story, "pm_usBankAccount_insufficientFunds")
    story.at("2026-02-05T01:00:00")
    intent = intent_of(story, renewal)
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", "insufficient_funds")
    assert status(story, renewal) == ("open", 1, "2026-02-08T01:00:00")
    assert story.v1.subscriptions.retrieve(plan.id).status == "past_due"
    give_method(story, customer, "pm_usBankAccount_success")
    story.at("2026-02-08T01:00:00")
    assert status(story, renewal) == ("open", 2, None)
    story.at("2026-02-12T01:00:00")
    assert status(story, renewal) == ("paid", 2, None)


def test_a_first_payment_by_bank_makes_the_plan_active_at_once(story: Story) -> None:
    customer = story.customer()
    give_method(story, customer, "pm_usBankAccount_success")
    plan = story.subscribe(customer, [{"price": story.price("3900")}])
    assert plan.status == "active"
