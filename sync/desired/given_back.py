"""What was given back of an invoice: refunds, credit notes and disputes, each counted once (BILLING_RULES 7).

A credit note that sends money back is a refund: one row, under the refund's id, that names the note. What a note does
else (it lowers what is due, or goes to the customer's balance) is a row of the note. A refund or dispute of a payment
that paid several invoices is shared among them. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sync.deal.calendar import business_day, instant, say
from sync.desired.declines import DISPUTED, NOTED, REFUND_FAILED, REFUNDED
from sync.errors import Terminal
from sync.facts import CreditNote, Dispute, Invoice, Refund

REFUND_STATUS = {
    "pending": "Pending",
    "requires_action": "Requires Action",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "canceled": "Canceled",
}
#: What never arrived was not given back. A pending one has left our balance, so it counts, as in Stripe.
CAME_TO_NOTHING = frozenset({"failed", "canceled"})
NOTE_STATUS = {"issued": "Issued", "void": "Void"}
#: Worst first: the first of an invoice's disputes that is open is what the invoice says.
DISPUTE_STATUS = {
    "needs_response": "Needs Response",
    "warning_needs_response": "Warning Needs Response",
    "under_review": "Under Review",
    "warning_under_review": "Warning Under Review",
    "lost": "Lost",
    "won": "Won",
    "warning_closed": "Warning Closed",
    "prevented": "Prevented",
}
OPEN_DISPUTE = frozenset({"needs_response", "warning_needs_response", "under_review", "warning_under_review"})
ANSWER_DUE = frozenset({"needs_response", "warning_needs_response"})
B = TypeVar("B", Refund, Dispute)


@dataclass(frozen=True)
class Movement:
    """One row beside the payments of an invoice."""

    key: str
    type: str  # Refund, Credit, Dispute
    status: str
    minor: int
    at_s: int
    detail: str | None


@dataclass(frozen=True)
class GivenBack:
    """All of one invoice. ``credited_minor`` leaves out what ``refunded_minor`` has."""

    movements: tuple[Movement, ...] = ()
    refunded_minor: int = 0
    credited_minor: int = 0
    dispute_status: str | None = None


@dataclass(frozen=True)
class MoneyBack:
    """The refunds, disputes and credit notes of some customers, with the invoices that their payments paid."""

    refunds: Sequence[Refund] = ()
    disputes: Sequence[Dispute] = ()
    notes: Sequence[CreditNote] = ()
    invoices: Sequence[Invoice] = ()
    zone: str = "UTC"
    _paid: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)  # intent -> invoice -> what it paid

    def __post_init__(self) -> None:
        for invoice in sorted(self.invoices, key=lambda i: (i.created_s, i.id)):
            for payment in invoice.payments:
                if payment.status == "paid" and payment.payment_intent:
                    paid = self._paid.setdefault(payment.payment_intent, {})
                    paid[invoice.id] = paid.get(invoice.id, 0) + payment.amount_minor

    def of(self, invoice: Invoice) -> GivenBack:
        """What was given back of this invoice."""
        notes = sorted((n for n in self.notes if n.invoice == invoice.id), key=lambda n: (n.created_s, n.id))
        refunds = [(r, part, f) for r in self.refunds for i, part, f in self._refund_parts(r) if i == invoice.id]
        disputes = self.disputed(invoice)
        came_to_nothing = {r.id for r in self.refunds if r.status in CAME_TO_NOTHING}
        sent_back = sum(part for r, part, _ in refunds if r.id not in came_to_nothing)
        outside = sum(n.out_of_band_minor for n in notes if n.status != "void")
        by_note = outside + sum(
            part for n in notes if n.status != "void" for id_, part in n.refunds if id_ not in came_to_nothing
        )
        rows = [_refund(r, part, _key(r.id, invoice.id, first), self._noted(r)) for r, part, first in refunds]
        rows += [row for n in notes for row in _note(n, came_to_nothing)]
        rows += [row for _, _, row in disputes]
        return GivenBack(
            tuple(rows),
            sent_back + outside,
            max(0, invoice.credited_minor - by_note),
            _dispute_status([d for d, _, _ in disputes]),
        )

    def disputed(self, invoice: Invoice) -> list[tuple[Dispute, int, Movement]]:
        """Its disputes, each with the part that is this invoice's and its row."""
        return [
            (d, part, _dispute(d, part, _key(d.id, invoice.id, first), self.zone))
            for d in self.disputes
            for i, part, first in self._parts(d)
            if i == invoice.id
        ]

    def _noted(self, refund: Refund) -> list[CreditNote]:
        return [n for n in self.notes if n.status != "void" and any(id_ == refund.id for id_, _ in n.refunds)]

    def _refund_parts(self, refund: Refund) -> list[tuple[str, int, bool]]:
        """(invoice, part, whether it is the first of them). What credit notes name of it is theirs, the rest goes by
        what the payment paid and was not named by one yet.
        """
        paid = self._paid.get(refund.payment_intent, {})
        named = {i: self._named(refund.payment_intent, i) for i in paid}
        own: dict[str, int] = {}
        for note in self._noted(refund):
            own[note.invoice] = own.get(note.invoice, 0) + sum(p for id_, p in note.refunds if id_ == refund.id)
        left = {i: max(0, amount - named[i]) for i, amount in paid.items()}
        shares = shared(refund.amount_minor - sum(own.values()), left if any(left.values()) else paid)
        return _numbered({i: own.get(i, 0) + shares.get(i, 0) for i in {**paid, **own}})

    def _named(self, intent: str, invoice_id: str) -> int:
        """What credit notes on an invoice name of this payment's refunds that arrive."""
        arriving = {r.id for r in self.refunds if r.payment_intent == intent and r.status not in CAME_TO_NOTHING}
        mine = (n for n in self.notes if n.invoice == invoice_id and n.status != "void")
        return sum(part for n in mine for id_, part in n.refunds if id_ in arriving)

    def _parts(self, dispute: Dispute) -> list[tuple[str, int, bool]]:
        return _numbered(shared(dispute.amount_minor, self._paid.get(dispute.payment_intent, {})))


def shared(amount: int, by: Mapping[str, int]) -> dict[str, int]:
    """``amount`` in the proportion of ``by``, to the last unit; nothing where there is nothing to go by."""
    total, seen, given, parts = sum(by.values()), 0, 0, {}
    for name, weight in by.items():
        seen += weight
        upto = (2 * amount * seen + total) // (2 * total) if total else 0
        parts[name], given = upto - given, upto
    return parts


def _numbered(parts: Mapping[str, int]) -> list[tuple[str, int, bool]]:
    taken = [(i, part) for i, part in parts.items() if part > 0]
    return [(i, part, number == 0) for number, (i, part) in enumerate(taken)]


def _key(id_: str, invoice_id: str, first: bool) -> str:
    return id_ if first else f"{id_}/{invoice_id}"


def _word(what: str, id_: str, status: str, words: Mapping[str, str]) -> str:
    """Stripe's status in the CRM's words. One that is new to us is said loudly: any other would be a guess about money."""
    if status not in words:
        raise Terminal(
            "BUG-502",
            f"Stripe says {what} {id_} is {status!r}, a status that this release doesn't know. Nothing was changed.",
        )
    return words[status]


def _refund(refund: Refund, part: int, key: str, notes: Iterable[CreditNote]) -> Movement:
    said = [REFUNDED.get(refund.reason or "")]
    said += [f"Credit note {n.number}." for n in notes]
    if part != refund.amount_minor:
        said.append("The payment covered several invoices; this is the part of this one.")
    if refund.status == "failed":
        said.append(REFUND_FAILED.get(refund.failure_reason or "", REFUND_FAILED["unknown"]))
    status = _word("refund", refund.id, refund.status, REFUND_STATUS)
    return Movement(key, "Refund", status, part, refund.created_s, _sentences(said))


def _note(note: CreditNote, came_to_nothing: set[str]) -> list[Movement]:
    """What a note gives that no refund's row has; and what it says was given back outside Stripe."""
    said = [f"Credit note {note.number}.", NOTED.get(note.reason or "")]
    failed = sum(part for id_, part in note.refunds if id_ in came_to_nothing)
    credit = note.amount_minor - (note.refund_minor - failed) - note.out_of_band_minor
    status = _word("credit note", note.id, note.status, NOTE_STATUS)
    rows = []
    if credit > 0:
        where = ["It lowers what is due." if note.pre_payment_minor else None]
        where += ["It went to the customer's balance." if note.credit_minor else None]
        where += ["The refund that it stands for did not arrive." if failed else None]
        where = ["It was voided: it counts for nothing."] if note.status == "void" else where
        rows.append(Movement(note.id, "Credit", status, credit, note.created_s, _sentences([*said, *where])))
    if note.out_of_band_minor:
        given = "Canceled" if note.status == "void" else "Succeeded"
        detail = _sentences([*said, "Given back outside Stripe."])
        rows.append(Movement(f"{note.id}/outside", "Refund", given, note.out_of_band_minor, note.created_s, detail))
    return rows


def _dispute(dispute: Dispute, part: int, key: str, zone: str) -> Movement:
    said = [DISPUTED.get(dispute.reason, DISPUTED["general"])]
    if dispute.status in ANSWER_DUE and dispute.answer_by_s:
        said.append(f"Answer with evidence by {say(business_day(instant(dispute.answer_by_s), zone))}.")
    if dispute.withdrawn_minor:
        said.append("The bank has taken the money back.")
    elif dispute.status == "won":
        said.append("The money is back with us.")
    status = _word("dispute", dispute.id, dispute.status, DISPUTE_STATUS)
    return Movement(key, "Dispute", status, part, dispute.created_s, _sentences(said))


def _dispute_status(disputes: Sequence[Dispute]) -> str | None:
    """The worst that is open, else how the newest ended."""
    words = {d.id: _word("dispute", d.id, d.status, DISPUTE_STATUS) for d in disputes}
    opened = [words[d.id] for d in disputes if d.status in OPEN_DISPUTE]
    if opened:
        return min(opened, key=list(DISPUTE_STATUS.values()).index)
    newest = max(disputes, key=lambda d: (d.created_s, d.id), default=None)
    return words[newest.id] if newest else None


def _sentences(said: Iterable[str | None]) -> str | None:
    return " ".join(s for s in said if s) or None
