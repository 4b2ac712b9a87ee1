"""What of an unused time is given back depends on what became of its invoices."""

from __future__ import annotations

from datetime import date

import pytest

from sync.deal.calendar import seconds
from sync.deal.dues import CreditDue
from sync.desired.credits import Money, desire_credits
from sync.facts import Invoice, Line
from tests.sync.deal.factory import EARLY, a_deal

DEAL = a_deal()
DUE = CreditDue(f"{DEAL.key}:q:line:credit", "q", EARLY, 26_301, date(2026, 1, 16), date(2026, 2, 1), False)


@pytest.mark.parametrize(
    ("status", "paid", "given"), [("uncollectible", 0, []), ("uncollectible", 10_000, [-10_000]), ("void", 0, [])]
)
def test_of_an_invoice_that_was_given_up_only_what_was_paid_goes_to_the_balance(
    status: str, paid: int, given: list[int]
) -> None:
    """A customer who never paid the month was given money for the rest of it."""
    first, last = (seconds(DEAL.boundary(day)) for day in (date(2026, 1, 1), date(2026, 2, 1)))
    line = Line(id="il_1", amount_minor=50_000, period_start_s=first, period_end_s=last)
    invoice = Invoice(
        id="in_1", customer="cus_1", subscription="sub_1", status=status, lines=(line,), total_minor=50_000,
        subtotal_minor=50_000, amount_paid_minor=paid, amount_remaining_minor=50_000 - paid,
    )  # fmt: skip
    found = desire_credits([("sub_1", DUE)], DEAL, Money((invoice,)), EARLY)
    assert [o.create["amount"] for o in found.objects] == given
