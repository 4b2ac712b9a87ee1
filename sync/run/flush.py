"""The one flusher of an org: rows that wait go to Salesforce in as few calls as it allows (DESIGN 5, Writes)."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from sync.errors import OutcomeUnknown, SyncError, Transient
from sync.ports import Budgets, Outbox, SalesforceGateway
from sync.run.pausing import Pausing

log = structlog.get_logger()

#: The name of Salesforce's daily allowance in the budgets.
SALESFORCE = "salesforce"


@dataclass(frozen=True)
class Flusher:
    """Sends queued rows; what Salesforce refuses stays queued with its reason, and billing goes on."""

    salesforce: SalesforceGateway
    outbox: Outbox
    budgets: Budgets
    pausing: Pausing

    def note_allowance(self) -> None:
        """How much of its daily allowance is used, as Salesforce told last, is what rows are held against from now on."""
        self.budgets.told(SALESFORCE, **self.salesforce.limits())

    def run_once(self) -> int:
        """Send one Composite call's worth of rows; returns how many were acknowledged. None while writes are paused."""
        if self.pausing.stands(SALESFORCE):
            return 0
        flush = self.outbox.claim_flush() if self.budgets.may_spend(SALESFORCE, "mirror") else None
        if flush is None:
            return 0
        try:
            results, request_id = self.salesforce.flush(flush.rows, flush.deadline)
        except Transient as error:
            unknown = isinstance(error, OutcomeUnknown)
            self.outbox.abandon_flush(
                flush, code=error.code, message=error.message, after_s=error.retry_after_s, unknown=unknown
            )
            log.warning("flush_postponed", code=error.code, rows=len(flush.rows), unknown=unknown)
            return 0
        except SyncError as error:
            self.outbox.abandon_flush(flush, code=error.code, message=error.message, after_s=None, unknown=False)
            log.error("flush_refused", code=error.code, rows=len(flush.rows))
            return 0
        self.outbox.finish_flush(flush, results, request_id=request_id)
        self.budgets.spent(SALESFORCE, "mirror")
        self.note_allowance()
        refused = [r for r in results.values() if not r.ok]
        log.info(
            "flushed",
            rows=len(results),
            refused=len(refused),
            codes=sorted({r.code or "" for r in refused}),
            salesforce_request_id=request_id,
        )
        return len(results) - len(refused)
