"""Parameter tables and small rules that several resources share."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.params import Fields, Kind, struct, text

#: Countries by ISO 3166, which Stripe takes in any case of their letters.
_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV "
    "BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES "
    "ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE "
    "IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY "
    "MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU "
    "NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM "
    "SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE "
    "VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_CODES.split())


def country() -> Kind:
    """The two letters of a country (https://docs.stripe.com/api/customers/create#create_customer-address-country)."""
    two = text(max=2)

    def check(value: Any, at: str) -> str:
        code = str(two.check(value, at))
        if code.upper() not in COUNTRIES:
            message = (
                f"Country '{code}' is unknown. Try using a 2-character alphanumeric country code instead, such as 'US',"
                " 'EG', or 'GB'. A full list of country codes is available at https://www.iso.org/obp/ui/#search"
            )
            raise invalid(message, at)
        return code

    return Kind("text", check)


ADDRESS: Fields = {
    "city": text(),
    "country": country(),
    "line1": text(),
    "line2": text(),
    "postal_code": text(),
    "state": text(),
}
_ADDRESS_KEYS = tuple(ADDRESS)


def address(clearable: bool = True) -> Kind:
    """An address, each part of which may be unset too."""
    kind = struct({key: part.clearable() for key, part in ADDRESS.items()})
    return kind.clearable() if clearable else kind


def full_address(given: Any) -> dict[str, Any] | None:
    """The address with all its keys; ``''`` and absent become null."""
    if not given:
        return None
    return {key: given.get(key) or None for key in _ADDRESS_KEYS}


def unset(value: Any) -> Any:
    """``''`` to null: what an update stores for a cleared parameter."""
    return None if value == "" else value
