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
    """The same with each price as a deal in that currency bills by it, where it can."""
    code = currency.lower()
    return [in_currency(f, code) if isinstance(f, Price) and is_sold_in(f, code) else f for f in found]
