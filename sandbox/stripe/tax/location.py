"""Where a customer is for tax (https://docs.stripe.com/tax/customer-locations): a country; in the United States a five-digit
postal code, in Canada a province or a postal code.
"""

from __future__ import annotations

import re

from sandbox.stripe.kernel import Obj

_US_ZIP = re.compile(r"\d{5}(-\d{4})?\Z")
#: First digits of postal codes, enough to know the states whose rates the sandbox knows.
_STATES_BY_ZIP = (
    ("006", "PR"), ("01", "MA"), ("02", "MA"), ("1", "NY"), ("32", "FL"), ("33", "FL"), ("34", "FL"), ("60", "IL"),
    ("61", "IL"), ("62", "IL"), ("75", "TX"), ("76", "TX"), ("77", "TX"), ("78", "TX"), ("79", "TX"), ("90", "CA"),
    ("91", "CA"), ("92", "CA"), ("93", "CA"), ("94", "CA"), ("95", "CA"), ("96", "CA"), ("98", "WA"), ("99", "WA"),
)  # fmt: skip
_PROVINCES_BY_LETTER = {"B": "NS", "G": "QC", "H": "QC", "J": "QC", "T": "AB", "V": "BC"} | dict.fromkeys("KLMNP", "ON")


def place_of(customer: Obj) -> tuple[str, str | None] | None:
    """Country and state of a customer; None where that can't be said."""
    address = customer.get("address") or {}
    country, postal = address.get("country"), (address.get("postal_code") or "").strip().upper()
    state = (address.get("state") or "").strip().upper() or None
    if not country:
        return None
    if country == "US":
        if not _US_ZIP.match(postal):
            return None
        return country, next((found for first, found in _STATES_BY_ZIP if postal.startswith(first)), state)
    if country == "CA":
        if not (postal or state):
            return None
        return country, state or _PROVINCES_BY_LETTER.get(postal[:1])
    return country, state
