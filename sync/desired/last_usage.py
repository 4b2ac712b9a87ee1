"""What was used in the last period that was billed, as its invoices say (BILLING_RULES 7)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sync.desired.keys import DEAL, USED
from sync.facts import Invoice, Line, Price

#: An invoice that says what was billed: a draft may still change, a void one bills nothing.
BILLED = frozenset({"open", "paid", "uncollectible"})


@dataclass(frozen=True)
class Used:
    """Units of all metered prices together, and what they came to, in minor units after discounts."""

    quantity: int
    minor: int


def last_usage(
    invoices: Iterable[Invoice], subscriptions: Collection[str], prices: Mapping[str, Price], deal: str | None = None
) -> Used | None:
    """Of the period of these subscriptions, or of what we stated of the deal without one, that ended last; None where no
    use was ever billed.

    Stripe bills each tier on a line of its own, and a tier's flat fee on one of quantity 0.
    """
    lines = [
        line
        for invoice in invoices
        if (invoice.subscription in subscriptions or (deal and invoice.metadata.get(DEAL) == deal))
        if invoice.status in BILLED and not invoice.deleted
        for line in invoice.lines
        if is_metered(line, prices)
    ]
    if not lines:
        return None
    ended = max(line.period_end_s for line in lines)
    last = [line for line in lines if line.period_end_s == ended]
    return Used(sum(_units(line) for line in last), sum(line.net_minor for line in last))


def is_metered(line: Line, prices: Mapping[str, Price]) -> bool:
    """Whether the line bills use: of a metered price, or as we state it."""
    price = prices.get(line.price or "")
    return USED in line.metadata or (price is not None and price.usage_type == "metered")


def _units(line: Line) -> int:
    """How much was used; Stripe gives an item of ours no quantity but 1."""
    return int(line.metadata.get(USED, line.quantity or 0))
