"""Measuring use that we bill ourselves: what Stripe's meters have counted, asked once for each line and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sync import catalogue
from sync.desired.last_use import Uses
from sync.errors import Terminal
from sync.facts import Meter
from sync.ports import StripeGateway
from sync.ports.usage import Metering
from sync.records import Desired, Ref


@dataclass(frozen=True)
class Using:
    """Reads Stripe's meters for deal runs."""

    stripe: StripeGateway
    metering: Metering

    def stated(self, uses: Uses, customer: str, now: datetime) -> list[Desired]:
        """The invoices of use that are due, with what was counted. Raises what the gateway raises, and BUG-502 where Stripe
        has no meter of a line that it bills.
        """
        wanted = uses.asked(now)
        meters = self._meters({event for event, _, _ in wanted})
        counted = {one: self.metering.counted(meters[one[0]], customer, one[1], one[2]) for one in wanted}
        return uses.desire(now, counted)

    def _meters(self, events: set[str]) -> dict[str, Meter]:
        """The meter of each event: the active one, else one that was."""
        refs = [Ref("meter", event) for event in sorted(events)]
        if not refs:
            return {}
        found = self.stripe.read(refs)
        meters = {ref.key: meter for ref in refs if isinstance(meter := found.one(ref), Meter)}
        if missing := events - meters.keys():
            raise Terminal("BUG-502", catalogue.message("BUG-502", f"No meter of {min(missing)}.", system="Stripe"))
        return meters
