"""The tax of a credit note: of each line that it credits the same part as of the line itself, rounded half away from zero.

On an invoice with automatic tax an amount to credit is said without tax (`CreditNote.create`, `lines[amount]`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.stripe.billing.amounts import share
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Obj
from sandbox.stripe.tax.computing import added, contained


def check_line(invoice: Obj, given: dict[str, Any], at: str) -> None:
    """Refuse a line that has no tax of its own where tax is automatic."""
    if invoice["automatic_tax"]["enabled"] and given["type"] == "custom_line_item":
        raise invalid(
            "`custom_line_item` is not valid when the invoice is set up with `automatic_tax[enabled]=true`.",
            f"{at}[type]",
        )


def before_tax(source: Obj, net: int) -> int:
    """What a line comes to without its tax; `net` is after discounts."""
    return net - contained(source["taxes"])


def taxed(source: Obj, amount: int, whole: int) -> tuple[int, list[Obj]]:
    """What is credited for `amount` (of `whole`, both before tax) as the note's line shows it, and its taxes."""
    taxes = [
        {
            **tax,
            "amount": share(tax["amount"], amount, whole) if whole else 0,
            "taxable_amount": share(tax["taxable_amount"] or 0, amount, whole) if whole else 0,
        }
        for tax in source["taxes"]
    ]
    return amount + contained(taxes), taxes


def of_total(invoice: Obj, amount: int) -> list[Obj]:
    """The taxes of a note that says only what it comes to, tax included."""
    return [
        {
            **tax,
            "amount": share(tax["amount"], amount, invoice["total"]),
            "taxable_amount": share(tax["taxable_amount"] or 0, amount, invoice["total"]),
        }
        for tax in (invoice["total_taxes"] if invoice["total"] else [])
    ]


def sums(lines: Sequence[Obj]) -> tuple[int, int]:
    """What the taxes of a note's lines put on top, and what of them is part of the amounts."""
    taxes = [tax for line in lines for tax in line["taxes"]]
    return added(taxes), contained(taxes)
