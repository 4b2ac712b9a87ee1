"""Measuring use that we bill ourselves: what Stripe's meters have counted, asked once for each line and time, when all
that was taken in of it has reached Stripe.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync import catalogue
from sync.deal.deal import Deal
from sync.deal.last_use import UseDue
from sync.desired.last_use import SUMMED_WITHIN, Uses, asked
from sync.errors import Terminal
from sync.facts import Meter
from sync.ports import StripeGateway
from sync.ports.usage import Metering, UsageWindows
from sync.records import Desired, Ref
from sync.usage.windows import Window

#: How soon an invoice of use is looked at again that waits for what is on its way to Stripe.
AGAIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Measured:
    """Invoices of use as they should stand, the windows in which use of their time is taken, and when to look again."""

    objects: tuple[Desired, ...] = ()
    windows: tuple[Window, ...] = ()
    wake_at: datetime | None = None


@dataclass(frozen=True)
class Using:
    """Reads Stripe's meters for deal runs."""

    stripe: StripeGateway
    metering: Metering
    windows: UsageWindows

    def measured(self, uses: Uses, customer: str, now: datetime) -> Measured:
        """The invoices of use that are due, with what was counted. Raises what the gateway raises, and BUG-502 where Stripe
        has no meter of a line that it bills.
        """
        held = {due.key for due in uses.due(now) if self._waits(due, uses, customer, now)}
        wanted = uses.asked(now, held)
        meters = self._meters({event for event, _, _ in wanted})
        counted = {one: self.metering.counted(meters[one[0]], customer, one[1], one[2]) for one in wanted}
        wakes = [at for at in (uses.wake_at(now), now + AGAIN if held else None) if at is not None]
        windows = tuple(_windows(uses, customer, now, held))
        return Measured(tuple(uses.desire(now, counted)), windows, min(wakes, default=None))

    def keep(self, deal: Deal, measured: Measured) -> None:
        """Usage intake knows what is taken of the deal's use, and until when."""
        if any(line.usage for line in deal.lines):
            self.windows.keep(deal.key, measured.windows)

    def _waits(self, due: UseDue, uses: Uses, customer: str, now: datetime) -> bool:
        spans = (asked(one, uses.deal) for one in due.used)
        return any(self.windows.unsettled(customer, *span, now - SUMMED_WITHIN) for span in spans)

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


def _windows(uses: Uses, customer: str, now: datetime, held: set[str]) -> Iterable[Window]:
    """One for each line; what has been measured, and was not only held, is stated."""
    for due in uses.dues:
        stated = due.key not in held and not uses.is_ahead(due, now)
        for key, one in uses.items(due):
            yield Window(key, uses.deal.key, customer, *asked(one, uses.deal), due.at, stated=stated)
