"""What rounding left, made good in the last period (BILLING_RULES 2): an item on the draft that Stripe made for it, so
that it is paid with it. Where that went out before we came, or Stripe made none, an invoice of ours or a credit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync.deal.calendar import seconds
from sync.deal.deal import Deal
from sync.deal.dues import CreditDue, Due, DueLine, Stated
from sync.deal.timeline import tracks
from sync.deal.true_up import TrueUp
from sync.desired.keys import KEY, TRUE_UP
from sync.desired.made import Made
from sync.desired.objects import custom_fields
from sync.desired.stated import desire_stated, item_desired
from sync.desired.taxed import as_taxed
from sync.facts import Invoice
from sync.records import Desired, Ref

#: So long after it was made a draft is still open for an item (Stripe finalises after an hour).
OPEN_FOR = timedelta(minutes=50)
_MARK = ":true-up"


@dataclass
class MadeGood:
    """What is still to be made for it: on drafts and invoices, or as credits of a subscription; and when to look again."""

    objects: list[Desired] = field(default_factory=list)
    credits: list[tuple[str, CreditDue]] = field(default_factory=list)
    wake_at: datetime | None = None


def as_settled(deal: Deal, done: Mapping[str, Made]) -> Deal:
    """The deal with the policy under which it was made: a later change of the setting leaves it alone."""
    if not done:
        return deal
    sources = (source for mine in done.values() for source in (mine.schedule, mine.subscription) if source is not None)
    on = any(source.metadata.get(TRUE_UP) for source in sources)
    return as_taxed(deal if on == deal.true_up else replace(deal, true_up=on), done)


def desire_true_ups(
    ups: Iterable[TrueUp], deal: Deal, done: Mapping[str, Made], invoices: Iterable[Invoice], now: datetime
) -> MadeGood:
    """The items, invoices and credits that are missing of what is due by now."""
    found, known = MadeGood(), list(invoices)
    for up in ups:
        mine = done.get(up.track)
        subscription = mine.subscription.id if mine and mine.subscription else None
        if up.at > now:
            found.wake_at = min(up.at, found.wake_at or up.at)
        elif subscription is not None and not any(_is_item(line.metadata, up) for i in known for line in i.lines):
            _make_good(up, deal, subscription, known, now, found)
    return found


def is_true_up(metadata: Mapping[str, str]) -> bool:
    """Whether a line of an invoice is one of these."""
    return _MARK in metadata.get(KEY, "")


def _is_item(metadata: Mapping[str, str], up: TrueUp) -> bool:
    return metadata.get(KEY, "").startswith(f"{up.key}:")


def _make_good(
    up: TrueUp, deal: Deal, subscription: str, invoices: Iterable[Invoice], now: datetime, found: MadeGood
) -> None:
    line = DueLine(up.item, up.amount, up.start, up.end)
    mine = [i for i in invoices if i.subscription == subscription]
    draft = next((i for i in mine if _takes_it(i, up, now)), None)
    begun = any(i.metadata.get(KEY) == up.key for i in mine)
    takes_it = up.amount > 0 or deal.tax is None  # with automatic tax an item below zero can't be added
    if draft is not None and not begun and takes_it:
        found.objects.append(item_desired(Ref("invoice", up.key), 1, line, deal, invoice_id=draft.id))
    elif up.amount > 0:
        track = next(t for t in tracks(deal) if t.key == up.track)
        due = Due(up.key, up.quote_id, up.at, (line,))
        found.objects += desire_stated(track, deal, Stated((due,)), now, custom_fields(deal))
    else:
        found.credits.append((subscription, CreditDue(up.key, up.quote_id, up.at, -up.amount, up.start, up.end)))


def _takes_it(invoice: Invoice, up: TrueUp, now: datetime) -> bool:
    """Whether it is the draft that Stripe made for the last period, and can still be added to."""
    ours = bool(invoice.metadata.get(KEY))
    last = invoice.created_s >= seconds(up.at)
    return invoice.status == "draft" and not ours and last and invoice.created_s > seconds(now - OPEN_FOR)
