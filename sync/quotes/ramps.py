"""Ramps: lines of one product that follow each other, without gap and without overlap (BILLING_RULES 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from itertools import combinations

from sync.crm import CrmQuoteLine
from sync.deal.calendar import say
from sync.deal.changes import Piece
from sync.deal.lines import DealLine
from sync.quotes.faults import Faults

_ONE_DAY = timedelta(days=1)
_Step = tuple[CrmQuoteLine, DealLine]


def check_ramps(lines: Mapping[str, CrmQuoteLine], signed: Iterable[DealLine], faults: Faults, *, adding: bool) -> None:
    """Note every gap and overlap (DATA-206). ``lines`` are the quote's, by id.

    Lines with one Ramp_Key__c are a ramp. So are lines of one product without a key, unless they are ``adding`` to a
    deal: there each adds its own quantity. Those with the same dates are items of one step.
    """
    ramps: dict[tuple[str, str, str], list[_Step]] = {}
    for line in signed:
        written = lines[line.id]
        key = (written.ramp_key or "").strip()
        if line.cycle_months and (key or not adding):
            ramps.setdefault((line.product.key, line.charge, key), []).append((written, line))
    for (_, _, key), steps in ramps.items():
        spans = {(line.start, line.end or date.max): (written, line) for written, line in steps}
        ordered = [spans[span] for span in sorted(spans)]
        for at, after in enumerate(ordered[1:], start=1):
            before = max(ordered[:at], key=lambda step: step[1].end or date.max)
            _check_step(before, after, faults, keyed=bool(key))


def _check_step(before: _Step, after: _Step, faults: Faults, *, keyed: bool) -> None:
    (first, earlier), (second, later) = before, after
    if earlier.end == later.start or (not keyed and earlier.end is not None and earlier.end < later.start):
        return
    ends = f"ends on {say(earlier.end - _ONE_DAY)}" if earlier.end else "has no end"
    starts = f"{faults.name(second)} starts on {say(later.start)}"
    until = later.start - _ONE_DAY
    if earlier.end and earlier.end < later.start:
        what, field, at = f"nothing runs from {say(earlier.end)} to {say(until)}", "Start_Date__c", second
        todo = f"Set Start_Date__c of the later one to {say(earlier.end)}"
        first_day, second_day = earlier.end, until
    else:
        what, field, at = "both run at the same time", "End_Date__c", first
        todo = f"Set End_Date__c of the earlier one to {say(until)}"
        todo = todo if earlier.start < later.start else "Correct Start_Date__c or End_Date__c"
        last = min(earlier.end or date.max, later.end or date.max)
        first_day, second_day = later.start, (last if last != date.max else later.start) - _ONE_DAY
    rest = "" if keyed else "; or give both a Ramp_Key__c of their own if they are no steps of one ramp"
    detail = f"{faults.name(first)} {ends}, and {starts}: {what}. {todo}{rest}."
    days = {"first": say(first_day), "second": say(max(first_day, second_day))}
    faults.add("DATA-206", detail, record_id=at.id, field=field, also=(first.id, second.id), **days)


def check_usage_once(pieces: Iterable[Piece], fresh: Mapping[str, CrmQuoteLine], faults: Faults) -> None:
    """Note usage of one product that two lines would bill for the same days (DATA-206)."""
    metered = [p for p in pieces if p.line.usage is not None and p.last != p.start]
    for one, other in combinations(sorted(metered, key=lambda p: (p.line.id in fresh, p.start)), 2):
        if one.line.product.key != other.line.product.key or other.line.id not in fresh:
            continue
        start, end = max(one.start, other.start), min(one.last or date.max, other.last or date.max)
        if start < end:
            written = fresh[other.line.id]
            last = end - _ONE_DAY if end != date.max else start
            until = f"to {say(last)}" if end != date.max else "on"
            detail = (
                f"{faults.name(written)} counts usage that another line of the product counts already, from "
                f"{say(start)} {until}: it would be billed twice. Remove one of them, or correct Start_Date__c or "
                "End_Date__c."
            )
            faults.add(
                "DATA-206", detail, record_id=written.id, field="Start_Date__c", first=say(start), second=say(last)
            )
