"""Amounts: major units of the CRM, integer minor units of Stripe, and the one way we round (BILLING_RULES 2)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

ZERO_DECIMAL = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMAL = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
#: Sent with two decimals, but Stripe takes whole units only.
WHOLE_UNITS = frozenset(("ISK", "UGX"))
#: Decimals of the minor unit that `unit_amount_decimal` carries.
UNIT_DECIMALS = 12

Exact = Decimal | Fraction | int


class Inexact(ValueError):
    """The amount can't be sent as it stands; ``exact`` is it in minor units, ``nearest`` what could be sent."""

    def __init__(self, exact: Fraction, nearest: int) -> None:
        super().__init__(f"{exact} minor units can't be sent exactly; nearest is {nearest}")
        self.exact = exact
        self.nearest = nearest


def exponent(currency: str) -> int:
    """Decimals of the currency's minor unit: 0, 2 or 3. ISK and UGX count as 2, as Stripe sends them."""
    code = currency.upper()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def charge_step(currency: str) -> int:
    """The multiple of minor units that a charged amount must be: 10 for three-decimal, 100 for ISK and UGX, else 1."""
    code = currency.upper()
    return 10 if code in THREE_DECIMAL else 100 if code in WHOLE_UNITS else 1


def round_half_away(value: Exact, step: int = 1) -> int:
    """The multiple of ``step`` nearest to ``value``; a tie goes away from zero. Exact arithmetic throughout."""
    above, below = value.as_integer_ratio()
    whole = (2 * abs(above) + below * step) // (2 * below * step)
    return (whole if above >= 0 else -whole) * step


def minor(amount: Exact, currency: str) -> Fraction:
    """``amount`` of major units in exact minor units; may be a fraction."""
    scale: int = 10 ** exponent(currency)
    return Fraction(amount) * scale


def to_minor(amount: Exact, currency: str) -> int:
    """``amount`` of major units as the integer that Stripe takes. Raises `Inexact` rather than round."""
    exact, step = minor(amount, currency), charge_step(currency)
    nearest = round_half_away(exact, step)
    if nearest != exact:
        raise Inexact(exact, nearest)
    return nearest


def to_major(amount_minor: int, currency: str) -> Decimal:
    """Minor units as a Decimal of major units with exactly the currency's decimals: 122500 USD is 1225.00."""
    return _shifted(amount_minor, exponent(currency))


def format_major(amount_minor: int, currency: str) -> str:
    """Minor units as people read them, in major units with the currency's decimals: ``1,225.00``, ``1,225`` for JPY."""
    return f"{to_major(amount_minor, currency):,.{exponent(currency)}f}"


#: The largest amount, in minor units, that an invoice or a line of it can have in Stripe (docs/assumptions.md).
LARGEST_MINOR = 999_999_999_999
#: The largest amount, in minor units, that a coupon takes off in Stripe (docs/assumptions.md).
LARGEST_OFF_MINOR = 99_999_999


def format_amount(amount_minor: int, currency: str) -> str:
    """As `format_major`, with the currency code: ``1,225.00 USD``."""
    return f"{format_major(amount_minor, currency)} {currency.upper()}"


def format_exact(amount: Exact, currency: str) -> str:
    """Major units with at least the currency's decimals and as many more as it has, at most 12 (half away)."""
    digits = UNIT_DECIMALS
    scaled = _shifted(round_half_away(Fraction(amount) * 10**digits), digits)
    decimals = max(exponent(currency), -int(plain(scaled).as_tuple().exponent))
    return f"{scaled:,.{decimals}f} {currency.upper()}"


def unit_amount_decimal(amount_minor: Exact) -> Decimal:
    """A unit amount in minor units, rounded half away from zero to Stripe's 12 decimals, without trailing zeros."""
    return _unit_amount(*amount_minor.as_integer_ratio())


@lru_cache(maxsize=4096)
def _unit_amount(above: int, below: int) -> Decimal:
    return plain(_shifted(round_half_away(Fraction(above * 10**UNIT_DECIMALS, below)), UNIT_DECIMALS))


def is_unit_amount(amount_minor: Exact) -> bool:
    """Whether the amount fits `unit_amount_decimal` without rounding."""
    return (Fraction(amount_minor) * Fraction(10**UNIT_DECIMALS)).denominator == 1


def _shifted(whole: int, decimals: int) -> Decimal:
    """``whole`` with its point moved, exactly, whatever the decimal context's precision."""
    return Decimal(f"{whole}E-{decimals}")


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent: 1E+2 is 100, 8.50 is 8.5, -0 is 0."""
    whole, _, part = format(value, "f").partition(".")
    text = f"{whole}.{part.rstrip('0')}" if part.rstrip("0") else whole
    return Decimal(0) if text in ("-0", "") else Decimal(text)
