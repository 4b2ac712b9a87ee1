"""What kind of tax number a number is: that follows from the country. The names are Stripe's (`TaxId.type`), the shapes those of
https://docs.stripe.com/billing/customer/tax-ids. Whether a number exists is for the authorities to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_VAT = {
    "AT": r"U\d{8}", "BE": r"[01]?\d{9}", "BG": r"\d{9,10}", "CY": r"\d{8}[A-Z]", "CZ": r"\d{8,10}", "DE": r"\d{9}",
    "DK": r"\d{8}", "EE": r"\d{9}", "ES": r"[A-Z0-9]\d{7}[A-Z0-9]", "FI": r"\d{8}", "FR": r"[A-Z0-9]{2}\d{9}",
    "GR": r"\d{9}", "HR": r"\d{11}", "HU": r"\d{8}", "IE": r"\d[A-Z0-9+*]\d{5}[A-Z]{1,2}", "IT": r"\d{11}",
    "LT": r"(\d{9}|\d{12})", "LU": r"\d{8}", "LV": r"\d{11}", "MT": r"\d{8}", "NL": r"\d{9}B\d{2}", "PL": r"\d{10}",
    "PT": r"\d{9}", "RO": r"\d{2,10}", "SE": r"\d{12}", "SI": r"\d{8}", "SK": r"\d{10}",
}  # fmt: skip
#: Country -> type and shape, signs that only part a number left out.
_OTHERS = {
    "AE": ("ae_trn", r"\d{15}"), "AU": ("au_abn", r"\d{11}"), "BR": ("br_cnpj", r"\d{14}"), "CA": ("ca_bn", r"\d{9}"),
    "CH": ("ch_vat", r"CHE\d{9}(MWST|TVA|IVA)"), "GB": ("gb_vat", r"GB(\d{9}|\d{12}|GD\d{3}|HA\d{3})"),
    "HK": ("hk_br", r"\d{8}"), "IL": ("il_vat", r"\d{9}"), "IN": ("in_gst", r"\d{2}[A-Z]{5}\d{4}[A-Z][A-Z0-9]{3}"),
    "JP": ("jp_trn", r"T\d{13}"), "KR": ("kr_brn", r"\d{10}"), "MX": ("mx_rfc", r"[A-ZÑ&]{3,4}\d{6}[A-Z0-9]{3}"),
    "NO": ("no_vat", r"\d{9}MVA"), "NZ": ("nz_gst", r"\d{8,9}"), "SG": ("sg_gst", r"[A-Z]\d{8}[A-Z]"),
    "US": ("us_ein", r"\d{9}"), "ZA": ("za_vat", r"4\d{9}"),
}  # fmt: skip
#: A number that begins with letters where its country asks for them, though people often leave them out.
_PREFIX = {"GB": "GB", "JP": "T"}


@dataclass(frozen=True)
class TaxNumber:
    """A tax number as Stripe takes it."""

    type: str
    value: str

    @property
    def name(self) -> str:
        """The number with its kind, however it is written."""
        return f"{self.type}:{bare(self.value)}"


def bare(text: str) -> str:
    """A number without what only parts it, in capitals."""
    return re.sub(r"[\s.\-/]", "", text).upper()


def read_tax_number(text: str, country: str) -> TaxNumber | None:
    """The number in this country; None where it can't be one, or where this release does not know the country's numbers."""
    number = bare(text)
    if country in _VAT:
        prefix = "EL" if country == "GR" else country
        rest = number.removeprefix(prefix)
        return TaxNumber("eu_vat", prefix + rest) if re.fullmatch(_VAT[country], rest, re.ASCII) else None
    if country not in _OTHERS:
        return None
    type_, shape = _OTHERS[country]
    if not re.fullmatch(shape, number, re.ASCII):
        number = _PREFIX.get(country, "") + number
    if not re.fullmatch(shape, number, re.ASCII):
        return None
    return TaxNumber(type_, _written(type_, number))


def _written(type_: str, number: str) -> str:
    """As Stripe shows it in its examples, where it parts the number."""
    if type_ == "us_ein":
        return f"{number[:2]}-{number[2:]}"
    if type_ == "kr_brn":
        return f"{number[:3]}-{number[3:5]}-{number[5:]}"
    if type_ == "br_cnpj":
        return f"{number[:2]}.{number[2:5]}.{number[5:8]}/{number[8:12]}-{number[12:]}"
    if type_ == "ch_vat":
        return f"CHE-{number[3:6]}.{number[6:9]}.{number[9:12]} {number[12:]}"
    return number
