"""From when on signed quotes are billed by themselves. An org has signed quotes of years that somebody bills already:
what was signed before Tandem was started there waits for a decision, and is never billed by surprise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sync import catalogue
from sync.crm import CrmQuote
from sync.desired.keys import DEAL, SETTLED
from sync.errors import Refusal
from sync.facts import Fact

CODE = "DATA-229"
#: The request with which somebody decides that an old quote is billed.
DECIDED = "Start"


@dataclass(frozen=True)
class Start:
    """``since`` None: every signed quote is billed, whenever it was signed."""

    since: datetime | None = None

    def seen_at(self, quote: CrmQuote, now: datetime) -> datetime:
        """When a signed quote that nobody looked at yet is taken to have been signed: when it says, else when it was
        saved last, where that is before the start; else now.
        """
        signed = quote.signed_at or quote.saved_at
        return signed if signed is not None and self.is_before(signed) else now

    def is_before(self, seen_at: datetime) -> bool:
        """Whether what was first seen then waits for a decision."""
        return self.since is not None and seen_at < self.since

    def refusal(self, quote: CrmQuote) -> Refusal:
        """What is said of a quote that waits for a decision."""
        since = self.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if self.since else ""
        detail = (
            f"Quote {quote.number}: what was signed before {since} UTC is not billed by itself. To have it billed as "
            f"signed, choose {DECIDED} in Billing_Request__c; otherwise leave it as it is."
        )
        return catalogue.refusal(CODE, detail, record_id=quote.id, field="Billing_Request__c")


def is_billed(quote_id: str, objects: Iterable[Fact]) -> bool:
    """Whether something in Stripe was made for this quote, or changed by it."""
    return any(f.metadata.get(DEAL) == quote_id or f"{SETTLED}{quote_id}" in f.metadata for f in objects)
