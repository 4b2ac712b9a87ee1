"""What a credit note says of the invoice that it credits. Without automatic tax it is one line of its own; with it Stripe takes
only lines of the invoice, said without their tax, and gives back the same part of their tax, as far as we can tell; to the cent
Stripe says it itself (`sync.run.crediting`).

Amounts worked out here are before tax that comes on top, as everything that we sign and compare; a note comes to more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from sync.deal.money import round_half_away
from sync.facts import CreditNote, Invoice, Line
from sync.records import Value

#: On a note or a balance transaction that gives tax back too: what of it was worked out by us, before that tax.
BEFORE_TAX = "tandem_before_tax"


@dataclass(frozen=True)
class Credited:
    """``lines`` credit ``amount``, which is ``total`` with the tax that came on top of it."""

    lines: tuple[Value, ...]
    amount: int
    total: int

    @property
    def metadata(self) -> dict[str, str]:
        """What the note carries so that its worth before tax is known again."""
        return {} if self.amount == self.total else {BEFORE_TAX: str(self.amount)}


def credited(invoice: Invoice, amount: int, words: str, span: tuple[int, int], notes: Iterable[CreditNote]) -> Credited:
    """Lines that credit this amount: of what covers the time between two stamps first. ``notes`` are those of the customer."""
    if invoice.tax_status is None:
        custom: Value = {"type": "custom_line_item", "description": words, "quantity": 1, "unit_amount": amount}
        return Credited((custom,), amount, amount)
    before = _given(notes)
    found: list[Value] = []
    left, total = amount, 0
    for line in sorted(invoice.lines, key=lambda x: not _covers(x, span)):
        part = min(left, line.net_minor - before.get(line.id, 0))
        if part > 0:
            sent, comes_to = _part(line, part)
            found.append({"type": "invoice_line_item", "invoice_line_item": line.id, "amount": sent})
            left, total = left - part, total + comes_to
    return Credited(tuple(found), amount - left, total)


def _part(line: Line, part: int) -> tuple[int, int]:
    """What is sent to credit so much of a line, and what the note comes to for it."""
    whole = line.net_minor - line.included_tax_minor
    sent = _share(whole, part, line.net_minor)
    back = _share(line.included_tax_minor, sent, whole) + _share(line.added_tax_minor, sent, whole)
    return sent, sent + back


def _share(amount: int, part: int, whole: int) -> int:
    return round_half_away(Fraction(amount * part, whole)) if whole else 0


def _covers(line: Line, span: tuple[int, int]) -> bool:
    return line.period_start_s < span[1] and span[0] < line.period_end_s


def _given(notes: Iterable[CreditNote]) -> Mapping[str, int]:
    """What was credited of each line already, before tax that comes on top."""
    found: dict[str, int] = {}
    for line, amount in (pair for note in notes if note.status != "void" for pair in note.lines):
        found[line] = found.get(line, 0) + amount
    return found


def worth(metadata: Mapping[str, str], amount: int) -> int:
    """What a note or a balance transaction gave back, before tax that came on top."""
    said = metadata.get(BEFORE_TAX, "")
    return int(said) if said.isdecimal() else amount


def before_tax(invoice: Invoice, amount: int) -> int:
    """The part of an amount of this invoice that is not tax on top; rounded down, so that it can always be credited."""
    if not invoice.added_tax_minor or not invoice.total_minor:
        return amount
    return amount * invoice.before_tax_minor // invoice.total_minor


def credited_before_tax(invoice: Invoice) -> int:
    """What credit notes gave of an invoice, without the tax that came on top, rounded."""
    return _share(invoice.credited_minor, invoice.before_tax_minor, invoice.total_minor)


def with_tax(amount: int, invoices: Iterable[Invoice]) -> int:
    """An amount that these invoices billed, with the tax that came on top of it there."""
    known = list(invoices)
    total, bare = sum(i.total_minor for i in known), sum(i.before_tax_minor for i in known)
    return _share(amount, total, bare) if bare else amount
