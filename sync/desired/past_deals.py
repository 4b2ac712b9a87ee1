"""Deals of which everything was over when their quote was accepted (BILLING_RULES 3). Stripe makes no object of time that
has passed, so they stand on invoices alone; what the CRM's row says is in the metadata of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction

from sync.deal.deal import Deal
from sync.desired.contracts import Contract
from sync.desired.keys import DEAL, ENDS_ON, FIRST_DAY, QUOTE, RENEWS, TERM_END
from sync.facts import Invoice


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


def past_deals(invoices: Iterable[Invoice]) -> list[Contract]:
    """The contracts that these invoices alone tell of, each once."""
    found: dict[str, list[Invoice]] = {}
    for invoice in sorted(invoices, key=lambda i: (i.created_s, i.id)):
        if FIRST_DAY in invoice.metadata and not invoice.deleted:
            found.setdefault(invoice.metadata[DEAL], []).append(invoice)
    return [_contract(key, mine) for key, mine in sorted(found.items())]


def _contract(key: str, mine: list[Invoice]) -> Contract:
    first = mine[0]
    said = {name: value for invoice in mine for name, value in invoice.metadata.items()}
    end = _day_before(said.get(TERM_END))
    return Contract(
        key=key,
        sales_led=True,
        quote_id=said.get(QUOTE),
        customer=first.customer,
        currency=first.currency.lower(),
        status="Canceled",
        subscription_ids=(),
        schedule_ids=(),
        start=date.fromisoformat(said[FIRST_DAY]),
        end=end,
        ends_on=_day_before(said.get(ENDS_ON)) or end,
        period_end=None,
        next_charge_s=None,
        next_amount_minor=None,
        quantity=0,
        monthly=Fraction(0),
        contracted_monthly=Fraction(0),
        collection_method=first.collection_method,
        items=(),
        livemode=first.livemode,
        renews=said.get(RENEWS),
        deal=key,
        invoice_ids=tuple(invoice.id for invoice in mine),
    )


def _day_before(first_without: str | None) -> date | None:
    return date.fromisoformat(first_without) - timedelta(days=1) if first_without else None
