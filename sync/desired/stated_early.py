"""Invoices that are stated at the very second at which a deal begins: there is no subscription yet that they could be of, so
only the customer's own list has them, and their metadata says of what deal they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sync.deal.deal import Deal
from sync.deal.dues import Stated, stated
from sync.deal.timeline import Track, tracks
from sync.desired.keys import DEAL
from sync.desired.made import Made, begun
from sync.facts import Invoice


def begins_early(ours: Stated, track: Track, deal: Deal) -> bool:
    """Whether something is due before there is a subscription: it is stated without one, as where all time is over."""
    return any(due.at <= deal.boundary(track.start) for due in ours.dues)


def stated_early(deal: Deal, done: Mapping[str, Made], now: datetime) -> bool:
    """Whether any invoice of the deal is such a one."""
    began = begun(deal, done)
    return any(begins_early(stated(track, deal, began.get(track.key), now), track, deal) for track in tracks(deal))


def is_early(invoice: Invoice, deal: Deal) -> bool:
    """Whether the invoice is one that we made for the deal without a subscription."""
    return invoice.subscription is None and invoice.metadata.get(DEAL) == deal.key
