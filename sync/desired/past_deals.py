"""Deals that no Stripe object carries, because nothing of them runs: of one-time lines only, or over when their quote was
accepted (BILLING_RULES 3). They stand on invoices alone, and what the CRM's row says is in the metadata of these. Before
the first of them, and where there never is one, there is what the last run of the deal worked out (`DealAlone`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction

from sync.deal.calendar import instant, seconds
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast
from sync.deal.settled import all_past
from sync.desired.contracts import Contract
from sync.desired.keys import DEAL, ENDS_ON, FIRST_DAY, QUOTE, RENEWS, TERM_END, deal_metadata
from sync.facts import DealAlone, Fact, Invoice

_ONE_DAY = timedelta(days=1)


def past_metadata(deal: Deal) -> dict[str, str]:
    """What the invoices of such a deal say of it."""
    found = {FIRST_DAY: deal.opens.isoformat(), **end_metadata(deal)}
    if deal.end is not None:
        found[TERM_END] = deal.end.isoformat()
    if deal.renews is not None:
        found[RENEWS] = deal.renews
    return found


def end_metadata(deal: Deal) -> dict[str, str]:
    """The first day without service, where a Cancellation was signed."""
    return {ENDS_ON: deal.ends_on.isoformat()} if deal.ends_on is not None else {}


def stands_alone(deal: Deal, objects: Iterable[Fact], now: datetime) -> bool:
    """Whether no Stripe object carries the deal, now or ever; ``objects`` are all that the customer has."""
    return nothing_runs(deal, now, carried=any(f.metadata.get(DEAL) == deal.key for f in objects))


def nothing_runs(deal: Deal, now: datetime, *, carried: bool) -> bool:
    """The same, where it is known whether Stripe has an object of the deal (``carried``)."""
    return deal.once_only or (not carried and all_past(deal, now))


def standing_alone(deal: Deal, made: Forecast, customer: str, *, livemode: bool) -> DealAlone:
    """A deal that stands alone, as its row shows it."""
    assert deal.last is not None  # what never ends runs
    dues: dict[int, int] = {}
    for invoice in made.invoices:
        dues[invoice.at_s] = dues.get(invoice.at_s, 0) + invoice.total
    return DealAlone(
        id=deal.key,
        livemode=livemode,
        metadata={**deal_metadata(deal, deal.key), **past_metadata(deal)},
        customer=customer,
        currency=deal.currency.lower(),
        collection_method=deal.terms.collection_method,
        opens_s=seconds(deal.boundary(deal.opens)),
        over_s=seconds(deal.boundary(deal.last)),
        dues=tuple(sorted(dues.items())),
    )


def changes_at(deals: Iterable[DealAlone], now: datetime) -> list[datetime]:
    """When time alone changes what is shown of these."""
    moments = (instant(s) for deal in deals for s in (deal.opens_s, deal.over_s, *(at for at, _ in deal.dues)))
    return [at for at in moments if at > now]


def alone(deals: Iterable[DealAlone], invoices: Iterable[Invoice], now: datetime, today: date) -> list[Contract]:
    """The contracts that no Stripe object tells of, each once. ``today`` is the billing zone's."""
    found: dict[str, list[Invoice]] = {}
    for invoice in sorted(invoices, key=lambda i: (i.created_s, i.id)):
        if FIRST_DAY in invoice.metadata and not invoice.deleted:
            found.setdefault(invoice.metadata[DEAL], []).append(invoice)
    known = {deal.id: deal for deal in deals}
    told = [_by_invoices(key, mine, today) for key, mine in sorted(found.items()) if key not in known]
    return [*told, *(_of_once(deal, found.get(key, []), seconds(now)) for key, deal in sorted(known.items()))]


def _by_invoices(key: str, mine: list[Invoice], today: date) -> Contract:
    said = {name: value for invoice in mine for name, value in invoice.metadata.items()}
    last = _day_before(said.get(ENDS_ON)) or _day_before(said.get(TERM_END))
    runs = last is not None and today <= last
    return _contract(key, mine[0], said, mine, "Active" if runs else "Canceled")


def _of_once(deal: DealAlone, mine: list[Invoice], now_s: int) -> Contract:
    taken_back = ENDS_ON in deal.metadata and not deal.dues
    running = "Scheduled" if now_s < deal.opens_s else "Active"
    status = "Canceled" if taken_back or now_s >= deal.over_s else running
    made = _contract(deal.id, deal, deal.metadata, mine, status)
    at, amount = next(((at, amount) for at, amount in deal.dues if at > now_s), (None, None))
    return replace(made, next_charge_s=at, next_amount_minor=amount)


def _contract(key: str, of: Invoice | DealAlone, said: Mapping[str, str], mine: list[Invoice], status: str) -> Contract:
    end = _day_before(said.get(TERM_END))
    return Contract(
        key=key,
        sales_led=True,
        quote_id=said.get(QUOTE),
        customer=of.customer,
        currency=of.currency.lower(),
        status=status,
        subscription_ids=(),
        schedule_ids=(),
        start=date.fromisoformat(said[FIRST_DAY]),
        end=end,
        ends_on=_day_before(said.get(ENDS_ON)) or (end if status == "Canceled" else None),
        period_end=None,
        next_charge_s=None,
        next_amount_minor=None,
        quantity=0,
        monthly=Fraction(0),
        contracted_monthly=Fraction(0),
        collection_method=of.collection_method,
        items=(),
        livemode=of.livemode,
        renews=said.get(RENEWS),
        deal=key,
        invoice_ids=tuple(invoice.id for invoice in mine),
    )


def _day_before(first_without: str | None) -> date | None:
    return date.fromisoformat(first_without) - _ONE_DAY if first_without else None
