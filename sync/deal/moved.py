"""Deals that another billing system billed so far: what it was paid for is not billed again (case 40)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from sync import catalogue
from sync.deal.calendar import say
from sync.deal.changes import Change, Credit, Kind
from sync.deal.deal import Deal
from sync.deal.lines import DealLine
from sync.errors import Refusal, Refused

_ONE_DAY = timedelta(days=1)


def taken_over(deal: Deal, paid_through: date) -> Deal:
    """The deal with all that begins by ``paid_through``, the last day that was paid for, billed by nobody again."""
    return replace(deal, paid_through=paid_through)


def rolled_back(deal: Deal, at: datetime) -> Deal:
    """The deal given back to the system that it came from, on the day of ``at``: it ends, and nothing is billed or credited."""
    change = Change(
        quote_id=_back(deal),
        number=f"{deal.number} rolled back",
        kind=Kind.CANCELLATION,
        effective=deal.day_of(at),
        signed_at=at,
        accepted_at=at,
        credit=Credit.NONE,
        ends=True,
    )
    return replace(deal, changes=(*deal.changes, change))


def is_roll_back(change: Change, deal: Deal) -> bool:
    """Whether it is how `rolled_back` ends the deal: the other system bills on, also what was used."""
    return change.quote_id == _back(deal)


def _back(deal: Deal) -> str:
    return f"{deal.quote_id}:back"


def check_taken_over(deal: Deal, paid_through: date, now: datetime) -> None:
    """Raise Refused where the paid time does not end with a cycle of every line, or ends later than the running one: Stripe
    could only be told to wait for one boundary, the next.
    """
    refused: list[Refusal] = []
    for line in deal.recurring:
        words = _unlike(deal, line, paid_through + _ONE_DAY, deal.day_of(now))
        if words:
            detail = f"Quote {deal.number}, {line.product.name}: {words}"
            refused.append(
                catalogue.refusal(
                    "DATA-205",
                    detail,
                    record_id=deal.quote_id,
                    field="Start_Date__c",
                    blocked_on=(deal.quote_id,),
                    first=f"paid through {say(paid_through)}",
                    second="the cycles of the quote",
                )
            )
    if refused:
        raise Refused(tuple(refused))


def _unlike(deal: Deal, line: DealLine, first_unpaid: date, today: date) -> str | None:
    """Why a line can't be taken over from that day on, in words; None where it can."""
    if line.start >= first_unpaid or (line.end is not None and line.end <= first_unpaid):
        return None
    grid = deal.grid(line)
    if not grid.is_boundary(first_unpaid):
        cycle = grid.at(first_unpaid)
        return (
            f"its cycle is {say(cycle.start)} to {say(cycle.end - _ONE_DAY)}. Correct Start_Date__c, Billing_Day__c or "
            "Billing_Frequency__c so that a cycle begins on the first unpaid day."
        )
    running = grid.at(max(today, line.start))
    if first_unpaid > running.end:
        return (
            f"more than its running cycle, which ends on {say(running.end - _ONE_DAY)}, is paid. "
            f"Cut it over on {say(first_unpaid - _ONE_DAY)} or in the cycle before."
        )
    return None
