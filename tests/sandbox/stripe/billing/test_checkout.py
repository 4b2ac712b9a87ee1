"""Checkout: what a person who pays on Stripe's page leaves behind, and what one who does not."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.stripe.billing.story import Story, stamp

PAGE = "https://shop.example/thanks"


def session(story: Story, price: str, **more: Any) -> stripe.checkout.Session:
    """A page that sells three of a price."""
    params = {"mode": "subscription", "success_url": PAGE, "line_items": [{"price": price, "quantity": 3}], **more}
    return story.v1.checkout.sessions.create(params)  # type: ignore[arg-type]


def pays(story: Story, on: stripe.checkout.Session, **typed: Any) -> dict[str, Any]:
    """What is answered to somebody who fills in the page."""
    body = {"session": on.id, "card": "pm_card_visa", "email": "ada@oak.example", **typed}
    body = {key: value for key, value in body.items() if value is not None}
    answer = requests.post(f"{story.served.control}/checkouts", json=body, timeout=10)
    found: dict[str, Any] = answer.json()
    return found


def test_whoever_pays_is_a_customer_with_a_subscription_and_all_is_told_in_its_order(story: Story) -> None:
    fee = story.one_time(9900)
    lines = [{"price": story.price("2000"), "quantity": 3}, {"price": fee, "quantity": 1}]
    opened = session(
        story, "", line_items=lines, client_reference_id="org-7", customer_email="ap@oak.example",
        metadata={"shop": "eu"}, subscription_data={"metadata": {"team": "7"}, "description": "Team plan"},
        tax_id_collection={"enabled": True}, name_collection={"business": {"enabled": True}},
        custom_fields=[{"key": "po", "label": {"type": "custom", "custom": "PO"}, "type": "text", "optional": True}],
    )  # fmt: skip
    assert (opened.status, opened.amount_total, opened.customer, opened.url is not None) == ("open", 15_900, None, True)
    assert story.v1.customers.list().data == []

    answered = pays(
        story, opened, email=None, name="Ada Lovelace", business_name="Oak Ltd", custom_fields={"po": "4711"},
        address={"country": "DE", "line1": "Am Park 1"}, tax_id={"type": "eu_vat", "value": "DE123456789"},
    )  # fmt: skip

    assert (answered["status"], answered["payment_status"], answered["declined"]) == ("complete", "paid", None)
    done = story.v1.checkout.sessions.retrieve(
        opened.id, {"expand": ["line_items", "customer", "subscription.default_payment_method"]}
    )
    customer: Any = done.customer
    plan: Any = done.subscription
    assert (customer.email, customer.name, customer.business_name) == ("ap@oak.example", "Ada Lovelace", "Oak Ltd")
    assert customer.invoice_settings.default_payment_method is None  # Checkout leaves the card on the subscription
    assert (plan.status, plan.default_payment_method.card.last4) == ("active", "4242")
    assert (plan.metadata.to_dict(), plan.description) == ({"team": "7"}, "Team plan")
    assert (done.client_reference_id, done.metadata.to_dict()) == ("org-7", {"shop": "eu"})  # type: ignore[union-attr]
    assert [(line.quantity, line.amount_total) for line in done.line_items.data] == [(3, 6000), (1, 9900)]  # type: ignore[union-attr]
    assert done.custom_fields[0].text.value == "4711"  # type: ignore[union-attr]
    details: Any = done.customer_details
    assert [(t.type, t.value) for t in details.tax_ids] == [("eu_vat", "DE123456789")]
    assert story.billed(customer.id) == [("2026-01-01", 15_900)]
    told = [t for t in story.event_types() if not t.startswith(("price.", "product.", "payment_intent.", "charge."))]
    assert told == [
        "customer.created", "payment_method.attached", "customer.tax_id.created", "customer.updated",
        "invoiceitem.created", "invoice.created", "invoice.finalized", "invoice_payment.paid", "invoice.paid",
        "invoice.payment_succeeded", "customer.subscription.created", "checkout.session.completed",
    ]  # fmt: skip


def test_a_refused_card_leaves_nothing_and_another_one_pays(story: Story) -> None:
    opened = session(story, story.price("2000"))

    refused = pays(story, opened, card="pm_card_chargeDeclinedInsufficientFunds")

    assert (refused["status"], refused["declined"]) == ("open", "Your card has insufficient funds.")
    assert (story.v1.customers.list().data, story.v1.subscriptions.list({"status": "all"}).data) == ([], [])
    assert pays(story, opened)["status"] == "complete"
    assert "nobody can pay it any more" in pays(story, opened)["error"]
    assert len(story.v1.customers.list().data) == 1


def test_a_page_that_nobody_pays_expires_after_a_day_or_when_it_is_told_to(story: Story) -> None:
    price = story.price("2000")
    left, ended = session(story, price), session(story, price, expires_at=stamp("2026-01-01T01:00:00"))
    story.v1.checkout.sessions.expire(ended.id)
    with pytest.raises(stripe.InvalidRequestError, match=r"only Checkout Sessions with a status in \[\"open\"\]|Only"):
        story.v1.checkout.sessions.expire(ended.id)
    story.at("2026-01-02T00:00:01")

    assert {s.id: (s.status, s.url) for s in story.v1.checkout.sessions.list({"status": "expired"})} == {
        left.id: ("expired", None), ended.id: ("expired", None),
    }  # fmt: skip
    assert story.event_types().count("checkout.session.expired") == 2
    assert "error" in pays(story, left)


def test_a_trial_without_a_card_and_a_known_customer_with_more_seats(story: Story) -> None:
    price = story.price("2000")
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    trial = session(
        story, price, payment_method_collection="if_required",
        subscription_data={"trial_period_days": 14, "trial_settings": settings},
    )  # fmt: skip
    answered = pays(story, trial, card=None)
    assert (answered["payment_status"], answered["invoice"] is not None) == ("no_payment_required", True)
    assert story.v1.subscriptions.retrieve(answered["subscription"]).status == "trialing"

    known = story.customer(email="ops@elm.example", name="Elm")
    lines = [{"price": price, "quantity": 1, "adjustable_quantity": {"enabled": True, "maximum": 9}}]
    opened = session(
        story,
        "",
        customer=known,
        line_items=lines,
        customer_update={"name": "auto"},
        discounts=[{"coupon": story.coupon("50")}],
    )
    assert (opened.amount_subtotal, opened.amount_total) == (2000, 1000)
    assert "choose 10" in pays(story, opened, quantities={"0": 10})["error"]
    answered = pays(story, opened, email=None, name="Elm Ltd", quantities={"0": 5})
    assert (answered["customer"], story.v1.customers.retrieve(known).name) == (known, "Elm Ltd")
    assert story.billed(known) == [("2026-01-01", 5000)]
    [line] = story.v1.checkout.sessions.line_items.list(opened.id).data
    assert (line.quantity, line.amount_total) == (5, 10_000)


def test_a_bank_debit_pays_days_later(story: Story) -> None:
    outcomes = {"pm_usBankAccount_success": "succeeded", "pm_usBankAccount_insufficientFunds": "failed"}
    for bank, outcome in outcomes.items():
        opened = session(story, story.price("2000"))
        answered = pays(story, opened, card=bank)
        assert (answered["status"], answered["payment_status"]) == ("complete", "unpaid")
        story.at(f"2026-01-{8 if outcome == 'succeeded' else 16:02}")
        assert f"checkout.session.async_payment_{outcome}" in story.event_types()
        paid = "paid" if outcome == "succeeded" else "unpaid"
        assert story.v1.checkout.sessions.retrieve(opened.id).payment_status == paid


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"mode": "payment"}, "mode", "`mode=subscription` only"),
    ({"customer_creation": "always"}, "customer_creation", "`payment` mode"),
    ({"line_items": []}, "line_items", "Missing required param"),
    ({"line_items": [{"price": "price_gone", "quantity": 1}]}, "line_items[0][price]", "No such price"),
    ({"customer": "cus_gone"}, "customer", "No such customer"),
    ({"customer_update": {"name": "auto"}}, "customer_update", "with `customer`"),
    ({"expires_at": stamp("2026-01-01T00:10:00")}, "expires_at", "at least 30 minutes"),
    ({"subscription_data": {"trial_end": stamp("2026-01-02")}}, "subscription_data[trial_end]", "2 days"),
    ({"allow_promotion_codes": True, "discounts": [{"coupon": "x"}]}, "allow_promotion_codes", "only specify one"),
    ({"discounts": [{"coupon": "gone"}]}, "discounts[0][coupon]", "No such coupon"),
    ({"colour": "red"}, "colour", "unknown parameter"),
]  # fmt: skip


def test_what_can_be_no_session_is_refused(story: Story) -> None:
    price = story.price("2000")
    for more, param, words in REFUSED:
        with pytest.raises(stripe.InvalidRequestError, match=words) as refused:
            session(story, price, **more)
        assert refused.value.param == param


def test_lines_that_cannot_be_sold_together_are_refused(story: Story) -> None:
    dollars, euros = story.price("2000"), story.price("2000", currency="eur")
    metered = story.priced(story.meter(), unit_amount=5)
    for lines, words in (
        ([{"price": dollars}], "Quantity is required"),
        ([{"price": metered, "quantity": 1}], "should not be specified"),
        ([{"price": story.one_time(100), "quantity": 1}], "at least one recurring price"),
        ([{"price": dollars, "quantity": 1}, {"price": euros, "quantity": 1}], "curren"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=words) as refused:
            session(story, "", line_items=lines)
        assert (refused.value.param or "").startswith("line_items")


NOT_TAKEN: list[tuple[dict[str, Any], str]] = [
    ({"email": None}, "asks for an e-mail"),
    ({"card": None}, "asks for a card"),
    ({"card": "pm_card_authenticationRequired"}, "asks at every payment"),
    ({"tax_id": {"type": "eu_vat", "value": "DE1"}}, "does not ask for a tax id"),
    ({"custom_fields": {"po": "1"}}, "has no field po"),
    ({"colour": "red"}, "the body must be"),
    ({"session": "cs_test_gone"}, "there is no Checkout session"),
]


def test_the_page_says_what_it_takes(story: Story) -> None:
    opened = session(story, story.price("2000"))
    for typed, words in NOT_TAKEN:
        assert words in pays(story, opened, **typed)["error"]
    assert story.v1.customers.list().data == []


def test_a_promotion_code_on_the_page_stays_on_the_subscription(story: Story) -> None:
    code = story.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": story.coupon("50")}, "code": "HALF"}
    )
    opened = session(story, story.price("2000"), discounts=[{"promotion_code": code.id}])
    assert (opened.amount_subtotal, opened.amount_total, opened.total_details.amount_discount) == (6000, 3000, 3000)  # type: ignore[union-attr]
    answered = pays(story, opened)
    assert story.billed(answered["customer"]) == [("2026-01-01", 3000)]
    plan: Any = story.v1.subscriptions.retrieve(answered["subscription"], {"expand": ["discounts"]})
    assert [d.promotion_code for d in plan.discounts] == [code.id]
