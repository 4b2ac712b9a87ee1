"""A price in a currency: the one place where Stripe's `currency_options` become amounts.

Stripe bills a subscription in one currency, which need not be the price's own
(https://docs.stripe.com/payments/currencies/localize-prices/manual-currency-prices).
"""

from __future__ import annotations

from collections.abc import Iterable

from sync.errors import Terminal
from sync.facts.base import Fact
from sync.facts.catalogue import Price


def is_sold_in(price: Price, currency: str) -> bool:
    """Whether its amounts in that currency are known."""
    return price.currency == currency or any(option.currency == currency for option in price.options)


def in_currency(price: Price, currency: str) -> Price:
    """The price with its amounts in that currency, in its minor units: itself, where they are that already, or where
    neither says which it is. BUG-502 where Stripe names no amount in it: what it bills can't be said then.
    """
    if not price.currency or not currency or price.currency == currency:
        return price
    option = next((o for o in price.options if o.currency == currency), None)
    if option is None:
        raise Terminal(
            "BUG-502",
            f"The Stripe price {price.id} has no amount in {currency.upper()}, in which it is billed. Give it one in Stripe.",
        )
    return price.model_copy(update=option.model_dump(exclude={"tiers"}) | {"tiers": option.tiers})


def priced_in(found: Iterable[Fact], currency: str) -> list[Fact]:
    """The same with each price as a deal in that currency bills by it, where it can.

    Whether tax comes on top is said of each currency apart. What is not said of this one is no `unspecified` that would be
    made good on the price: that is said of its own currency only.
    """
    return [_priced_in(f, currency.lower()) if isinstance(f, Price) else f for f in found]


def _priced_in(price: Price, code: str) -> Price:
    if price.currency == code or not is_sold_in(price, code):
        return price
    found = in_currency(price, code)
    said = found.tax_behavior != "unspecified"
    return found if said else found.model_copy(update={"tax_behavior": f"unspecified in {code.upper()}"})
