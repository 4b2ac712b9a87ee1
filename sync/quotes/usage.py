"""What is billed by use: the event that is counted, and the price, per unit or in tiers (BILLING_RULES 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import takewhile

from sync.crm import CrmProduct, CrmQuoteLine, CrmTier
from sync.deal.calendar import say
from sync.deal.deal import Deal
from sync.deal.lines import DealLine, Tier, Usage
from sync.deal.money import Inexact, plain, to_minor
from sync.quotes.faults import Faults
from sync.quotes.frame import Reading

MODES = {"Graduated": "graduated", "Volume": "volume"}
_EVENT_LENGTH = 100  # of a meter's event name in Stripe
_MOST_UNITS = 10**15
_ZERO = Decimal(0)


def read_usage(line: CrmQuoteLine, product: CrmProduct, at: Reading) -> Usage | None:
    """How the line's usage is counted and priced; None with CONF-301 or CONF-304 noted at the product."""
    event = (product.meter_event or "").strip()
    if not event or len(event) > _EVENT_LENGTH:
        seen = f"longer than {_EVENT_LENGTH} characters" if event else "blank"
        detail = f'Meter_Event__c of product "{product.name}" is {seen}. Fill the name of the event that is counted.'
        at.faults.product_incomplete(line, product, "Meter_Event__c", detail)
    mode = None
    tiers: tuple[Tier, ...] | None = ()
    if product.tier_mode:
        mode = MODES.get(product.tier_mode)
        if mode is None:
            detail = f'{at.faults.name(line)}: choose Graduated or Volume on product "{product.name}".'
            value, field = product.tier_mode, "Tier_Mode__c"
            at.faults.add(
                "CONF-304", detail, record_id=product.id, field=field, also=(line.id,), value=value, where=field
            )
            return None
        tiers = _tiers(line, product, at)
    return Usage(event, mode, tiers) if event and len(event) <= _EVENT_LENGTH and tiers is not None else None


def _tiers(line: CrmQuoteLine, product: CrmProduct, at: Reading) -> tuple[Tier, ...] | None:
    """The product's tiers in the quote's currency, the lowest first."""
    ours = [t for t in product.tiers if (t.currency or at.home_currency).strip().upper() == at.currency]
    wrong = _wrong(ours, at.currency)
    if wrong:
        detail = f'the tiers of product "{product.name}" (Product_Price_Tier__c, Currency__c {at.currency}): {wrong}'
        at.faults.product_incomplete(line, product, "Tier_Mode__c", detail)
        return None
    ordered = sorted(ours, key=lambda tier: (tier.up_to is None, tier.up_to or 0))
    return tuple(
        Tier(None if t.up_to is None else int(t.up_to), plain(t.unit_amount or _ZERO), plain(t.flat_amount or _ZERO))
        for t in ordered
    )


def _wrong(tiers: Sequence[CrmTier], currency: str) -> str:
    """What is wrong with these tiers and what to do, in words; "" where nothing is."""
    if not tiers:
        return "there is none. Add them, or clear Tier_Mode__c."
    tops = [tier.up_to for tier in tiers if tier.up_to is not None]
    open_ended = len(tiers) - len(tops)
    if open_ended != 1:
        seen = "none has a blank Up_To__c" if not open_ended else f"{open_ended} have a blank Up_To__c"
        return f"{seen}. Leave it blank on the last one, and there only."
    odd = next((t for t in tops if not 1 <= t < _MOST_UNITS or t != t.to_integral_value()), None)
    if odd is not None:
        return f"Up_To__c is {plain(odd)}. Fill whole numbers of 1 or more."
    twice = next((t for t in tops if tops.count(t) > 1), None)
    if twice is not None:
        return f"two have Up_To__c {plain(twice)}. Each must be higher than the one before."
    return next((f for f in (_wrong_amount(tier, currency) for tier in tiers) if f), "")


def _wrong_amount(tier: CrmTier, currency: str) -> str:
    which = "the last one" if tier.up_to is None else f"the one up to {plain(tier.up_to)}"
    unit, flat = tier.unit_amount, tier.flat_amount
    if unit is None and flat is None:
        return f"{which} has no Unit_Amount__c. Fill it, 0 where the units are free."
    if (unit or 0) < 0 or (flat or 0) < 0:
        return f"{which} has an amount below 0. Correct Unit_Amount__c or Flat_Amount__c."
    try:
        to_minor(flat or 0, currency)
    except Inexact:
        return f"{which} has Flat_Amount__c {flat}, which can't be charged in {currency}. Correct it."
    return ""


def check_not_billed(
    adds: Iterable[DealLine], deal: Deal, now: datetime, written: Mapping[str, CrmQuoteLine], faults: Faults
) -> None:
    """Note use that is to get a price for a time in which what the same event counted has been billed at another: use gives
    nothing back, so it would be billed twice (CONF-311). ``deal`` is as it was before.
    """
    running = [p for p in deal.pieces if p.line.usage is not None]
    for line in (x for x in adds if x.usage is not None):
        for piece in (p for p in running if p.line.usage and line.usage and p.line.usage.event == line.usage.event):
            ends = (cycle.end for cycle in deal.grid(piece.line).cycles() if cycle.end > max(line.start, piece.start))
            over = takewhile(lambda day: deal.boundary(day) <= now, ends)
            billed = max((day for day in over if piece.last is None or day <= piece.last), default=None)
            if billed is not None:
                todo = f"Choose {say(billed)} or a later day: what was used before is billed"
                if deal.last is not None and billed >= deal.last:
                    todo = "Leave out the line: all that was used until the deal's last day is billed"
                feature = "Another price for use that is billed already"
                faults.not_covered(feature, "Start_Date__c", say(line.start), todo, line=written[line.id])
                break
