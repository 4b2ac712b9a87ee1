"""One price in several currencies (https://docs.stripe.com/payments/currencies/localize-prices/manual-currency-prices).

A price has a currency of its own and, in `currency_options`, amounts for others. Shown are the options only when they are
expanded, and the tiers of one only by a path of their own, `currency_options.eur.tiers`; the price's own currency is
among them.
"""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Kernel, Obj, includable, includable_within
from sandbox.stripe.params import array, by_currency, one_of, struct
from sandbox.stripe.resources.price_amounts import AMOUNTS, TIER, money

OPTIONS = by_currency(
    {
        **AMOUNTS,
        "tax_behavior": one_of("exclusive", "inclusive", "unspecified"),
        "tiers": array(struct(TIER)),
    }
)
"""What a request may say of other currencies; amounts that the customer names (`custom_unit_amount`) are not taken."""


def options(given: dict[str, Any], scheme: str, own: str) -> dict[str, Obj]:
    """The amounts for other currencies that a new price is given, checked."""
    return {code: _option(code, asked, scheme, own, None) for code, asked in given.items()}


def changed_options(given: dict[str, Any], price: Obj) -> dict[str, Obj]:
    """A price's amounts for other currencies after an update: what is given replaces what there was of that currency."""
    kept: dict[str, Obj] = dict(price["_options"])
    for code, asked in given.items():
        kept[code] = _option(code, asked, price["billing_scheme"], price["currency"], kept.get(code))
    return kept


def _option(code: str, asked: dict[str, Any], scheme: str, own: str, before: Obj | None) -> Obj:
    at = f"currency_options[{code}]"
    if code == own:
        raise invalid(f"The price's own currency is {own}: its amount can't be given as a currency option.", at)
    said = (before or {}).get("tax_behavior", "unspecified")
    behavior = asked.get("tax_behavior", said)
    if said != "unspecified" and behavior != said:
        raise invalid(
            "You cannot change `tax_behavior` once it is set to `inclusive` or `exclusive`.", f"{at}[tax_behavior]"
        )
    if before is not None and not set(asked) - {"tax_behavior"}:
        return {**before, "tax_behavior": behavior}
    return {**money(asked, scheme, at), "tax_behavior": behavior}


def is_sold_in(price: Obj, currency: str) -> bool:
    """Whether the price has an amount in the currency."""
    return bool(price["currency"] == currency or currency in price["_options"])


def currencies_of(price: Obj) -> list[str]:
    """Every currency that the price has an amount in, its own first."""
    return [price["currency"], *sorted(price["_options"])]


def in_currency(price: Obj, currency: str) -> Obj:
    """The price with its amounts in that currency, which it has: itself, or a copy."""
    return price if price["currency"] == currency else {**price, **price["_options"][currency], "currency": currency}


def _shown(price: Obj) -> dict[str, Any]:
    of_each = {code: in_currency(price, code) for code in currencies_of(price)}
    keys = ("tax_behavior", "unit_amount", "unit_amount_decimal")
    return {code: {"custom_unit_amount": None, **{k: one[k] for k in keys}} for code, one in of_each.items()}


def _tiers_of(kernel: Kernel, price: Obj, currency: str) -> Any:
    return in_currency(price, currency)["_tiers"]


includable("price", "currency_options", lambda kernel, price: _shown(price))
includable_within("price", "currency_options", "tiers", _tiers_of)
