"""Won but not billed: the clock of every signed quote that nothing in Stripe bills, whatever the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from sync import catalogue
from sync.clock import Clock
from sync.deal.money import to_major
from sync.ports import Cursors, Facts, Outbox
from sync.ports.comparing import Comparing, LateQuote
from sync.run.rows import ISSUE, Rows
from sync.shown import BillingIssue
from sync.words import counted

log = structlog.get_logger()

STANDING = "won_not_billed"
PREFIX = "won-not-billed:"
CODE = "DATA-230"


@dataclass(frozen=True)
class WonNotBilled:
    """Looks at what is signed and not billed, and tells people once ``after`` of business time has passed."""

    comparing: Comparing
    outbox: Outbox
    facts: Facts
    cursors: Cursors
    rows: Rows
    clock: Clock
    after: timedelta

    def look(self) -> Sequence[LateQuote]:
        """Every late quote has an open issue in the CRM, every other one's is closed; returns those that are late."""
        fence, now = self.facts.fence(), self.clock.now()
        late = self.comparing.late(now - self.after)
        keys = {f"{PREFIX}{one.quote_id}" for one in late}
        told = self.comparing.told(ISSUE, PREFIX)
        new = [one for one in late if not told.get(f"{PREFIX}{one.quote_id}")]
        over = [key for key, is_open in told.items() if is_open and key not in keys]
        if new or over:
            self.outbox.put([self.rows.issue(self._issue(one, now)) for one in new], fence)
            self.outbox.put([self.rows.closed_issue(key, key, now) for key in over], fence)
            log.warning("won_not_billed", late=len(late), new=len(new), over=len(over))
        self.cursors.put(STANDING, self._standing(late))
        return late

    def _standing(self, late: Sequence[LateQuote]) -> dict[str, object]:
        sums: Counter[str] = Counter()
        for one in late:
            if one.currency and one.sum_minor is not None:
                sums[one.currency] += one.sum_minor
        oldest = late[0].signed_at.isoformat() if late else None
        return {"late": len(late), "oldest_signed_at": oldest, "sums_minor": dict(sums)}

    def _issue(self, one: LateQuote, now: datetime) -> BillingIssue:
        hours = int((now - one.signed_at).total_seconds() // 3600)
        why = one.message or "Nothing was done about it yet."
        known = one.currency is not None and one.sum_minor is not None
        return BillingIssue(
            billing_key=f"{PREFIX}{one.quote_id}",
            code=one.code or CODE,
            title=catalogue.entry(CODE).headline,
            detail=catalogue.message(CODE, f"Signed {counted(hours, 'hour')} ago. {why}"),
            record=one.quote_id,
            quote=one.quote_id,
            account=None,
            sum=to_major(one.sum_minor or 0, one.currency or "") if known else None,
            status="Open",
            audience="Billing Operations",
            reference=None,
            opened_at=now,
            currency=one.currency or "",
        )
