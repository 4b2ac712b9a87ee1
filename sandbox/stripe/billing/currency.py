"""Which currency a subscription, a schedule or an invoice item is billed in, where its prices have several.

It is the one that the request names; else the customer's, where every price has an amount in it; else that of the first
price. No document says in which order Stripe looks; that a customer's currency is expected of a price is told by its
refusals, whose words are these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.resources.price_currencies import currencies_of

Entry = tuple[dict[str, Any], str]
"""A checked item of a request, with `price` or `price_data`, and where it stands."""


def chosen(kernel: Kernel, entries: Sequence[Entry], asked: str | None, customer: Obj | None) -> str:
    """The one currency of these items; refuses an item that has no amount in it."""
    supported = [(_supported(kernel, given), at) for given, at in entries]
    wanted = asked
    if wanted is None and customer is not None and all(customer["currency"] in codes for codes, _ in supported):
        wanted = customer["currency"]
    if wanted is None:
        wanted = supported[0][0][0]
    for codes, at in supported:
        _expect(codes, wanted, at)
    return wanted


def expect(kernel: Kernel, given: dict[str, Any], currency: str, at: str) -> None:
    """Refuse a checked item that has no amount in the currency."""
    _expect(_supported(kernel, given), currency, at)


def _supported(kernel: Kernel, given: dict[str, Any]) -> list[str]:
    if "price_data" in given:
        return [str(given["price_data"]["currency"])]
    return currencies_of(kernel.get("price", given["price"], "price"))


def _expect(codes: list[str], currency: str, at: str) -> None:
    if currency in codes:
        return
    if len(codes) == 1:
        message = (
            f"The price specified only supports `{codes[0]}`. This doesn't match the expected currency: `{currency}`."
        )
    else:
        listed = ", ".join(f"`{code}`" for code in codes)
        message = (
            f"The price specified supports currencies of {listed} which doesn't include the expected currency of"
            f" `{currency}`."
        )
    raise invalid(message, f"{at}[price]")
