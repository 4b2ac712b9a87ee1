"""The settings of the customer portal."""

from __future__ import annotations

import stripe


def test_customers_log_in_by_themselves_as_long_as_that_is_switched_on(client: stripe.StripeClient) -> None:
    [settings] = client.v1.billing_portal.configurations.list({"is_default": True}).data
    assert (settings.login_page.enabled, str(settings.login_page.url)[:8]) == (True, "https://")
    client.v1.billing_portal.configurations.update(settings.id, {"login_page": {"enabled": False}})
    found = client.v1.billing_portal.configurations.retrieve(settings.id)
    assert (found.login_page.enabled, found.login_page.url) == (False, None)
    assert client.v1.billing_portal.configurations.list({"is_default": False}).data == []
