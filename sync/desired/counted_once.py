"""Use is billed once (BILLING_RULES 3): a meter sums a customer's events for everything that stands on it, so what a quote
sells by use may be counted by nothing else of the customer in the same time: no other deal, no plan bought without a
quote, also none that is over by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sync import catalogue
from sync.deal.calendar import instant, say, seconds
from sync.deal.changes import Change, Kind, Piece
from sync.deal.deal import Deal
from sync.deal.settled import all_past
from sync.desired.catalog import meter_ref
from sync.desired.counting import Counting, counted_in_stripe
from sync.desired.keys import DEAL
from sync.desired.takeover import Takeover
from sync.errors import Refusal
from sync.facts import Fact, Meter, Schedule, Subscription
from sync.records import Ref

CODE = "DATA-237"
_ONE_DAY = timedelta(days=1)


def meters_of(deal: Deal) -> tuple[Ref, ...]:
    """The meters that count what the deal bills by use."""
    return tuple(dict.fromkeys(meter_ref(line.usage) for line in deal.recurring if line.usage))


def sells_use(change: Change) -> bool:
    """Whether the quote brings anything that is billed by use."""
    return any(line.usage for line in change.adds)


def counted_beside(
    deal: Deal, objects: Sequence[Fact], others: Mapping[str, Deal], takeover: Takeover | None, meters: Iterable[Meter],
    now: datetime,
) -> list[Counting]:  # fmt: skip
    """What counts the customer's use beside the deal. ``objects`` are all its subscriptions and schedules, ``others`` its
    other deals as they were promised, by key; what the deal takes over ends when it begins.
    """
    events = {meter.id: meter.event_name for meter in meters}
    taken = {plan.id for plan in takeover.plans} if takeover else set()
    known = {deal.key, *others}
    plans = [c for c in counted_in_stripe(objects, {}) if c.owner not in known and not taken & {*c.ids}]
    named = [replace(c, meter=events.get(c.meter, c.meter)) for c in plans]
    return [*named, *(c for key in sorted(others) for c in _of_deal(others[key], objects, now))]


def check_counted_once(deal: Deal, change: Change, beside: Sequence[Counting], now: datetime) -> tuple[Refusal, ...]:
    """Why a quote that was not taken in yet can't be billed (DATA-237): what it brings is counted by something else of the
    customer for the same time, or by another product of the deal. One for each line, about the first such time.
    """
    refusals, pieces = [], sorted(deal.pieces, key=lambda p: p.change.quote_id == change.quote_id)
    for n, piece in enumerate(pieces):
        mine = _counted(piece, deal, now)
        if mine is None or piece.change.quote_id != change.quote_id:
            continue
        own = [
            one for p in pieces[:n] if p.line.product.key != piece.line.product.key and (one := _of_line(p, deal, now))
        ]
        met = [(time, other) for other in (*own, *beside) if (time := mine.meets(other))]
        if met:
            (since_s, until_s), other = min(met, key=lambda one: one[0][0])
            refusals.append(_refusal(deal, piece, other, since_s, until_s, now))
    return tuple(refusals)


# ------------------------------------------------------------------ what a deal counts


def _of_deal(deal: Deal, objects: Sequence[Fact], now: datetime) -> list[Counting]:
    """Every line by use of a deal as it was signed; not longer than its objects ran, where somebody ended all of them."""
    mine = [f for f in objects if f.metadata.get(DEAL) == deal.key and isinstance(f, Subscription | Schedule)]
    ran = [f.ended_at_s for f in mine if isinstance(f, Subscription)]
    waits = any(isinstance(f, Schedule) and f.status == "not_started" for f in mine)
    over = [s for s in ran if s is not None]
    over_s = max(over) if over and len(over) == len(ran) and not waits else None
    ids = tuple(f.id for f in mine)
    found = [one for piece in deal.pieces if (one := _counted(piece, deal, now)) is not None]
    found = [replace(c, ids=ids, until_s=_sooner(c.until_s, over_s)) for c in found]
    return [c for c in found if c.until_s is None or c.from_s < c.until_s]


def _sooner(one: int | None, other: int | None) -> int | None:
    return min((s for s in (one, other) if s is not None), default=None)


def _counted(piece: Piece, deal: Deal, now: datetime) -> Counting | None:
    """When a line by use counts: from its first day that is billed to its last; None for another line, or one of no time."""
    line = piece.line
    if line.usage is None or piece.last == piece.start:
        return None
    since = seconds(deal.boundary(piece.start))
    if piece.change.skip_past:
        at = min(piece.change.accepted_at, now)
        cycle = next((c for c in deal.grid(line).cycles() if deal.boundary(c.end) > at), None)
        since = max(since, seconds(deal.boundary(cycle.start))) if cycle else since
    until = seconds(deal.boundary(piece.last)) if piece.last else None
    said = f"Quote {piece.change.number}"
    records = (piece.change.quote_id, deal.key, line.product.id)
    return Counting(deal.key, line.usage.event, said, since, until, records=records)


def _of_line(piece: Piece, deal: Deal, now: datetime) -> Counting | None:
    """The same, named so that it can be told from the other lines of its deal."""
    found = _counted(piece, deal, now)
    return replace(found, said=f"{piece.line.product.name} on Quote {piece.change.number}") if found else None


# ------------------------------------------------------------------ in words


def _refusal(deal: Deal, piece: Piece, other: Counting, since_s: int, until_s: int | None, now: datetime) -> Refusal:
    line, number = piece.line, piece.change.number
    since = deal.day_of(instant(since_s))
    until = "on" if until_s is None else f"to {say(_free_from(deal, until_s) - _ONE_DAY)}"
    event = line.usage.event if line.usage else ""
    detail = (
        f'Quote {number}: {line.product.name} counts "{event}" from {say(since)} {until}, and {other.said} counts and bills the '
        f"same events of {deal.payer.name} then. {_ways_out(deal, piece, other, now)}"
    )
    waits_for = (piece.change.quote_id, deal.payer.account_id, line.product.id, *other.records, *other.ids)
    return catalogue.refusal(
        CODE, detail, record_id=line.id, field="Start_Date__c", blocked_on=waits_for, product=line.product.name,
        other=other.said,
    )  # fmt: skip


def _ways_out(deal: Deal, piece: Piece, other: Counting, now: datetime) -> str:
    """What to do so that nothing is billed twice: the days that nothing else counts, an end of the other, or a meter of its
    own.
    """
    line, ways = piece.line, []
    starts, ends = deal.boundary(piece.start), deal.boundary(piece.last) if piece.last else None
    if piece.change.kind in (Kind.NEW, Kind.RENEWAL) and other.from_s > seconds(starts):
        ways.append(f"set its End_Date__c to {say(deal.day_of(instant(other.from_s)) - _ONE_DAY)}")
    if other.until_s is not None and (ends is None or other.until_s < seconds(ends)):
        ways.append(f"set its Start_Date__c to {say(_free_from(deal, other.until_s))}")
    if not all_past(deal, now) and (other.until_s is None or instant(other.until_s) > now):
        ways.append("end the other first")
        ways.append(f"count it by a Meter_Event__c of its own on {line.product.name}")
    return " or ".join(["Leave out the line", *ways]) + "."


def _free_from(deal: Deal, until_s: int) -> date:
    """The first day of which nothing is counted by what ends then."""
    day = deal.day_of(instant(until_s - 1))
    return day if seconds(deal.boundary(day)) >= until_s else day + _ONE_DAY
