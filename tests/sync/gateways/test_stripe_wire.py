"""Stripe's form encoding."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sync.gateways.stripe_wire import form
from sync.records import Ref


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


@pytest.mark.parametrize(
    "value", [1.5, datetime(2026, 1, 1, tzinfo=UTC), Ref("price", "x"), Decimal("NaN"), Decimal("Infinity"), b"x"]
)
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=r"items\[0\]\[amount\]"):
        form({"items": [{"amount": value}]})
