"""A deal with automatic tax, as Stripe is told of it. Whether a deal is taxed is settled when it is made: switching the setting
changes neither the prices nor the invoices of deals that run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from sync.deal.deal import Deal
from sync.deal.dues import DueLine
from sync.deal.taxation import Taxation
from sync.desired.keys import TAX
from sync.desired.made import Made
from sync.records import Value


def automatic(deal: Deal) -> dict[str, Value]:
    """What a subscription, a schedule's default settings, an invoice or a preview says of tax; nothing without it."""
    return {"automatic_tax": {"enabled": True}} if deal.tax is not None else {}


def as_taxed(deal: Deal, done: Mapping[str, Made]) -> Deal:
    """The deal taxed as it was when it was made; one that is not in Stripe yet as the installation says now."""
    sources = [source for mine in done.values() for source in (mine.schedule, mine.subscription) if source is not None]
    if not sources:
        return deal
    behavior = next((found for source in sources if (found := source.metadata.get(TAX))), None)
    default = deal.tax.default_code if deal.tax else None
    tax = Taxation(behavior, default) if behavior else None
    return deal if tax == deal.tax else replace(deal, tax=tax)


def on_taxed_invoice(lines: tuple[DueLine, ...], deal: Deal) -> tuple[DueLine, ...]:
    """The lines as an invoice with automatic tax takes them: Stripe takes none below zero there, so that the credit and the
    debit of one product for one time are one line. The sum is the same.
    """
    if deal.tax is None or all(line.amount >= 0 for line in lines):
        return lines

    def what(line: DueLine) -> tuple[str, str, str]:
        return line.item.product.key, line.start.isoformat(), line.end.isoformat()

    found = []
    for _, some in groupby(sorted(lines, key=what), key=what):
        together = list(some)
        largest = max(together, key=lambda line: line.amount)
        found.append(replace(largest, amount=sum(line.amount for line in together)))
    return tuple(found)
