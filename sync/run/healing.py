"""What a comparison found is put right where it is ours: rows, links, marks. Money is never touched here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from sync.crm import CrmRow
from sync.desired.compared_rows import NOTHING
from sync.desired.differences import Cure, Difference, Kind
from sync.ports import Links, Mark, Outbox, Promises, Subjects
from sync.run.intake import payer_mark, product_mark, quote_mark
from sync.run.reconcile import Compared, Reconcile, link_of
from sync.run.rows import KEY

log = structlog.get_logger()

#: Kinds that are put right by writing a row of ours again.
ROWS = frozenset(
    (
        Kind.ROW_MISSING, Kind.INVOICE_MISSING, Kind.INVOICE_UNLIKE, Kind.OVERWRITTEN, Kind.BEHIND, Kind.ORPHAN_ROW,
    )
)  # fmt: skip
MARKS = frozenset((Kind.DEAL_WITHOUT_SUBSCRIPTION, Kind.NOT_DONE, Kind.CREDIT))


@dataclass(frozen=True)
class Healing:
    """Puts right what is ours. Idempotent: what is right already is not found again."""

    reconcile: Reconcile
    outbox: Outbox
    links: Links
    promises: Promises
    subjects: Subjects

    def heal(self, compared: Compared) -> frozenset[str]:
        """Rows wait for Salesforce, links are there, quotes are due; returns the fingerprints of what was put right."""
        safe = [d for d in compared.differences if d.cure is Cure.SAFE and d.open]
        healed = {*self._rows(compared, [d for d in safe if d.kind in ROWS])}
        for difference in (d for d in safe if d.kind is Kind.LINK_MISSING):
            self.links.add(link_of(difference, self.reconcile.stripe.livemode))
            healed.add(difference.fingerprint)
        for difference in (d for d in safe if d.kind in MARKS):
            quote = difference.subject.partition(":")[2]
            self.promises.signed(quote, self.reconcile.clock.now())  # its clock runs from now on at the latest
            self.subjects.mark([quote_mark(quote, difference.account_id)], reason="reconcile")
            healed.add(difference.fingerprint)
        for difference in (d for d in safe if d.kind is Kind.FIELD):
            self.subjects.mark([_mark(difference)], reason="reconcile")
            healed.add(difference.fingerprint)
        if healed:
            log.info("healed", differences=len(healed))
        return frozenset(healed)

    def _rows(self, compared: Compared, differences: Sequence[Difference]) -> set[str]:
        rows: dict[tuple[str, str], CrmRow] = {}
        healed = set()
        for difference in differences:
            sobject, _, key = difference.record.partition(" ")
            row = compared.rows.get((sobject, key))
            if row is None and difference.kind is Kind.ORPHAN_ROW:
                row = CrmRow(sobject, KEY, key, dict(NOTHING[sobject]), difference.account_id)
            if row is not None:
                rows[sobject, key] = row
                healed.add(difference.fingerprint)
        if rows:
            self.outbox.forget(list(rows))
            self.outbox.put(rows.values(), compared.fence)
        return healed


def _mark(difference: Difference) -> Mark:
    """Whose run writes a field of a product, a payer, or of the customer of a deal."""
    kind, _, id_ = difference.subject.partition(":")
    if kind == "quote":
        return quote_mark(id_, difference.account_id)
    return product_mark(id_) if kind == "product" else payer_mark(id_)
