"""Tax numbers: their kind follows from the country, and what can't be one is known before Stripe is asked."""

import pytest

from sync.deal.tax_numbers import read_tax_number


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("DE123456789", "DE", ("eu_vat", "DE123456789")),
        ("123 456 789", "DE", ("eu_vat", "DE123456789")),
        ("EL 123456789", "GR", ("eu_vat", "EL123456789")),
        ("nl 123456789.B12", "NL", ("eu_vat", "NL123456789B12")),
        ("123456789", "GB", ("gb_vat", "GB123456789")),
        ("12-3456789", "US", ("us_ein", "12-3456789")),
        ("che-123.456.789 mwst", "CH", ("ch_vat", "CHE-123.456.789 MWST")),
        ("1234567890123", "JP", ("jp_trn", "T1234567890123")),
        ("DE12345678", "DE", None),
        ("FR12345678901", "DE", None),
        ("12345678", "US", None),
        ("none", "GB", None),
        ("", "DE", None),
        ("DE123456789", "XX", None),
        ("１２３４５６７８９", "US", None),
    ],
)
def test_a_number_is_read_by_its_country(text, country, expected):
    found = read_tax_number(text, country)
    assert (found and (found.type, found.value)) == expected
