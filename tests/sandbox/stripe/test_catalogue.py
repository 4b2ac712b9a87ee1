"""Products, prices and coupons: what they take, what never changes, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.serving import RawStripe

MONTHLY = {"recurring[interval]": "month"}


@pytest.fixture
def product(client: stripe.StripeClient) -> str:
    return client.v1.products.create({"name": "Pro", "id": "tandem_pro"}).id


def price_form(**form: str) -> dict[str, str]:
    return {"product": "tandem_pro", "currency": "usd", "unit_amount": "2000", **form}


def test_a_product_keeps_its_own_id_once(client: stripe.StripeClient, raw: RawStripe, product: str) -> None:
    assert product == "tandem_pro"
    taken = raw.post("/v1/products", {"name": "Pro", "id": "tandem_pro"})
    assert taken.json()["error"]["code"] == "resource_already_exists"
    assert client.v1.products.create({"name": "Other"}).id.startswith("prod_")


def test_a_product_with_prices_is_archived_not_deleted(
    client: stripe.StripeClient, raw: RawStripe, product: str
) -> None:
    price = client.v1.prices.create({"product": product, "currency": "usd", "unit_amount": 100})
    assert raw.delete(f"/v1/products/{product}").status_code == 400
    client.v1.products.update(product, {"active": False, "default_price": price.id, "description": "gone"})
    assert client.v1.products.list({"active": True}).data == []
    assert [p.id for p in client.v1.products.list({"active": False, "ids": [product]}).data] == [product]


def test_updated_moves_only_when_something_changed(client: stripe.StripeClient, product: str, served: Any) -> None:
    created = client.v1.products.retrieve(product).updated
    served.clock("2030-01-01T00:00:00Z")
    assert client.v1.products.update(product, {"name": "Pro"}).updated == created
    assert client.v1.products.update(product, {"name": "Pro 2"}).updated == 1893456000


def test_whole_and_fractional_unit_amounts(client: stripe.StripeClient, product: str, raw: RawStripe) -> None:
    whole = raw.post("/v1/prices", price_form(**MONTHLY)).json()
    assert (whole["unit_amount"], whole["unit_amount_decimal"], whole["type"]) == (2000, "2000", "recurring")
    form = {"product": product, "currency": "usd", "unit_amount_decimal": "8333.333333333333"}
    fraction = raw.post("/v1/prices", form).json()
    assert (fraction["unit_amount"], fraction["unit_amount_decimal"]) == (None, "8333.333333333333")
    assert fraction["type"] == "one_time"
    even = raw.post("/v1/prices", {**form, "unit_amount_decimal": "4165.00"}).json()
    assert (even["unit_amount"], even["unit_amount_decimal"]) == (4165, "4165")


@pytest.mark.parametrize(
    "form",
    [
        {"unit_amount_decimal": "1.5"},
        {"unit_amount": ""},
        {"unit_amount": "-1"},
        {"unit_amount": "1.5"},
        {"currency": "usx"},
        {"product": "prod_none"},
        {"product_data[name]": "Also"},
        {"recurring[interval]": "quarter"},
        {"recurring[interval]": "month", "recurring[interval_count]": "37"},
        {"recurring[interval]": "year", "recurring[interval_count]": "4"},
        {"recurring[interval]": "month", "recurring[usage_type]": "metered"},
        {"recurring[interval]": "month", "recurring[usage_type]": "metered", "recurring[meter]": "mtr_none"},
        {"tiers_mode": "graduated"},
        {"billing_scheme": "tiered", "tiers_mode": "graduated"},
        {"lookup_key": "k" * 201},
    ],
)
def test_a_price_that_stripe_would_refuse_is_refused(raw: RawStripe, product: str, form: dict[str, str]) -> None:
    assert raw.post("/v1/prices", price_form(**form)).status_code == 400
    assert raw.get("/v1/prices").json()["data"] == []


def test_thirteen_decimal_places_are_refused(raw: RawStripe, product: str) -> None:
    form = {"product": product, "currency": "usd", "unit_amount_decimal": "1.1234567890123"}
    assert "at maximum 12 decimal places" in raw.post("/v1/prices", form).json()["error"]["message"]
    assert raw.post("/v1/prices", {**form, "unit_amount_decimal": "1E+2"}).status_code == 400


@pytest.mark.parametrize("change", ["unit_amount", "currency", "recurring[interval]", "product"])
def test_money_and_rhythm_of_a_price_never_change(raw: RawStripe, product: str, change: str) -> None:
    price = raw.post("/v1/prices", price_form(**MONTHLY)).json()["id"]
    answer = raw.post(f"/v1/prices/{price}", {change: "1"})
    assert answer.json()["error"]["code"] == "parameter_unknown"


def test_a_lookup_key_is_unique_among_active_prices_and_moves_only_when_told(raw: RawStripe, product: str) -> None:
    first = raw.post("/v1/prices", price_form(lookup_key="seat")).json()["id"]
    taken = raw.post("/v1/prices", price_form(lookup_key="seat"))
    assert taken.status_code == 400
    assert taken.json()["error"]["param"] == "lookup_key"
    second = raw.post("/v1/prices", price_form(lookup_key="seat", transfer_lookup_key="true")).json()["id"]
    assert raw.get(f"/v1/prices/{first}").json()["lookup_key"] is None
    found = raw.get("/v1/prices", {"lookup_keys[]": "seat"}).json()["data"]
    assert [price["id"] for price in found] == [second]
    raw.post(f"/v1/prices/{second}", {"active": "false"})
    third = raw.post("/v1/prices", price_form(lookup_key="seat"))
    assert third.status_code == 200
    assert raw.post(f"/v1/prices/{second}", {"active": "true"}).status_code == 400


def test_at_most_ten_lookup_keys_are_asked_for(raw: RawStripe) -> None:
    keys = [("lookup_keys[]", str(n)) for n in range(11)]
    assert raw.get("/v1/prices", keys[:10]).status_code == 200
    assert raw.get("/v1/prices", keys).status_code == 400


def test_prices_are_listed_by_what_they_are(raw: RawStripe, product: str) -> None:
    raw.post("/v1/prices", price_form(**MONTHLY))
    raw.post("/v1/prices", price_form(currency="EUR"))
    assert len(raw.get("/v1/prices", {"product": product, "type": "recurring"}).json()["data"]) == 1
    assert raw.get("/v1/prices", {"currency": "eur"}).json()["data"][0]["currency"] == "eur"
    assert raw.get("/v1/prices", {"recurring[interval]": "year"}).json()["data"] == []
    assert raw.get("/v1/prices", {"product": "prod_none"}).json()["data"] == []


def test_tiers_are_shown_only_when_expanded(client: stripe.StripeClient, product: str) -> None:
    price = client.v1.prices.create(
        {
            "product": product,
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "recurring": {"interval": "month"},
            "tiers": [
                {"up_to": 100, "unit_amount": 0},
                {"up_to": 1000, "unit_amount": 99},
                {"up_to": "inf", "unit_amount": 79, "flat_amount": 10},
            ],
        }
    )
    assert "tiers" not in price.to_dict()
    shown = client.v1.prices.retrieve(price.id, {"expand": ["tiers"]}).to_dict()
    assert [(tier["up_to"], tier["unit_amount"]) for tier in shown["tiers"]] == [(100, 0), (1000, 99), (None, 79)]
    assert shown["unit_amount"] is None


@pytest.mark.parametrize("bounds", [["10"], ["inf", "10"], ["10", "5", "inf"], ["0", "inf"]])
def test_tiers_in_no_order_are_refused(raw: RawStripe, product: str, bounds: list[str]) -> None:
    form = {"product": product, "currency": "usd", "billing_scheme": "tiered", "tiers_mode": "volume", **MONTHLY}
    for number, bound in enumerate(bounds):
        form |= {f"tiers[{number}][up_to]": bound, f"tiers[{number}][unit_amount]": "1"}
    assert raw.post("/v1/prices", form).status_code == 400


def test_a_refused_price_makes_no_product(raw: RawStripe) -> None:
    form = {"currency": "usd", "product_data[name]": "Fee"}
    assert raw.post("/v1/prices", form).status_code == 400
    assert raw.get("/v1/products").json()["data"] == []
    assert raw.post("/v1/prices", {**form, "unit_amount": "100"}).status_code == 200
    assert raw.get("/v1/products").json()["data"][0]["name"] == "Fee"


def test_a_coupon_has_its_own_id_and_only_name_and_metadata_change(client: stripe.StripeClient, raw: RawStripe) -> None:
    form = {"id": "pct-12_5-forever", "percent_off": "12.5", "duration": "forever"}
    coupon = raw.post("/v1/coupons", form).json()
    assert (coupon["id"], coupon["percent_off"], coupon["amount_off"]) == ("pct-12_5-forever", 12.5, None)
    assert raw.post("/v1/coupons", form).json()["error"]["code"] == "resource_already_exists"
    assert client.v1.coupons.update(coupon["id"], {"name": "Partner"}).name == "Partner"
    refused = raw.post(f"/v1/coupons/{coupon['id']}", {"percent_off": "20"})
    assert refused.json()["error"]["code"] == "parameter_unknown"
    assert client.v1.coupons.delete(coupon["id"]).deleted is True
    assert raw.get(f"/v1/coupons/{coupon['id']}").status_code == 404


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"percent_off": "10", "amount_off": "5", "currency": "usd"},
        {"amount_off": "5"},
        {"percent_off": "0"},
        {"percent_off": "100.5"},
        {"percent_off": "33.333"},
        {"percent_off": "ten"},
        {"percent_off": "10", "duration": "yearly"},
        {"percent_off": "10", "duration": "repeating"},
        {"percent_off": "10", "duration": "forever", "duration_in_months": "3"},
        {"percent_off": "10", "id": "with space"},
        {"percent_off": "10", "applies_to[products][]": "prod_none"},
        {"percent_off": "10", "redeem_by": "1"},
    ],
)
def test_a_coupon_that_stripe_would_refuse_is_refused(raw: RawStripe, form: dict[str, str]) -> None:
    assert raw.post("/v1/coupons", form).status_code == 400
    assert raw.get("/v1/coupons").json()["data"] == []


def test_what_a_coupon_applies_to_is_shown_when_expanded(client: stripe.StripeClient, product: str) -> None:
    coupon = client.v1.coupons.create({"percent_off": 10, "applies_to": {"products": [product]}})
    assert "applies_to" not in coupon.to_dict()
    shown = client.v1.coupons.retrieve(coupon.id, {"expand": ["applies_to"]}).to_dict()
    assert shown["applies_to"] == {"products": [product]}
