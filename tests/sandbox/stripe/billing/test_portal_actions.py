"""What customers do in the customer portal, as far as its settings let them."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.stripe.billing.story import Story, stamp


def does(story: Story, session: str, action: str, **more: Any) -> dict[str, Any]:
    """What is answered to a customer who does this."""
    body = {"session": session, "action": action, **more}
    found: dict[str, Any] = requests.post(f"{story.served.control}/portal", json=body, timeout=10).json()
    return found


def test_a_customer_changes_pays_pauses_and_cancels_as_the_settings_say(story: Story) -> None:
    team, big = story.price("2000"), story.price("9000")
    product = str(story.v1.prices.retrieve(big).product)
    settings = story.v1.billing_portal.configurations.create(
        {
            "features": {
                "customer_update": {"enabled": True, "allowed_updates": ["email", "tax_id"]},
                "payment_method_update": {"enabled": True},
                "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
                "subscription_pause": {"enabled": True},
                "subscription_update": {
                    "enabled": True,
                    "default_allowed_updates": ["price", "quantity"],
                    "products": [{"product": product, "prices": [big]}],
                    "proration_behavior": "always_invoice",
                },
            },
            "name": "Shop",
        }
    )
    customer = story.customer(card="pm_card_visa")
    plan = story.subscribe(customer, [{"price": team, "quantity": 2}])
    opened = story.v1.billing_portal.sessions.create({"customer": customer, "configuration": settings.id})
    assert (opened.configuration, opened.url[:8]) == (settings.id, "https://")
    of = {"subscription": plan.id}

    assert "error" not in does(story, opened.id, "change", **of, quantity=3)
    assert story.billed(customer)[1:] == [("2026-01-01", 2000)]
    assert "does not offer" in does(story, opened.id, "change", **of, price=team)["error"]
    assert "error" not in does(story, opened.id, "change", **of, price=big)
    [item] = story.v1.subscriptions.retrieve(plan.id)["items"].data
    assert (item.price.id, item.quantity) == (big, 3)
    does(story, opened.id, "card", card="pm_card_amex")
    does(story, opened.id, "details", email="new@oak.example", tax_id={"type": "eu_vat", "value": "DE123456789"})
    found: Any = story.v1.customers.retrieve(
        customer, {"expand": ["invoice_settings.default_payment_method", "tax_ids"]}
    )
    assert (found.email, found.invoice_settings.default_payment_method.card.brand) == ("new@oak.example", "amex")
    assert [t.value for t in found.tax_ids.data] == ["DE123456789"]
    assert "allow a change of" in does(story, opened.id, "details", name="Elm")["error"]
    does(story, opened.id, "cancel", **of)
    assert story.v1.subscriptions.retrieve(plan.id).cancel_at == stamp("2026-02-01")
    does(story, opened.id, "keep", **of)
    assert story.v1.subscriptions.retrieve(plan.id).cancel_at is None
    does(story, opened.id, "pause", **of)
    assert story.v1.subscriptions.retrieve(plan.id).status == "paused"
    does(story, opened.id, "resume", **of)
    assert story.v1.subscriptions.retrieve(plan.id).status == "active"
    assert story.event_types().count("billing_portal.session.created") == 1


def test_nothing_that_is_switched_off_or_somebody_elses(story: Story) -> None:
    customer, other = story.customer(card="pm_card_visa"), story.customer(card="pm_card_visa", email="o@elm.example")
    plan = story.subscribe(other, [{"price": story.price("2000")}])
    opened = story.v1.billing_portal.sessions.create({"customer": customer})
    for action, more, words in (
        ("cancel", {"subscription": plan.id}, "do not allow subscription_cancel"),
        ("change", {"subscription": plan.id, "quantity": 2}, "do not allow subscription_update"),
        ("fly", {}, "the body must be"),
        ("card", {"card": "pm_gone"}, "No such payment method"),
    ):
        assert words in does(story, opened.id, action, **more)["error"], action
    story.v1.billing_portal.configurations.update(
        str(opened.configuration), {"features": {"subscription_cancel": {"enabled": True, "mode": "immediately"}}}
    )
    assert "has no subscription" in does(story, opened.id, "cancel", subscription=plan.id)["error"]
    assert "no portal session" in does(story, "bps_gone", "cancel", subscription=plan.id)["error"]
    theirs = story.v1.billing_portal.sessions.create({"customer": other})
    does(story, theirs.id, "cancel", subscription=plan.id)
    assert story.v1.subscriptions.retrieve(plan.id).status == "canceled"


def test_settings_that_make_no_sense_are_refused(story: Story) -> None:
    portal = story.v1.billing_portal
    wrong: list[tuple[Any, str]] = [
        ({"features": {"customer_update": {"enabled": True, "allowed_updates": []}}}, "features[customer_update][allowed_updates]"),
        ({"features": {"subscription_update": {"enabled": True, "default_allowed_updates": ["price"]}}}, "features[subscription_update][products]"),
        ({"features": {"subscription_cancel": {"enabled": True, "mode": "never"}}}, "features[subscription_cancel][mode]"),
        ({}, "features"),
    ]  # fmt: skip
    for params, param in wrong:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            portal.configurations.create(params)
        assert refused.value.param == param
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        portal.sessions.create({"customer": "cus_gone"})
