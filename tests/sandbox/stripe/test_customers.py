"""Customers and their payment methods."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.serving import RawStripe


def test_a_customer_comes_back_as_it_was_given(client: stripe.StripeClient) -> None:
    given = {
        "email": "ops@birch.example",
        "name": "Birch",
        "phone": "+49 1",
        "description": "key:1",
        "tax_exempt": "reverse",
        "preferred_locales": ["de"],
        "balance": -500,
        "address": {"line1": "Street 1", "country": "DE"},
        "shipping": {"name": "Dock", "address": {"city": "Kiel"}},
        "invoice_settings": {"footer": "Thanks", "custom_fields": [{"name": "PO", "value": "PO-1"}]},
        "metadata": {"crm": "001"},
    }
    customer = client.v1.customers.create(given).to_dict()
    assert customer["address"] == {
        "city": None,
        "country": "DE",
        "line1": "Street 1",
        "line2": None,
        "postal_code": None,
        "state": None,
    }
    assert customer["shipping"]["address"]["city"] == "Kiel"
    assert customer["invoice_settings"]["custom_fields"] == [{"name": "PO", "value": "PO-1"}]
    same = ("email", "name", "phone", "description", "tax_exempt", "preferred_locales", "balance", "metadata")
    assert {key: customer[key] for key in same} == {key: given[key] for key in same}


def test_update_changes_what_is_given_and_clears_with_an_empty_string(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"name": "Birch", "description": "old", "address": {"country": "DE"}})
    updated = client.v1.customers.update(customer.id, {"address": "", "description": ""}).to_dict()
    assert (updated["name"], updated["address"], updated["description"]) == ("Birch", None, None)


def test_email_is_not_unique_and_is_found_letter_by_letter(client: stripe.StripeClient) -> None:
    for email in ("ops@birch.example", "OPS@birch.example", "ops@birch.example"):
        client.v1.customers.create({"email": email})
    assert len(client.v1.customers.list({"email": "ops@birch.example"}).data) == 2


def test_a_deleted_customer_is_answered_as_deleted_and_takes_no_update(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ops@birch.example"})
    client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    assert client.v1.customers.delete(customer.id).deleted is True
    assert client.v1.customers.retrieve(customer.id).deleted is True
    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(customer.id, {"name": "x"})
    types = [event.type for event in client.v1.events.list().data]
    assert types[:2] == ["customer.deleted", "payment_method.detached"]


def test_a_customer_can_be_created_with_a_card_as_default(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create(
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    )
    attached = client.v1.payment_methods.list({"customer": customer.id, "type": "card"}).data
    assert [method.id for method in attached] == [customer.invoice_settings.default_payment_method]
    assert attached[0].card.last4 == "4242"


def test_a_card_that_is_not_the_customers_own_cannot_be_default(client: stripe.StripeClient, raw: RawStripe) -> None:
    owner, other = client.v1.customers.create({}), client.v1.customers.create({})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": owner.id})
    form = {"invoice_settings[default_payment_method]": method.id}
    assert raw.post(f"/v1/customers/{other.id}", form).status_code == 400
    assert raw.post("/v1/customers", {"invoice_settings[default_payment_method]": "pm_card_visa"}).status_code == 400
    again = raw.post(f"/v1/payment_methods/{method.id}/attach", {"customer": other.id})
    assert again.json()["error"]["message"].endswith("already been attached to a customer.")


def test_every_use_of_a_test_token_makes_a_card_of_its_own(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({})
    for token in ("pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_card_declinesThenPays"):
        client.v1.payment_methods.attach(token, {"customer": customer.id})
    methods = client.v1.customers.payment_methods.list(customer.id).data
    assert len({method.id for method in methods}) == 4
    assert [method.card.last4 for method in methods] == ["0341", "0002", "4242", "4242"]


def test_a_detached_card_is_nobodys_default_and_cannot_come_back(client: stripe.StripeClient, raw: RawStripe) -> None:
    customer = client.v1.customers.create({})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    client.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    client.v1.payment_methods.detach(method.id)
    assert client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None
    assert raw.post(f"/v1/payment_methods/{method.id}/detach").status_code == 400
    assert raw.post(f"/v1/payment_methods/{method.id}/attach", {"customer": customer.id}).status_code == 400
    assert client.v1.payment_methods.list({"customer": customer.id}).data == []


@pytest.mark.parametrize("path", ["pm_none/attach", "pm_card_nothing/attach"])
def test_an_unknown_payment_method_is_404(client: stripe.StripeClient, raw: RawStripe, path: str) -> None:
    customer = client.v1.customers.create({})
    assert raw.post(f"/v1/payment_methods/{path}", {"customer": customer.id}).status_code == 404


def test_billing_details_of_an_attached_card_can_be_changed(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    details = {"email": "pay@birch.example", "address": {"country": "DE"}}
    changed = client.v1.payment_methods.update(method.id, {"billing_details": details, "card": {"exp_year": 2040}})
    assert changed.billing_details.email == "pay@birch.example"
    assert changed.card.exp_year == 2040


@pytest.mark.parametrize("form", [{"name": "x" * 251}, {"card[exp_month]": "13"}, {"billing_details[age]": "1"}])
def test_a_bad_change_of_a_card_is_refused(client: stripe.StripeClient, raw: RawStripe, form: dict[str, str]) -> None:
    customer = client.v1.customers.create({})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    assert raw.post(f"/v1/payment_methods/{method.id}", form).status_code == 400
