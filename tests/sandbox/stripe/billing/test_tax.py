"""Stripe Tax: what is added to invoices or contained in them, where nothing is, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.serving import RawStripe
from tests.sandbox.stripe.billing.story import Story

TEXAS = {"country": "US", "postal_code": "78701", "state": "TX"}
HOME = {"line1": "1 Main St", "city": "Dublin", "country": "IE"}


@pytest.fixture
def taxing(raw: RawStripe) -> RawStripe:
    """Tax is on, and collected in Texas, Japan and, by the one-stop shop, in the European Union."""
    office = {f"head_office[address][{key}]": value for key, value in HOME.items()}
    assert raw.post("/v1/tax/settings", office).json()["status"] == "active"
    _register(raw, "US", type="state_sales_tax", state="TX")
    _register(raw, "JP", type="standard")
    _register(raw, "IE", type="oss_union")
    return raw


def _api(story: Story) -> Any:
    """Stripe, without the types of its parameters."""
    return story.v1


def _register(raw: RawStripe, country: str, **options: str) -> None:
    given = {f"country_options[{country.lower()}][{key}]": value for key, value in options.items()}
    answer = raw.post("/v1/tax/registrations", {"country": country, "active_from": "now", **given})
    assert answer.json()["status"] == "active", answer.text


def _subscribe(story: Story, address: dict[str, str], currency: str = "usd", **more: Any) -> Any:
    behavior = more.pop("tax_behavior", "exclusive")
    customer = more.pop("customer", None) or story.customer("pm_card_visa", address=address)
    price = _api(story).prices.create(
        {
            "product": story.product(),
            "currency": currency,
            "unit_amount": 10_010,
            "recurring": {"interval": "month"},
            "tax_behavior": behavior,
        }
    )
    made = _api(story).subscriptions.create(
        {"customer": customer, "items": [{"price": price.id}], "automatic_tax": {"enabled": True}, **more}
    )
    return _api(story).invoices.retrieve(made.latest_invoice)


def test_exclusive_tax_comes_on_top_and_a_credit_note_takes_its_part_back(story: Story, taxing: RawStripe) -> None:
    invoice = _subscribe(story, TEXAS)
    assert (invoice.subtotal, invoice.total, invoice.total_excluding_tax) == (10_010, 10_836, 10_010)
    [tax] = invoice.total_taxes
    assert (tax.amount, tax.tax_behavior, tax.taxability_reason) == (826, "exclusive", "standard_rated")
    assert (invoice.amount_paid, invoice.automatic_tax.status) == (10_836, "complete")

    line = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "amount": 5_000}
    foretold = _api(story).credit_notes.preview({"invoice": invoice.id, "lines": [line], "credit_amount": 5_000})
    assert (foretold.total, _api(story).credit_notes.list({"invoice": invoice.id}).data) == (5_413, [])
    note = _api(story).credit_notes.create({"invoice": invoice.id, "lines": [line], "credit_amount": 5_413})
    assert (note.total, note.total_excluding_tax, note.total_taxes[0].amount) == (5_413, 5_000, 413)
    custom = {"type": "custom_line_item", "description": "x", "quantity": 1, "unit_amount": 100}
    with pytest.raises(stripe.InvalidRequestError, match="custom_line_item"):
        _api(story).credit_notes.create({"invoice": invoice.id, "lines": [custom], "credit_amount": 100})


def test_inclusive_tax_is_part_of_the_amount(story: Story, taxing: RawStripe) -> None:
    invoice = _subscribe(story, {"country": "JP"}, "jpy", tax_behavior="inclusive")
    assert (invoice.subtotal, invoice.total, invoice.total_excluding_tax) == (10_010, 10_010, 9_100)
    assert invoice.total_taxes[0].amount == 910
    line = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "amount": 9_100}
    note = _api(story).credit_notes.create({"invoice": invoice.id, "lines": [line], "credit_amount": 10_010})
    assert (note.total, note.total_excluding_tax) == (10_010, 9_100)


@pytest.mark.parametrize(
    ("address", "more", "reason"),
    [
        ({"country": "DE"}, {"number": "DE123456789"}, "reverse_charge"),
        ({"country": "DE"}, {}, "standard_rated"),
        ({"country": "IE"}, {"number": "IE1234567FA"}, "standard_rated"),
        ({"country": "DE"}, {"exempt": "reverse"}, "reverse_charge"),
        (TEXAS, {"exempt": "exempt"}, "customer_exempt"),
        ({"country": "US", "postal_code": "94105"}, {}, "not_collecting"),
    ],
)
def test_who_the_customer_is_decides_whether_there_is_tax(
    story: Story, taxing: RawStripe, address: dict[str, str], more: dict[str, str], reason: str
) -> None:
    customer = story.customer("pm_card_visa", address=address, tax_exempt=more.get("exempt", "none"))
    if "number" in more:
        _api(story).customers.tax_ids.create(customer, {"type": "eu_vat", "value": more["number"]})
    invoice = _subscribe(story, address, customer=customer)
    [tax] = invoice.total_taxes
    assert tax.taxability_reason == reason
    assert bool(tax.amount) == (reason == "standard_rated")
    assert [x.value for x in invoice.customer_tax_ids] == ([more["number"]] if "number" in more else [])


def test_tax_needs_settings_a_place_and_a_behaviour(story: Story, raw: RawStripe, request: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _subscribe(story, TEXAS)
    assert refused.value.code == "stripe_tax_inactive"
    request.getfixturevalue("taxing")
    for address in ({"country": "US"}, {"country": "US", "postal_code": "787"}, {"country": "CA"}, {"city": "Bonn"}):
        with pytest.raises(stripe.InvalidRequestError, match="location isn't recognized") as refused:
            _subscribe(story, address)
        assert refused.value.code == "customer_tax_location_invalid"
    with pytest.raises(stripe.InvalidRequestError, match="tax_behavior"):
        _subscribe(story, TEXAS, tax_behavior="unspecified")
    with pytest.raises(stripe.InvalidRequestError, match="No such tax code"):
        _api(story).products.create({"name": "x", "tax_code": "seats"})


def test_an_invoice_whose_customer_moved_nowhere_stays_a_draft_and_says_why(story: Story, taxing: RawStripe) -> None:
    invoice = _subscribe(story, TEXAS, collection_method="send_invoice", days_until_due=30)
    with pytest.raises(stripe.InvalidRequestError, match="negative amount"):
        _api(story).invoice_items.create(
            {"customer": invoice.customer, "invoice": invoice.id, "amount": -1, "currency": "usd"}
        )
    _api(story).customers.update(invoice.customer, {"address": {"country": "US"}})
    story.at("2026-01-01T02:00:00")
    failed = _api(story).invoices.retrieve(invoice.id)
    assert (failed.status, failed.automatic_tax.status) == ("draft", "requires_location_inputs")
    assert failed.last_finalization_error.code == "customer_tax_location_invalid"
    assert "invoice.finalization_failed" in [e.type for e in _api(story).events.list({"limit": 100}).data]
    _api(story).customers.update(invoice.customer, {"address": TEXAS})
    assert _api(story).invoices.finalize_invoice(invoice.id).total == 10_836


def test_a_preview_has_the_tax_too(story: Story, taxing: RawStripe) -> None:
    customer = story.customer(address=TEXAS)
    data = {"currency": "usd", "product": story.product(), "unit_amount": 10_000, "tax_behavior": "exclusive"}
    phase = {"items": [{"price_data": {**data, "recurring": {"interval": "month"}}}], "end_date": 1798761600}
    asked = {"customer": customer, "automatic_tax": {"enabled": True}, "schedule_details": {"phases": [phase]}}
    preview = _api(story).invoices.create_preview(asked)
    assert (preview.total, preview.total_taxes[0].amount) == (10_825, 825)


def test_a_tax_id_is_checked_by_shape_at_once_and_by_the_authority_later(story: Story, taxing: RawStripe) -> None:
    customer = story.customer()
    tax_ids = _api(story).customers.tax_ids
    for type, value in (("eu_vat", "DE12"), ("gb_vat", "DE123456789"), ("us_ein", "12")):
        with pytest.raises(stripe.InvalidRequestError, match="Invalid value") as refused:
            tax_ids.create(customer, {"type": type, "value": value})
        assert refused.value.code == "tax_id_invalid"
    for value in ("DE123456789", "DE111111111", "DE222222222"):
        assert tax_ids.create(customer, {"type": "eu_vat", "value": value}).verification.status == "pending"
    story.at("2026-01-02")
    listed = {x.value: x.verification.status for x in tax_ids.list(customer).data}
    assert listed == {"DE123456789": "verified", "DE111111111": "unverified", "DE222222222": "pending"}
    [first, *_] = tax_ids.list(customer).data
    assert _api(story).tax_ids.delete(first.id).deleted
    assert first.id not in [x.id for x in tax_ids.list(customer).data]
