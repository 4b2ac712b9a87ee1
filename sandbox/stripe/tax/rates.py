"""What tax a place asks for, as far as this sandbox knows: one rate for a country, in the United States and Canada one for a
state. Rounded pictures of real rates, so that sums look right; not a source for anything else.
"""

from __future__ import annotations

from decimal import Decimal

_MEMBERS = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip
EU = frozenset(_MEMBERS)
_PERCENT = {
    "AT": "20", "AU": "10", "BE": "21", "BG": "20", "CH": "8.1", "CY": "19", "CZ": "21", "DE": "19", "DK": "25",
    "EE": "24", "ES": "21", "FI": "25.5", "FR": "20", "GB": "20", "GR": "24", "HR": "25", "HU": "27", "IE": "23",
    "IN": "18", "IT": "22", "JP": "10", "KR": "10", "LT": "21", "LU": "17", "LV": "21", "MT": "18", "NL": "21",
    "NO": "25", "NZ": "15", "PL": "23", "PT": "23", "RO": "21", "SE": "25", "SG": "9", "SI": "22", "SK": "23",
    "ZA": "15",
}  # fmt: skip
_OF_STATES = {
    "US": {"CA": "7.25", "FL": "6", "IL": "6.25", "MA": "6.25", "NY": "8.875", "TX": "8.25", "WA": "6.5"},
    "CA": {"AB": "5", "BC": "12", "NS": "14", "ON": "13", "QC": "14.975"},
}


def percent(country: str, state: str | None) -> Decimal:
    """The standard rate of a place; 0 where the sandbox knows none."""
    if country in _OF_STATES:
        return Decimal(_OF_STATES[country].get(state or "", "5" if country == "CA" else "0"))
    return Decimal(_PERCENT.get(country, "0"))
