"""The worked examples of docs/billing-rules.md, read (`tests.docs.papers`) and worked out by the code that bills.

What an example claims stands under what was signed. Where it names one invoice, it names them all, and every credit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

from sandbox.stripe.billing import pricing as stripe_pricing
from sync.deal.calendar import add_months
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, ForecastInvoice, forecast
from sync.deal.money import format_major, round_half_away
from sync.deal.pricing import arr_minor, items, mrr_minor
from sync.deal.timeline import tracks
from sync.desired.catalog import desire_catalogue
from sync.errors import Refused
from tests.docs.papers import HEADS, LINES, Paper, Signed, deal_of

INVOICES = ("invoice", "invoices", "credit")
Claim = tuple[str, str]


def check(example: str) -> int:
    """Every claim of the example holds; returns how many there were. AssertionError says what the code answers instead."""
    rows = parts(example)
    if rows[0][0] not in HEADS:
        for key, rest in rows:
            _check_sum(key, rest)
        return len(rows)
    papers: list[Paper] = []
    claims: list[Claim] = []
    checked = 0
    for key, rest in rows:
        if key in HEADS:
            if key == "renew":  # what stands above it is said of the deal that it renews
                checked, claims = checked + _check(papers, claims), []
            papers.append(Paper(len(papers) + 1, key, rest.split(", ")))
        elif key in LINES:
            papers[-1].lines.append((key, rest))
        else:
            claims.append((key, rest))
    return checked + _check(papers, claims)


def parts(example: str) -> list[Claim]:
    """The lines of an example as (key, rest); ``last day`` is one key."""
    found = []
    for line in example.splitlines():
        key, rest = re.fullmatch(r"(last day|\w+)\s+(.*)", line).groups()  # type: ignore[union-attr]
        found.append((key, rest))
    return found


def _check(papers: Sequence[Paper], claims: Sequence[Claim]) -> int:
    if claims and claims[0][0] == "refused":
        _check_refused(papers, claims)
        return len(claims)
    signed = deal_of(papers)
    made = forecast(signed.deal, signed.now, signed.begun)
    billed = [claim for claim in claims if claim[0] in INVOICES]
    if billed:
        _check_billed(billed, made, signed.deal)
    for key, rest in claims:
        if key == "order":
            _check_order(papers, made)
        elif key not in INVOICES:
            answer = ANSWERS[key](signed, made, rest)
            assert answer == rest, f"{key} is {answer}"
    return len(claims)


# ------------------------------------------------------------------ what is refused


def _check_refused(papers: Sequence[Paper], claims: Sequence[Claim]) -> None:
    """The last quote is refused, those before it are not."""
    if len(papers) > 1:
        deal_of(papers[:-1])
    try:
        deal_of(papers)
    except Refused as refused:
        told = refused
    else:
        raise AssertionError("it is not refused")
    for key, rest in claims:
        assert key in ("refused", "says"), f"a refused quote has no {key!r}"
        if key == "refused":
            assert told.code == rest, told.message
        else:
            assert rest in told.message, told.message


# ------------------------------------------------------------------ what is billed and given back


def _check_billed(claims: Sequence[Claim], made: Forecast, deal: Deal) -> None:
    """The claims name every invoice, in order, and every credit."""
    left = list(made.invoices)
    for key, rest in claims:
        if key == "credit":
            continue
        assert left, f"there is no {rest}"
        if key == "invoice":
            said = _said(left.pop(0), deal, rest)
            assert said == rest, f"the invoice is {said}"
            continue
        count = int(rest.split()[0])
        group, left = left[:count], left[count:]
        amounts = " and ".join(sorted({format_major(i.total, deal.currency) for i in group}))
        said = f"{len(group)} of {amounts}, {group[0].day} to {group[-1].day}"
        assert said == rest, f"the invoices are {said}"
    assert not left, f"not named: {[(str(i.day), format_major(i.total, deal.currency)) for i in left]}"
    given = [
        f"{deal.day_of(c.at)} {format_major(c.amount, deal.currency)} {'sent back' if c.refund else 'to the balance'}"
        for c in made.credits
    ]
    assert [rest for key, rest in claims if key == "credit"] == given, f"credits: {given}"


def _said(invoice: ForecastInvoice, deal: Deal, asked: str) -> str:
    """An invoice in the words of a claim, with its due day or its period where the claim has one."""
    text = f"{invoice.day} {format_major(invoice.total, deal.currency)}"
    if " due " in asked:
        text += f" due {invoice.due}"
    if " for " in asked:
        first = min(line.period_start for line in invoice.lines)
        last = max(line.period_end for line in invoice.lines) - timedelta(days=1)
        text += f" for {first} to {last}"
    return text


def _check_order(papers: Sequence[Paper], made: Forecast) -> None:
    """In whatever order the changes are taken in, the same is billed."""
    first, *changes = papers

    def sums(of: Forecast) -> Any:
        return sorted((i.day, i.total) for i in of.invoices), sorted((c.at, c.amount) for c in of.credits)

    assert len(changes) > 1, "there is no order to change"
    for order in permutations(changes):
        signed = deal_of([first, *order])
        assert sums(forecast(signed.deal, signed.now, signed.begun)) == sums(made), "the order matters"


# ------------------------------------------------------------------ what else is claimed


def _check_sum(key: str, rest: str) -> None:
    question, answer = rest.split(" = ")
    if key == "months":
        first, months = question.split(" + ")
        assert add_months(date.fromisoformat(first), int(months)).isoformat() == answer
    elif key == "round":
        assert round_half_away(Decimal(question)) == int(answer)
    else:
        raise AssertionError(f"an example begins with {key!r}")


def _on(rest: str) -> date:
    return date.fromisoformat(rest.split()[0])


def _seats(signed: Signed, rest: str) -> str:
    running = (p for p in signed.deal.pieces if p.runs(_on(rest)) and p.line.cycle_months and not p.line.usage)
    return f"{_on(rest)} {sum(p.quantity for p in running)}"


def _cut(signed: Signed, rest: str) -> str:
    """How many units a change took off lines that began on a day."""
    pieces = [p for p in signed.deal.pieces if p.cut_by is not None and p.start == _on(rest)]
    return f"{_on(rest)} {sum(p.quantity for p in pieces)}"


def _used(signed: Signed, rest: str) -> str:
    """What use comes to at the price that Stripe is given, by the sandbox's arithmetic (the product leaves it to Stripe)."""
    quantity = rest.split(" = ")[0]
    [price] = [d.create for d in desire_catalogue(signed.deal) if d.ref.kind == "price" and _is_metered(d.create)]
    tiers = [_tier(tier) for tier in price.get("tiers", ())]  # type: ignore[union-attr,arg-type]
    whole = {"billing_scheme": "per_unit", **price, "_tiers": tiers}
    return f"{quantity} = {format_major(stripe_pricing.total(whole, int(quantity.replace(',', ''))), signed.deal.currency)}"


def _is_metered(price: Mapping[str, Any]) -> bool:
    return bool((price.get("recurring") or {}).get("usage_type") == "metered")


def _tier(tier: Mapping[str, Any]) -> dict[str, Any]:
    up_to = None if tier["up_to"] == "inf" else tier["up_to"]
    return {"flat_amount_decimal": None, **tier, "up_to": up_to}


ANSWERS: Mapping[str, Callable[[Signed, Forecast, str], str]] = {
    "total": lambda signed, made, _: format_major(made.total, made.currency),
    "signed": lambda signed, made, _: format_major(made.signed, made.currency),
    "rounding": lambda signed, made, _: format_major(made.rest, made.currency),
    "first": lambda signed, made, _: format_major(made.first, made.currency),
    "objects": lambda signed, made, _: str(len(tracks(signed.deal))),
    "days": lambda signed, made, _: " ".join(str(i.day) for i in made.invoices),
    "unit": lambda signed, made, _: f"{_first_item(signed).unit:f}",
    "discount": lambda signed, made, _: " ".join(format_major(off, made.currency) for off in _first_item(signed).off),
    "mrr": lambda signed, made, rest: f"{_on(rest)} {format_major(mrr_minor(signed.deal, _on(rest)), made.currency)}",
    "arr": lambda signed, made, rest: f"{_on(rest)} {format_major(arr_minor(signed.deal, _on(rest)), made.currency)}",
    "begins": lambda signed, made, _: f"{signed.deal.boundary(signed.deal.start):%Y-%m-%dT%H:%M:%SZ}",
    "ends": lambda signed, made, _: f"{signed.deal.boundary(signed.deal.end):%Y-%m-%dT%H:%M:%SZ}",  # type: ignore[arg-type]
    "last day": lambda signed, made, _: str((signed.deal.last or date.max) - timedelta(days=1)),
    "seats": lambda signed, made, rest: _seats(signed, rest),
    "cut": lambda signed, made, rest: _cut(signed, rest),
    "used": lambda signed, made, rest: _used(signed, rest),
}


def _first_item(signed: Signed) -> Any:
    return items(signed.deal.pieces, signed.deal, signed.deal.start)[0].priced
