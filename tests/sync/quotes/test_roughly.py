"""The money behind a quote that can't be read, as far as its fields say."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync.quotes.roughly import roughly
from tests.sync.deal.factory import a_graph, a_line


def total(*lines: dict[str, Any], **quote: Any) -> int | None:
    return roughly(a_graph(*(a_line(n, **line) for n, line in enumerate(lines, 1)), **quote))[0]


@pytest.mark.parametrize(
    ("line", "comes_to"),
    [
        ({}, 10 * 50_00 * 12),
        ({"price_period": "Year"}, 10 * 50_00),
        ({"price_period": "Quarter", "discount_percent": Decimal(10)}, 10 * 50_00 * 4 * 9 // 10),
        ({"price_period": "Term"}, 10 * 50_00),
        ({"charge_type": "One-Time", "price_period": None}, 10 * 50_00),
        ({"charge_type": "Usage"}, 0),
        ({"change": "Remove"}, 0),
        ({"optional": True}, 0),
        ({"quantity": Decimal("1.5")}, 15 * 5_00 * 12),
        ({"quantity": None}, 0),
        ({"unit_price": Decimal("NaN")}, 0),
        ({"start_date": date(2026, 7, 1), "end_date": date(2026, 12, 31)}, 10 * 50_00 * 6),
    ],
)
def test_a_line_counts_for_its_whole_term(line: dict[str, Any], comes_to: int) -> None:
    assert total({"quantity": Decimal(10), "unit_price": Decimal(50), "price_period": "Month"} | line) == comes_to


def test_of_what_says_no_term_one_period_counts() -> None:
    assert total({"quantity": Decimal(2), "unit_price": Decimal(50)}, term_months=None, end_date=None) == 100_00


def test_what_names_no_currency_has_no_sum() -> None:
    assert roughly(a_graph(currency=None)) == (None, None)
