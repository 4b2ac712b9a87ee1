"""Prices in several currencies, as far as a reading needs them (https://docs.stripe.com/expand).

A subscription shows the amounts of its prices in their own currency. Those that it is billed by in another are five levels
deep in a list and so can't be expanded there: the prices of such subscriptions are read by themselves, each once a
reading, and nothing is read for the others. The steps of a currency are expanded by a path that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
#: Prices by id, with their options and the steps of these.
ReadPrices = Callable[[Sequence[str]], Mapping[str, Json]]
#: One price by id with these paths expanded; None where there is none.
ReadPrice = Callable[[str, Sequence[str]], Json | None]


def with_amounts(subscriptions: Iterable[Json], read: ReadPrices) -> list[Json]:
    """The subscriptions, with the amounts of each item's price in the subscription's currency."""
    found = list(subscriptions)
    foreign = {id for one in found for item in _items(one) if (id := _foreign(item, one))}
    if not foreign:
        return found
    prices = read(sorted(foreign))
    return [_with_options(one, prices) for one in found]


def _items(subscription: Json) -> list[Json]:
    return (subscription.get("items") or {}).get("data") or []


def _foreign(item: Json, subscription: Json) -> str | None:
    """The id of the item's price where it is of another currency; what is damaged is the fact's to refuse."""
    price = item.get("price")
    if not isinstance(price, Mapping) or price.get("currency") in (None, subscription.get("currency")):
        return None
    return price.get("id")


def _with_options(subscription: Json, prices: Mapping[str, Json]) -> Json:
    rows = [_with_option(item, prices.get(_foreign(item, subscription) or "")) for item in _items(subscription)]
    return {**subscription, "items": {**subscription["items"], "data": rows}} if rows else subscription


def _with_option(item: Json, price: Json | None) -> Json:
    return item if price is None else {**item, "price": {**item["price"], **price}}


def with_steps(price: Json, read: ReadPrice) -> Json:
    """A price with the steps of each of its currencies: a call more for one by steps that has several, none for others."""
    options = price.get("currency_options") or {}
    if not price.get("tiers_mode") or not set(options) - {price.get("currency")}:
        return price
    paths = ["tiers", "currency_options", *(f"currency_options.{code}.tiers" for code in sorted(options))]
    return read(price["id"], paths) or price
