"""Money of a plan's invoices that went back to the customer by a refund, or by a dispute that was lost: it is not given back a second
time when a deal takes the plan over (BILLING_RULES 4: never more than was billed).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sync.desired.given_back import MoneyBack
from sync.desired.keys import KEY
from sync.desired.takeover import Takeover
from sync.desired.takeover_unused import Read, Unused, unused
from sync.facts import CreditNote, Dispute, Fact, Refund
from sync.records import Ref

LOST = "lost"


def asked(takeover: Takeover, read: Read) -> Mapping[Ref, int]:
    """The payments of which it matters whether they went back, each with the second at which it was made: of what was billed
    for the time after the takeover, as long as that is not given back.
    """
    return {
        Ref("paid_charges_of", payment.payment_intent): payment.paid_at_s or payment.created_s
        for one in unused(takeover, read.of_plans)
        if not _is_settled(one, read)
        for payment in one.invoice.payments
        if payment.status == "paid" and payment.payment_intent
    }


def _is_settled(one: Unused, read: Read) -> bool:
    keys = {fact.metadata.get(KEY) for fact in (*read.notes, *read.balances)}
    on_first = read.items.get(one.key)
    return bool(keys & {one.key, f"{one.key}:rest"}) or (on_first is not None and on_first[1] >= one.amount)


def went_back(found: Iterable[Fact]) -> bool:
    """Whether any of it did: then the credit notes say what of it is counted already."""
    return any(isinstance(f, Refund) or (isinstance(f, Dispute) and f.status == LOST) for f in found)


def returned(found: Sequence[Fact], notes: Sequence[CreditNote], read: Read) -> Mapping[str, int]:
    """By invoice what went back, in minor units, beside what its credit notes say (`Invoice.credited_minor`)."""
    refunds = [f for f in found if isinstance(f, Refund)]
    lost = [f for f in found if isinstance(f, Dispute) and f.status == LOST]
    back = MoneyBack(refunds, lost, notes, read.of_plans)
    sums: dict[str, int] = {}
    for invoice in read.of_plans:
        given = back.of(invoice)
        taken = sum(part for _, part, _ in back.disputed(invoice))
        sums[invoice.id] = max(0, given.refunded_minor + given.credited_minor + taken - invoice.credited_minor)
    return {id_: minor for id_, minor in sums.items() if minor}
