"""What a quote will be billed, said before anybody accepts it (BILLING_RULES 7). Major units, the currency's decimals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from sync.deal.calendar import months_between, say
from sync.deal.changes import Change, Credit, Kind, Proration
from sync.deal.deal import Deal
from sync.deal.effect import Effect, effect
from sync.deal.forecast import Forecast, ForecastInvoice, line_amounts
from sync.deal.money import format_amount, to_major
from sync.deal.pricing import arr_minor, mrr_minor
from sync.deal.timeline import is_begun
from sync.desired.customer import Linked
from sync.desired.no_card import noted
from sync.desired.preview_items import CYCLE_WORDS, changes_said, items_said
from sync.desired.tax_words import amounts_are, beside
from sync.facts import Portal
from sync.words import term

_PRORATION = {
    Proration.SIGNED: "billed as signed: whole months and days to the end, less the full invoices still to come",
    Proration.STRIPE: "billed by Stripe's rule: the seconds left in the running cycle",
    Proration.NONE: "not billed: the first full cycle after the change is the first billed",
}


@dataclass(frozen=True)
class Preview:
    """The text for the quote, and the same as JSON types (schema 1, amounts as decimal text in major units)."""

    text: str
    data: dict[str, object]


def preview(
    deal: Deal,
    made: Forecast,
    customer: Linked | None,
    notes: Sequence[str] = (),
    *,
    change: Change | None = None,
    earlier: Forecast | None = None,
    before: Deal | None = None,
    stripe: str | None = None,
    taken: Sequence[str] = (),
    used: Sequence[str] = (),
    portal: Portal | None = None,
) -> Preview:
    """Who pays, the first invoice, every later one, what was signed, what is billed, and what rounding leaves.

    For a ``change`` of a deal: what it does to the deal as it was ``before``, with the ``earlier`` forecast.
    ``taken`` says what the deal takes over, ``used`` when use is billed;
    ``customer`` is None where one will be made; ``portal`` is where it adds a payment method; ``stripe`` says what Stripe's own
    preview came to. Nothing else depends on the moment it is written, except that cycles already begun are one invoice on
    the day of ``made``.
    """
    said = [*notes, *_own_notes(deal, customer, portal)]
    if change is not None and before is not None and earlier is not None:
        done = effect(earlier, made, change)
        body = _changed(deal, before, change, done, made, used)
    else:
        done = None
        body = _new(deal, made)
    parts = [
        *body[:1],
        _customer(deal, customer),
        *taken,
        *body[1:],
        *(f"Note: {note}" for note in said),
        *([stripe] if stripe else []),
        f"{amounts_are(deal.tax)} Worked out by Tandem; a preview by Stripe covers one invoice only.",
    ]
    return Preview("\n".join(parts), _data(deal, made, customer, said, done))


def cannot_bill(messages: Sequence[str]) -> str:
    """The preview of a quote that can't be billed yet: what to fix, never an amount of zero."""
    return "\n".join(("CANNOT BILL YET", *(f"- {message}" for message in messages)))


# ------------------------------------------------------------------ a deal that is made


def _new(deal: Deal, made: Forecast) -> list[str]:
    own = [i for i in made.invoices if not i.quote_id or i.quote_id == deal.quote_id]
    first = [invoice for invoice in own if invoice.day == own[0].day] if own else []
    later = [invoice for invoice in made.invoices if invoice not in first]
    return [
        _headline(deal),
        *items_said(deal),
        *(_invoice("First invoice", invoice, deal) for invoice in first),
        *_later(later, deal, made),
        *(["What is used is invoiced after each cycle, beside all this"] if _by_use(deal) else []),
        _totals(deal, made),
    ]


def _headline(deal: Deal) -> str:
    cycles = sorted({line.cycle_months for line in deal.recurring if line.cycle_months})
    how = " and ".join(CYCLE_WORDS.get(cycle, f"every {cycle} months") for cycle in cycles)
    days = deal.terms.days_until_due
    terms = "charged to the stored payment method" if days is None else f"Net {days}"
    po_number = f", PO {deal.terms.po_number}" if deal.terms.po_number else ""
    kind = "renewal, a new subscription" if deal.renews else "new subscription"
    if deal.once_only:
        return f"READY  {deal.payer.name}: charged once, no subscription, {_days(deal)}, {terms}{po_number}"
    trial = f", after a trial from {say(deal.trial_from)}" if deal.trial_from else ""
    if deal.end is None:
        time = f"from {say(deal.start)}, without an end"
    else:
        time = f"{say(deal.start)} to {say(deal.end - timedelta(days=1))} ({_length(deal)})"
    when = "in advance" if any(line.usage is None for line in deal.recurring) else "in arrears"
    return f"READY  {deal.payer.name}: {kind}, {time}{trial}, invoiced {how} {when}, {terms}{po_number}"


def _days(deal: Deal) -> str:
    last = deal.end - timedelta(days=1) if deal.end else deal.start
    return f"on {say(last)}" if last == deal.start else f"{say(deal.start)} to {say(last)}"


def _length(deal: Deal) -> str:
    assert deal.end is not None
    months, days = months_between(deal.start, deal.end)
    return term(months, days)


# ------------------------------------------------------------------ a deal that is changed


def _changed(deal: Deal, before: Deal, change: Change, done: Effect, made: Forecast, used: Sequence[str]) -> list[str]:
    parts = [_change_headline(deal, change), *changes_said(deal, change)]
    if (change.kind is not Kind.CANCELLATION or change.removes) and not deal.once_only:
        parts.append(f"The running cycle is {_PRORATION[change.proration]}")
    parts += [_invoice(f"Invoice for quote {change.number}", invoice, deal) for invoice in done.stated]
    parts += [
        f"Credit on {say(deal.day_of(credit.at))}: {format_amount(credit.amount, deal.currency)}, "
        f"{'sent back' if credit.refund else 'to the balance'}; off what is due where it is not paid yet"
        for credit in done.credits
    ]
    if change.credit is Credit.NONE and (change.removes or change.ends):
        parts.append("What is not used of what was billed is not given back")
    parts += used
    begins = any(one.day == change.effective and not one.was for one in done.regular)  # with a piece of its own cycle
    if not (done.stated or done.credits or used or begins):
        nothing = "Nothing that was billed is given back" if deal.once_only else ""
        parts.append(nothing or "Nothing is billed or credited for the running cycle")
    parts += _later_changed(done, deal)
    day = change.effective
    was, now = mrr_minor(before, day), mrr_minor(deal, day)
    parts.append(f"MRR from {say(day)}: {format_amount(now, deal.currency)} (was {format_amount(was, deal.currency)})")
    if done.open_ended:
        return [*parts, "The deal has no end, so the change has no total"]
    word = "adds" if done.total >= 0 else "takes off"
    parts.append(
        f"In all this quote {word} {format_amount(abs(done.total), deal.currency)}; "
        f"the deal comes to {format_amount(made.total - made.credited, deal.currency)}"
    )
    return parts


def _change_headline(deal: Deal, change: Change) -> str:
    if change.kind is Kind.CANCELLATION:
        last = say(change.effective - timedelta(days=1))
        return f"READY  {deal.payer.name}: cancellation, the last day of service is {last}"
    until = f"to {say(deal.end - timedelta(days=1))}" if deal.end else "without an end"
    what = "deal" if deal.fees_alone else "running subscription"
    return f"READY  {deal.payer.name}: change of the {what} from {say(change.effective)} {until}"


def _later_changed(done: Effect, deal: Deal) -> list[str]:
    lines = []
    for (was, now), group in groupby(done.regular, key=lambda one: (one.was, one.now)):
        days = [say(one.day) for one in group]
        if now:
            amounts = f"{format_amount(now, deal.currency)} (was {format_amount(was, deal.currency)})"
            lines.append(f"Then {len(days)} × {amounts}: {', '.join(days)}")
        else:
            lines.append(f"No longer invoiced: {len(days)} × {format_amount(was, deal.currency)}: {', '.join(days)}")
    return [*lines, "and so on"] if lines and done.open_ended else lines


# ------------------------------------------------------------------ parts of both


def _customer(deal: Deal, customer: Linked | None) -> str:
    who = f"{deal.payer.name} <{deal.payer.email}>"
    if customer is None:
        return f"Goes to {who}, a new customer in Stripe"
    return f"Goes to {who}, customer {customer.customer.id} in Stripe (matched by {customer.evidence})"


def _own_notes(deal: Deal, customer: Linked | None, portal: Portal | None) -> list[str]:
    notes = [f"can be paid by {', '.join(deal.terms.methods).replace('_', ' ')} only"] if deal.terms.methods else []
    return [*notes, *noted(deal, customer.customer if customer else None, portal)]


def _invoice(title: str, invoice: ForecastInvoice, deal: Deal) -> str:
    due = f", due {say(invoice.due)}" if invoice.due else ""
    text = f"{title} {say(invoice.day)}: {format_amount(invoice.total, deal.currency)}{beside(deal.tax)}{due}"
    recurring = [line for line in invoice.lines if line.recurring]
    if not invoice.stated or not recurring:
        return text
    first, last = min(line.period_start for line in recurring), max(line.period_end for line in recurring)
    begun = "for the time already begun, " if not invoice.quote_id or is_begun(invoice.key) else "for "
    return f"{text}, {begun}{say(first)} to {say(last - timedelta(days=1))}"


def _later(invoices: Sequence[ForecastInvoice], deal: Deal, made: Forecast) -> list[str]:
    """The later invoices by day, days of equal amounts together."""
    if not invoices:
        return [] if _by_use(deal) else ["No later invoice"]
    lines = []
    by_day = [(day, tuple(i.total for i in group)) for day, group in groupby(invoices, key=lambda i: i.day)]
    for totals, days in groupby(by_day, key=lambda one: one[1]):
        said = [say(day) for day, _ in days]
        amounts = " and ".join(format_amount(total, deal.currency) for total in totals)
        lines.append(f"Then {len(said)} × {amounts}: {', '.join(said)}")
    return [*lines, "and so on, until it is ended"] if made.open_ended else lines


def _totals(deal: Deal, made: Forecast) -> str:
    signed, billed = format_amount(made.signed, deal.currency), format_amount(made.total, deal.currency)
    if made.open_ended:
        return f"No end, so no total; the invoices above come to {billed}"
    out = f", left out {format_amount(made.left_out, deal.currency)}" if made.left_out else ""
    made_good = sum(up.amount for up in made.true_ups)
    trued = f", {format_amount(made_good, deal.currency)} of it to make up for rounding" if made.true_ups else ""
    back = f", given back {format_amount(made.credited, deal.currency)}" if made.credited else ""
    total = f"Total: signed {signed}, billed {billed}{back}{trued}{out}"
    if made.rest == 0:
        return f"{total}, no rounding difference"
    word = "less" if made.rest > 0 else "more"
    rest = format_amount(abs(made.rest), deal.currency)
    what = "pieces by days and rounding bill" if _by_days(deal) else "rounding bills"
    what = "changes inside a cycle and rounding bill" if len(deal.changes) > 1 else what
    return f"{total}; {what} {rest} {word} than was signed"


def _by_days(deal: Deal) -> bool:
    """Whether first and last pieces are billed by the days of a cycle, which come to no whole months."""
    return deal.billing_day is not None and deal.billing_day != deal.start.day


def _by_use(deal: Deal) -> bool:
    return any(line.usage is not None for line in deal.recurring)


# ------------------------------------------------------------------ as data


def _data(
    deal: Deal, made: Forecast, customer: Linked | None, notes: Sequence[str], done: Effect | None
) -> dict[str, object]:
    def major(amount: int) -> str:
        return f"{to_major(amount, deal.currency):f}"

    data: dict[str, object] = {
        "schema": 1,
        "quote": deal.quote_id,
        "currency": deal.currency,
        "customer": {
            "account": deal.payer.account_id,
            "id": customer.customer.id if customer else None,
            "evidence": customer.evidence if customer else "new",
        },
        "start": _iso(deal.start),
        "last_day": _iso(deal.end - timedelta(days=1)) if deal.end else None,
        "signed": major(made.signed),
        "billed": major(made.total),
        "credited": major(made.credited),
        "left_out": major(made.left_out),
        "rounding": major(made.rest),
        "true_up": major(sum(up.amount for up in made.true_ups)),
        "mrr": major(mrr_minor(deal, deal.start)),
        "arr": major(arr_minor(deal, deal.start)),
        "first_invoice": major(made.first) if made.invoices else None,
        "invoices": [_invoice_data(invoice, deal) for invoice in made.invoices],
        "credits": [
            {"day": _iso(deal.day_of(c.at)), "amount": major(c.amount), "refund": c.refund} for c in made.credits
        ],
        "lines": {id_: f"{amount:f}" for id_, amount in line_amounts(deal, made).items()},
        "notes": list(notes),
    }
    if done is not None:
        data["change"] = {
            "total": major(done.total),
            "first": None if done.first is None else major(done.first),
            "stated": [invoice.key for invoice in done.stated],
            "credited": major(sum(credit.amount for credit in done.credits)),
        }
    return data


def _invoice_data(invoice: ForecastInvoice, deal: Deal) -> dict[str, object]:
    return {
        "object": invoice.track,
        "day": _iso(invoice.day),
        "at": invoice.at_s,
        "due": _iso(invoice.due) if invoice.due else None,
        "total": f"{to_major(invoice.total, deal.currency):f}",
        "stated": invoice.stated,
        "key": invoice.key,
        "lines": _lines_data(invoice, deal),
    }


def _lines_data(invoice: ForecastInvoice, deal: Deal) -> list[dict[str, object]]:
    return [
        {
            "product": line.item.product.id,
            "quantity": line.item.quantity,
            "amount": f"{to_major(line.amount, deal.currency):f}",
            "from": _iso(line.period_start),
            "to": _iso(line.period_end),
            "line_ids": list(line.item.line_ids),
        }
        for line in invoice.lines
    ]


def _iso(day: date) -> str:
    return day.isoformat()
