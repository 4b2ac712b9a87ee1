"""What invoice lines say, such as `25 × Seats (at $588.00 / year)`: for people, in no place read by a program."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sandbox.stripe.billing.pricing import Part
from sandbox.stripe.currencies import decimals
from sandbox.stripe.kernel import Kernel, Obj

_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def product_name(kernel: Kernel, price: Obj) -> str:
    """The name of a price's product, also of a deleted one."""
    product = kernel.store.get("product", price["product"])
    return str(product["name"]) if product else str(price["product"])


def money(minor: Decimal, currency: str) -> str:
    """An amount in minor units as people write it, at least with the currency's own decimals: `$0.99`, `KWD 1.500`."""
    places = decimals(currency)
    exact = minor.scaleb(-places)
    own = Decimal(1).scaleb(-places)
    shown = exact.quantize(own) if exact == exact.quantize(own) else exact.normalize()
    return f"{_SIGNS.get(currency, currency.upper() + ' ')}{shown:f}"


def cycle(kernel: Kernel, price: Obj, part: Part) -> str:
    """A part of a full cycle: `2 × Seats (at $10.00 / month)`, `100 × Calls (Tier 1 at $0.00 every 3 months)`."""
    name = product_name(kernel, price)
    if part.is_flat_fee:
        return f"{name} (Tier {part.tier} flat fee)"
    every = price["recurring"]
    count, unit = every["interval_count"], every["interval"]
    length = f"/ {unit}" if count == 1 else f"every {count} {unit}s"
    tier = f"Tier {part.tier} " if part.tier is not None else ""
    rate = money(part.unit or Decimal(0), price["currency"])
    return f"{part.quantity} × {name} ({tier}at {rate} {length})"


def free_trial(kernel: Kernel, price: Obj, quantity: int) -> str:
    """A cycle that is free (Stripe, Compare classic and flexible billing mode)."""
    return f"Free trial for {quantity} × {product_name(kernel, price)}"


def proration(kernel: Kernel, kind: str, price: Obj, quantity: int, at: int) -> str:
    """A proration: `Unused time on ...` or `Remaining time on ...`."""
    return f"{kind} time on {quantity} × {product_name(kernel, price)} after {_day(at)}"


def usage_before(kernel: Kernel, price: Obj, quantity: int, at: int) -> str:
    """Usage that is billed as its price goes."""
    return f"{quantity} × {product_name(kernel, price)} before {_day(at)}"


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
