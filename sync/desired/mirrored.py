"""Which invoices get a row in the CRM (policy). All of them count in the Account's sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sync.deal.calendar import add_months
from sync.facts import Invoice

#: What is still owed, or will be: a draft, an open one, a bad debt.
UNSETTLED = frozenset({"draft", "open", "uncollectible"})


@dataclass(frozen=True)
class Mirrored:
    """``which``: all, those that are not settled when they are first seen (open), or none. ``months``: those issued in the
    last so many months, 0 for all.
    """

    which: str = "all"
    months: int = 0

    def takes(self, invoice: Invoice, issued_on: date, today: date) -> bool:
        """Whether an invoice that has no row yet gets one."""
        if self.which == "none" or (self.which == "open" and invoice.status not in UNSETTLED):
            return False
        return not self.months or issued_on >= add_months(today, -self.months)
