"""Stripe's form encoding."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from sync.gateways.stripe_wire import form
from sync.records import Ref
from tests.contracts.stripe_contract import check_body


def test_members_of_lists_and_mappings_are_named_by_their_place() -> None:
    assert form({"items": [{"price": "p1", "quantity": 2}, {"price": "p2"}], "metadata": {"a": "b"}}) == {
        "items[0][price]": "p1",
        "items[0][quantity]": "2",
        "items[1][price]": "p2",
        "metadata[a]": "b",
    }


def test_booleans_are_words_also_inside_a_list() -> None:
    assert form({"a": True, "b": [False]}) == {"a": "true", "b[0]": "false"}


def test_decimals_are_plain_whatever_their_exponent() -> None:
    assert form({"a": Decimal("1E+2"), "b": Decimal("8333.333333333333"), "c": Decimal("1E-7")}) == {
        "a": "100",
        "b": "8333.333333333333",
        "c": "0.0000001",
    }


def test_an_empty_list_clears_and_none_says_nothing() -> None:
    assert form({"discounts": [], "metadata": {}, "description": "", "email": None}) == {
        "discounts": "",
        "metadata": "",
        "description": "",
    }


def test_tiers_of_a_price_keep_their_order_their_decimals_and_the_open_end() -> None:
    tiers = [
        {"up_to": 1000, "unit_amount_decimal": Decimal("2.50"), "flat_amount_decimal": Decimal("0E+3")},
        {"up_to": "inf", "unit_amount_decimal": Decimal("1E-1")},
    ]
    recurring = {"interval": "month", "usage_type": "metered", "meter": "mtr_1"}
    assert form({"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": tiers, "recurring": recurring}) == {
        "billing_scheme": "tiered",
        "tiers_mode": "graduated",
        "tiers[0][up_to]": "1000",
        "tiers[0][unit_amount_decimal]": "2.50",
        "tiers[0][flat_amount_decimal]": "0",
        "tiers[1][up_to]": "inf",
        "tiers[1][unit_amount_decimal]": "0.1",
        "recurring[interval]": "month",
        "recurring[usage_type]": "metered",
        "recurring[meter]": "mtr_1",
    }


def test_lines_of_a_credit_note_and_mappings_within_lists_within_mappings() -> None:
    line = {"type": "invoice_line_item", "invoice_line_item": "il_1", "amount": 700, "tax_amounts": []}
    phases = [{"items": [{"price": "p", "discounts": [{"coupon": "c"}]}], "invoice_settings": {"days_until_due": 30}}]
    assert form({"lines": [line], "schedule_details": {"phases": phases}, "email_type": "none"}) == {
        "lines[0][type]": "invoice_line_item",
        "lines[0][invoice_line_item]": "il_1",
        "lines[0][amount]": "700",
        "lines[0][tax_amounts]": "",
        "schedule_details[phases][0][items][0][price]": "p",
        "schedule_details[phases][0][items][0][discounts][0][coupon]": "c",
        "schedule_details[phases][0][invoice_settings][days_until_due]": "30",
        "email_type": "none",
    }


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        (
            "/v1/prices",
            {
                "product": "prod_1",
                "currency": "usd",
                "billing_scheme": "tiered",
                "tiers_mode": "volume",
                "tiers": [
                    {"up_to": 10, "unit_amount_decimal": Decimal("1E+2"), "flat_amount_decimal": Decimal("0.5")},
                    {"up_to": "inf", "unit_amount_decimal": Decimal("8333.333333333333")},
                ],
                "recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered", "meter": "mtr_1"},
            },
        ),
        (
            "/v1/credit_notes",
            {
                "invoice": "in_1",
                "amount": 700,
                "credit_amount": 500,
                "refund_amount": 200,
                "email_type": "none",
                "metadata": {"tandem_key": "k"},
            },
        ),
        (
            "/v1/credit_notes",
            {"invoice": "in_1", "lines": [{"type": "invoice_line_item", "invoice_line_item": "il_1", "amount": 700}]},
        ),
        (
            "/v1/customers/cus_1/balance_transactions",
            {"amount": -500, "currency": "usd", "metadata": {"tandem_key": "k"}},
        ),
        (
            "/v1/billing/meters",
            {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}},
        ),
    ],
)
def test_what_is_encoded_is_what_stripe_declares(path: str, payload: dict[str, object]) -> None:
    assert [str(p) for p in check_body("POST", path, urlencode(form(payload)))] == []


@pytest.mark.parametrize(
    "value", [1.5, datetime(2026, 1, 1, tzinfo=UTC), Ref("price", "x"), Decimal("NaN"), Decimal("Infinity"), b"x"]
)
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=r"items\[0\]\[amount\]"):
        form({"items": [{"amount": value}]})
