"""Deals made straight from the pure model, for tests of what becomes of them. Amounts in major units, UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sync.deal.changes import Change, Kind, Removal
from sync.deal.deal import Deal, Payer, Terms
from sync.deal.discounts import Discount
from sync.deal.forecast import Forecast
from sync.deal.lines import Charge, DealLine, DealProduct
from sync.deal.settled import Begun, Settled, is_past, plain_from, touching
from sync.deal.timeline import tracks

PRO = DealProduct("01tPRO", "Pro")
ADD_ON = DealProduct("01tADD", "Add-on")
FEE = DealProduct("01tFEE", "Onboarding")
EARLY = datetime(2025, 12, 5, tzinfo=UTC)
JAN, NEXT_JAN = date(2026, 1, 1), date(2027, 1, 1)


def at(text: str) -> datetime:
    """A UTC instant: ``2026-05-16``, or with an hour ``2026-05-16T10``."""
    day, _, hour = text.partition("T")
    year, month, of_month = map(int, day.split("-"))
    return datetime(year, month, of_month, int(hour or 0), tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


def line(
    name: str,
    quantity: int,
    price: str,
    *,
    per: int = 1,
    every: int = 1,
    start: date = JAN,
    end: date | None = NEXT_JAN,
    product: DealProduct = PRO,
    discounts: tuple[Discount, ...] = (),
) -> DealLine:
    return DealLine(
        name, product, Charge.RECURRING, quantity, Decimal(price), start, end, per, every, discounts
    )  # fmt: skip


def fee(name: str, price: str, *, start: date = JAN) -> DealLine:
    return DealLine(name, FEE, Charge.ONE_TIME, 1, Decimal(price), start, start)


def deal(*lines: DealLine, start: date = JAN, end: date | None = NEXT_JAN, currency: str = "USD", **more: Any) -> Deal:
    base = Change("Q1", "1", Kind.NEW, start, EARLY, EARLY, tuple(lines))
    return Deal(
        "Q1", "1", "Q1", Payer("001A", "Acme", "ap@acme.example"), currency, "UTC", start, end,
        Terms("send_invoice", 30), (base,), **more,
    )  # fmt: skip


def amended(
    to: Deal, name: str, effective: date, *adds: DealLine, removes: tuple[Removal, ...] = (), **more: Any
) -> Deal:
    signed = more.pop("signed_at", EARLY)
    kind = Kind.CANCELLATION if more.get("ends") else Kind.AMENDMENT
    accepted = more.pop("accepted_at", signed)
    change = Change(name, name, kind, effective, signed, accepted, tuple(adds), removes, **more)
    return replace(to, changes=(*to.changes, change))


def cancelled(to: Deal, effective: date, **more: Any) -> Deal:
    return amended(to, "C", effective, ends=True, **more)


def taken(name: str, quantity: int, price: str, start: date, product: DealProduct = PRO) -> Removal:
    return Removal(name, product, Fraction(price), quantity, start, Decimal(price))


class EndedInStripe(Exception):
    """The last quote would have something go on whose object has ended: CONF-311, and nothing of it is taken in."""


def bring_in(begun: dict[str, Begun], known: Deal, when: datetime) -> None:
    """``begun`` says what Stripe's objects would after a run at ``when``: how each was made, and what was brought into it.

    Raises `EndedInStripe`, and then ``begun`` is as it was.
    """
    before = tracks(known.of_first(len(known.changes) - 1)) if len(known.changes) > 1 else ()
    over = {t.key for t in before if t.end is not None and known.boundary(t.end) <= when}
    for track in tracks(known):
        if track.key in begun and track.key in over and (track.end is None or known.boundary(track.end) > when):
            raise EndedInStripe(track.key)
    for track in tracks(known):
        if track.alone or (track.key not in begun and is_past(track, known, when)):
            continue  # nothing is made of it in Stripe
        if track.key in begun and track.key in over:
            continue  # it had ended, and nobody can write on it any more
        fresh = Settled(plain_from(track, known, when), when)
        mine = begun.get(track.key) or Begun(fresh.plain, when)
        quotes = {c.quote_id: fresh for c in touching(track, known) if c.quote_id != track.opened_by}
        begun[track.key] = replace(mine, quotes={**quotes, **mine.quotes})


def invoices(made: Forecast) -> list[tuple[str, int]]:
    return [(invoice.day.isoformat(), invoice.total) for invoice in made.invoices]


def stated(made: Forecast) -> list[tuple[str, int]]:
    return [(invoice.day.isoformat(), invoice.total) for invoice in made.invoices if invoice.stated]


def credits(made: Forecast) -> list[tuple[str, int]]:
    return [(credit.at.date().isoformat(), credit.amount) for credit in made.credits]
